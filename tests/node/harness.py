"""harness.py: a real daemon for each test class, driven over its sockets.

Every test file takes --build DIR (where the binaries and images are) and --sandbox.
Exit code 77: that sandbox does not work here, and the reason is printed.
"""
import argparse
import atexit
import http.client
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

ARGS = None
PATIENCE_S = 60  # it costs nothing where nothing is wrong
STARTED = []
MADE = []


@atexit.register
def end_all():
    """Whatever went wrong in a test, no daemon outlives it."""
    for process in STARTED:
        if process.poll() is None:
            process.kill()
            process.wait()
    for state in MADE:
        shutil.rmtree(state, ignore_errors=True)


def node_program():
    return getattr(ARGS, 'node', None) or os.path.join(ARGS.build, 'mayfly-node')


def spawner_option():
    """A node of another build has no spawner beside it."""
    return ['--spawner', os.path.join(ARGS.build, 'mayfly-spawner')] if getattr(ARGS, 'node', None) else []


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=PATIENCE_S):
        super().__init__('node', timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.getheaders()
        self.body = response.read()

    def header(self, name):
        values = [v for k, v in self.headers if k.lower() == name.lower()]
        return values[0] if values else None

    def all(self, name):
        return [v for k, v in self.headers if k.lower() == name.lower()]

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json['error']


class Node:
    """One daemon with a state directory of its own."""

    def __init__(self, *options, state=None):
        self.own_state = state is None
        self.state = state or tempfile.mkdtemp(prefix='mf-node-')
        if self.own_state:
            MADE.append(self.state)
        self.options = list(options)
        self.start()

    def start(self):
        self.log_path = os.path.join(self.state, 'daemon.log')
        with open(self.log_path, 'ab') as log:
            mark = log.tell()
            self.process = subprocess.Popen(
                [node_program(), *spawner_option(), '--state', self.state, '--listen',
                 '127.0.0.1:0'] + (['--fronts', '2', '--front-after', '0'] if getattr(ARGS, 'fronts', False) else []) +
                self.options, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        STARTED.append(self.process)
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            text = self.log()[mark:]
            ready = re.search(rb'node\.ready gateway=[^:]+:(\d+)', text)
            if ready:
                self.port = int(ready.group(1))
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise RuntimeError('the daemon did not start: ' + self.log().decode())

    def log(self):
        with open(self.log_path, 'rb') as file:
            return file.read()

    def stop(self, expect=0):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S + 15)
        if code != expect:
            raise AssertionError(f'the daemon ended with {code}:\n' + self.log().decode())

    def close(self):
        try:
            self.stop()
        finally:
            if self.process.poll() is None:
                self.process.kill()
            if self.own_state:
                shutil.rmtree(self.state, ignore_errors=True)

    def connect(self, timeout=PATIENCE_S):
        return http.client.HTTPConnection('127.0.0.1', self.port, timeout=timeout)

    def http(self, method, path, body=None, headers=None, timeout=PATIENCE_S):
        connection = self.connect(timeout)
        try:
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def raw(self, data, timeout=PATIENCE_S):
        """Bytes as they are; all that comes back until the connection closes."""
        got = b''
        with socket.create_connection(('127.0.0.1', self.port), timeout) as sock:
            try:
                sock.sendall(data)
                while part := sock.recv(65536):
                    got += part
            except (ConnectionResetError, BrokenPipeError):
                pass  # closed before all was read
        return got

    def api(self, method, path, body=None, timeout=PATIENCE_S):
        connection = UnixConnection(os.path.join(self.state, 'api.sock'), timeout)
        try:
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
            connection.request(method, path, body)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def upload(self, name):
        with open(image(name), 'rb') as file:
            answer = self.api('POST', '/v1/images', file.read())
        assert answer.status == 201, answer.body
        return answer.json['hash']

    def deploy(self, name, image_name=None, **settings):
        settings.setdefault('sandbox', ARGS.sandbox)
        settings.setdefault('isolation', 'reuse')  # what most tests look at is one instance
        settings.setdefault('wait_ms', PATIENCE_S * 1000)  # a start takes as long as the machine likes
        answer = self.api('PUT', f'/v1/functions/{name}',
                          {'image': self.upload(image_name or name), 'settings': settings})
        assert answer.status in (200, 201), answer.body
        return answer

    def snapshot(self, name):
        """The snapshot's entry, once it is settled whether there is one."""
        return wait_until(lambda: next((s for s in [self.function(name)['snapshot']]
                                        if s['state'] != 'making'), None), 'the snapshot')

    def function(self, name):
        return self.api('GET', f'/v1/functions/{name}').json

    def instance_pid(self, name):
        """Of the function's first instance, which may serve before its pid is known."""
        return wait_until(lambda: self.function(name)['instances'][0]['pid'], 'a pid')

    def logs(self, name, tail=1000):
        """What it has said; a line that a kill cut short is none."""
        found = []
        for line in self.api('GET', f'/v1/functions/{name}/logs?tail={tail}').body.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                pass
        return found

    def children(self):
        """Every process below the daemon."""
        parents = {}
        for pid in os.listdir('/proc'):
            if pid.isdigit():
                try:
                    with open(f'/proc/{pid}/stat') as file:
                        parents.setdefault(int(file.read().rsplit(')', 1)[1].split()[1]),
                                           []).append(int(pid))
                except OSError:
                    pass
        found, look = [], [self.process.pid]
        while look:
            below = parents.get(look.pop(), [])
            found += below
            look += below
        return found

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.process.pid}/fd'))

    def cpu_s(self, pid):
        """Processor time of one of its processes."""
        with open(f'/proc/{pid}/stat') as file:
            fields = file.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def descriptors_of(self, name):
        """How many are of a file of that name."""
        folder, count = f'/proc/{self.process.pid}/fd', 0
        for number in os.listdir(folder):
            try:
                count += os.path.basename(os.readlink(os.path.join(folder, number))) == name
            except FileNotFoundError:
                pass
        return count

    def wakes(self, seconds, children=False):
        """How often its threads, and its children's, were switched in that time, were it only to wait for a
        processor. One that comes to its end meanwhile has been awake."""
        def switches():
            total = 0
            for pid in [self.process.pid] + (self.children() if children else []):
                for task in os.listdir(f'/proc/{pid}/task'):
                    with open(f'/proc/{pid}/task/{task}/status') as file:
                        total += sum(int(n) for n in re.findall(r'ctxt_switches:\s+(\d+)', file.read()))
            return total
        try:
            before = switches()
            time.sleep(seconds)
            return abs(switches() - before)
        except OSError:
            return sys.maxsize

    def resident_kib(self):
        with open(f'/proc/{self.process.pid}/status') as file:
            return int(re.search(r'VmRSS:\s+(\d+)', file.read()).group(1))


class Redis:
    """A server of the test's own, every write on the disk; gone with the test."""

    def __init__(self, test):
        server, checker = shutil.which('redis-server'), shutil.which('redis-check-rdb')
        if not server and not checker:
            test.skipTest('there is no redis-server (Debian: redis-tools)')
        self.folder = tempfile.mkdtemp(prefix='mf-redis-')
        test.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        if not server:  # one program under several names
            server = os.path.join(self.folder, 'redis-server')
            os.symlink(checker, server)
        self.server = server
        self.socket = os.path.join(self.folder, 'redis.sock')
        self.url = 'redis+unix:' + self.socket
        self.start()
        test.addCleanup(self.kill)

    def start(self):
        self.process = subprocess.Popen(
            [self.server, '--port', '0', '--unixsocket', self.socket, '--dir', self.folder,
             '--appendonly', 'yes', '--appendfsync', 'always', '--save', ''],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        STARTED.append(self.process)
        answers(self.socket)

    def kill(self):
        self.process.kill()
        self.process.wait()
        if os.path.exists(self.socket):
            os.unlink(self.socket)


def image(name):
    for folder in ('tests/node', 'functions', 'tests/guests', 'tests/soak', ''):
        path = os.path.join(ARGS.build, folder, name + '.mf')
        if os.path.exists(path):
            return path
    raise FileNotFoundError(name + '.mf')


def answers(path):
    """Somebody listens at this socket."""
    def connects():
        with socket.socket(socket.AF_UNIX) as sock:
            return sock.connect_ex(path) == 0
    wait_until(connects, path)


def small_disk(test, mib):
    """A file system of so many MiB of the test's own, empty: its folder, gone with the test."""
    state = tempfile.mkdtemp(prefix='mf-full-')
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={mib}m,mode=700', 'tmpfs', state],
                      capture_output=True, check=False).returncode != 0:
        os.rmdir(state)
        test.skipTest('no file system can be mounted here')
    test.addCleanup(os.rmdir, state)
    test.addCleanup(subprocess.run, ['umount', '-l', state], check=True)
    return state


def sanitized(kinds=(b'__asan_init', b'__tsan_init')):
    """Sanitizers need memory of their own, keep what is freed for a while; the one for
    threads has a thread that wakes up."""
    with open(node_program(), 'rb') as file:
        text = file.read()
    return any(kind in text for kind in kinds)


def alive(pid):
    """Neither gone nor a zombie, which only lacks a parent that looks."""
    try:
        with open(f'/proc/{pid}/stat') as file:
            return file.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


def wait_until(condition, what, seconds=PATIENCE_S):
    until = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > until:
            raise AssertionError('waited in vain for ' + what)
        time.sleep(0.01)


class NodeTest(unittest.TestCase):
    """One daemon for all cases of the class; OPTIONS are its own."""
    OPTIONS = ()

    @classmethod
    def setUpClass(cls):
        cls.node = Node(*cls.OPTIONS)
        cls.prepare()

    @classmethod
    def prepare(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        cls.node.close()


# struct mf_desc and struct order of tests/guests/raw/orders.h
OWN_ID = 0xfffffffffffffff1
REPLY, REPLY_BODY, ERROR, LOG, OPERATION, END = 16, 17, 18, 19, 21, 1
ORDERS = ('NOTHING HYPERCALL CALL_AT SYSCALLS TOUCH TOUCH_ALL EXECUTE SNIPPET SELECTORS MESSAGE '
          'WORD SEQUENCE FLIP FLOOD_BELL FLOOD_LOG FLOOD_CONSOLE SPIN SILENCE LARGE_REPLY').split()


def desc(type=REPLY, id=OWN_ID, flags=END, head=0, offset=0, data=0, arg=None):
    if arg is None:
        arg = 200 if type == REPLY else 0
    return struct.pack('<QHHIIIQ', id, type, flags, head, offset, data, arg)


def order(kind, number=0, last=0, address=0, message=None, sequence=(), text=b''):
    empty = bytes(32)
    return (struct.pack('<IIQQQQ', ORDERS.index(kind), len(sequence), number, last, address, 0) +
            bytes(48) + bytes(32) + (message or empty) +
            b''.join(sequence) + empty * (8 - len(sequence)) + text.ljust(64, b'\0'))


def main():
    global ARGS
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', required=True)
    parser.add_argument('--node', help='the node of another build, alone')
    parser.add_argument('--sandbox', default='process', choices=('process', 'kvm'))
    parser.add_argument('--fronts', action='store_true', help='no HTTP in the functions\' thread')
    ARGS, rest = parser.parse_known_args()
    sys.modules['harness'].ARGS = ARGS
    node = Node()
    support = node.api('GET', '/v1/node').json['sandboxes'][ARGS.sandbox]
    node.close()
    if not support['usable']:
        print(f'{ARGS.sandbox} does not work here: {support["why"]}')
        sys.exit(77)
    unittest.main(module='__main__', argv=[sys.argv[0]] + rest, verbosity=2)
