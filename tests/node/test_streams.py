"""Streams: connections of clients that reach a function's program byte by byte (setting `listen`),
and those that programs make to the outside (allow.http), names included. The program is
server/dials.go, the peers are ours."""
import os
import re
import resource
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import harness
from harness import NodeTest, order, wait_until
from sinks import unused_port

MIB = 1 << 20


def place(node, name):
    """Where the node listens for the function: it has said so in its log."""
    def found():
        lines = [re.search(r'listens at 127\.0\.0\.1:(\d+)', line['text']) for line in node.logs(name)]
        ports = [int(line.group(1)) for line in lines if line]
        return ports[-1] if ports else None
    return wait_until(found, 'the port')


def request(sock, path, close=False):
    sock.sendall(f'GET {path} HTTP/1.1\r\nHost: x\r\n{"Connection: close" + chr(13) + chr(10) if close else ""}\r\n'
                 .encode())


def response(sock):
    """Status and body of one response with a length, and what is behind it."""
    got = b''
    while b'\r\n\r\n' not in got:
        part = sock.recv(65536)
        if not part:
            raise ConnectionError(f'ended after {got!r}')
        got += part
    head, body = got.split(b'\r\n\r\n', 1)
    length = int(re.search(rb'(?i)content-length: (\d+)', head).group(1))
    while len(body) < length:
        part = sock.recv(MIB)
        if not part:
            raise ConnectionError(f'ended after {len(body)} of {length} bytes')
        body += part
    return int(head.split()[1]), body


PIECE = bytes((i * 31 + (i >> 8)) & 255 for i in range(65536))


def pattern(size):
    return (PIECE * (size // 65536 + 1))[:size]


class StreamTest(NodeTest):
    def deploy(self, **settings):
        settings.setdefault('isolation', 'reuse')
        settings.setdefault('listen', '0')
        self.node.deploy('dials', timeout_ms=60000, **settings)
        return place(self.node, 'dials')

    def connect(self, port):
        sock = socket.create_connection(('127.0.0.1', port), harness.PATIENCE_S)
        self.addCleanup(sock.close)
        return sock

    def instances(self, state=None):
        return [i for i in self.node.function('dials')['instances'] if state in (None, i['state'])]

    def tearDown(self):
        self.node.api('DELETE', '/v1/functions/dials')


class Inbound(StreamTest):
    def test_a_connection_is_the_programs(self):
        port = self.deploy()
        sock = self.connect(port)
        for _ in range(3):
            request(sock, '/')
            self.assertEqual(response(sock), (200, b'hello'))
        request(sock, '/', close=True)
        self.assertEqual(response(sock), (200, b'hello'))
        self.assertEqual(sock.recv(1), b'')

    def test_bytes_of_every_number_go_both_ways(self):
        port = self.deploy()
        sock = self.connect(port)
        for size in (0, 1, 65535, 65537, 300000, 5 * MIB):
            request(sock, f'/size?n={size}')
            self.assertEqual(response(sock), (200, pattern(size)))
            body = pattern(size)
            head = f'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n'.encode()
            sender = threading.Thread(target=sock.sendall, args=(head + body,))
            sender.start()
            self.assertEqual(response(sock), (200, body))
            sender.join()

    def test_the_end_of_one_direction_is_not_that_of_the_other(self):
        sock = self.connect(self.deploy())
        sock.sendall(b'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc')
        sock.shutdown(socket.SHUT_WR)
        self.assertEqual(response(sock), (200, b'abc'))
        self.assertEqual(sock.recv(1), b'')

    def test_who_does_not_read_holds_nobody_up(self):
        port = self.deploy()
        slow = self.connect(port)
        request(slow, f'/size?n={24 * MIB}')
        time.sleep(0.2)
        for _ in range(20):
            sock = self.connect(port)
            request(sock, '/size?n=300000', close=True)
            self.assertEqual(response(sock), (200, pattern(300000)))
        self.assertEqual(response(slow), (200, pattern(24 * MIB)))

    def test_all_connections_are_one_instances(self):
        port = self.deploy()
        socks = [self.connect(port) for _ in range(300)]
        for sock in socks:
            request(sock, '/')
        for sock in socks:
            self.assertEqual(response(sock), (200, b'hello'))
        self.assertEqual(len(self.instances()), 1)
        self.assertEqual(len(self.instances('busy')), 1)
        for sock in socks:
            sock.close()
        wait_until(lambda: self.instances('idle'), 'an idle instance')
        request(sock := self.connect(port), '/')
        self.assertEqual(response(sock), (200, b'hello'))
        self.assertEqual(len(self.instances()), 1)

    def test_clients_by_the_thousand_see_no_error(self):
        """Again and again, so that the program's collector gives memory back, and takes it."""
        clients = int(os.environ.get('MF_CLIENTS', '500'))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if clients > soft - 100:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, clients + 200), hard))
        port = self.deploy()
        for _ in range(int(os.environ.get('MF_ROUNDS', '2'))):
            socks = [socket.create_connection(('127.0.0.1', port), 60) for _ in range(clients)]
            for sock in socks:
                request(sock, '/size?n=3000')
            for sock in socks:
                self.assertEqual(response(sock), (200, pattern(3000)))
            for sock in socks:
                sock.close()
        self.assertEqual(len(self.instances()), 1)

    def test_without_reuse_each_has_its_own(self):
        for isolation in ('fresh', 'reset'):
            port = self.deploy(isolation=isolation, max_instances=4)
            self.node.snapshot('dials')
            socks = [self.connect(port) for _ in range(4)]
            for sock in socks:
                request(sock, '/')
            for sock in socks:
                self.assertEqual(response(sock), (200, b'hello'))
            self.assertEqual(len(self.instances('busy')), 4)
            more = self.connect(port)  # waits until there may be one more
            request(more, '/')
            more.settimeout(0.3)
            with self.assertRaises(TimeoutError):
                more.recv(1)
            socks[0].close()
            more.settimeout(harness.PATIENCE_S)
            self.assertEqual(response(more), (200, b'hello'))
            for sock in socks[1:] + [more]:
                sock.close()
            wait_until(lambda: not self.instances('busy'), 'nobody to be busy')

    def test_events_and_connections_do_not_wait_for_each_other(self):
        port = self.deploy()
        sock = self.connect(port)
        request(sock, '/')
        response(sock)
        for _ in range(3):
            self.assertEqual(self.node.http('GET', '/function/dials/').body, b'hello')
        request(sock, '/')
        self.assertEqual(response(sock), (200, b'hello'))

    def test_a_connection_outlives_the_next_deployment(self):
        sock = self.connect(self.deploy())
        request(sock, '/')
        response(sock)
        port = self.deploy(listen='127.0.0.1:0')
        request(sock, '/')
        self.assertEqual(response(sock), (200, b'hello'))
        fresh = self.connect(port)
        request(fresh, '/')
        self.assertEqual(response(fresh), (200, b'hello'))
        sock.close()
        wait_until(lambda: len(self.instances()) == 1, 'the old instance to end')

    def test_the_nodes_own_ports_are_not_a_functions(self):
        self.deploy()
        with self.assertRaisesRegex(AssertionError, 'a port of the node'):
            self.node.deploy('dials', listen=str(self.node.port), isolation='reuse')

    def test_a_port_that_is_taken_refuses_the_deployment(self):
        """Which names it and who can do what, and changes nothing; nor does one of a workflow."""
        first = self.deploy()
        sock = self.connect(first)
        request(sock, '/')
        response(sock)
        before = self.node.function('dials')['settings']
        entry = lambda port: {'image': self.node.upload('dials'), 'settings': {'sandbox': harness.ARGS.sandbox, 'listen': port}}
        with socket.create_server(('127.0.0.1', 0)) as other:
            port = str(other.getsockname()[1])
            for method, path, body in (('PUT', '/v1/functions/dials', entry(port)), ('PUT', '/v1/functions/new', entry(port)),
                                       ('PUT', '/v1/workflows/w', {'functions': {'new': entry(port)}}),
                                       ('PUT', '/v1/workflows/w?dry_run=1', {'functions': {'new': entry(port)}})):
                answer = self.node.api(method, path, body)
                self.assertEqual(answer.status, 409, (path, answer.body))
                self.assertRegex(answer.error['message'], f'listen: 127.0.0.1:{port} is taken by another program; end that .*'
                                                          'or give (dials|new) another one')
        answer = self.node.api('PUT', '/v1/functions/new', entry(str(first)))
        self.assertEqual(answer.status, 409)
        self.assertIn(f'127.0.0.1:{first} is where function dials listens', answer.error['message'])
        self.assertEqual(self.node.function('dials')['settings'], before)
        self.assertEqual(self.node.api('GET', '/v1/functions/new').status, 404)
        self.assertEqual(self.node.api('GET', '/v1/workflows/w').status, 404)
        self.assertFalse(os.path.exists(os.path.join(self.node.state, 'functions', 'new.json')))
        request(sock, '/')
        self.assertEqual(response(sock), (200, b'hello'))

    def test_functions_of_a_workflow_change_ports(self):
        """Each gets what the other one has, at once; two cannot have the same."""
        ports = [str(unused_port()) for _ in range(2)]
        image = self.node.upload('dials')

        def put(*listen):
            functions = {name: {'image': image, 'settings': {'sandbox': harness.ARGS.sandbox, 'isolation': 'reuse', 'listen': at}}
                         for name, at in zip(('a', 'b'), listen)}
            return self.node.api('PUT', '/v1/workflows/w', {'functions': functions})
        self.addCleanup(self.node.api, 'DELETE', '/v1/workflows/w')
        for listen in (ports, ports[::-1], ports):
            answer = put(*listen)
            self.assertIn(answer.status, (200, 201), answer.body)
            for name, port in zip('ab', listen):
                self.assertEqual(self.node.function(name)['listening'], {'at': f'127.0.0.1:{port}'})
                request(sock := self.connect(int(port)), '/', close=True)
                self.assertEqual(response(sock), (200, b'hello'))
        answer = put(ports[0], ports[0])
        self.assertIn(answer.status, (400, 409), answer.body)
        self.assertIn(ports[0], answer.error['message'])
        self.assertEqual(self.node.function('b')['listening'], {'at': f'127.0.0.1:{ports[1]}'})
        answer = put(ports[1])  # what b leaves, which goes
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(self.node.function('a')['listening'], {'at': f'127.0.0.1:{ports[1]}'})

    def test_a_port_that_is_taken_when_the_node_starts_is_said_and_had_later(self):
        port = unused_port()
        self.deploy(listen=str(port))
        self.node.stop()
        with socket.create_server(('127.0.0.1', port)):
            self.node.start()
            told = wait_until(lambda: self.node.function('dials').get('listening'), 'word of it')
            self.assertIn(f'127.0.0.1:{port} is taken by another program', told['why'])
            self.assertNotIn('at', told)
            self.assertIn(b'listen.failed fn=dials', self.node.log())
            self.assertIn(f'does not listen: 127.0.0.1:{port} is taken', self.node.logs('dials')[-1]['text'])
            listed = subprocess.run([os.path.join(harness.ARGS.build, 'mayfly'), 'ls'], capture_output=True, text=True,
                                    env=dict(os.environ, MAYFLY_STATE=self.node.state), check=True)
            self.assertIn(' no port ', listed.stdout)
            self.assertIn(f'dials does not listen: 127.0.0.1:{port}', listed.stderr)
        wait_until(lambda: self.node.function('dials')['listening'] == {'at': f'127.0.0.1:{port}'}, 'the port')
        request(sock := self.connect(port), '/')
        self.assertEqual(response(sock), (200, b'hello'))

    def test_a_node_that_starts_again_listens_again(self):
        first = self.deploy()
        self.node.stop()
        self.node.start()
        port = wait_until(lambda: (now := place(self.node, 'dials')) != first and now, 'another port')
        request(sock := self.connect(port), '/')
        self.assertEqual(response(sock), (200, b'hello'))

    def test_nobody_listens_any_more(self):
        port = self.deploy()
        sock = self.connect(port)
        request(sock, '/')
        response(sock)
        self.node.api('DELETE', '/v1/functions/dials')
        with self.assertRaises(ConnectionRefusedError):
            self.connect(port)

    def test_a_function_that_dies_resets_its_connections(self):
        sock = self.connect(self.deploy())
        request(sock, '/')
        response(sock)
        request(sock, '/exit')
        with self.assertRaises(ConnectionError):
            response(sock)
        request(sock := self.connect(place(self.node, 'dials')), '/')
        self.assertEqual(response(sock), (200, b'hello'))


class Peer:
    """A server of ours on the loopback: says back what it was sent, or what a test likes."""

    def __init__(self, test, serve=None):
        self.sock = socket.create_server(('127.0.0.1', 0))
        self.port = self.sock.getsockname()[1]
        self.accepted = 0
        self.serve = serve or self.echo
        threading.Thread(target=self.run, daemon=True).start()
        test.addCleanup(self.sock.close)

    @staticmethod
    def echo(sock):
        while part := sock.recv(65536):
            sock.sendall(part)

    def run(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self.one, args=(sock,), daemon=True).start()

    def one(self, sock):
        with sock:
            try:
                self.serve(sock)
            except OSError:
                pass


HOST = 'host.mayfly.internal'


class Outbound(StreamTest):
    def call(self, path, body=None):
        return self.node.http('GET' if body is None else 'POST', '/function/dials' + path, body)

    def test_what_is_allowed_is_reached(self):
        peer = Peer(self)
        for entry in (f'127.0.0.1:{peer.port}', f'localhost:{peer.port}'):
            self.deploy(allow={'http': [entry]})
            answer = self.call(f'/dial?to={HOST}:{peer.port}&say=hello')
            self.assertEqual((answer.status, answer.body), (200, b'hello'))

    def test_what_is_not_named_is_denied_and_logged(self):
        peer = Peer(self)
        self.deploy(allow={'http': [f'127.0.0.1:{peer.port + 1}', f'example.org:{peer.port}']})
        for to, words in ((f'{HOST}:{peer.port}', f'127.0.0.1:{peer.port}'),
                          (f'169.254.169.254:80', '169.254.169.254:80'), ('[fe80::1]:80', '[fe80::1]:80'),
                          ('192.0.2.1:443', '192.0.2.1:443'),
                          (f'{HOST}:{self.node.port}', f'this node:{self.node.port}')):
            answer = self.call(f'/dial?to={to}')
            self.assertEqual(answer.status, 502)
            self.assertIn(b'permission denied', answer.body)
            lines = [line['text'] for line in self.node.logs('dials')]
            self.assertTrue([line for line in lines
                             if f'a connection to {words} (' in line and 'is denied' in line], (words, lines))
        self.assertEqual(peer.accepted, 0)

    def test_nobody_there_refuses(self):
        with socket.create_server(('127.0.0.1', 0)) as sock:
            port = sock.getsockname()[1]
        self.deploy(allow={'http': [f'127.0.0.1:{port}']})
        answer = self.call(f'/dial?to={HOST}:{port}')
        self.assertEqual(answer.status, 502)
        self.assertIn(b'connection refused', answer.body)

    def test_large_answers_come_whole_and_a_reset_is_one(self):
        def much(sock):
            sock.recv(10)
            sock.sendall(pattern(3 * MIB))
        peer = Peer(self, much)

        def rude(sock):
            sock.recv(4)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\x01\0\0\0\0\0\0\0')
        other = Peer(self, rude)
        self.deploy(allow={'http': [f'127.0.0.1:{peer.port}', f'127.0.0.1:{other.port}']})
        self.assertEqual(self.call(f'/dial?to={HOST}:{peer.port}&say=go').body, pattern(3 * MIB))
        answer = self.call(f'/dial?to={HOST}:{other.port}&say=hello')
        self.assertEqual(answer.status, 502)
        self.assertIn(b'connection reset', answer.body)

    def test_a_connection_is_kept_with_reuse_and_gone_without(self):
        peer = Peer(self)
        allow = {'http': [f'127.0.0.1:{peer.port}']}
        for isolation, connections in (('reuse', 1), ('fresh', 3), ('reset', 3)):
            peer.accepted = 0
            self.deploy(isolation=isolation, allow=allow)
            self.node.snapshot('dials')
            for _ in range(3):
                answer = self.call(f'/keep?to={HOST}:{peer.port}&say=again')
                self.assertEqual((answer.status, answer.body), (200, b'again'))
            self.assertEqual(peer.accepted, connections, isolation)

    def test_a_snapshot_has_no_connection(self):
        peer = Peer(self)
        self.deploy(isolation='fresh', allow={'http': [f'127.0.0.1:{peer.port}']},
                    environment={'AT_START': f'{HOST}:{peer.port}'})
        self.assertEqual(self.node.snapshot('dials')['state'], 'ready')
        wait_until(lambda: peer.accepted == 1, 'its connection')  # the peer is a thread beside
        self.assertTrue([line for line in self.node.logs('dials') if line['text'] == 'at start: <nil>'])
        answer = self.call(f'/keep?to={HOST}:{peer.port}&say=again')
        self.assertEqual(answer.status, 502)
        self.assertIn(b'connection reset', answer.body)

    def test_names_that_are_allowed_are_looked_up(self):
        own = socket.gethostname()
        try:
            known = {a[4][0] for a in socket.getaddrinfo(own, None, socket.AF_INET)}
            known = {'198.18.0.1' if a.startswith('127.') else a for a in known}
        except OSError:
            known = None
        self.deploy(allow={'http': [f'{own}:80', 'nowhere.invalid:80']})
        self.assertIn(b'198.18.0.1', self.call(f'/name?of={HOST}').body)
        self.assertIn(b'no such host', self.call('/name?of=example.org').body)
        self.assertTrue([line for line in self.node.logs('dials')
                         if 'look-up of the name example.org is denied' in line['text']])
        self.assertNotIn(b'<nil>', self.call('/name?of=nowhere.invalid').body)
        if known:
            answer = self.call(f'/name?of={own}').body.decode()
            self.assertTrue([a for a in known if a in answer], (known, answer))


class Waiting(NodeTest):
    """Calls that wait, and the resolvers of C libraries: musl's, static, and glibc's, dynamic."""

    def glibc(self):
        folder = tempfile.mkdtemp(prefix='mf-glibc-')
        self.addCleanup(shutil.rmtree, folder)
        root, program = os.path.join(folder, 'root'), os.path.join(folder, 'root', 'dialc')
        os.mkdir(root)
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'server', 'dialc.c')
        subprocess.run(['gcc', '-O2', '-o', program, source], check=True)
        for line in subprocess.run(['ldd', program], check=True, capture_output=True,
                                   text=True).stdout.splitlines():
            for path in re.findall(r'(/\S+)', line):
                os.makedirs(root + os.path.dirname(path), exist_ok=True)
                shutil.copy(path, root + path)
        subprocess.run([os.path.join(harness.ARGS.build, 'mayfly'), 'build', '--rootfs', root, '--program', '/dialc',
                        os.path.dirname(source), '-o', os.path.join(folder, 'glibc.mf')], check=True,
                       capture_output=True)
        return os.path.join(folder, 'glibc.mf')

    def test_names_and_connections(self):
        peer = Peer(self, lambda sock: sock.sendall(b'from outside'))
        with socket.create_server(('127.0.0.1', 0)) as sock:
            nobody = sock.getsockname()[1]
        own = socket.gethostname()
        allow = {'http': [f'127.0.0.1:{peer.port}', f'127.0.0.1:{nobody}', f'{own}:80']}
        image = harness.image
        self.addCleanup(setattr, harness, 'image', image)
        for name in ('dialc', 'glibc'):
            if name == 'glibc':
                path = self.glibc()
                harness.image = lambda _: path
            self.node.deploy(name, timeout_ms=60000, allow=allow)

            def ask(what):
                return self.node.http('GET', f'/function/{name}{what}').body.decode()
            self.assertIn('198.18.0.1', ask(f'/name?{HOST}'))
            self.assertIn('error', ask('/name?example.org'))
            self.assertNotIn('error', ask(f'/name?{own}'))
            self.assertEqual(ask(f'/dial?{HOST}:{peer.port}'), 'from outside')
            self.assertEqual(ask(f'/dial?{HOST}:{nobody}'), 'error: Connection refused')
            self.assertEqual(ask(f'/dial?{HOST}:{peer.port - 1}'), 'error: Permission denied')


CONNECT, SENT, CREDIT, CLOSE, NAME, OPEN = 22, 23, 24, 25, 26, 5
STREAMS_TAIL, STREAMS_SLOTS = 512, 0x96000  # abi/channel.h
WINDOW, CREDIT_MAX = 0x10000, 0x100000


def said(type, id=1, arg=0, flags=0, data=0):
    return harness.desc(type=type, id=id, arg=arg, flags=flags, data=data)


class Hostile(NodeTest):
    """A kernel that keeps no rule (tests/guests/raw) writes words into its ring of streams."""
    @classmethod
    def prepare(cls):
        cls.node.deploy('raw', timeout_ms=60000)

    def word(self, offset, value):
        answer = self.node.http('POST', '/function/raw', order('WORD', number=value, address=offset))
        self.assertIn(answer.status, (200, 502))

    def write(self, *messages):
        for at, message in enumerate(messages):
            for i, value in enumerate(struct.unpack('<8I', message)):
                if value:
                    self.word(STREAMS_SLOTS + 32 * at + 4 * i, value)
        self.word(STREAMS_TAIL, len(messages))

    def ends(self, words, *messages):
        def ended():
            return [line['text'] for line in self.node.logs('raw')[count:]
                    if 'cause protocol' in line['text']]
        count = len(self.node.logs('raw'))
        self.write(*messages)
        self.assertIn(words, wait_until(ended, words)[0])

    def test_each_rule_that_is_broken_ends_it_and_is_named(self):
        connect = said(CONNECT, data=24)
        self.ends('not an id of the guest', said(CONNECT, id=2, data=24))
        self.ends('of address', said(CONNECT, data=23))
        self.ends('there is no such stream', said(SENT, data=1))
        self.ends('there is no such stream', said(CREDIT, id=7, arg=1))
        self.ends('there is no such stream', connect, said(CLOSE), said(CLOSE))
        self.ends('credit for 0', connect, said(SENT, data=WINDOW), said(SENT, data=1))
        self.ends('bytes behind the end', connect, said(SENT, flags=1), said(SENT))
        self.ends('credit for 1048576 bytes', connect, said(CREDIT, arg=CREDIT_MAX))
        self.ends('addresses of version 5', said(NAME, arg=5, data=3))
        self.ends('none a guest may send', said(OPEN, id=2, arg=1, data=24))
        self.ends('in the other ring', said(21, arg=1 << 32 | 1))

    def test_a_message_of_streams_among_events_ends_it(self):
        answer = self.node.http('POST', '/function/raw', order('SEQUENCE', sequence=(said(SENT),)))
        self.assertEqual((answer.status, answer.error['code']), (502, 'protocol'))
        self.assertIn('in the other ring', answer.error['message'])

    def test_an_impossible_index_ends_it(self):
        count = len(self.node.logs('raw'))
        self.word(STREAMS_TAIL, 1 << 20)
        wait_until(lambda: [line for line in self.node.logs('raw')[count:]
                            if 'ahead of a ring' in line['text']], 'its end')


if __name__ == '__main__':
    harness.main()
