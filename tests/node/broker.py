"""broker.py: a real mosquitto for each test, on a port that the kernel chooses: started, ended,
killed, started again with what it had; with passwords, TLS, persistence as asked for."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import harness
from sinks import unused_port

PATIENCE_S = harness.PATIENCE_S


def program(name):
    """Debian's package of the broker would start a service, so it may be only unpacked."""
    folders = [os.path.join(harness.ARGS.build, 'tools', 'usr', 'sbin')]
    at = harness.ARGS.build
    while at != os.path.dirname(at):  # a build folder of another preset lies in the first one
        folders.append(os.path.join(at, 'tools', 'usr', 'sbin'))
        at = os.path.dirname(at)
    folders += ['/usr/sbin', '/usr/local/sbin'] + os.environ.get('PATH', '').split(':')
    for folder in folders:
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(f'{name}: is the Debian package mosquitto there, or unpacked by ./check?')


def state_of(pid):
    with open(f'/proc/{pid}/stat') as file:
        return file.read().rsplit(')', 1)[1].split()[0]


class Broker:
    """lines: more of mosquitto.conf. tls: it has a certificate of its own authority."""

    def __init__(self, *lines, users=None, tls=False, persistent=True, start=True):
        self.folder = tempfile.mkdtemp(prefix='mf-broker-')
        harness.MADE.append(self.folder)
        self.port = unused_port()
        self.users = users
        self.tls = tls
        self.process = None
        if tls:
            self._certificates()
        config = [f'listener {self.port}', 'log_dest stderr', 'log_type all',
                  f'user {"root" if os.geteuid() == 0 else "nobody"}',
                  f'allow_anonymous {"false" if users else "true"}',
                  f'persistence {"true" if persistent else "false"}',
                  f'persistence_location {self.folder}/', 'autosave_on_changes true',
                  'autosave_interval 1', 'max_queued_messages 0', 'set_tcp_nodelay true']
        if users:
            self._passwords(users)
            config.append(f'password_file {self.folder}/passwords')
        if tls:
            config += [f'cafile {self.folder}/ca.pem', f'certfile {self.folder}/server.pem',
                       f'keyfile {self.folder}/server.key']
        config += lines
        self.config = os.path.join(self.folder, 'mosquitto.conf')
        with open(self.config, 'w') as file:
            file.write('\n'.join(config) + '\n')
        self.log_path = os.path.join(self.folder, 'log')
        if start:
            self.start()

    def _passwords(self, users):
        path = os.path.join(self.folder, 'passwords')
        with open(path, 'w') as file:
            for user, password in users.items():
                file.write(f'{user}:{password}\n')
        os.chmod(path, 0o600)
        subprocess.run([passwd_program(), '-U', path], check=True, capture_output=True)

    def _certificates(self):
        def run(*words):
            subprocess.run(['openssl', *words], check=True, capture_output=True, cwd=self.folder)
        with open(os.path.join(self.folder, 'names'), 'w') as file:
            file.write('subjectAltName=DNS:localhost,IP:127.0.0.1\n')
        run('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days',
            '2', '-subj', '/CN=test authority', '-keyout', 'ca.key', '-out', 'ca.pem')
        for name in ('server', 'client'):
            run('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj',
                f'/CN={name}', '-keyout', f'{name}.key', '-out', f'{name}.csr')
            run('x509', '-req', '-in', f'{name}.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key',
                '-CAcreateserial', '-days', '2', '-extfile', 'names', '-out', f'{name}.pem')

    def start(self):
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen([program('mosquitto'), '-c', self.config], stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL)
        harness.STARTED.append(self.process)
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and self.process.poll() is None:
            try:
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                return
            except OSError:
                time.sleep(0.01)
        raise RuntimeError('the broker did not start: ' + self.log())

    def log(self):
        with open(self.log_path) as file:
            return file.read()

    def stop(self):
        """Ends, and saves what it has."""
        self.process.terminate()
        self.process.wait(PATIENCE_S)

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def turns(self):
        """It has taken a connection, and is done with what was before."""
        line = f' from 127.0.0.1:%d on port {self.port}'
        with socket.create_connection(('127.0.0.1', self.port), PATIENCE_S) as sock:
            line %= sock.getsockname()[1]
            harness.wait_until(lambda: line in self.log(), 'its turn')

    def kill_saved(self):
        """Once all that it has acknowledged is in its file, for it writes a moment later. Publishers of the
        test's are to rest meanwhile."""
        saving, publish = 'Saving in-memory database', 'Received PUBLISH'
        self.turns()  # it may have begun just now, and a signal end it
        while True:
            saves = self.log().count(saving)
            self.process.send_signal(signal.SIGUSR1)
            harness.wait_until(lambda saves=saves: self.log().count(saving) > saves, 'the saving')
            self.turns()  # behind the saving, that is
            self.process.send_signal(signal.SIGSTOP)
            harness.wait_until(lambda: state_of(self.process.pid) == 'T', 'its standing still')
            behind = self.log().rsplit(saving, 1)[1]
            if behind.count('\n') > 1 and publish not in behind:  # it said more: that file is whole
                return self.kill()
            self.process.send_signal(signal.SIGCONT)

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def url(self, user=None, host='127.0.0.1', scheme=None):
        who = user + '@' if user else ''
        return f'{scheme or ("mqtts" if self.tls else "mqtt")}://{who}{host}:{self.port}'

    def _words(self, user):
        words = ['-h', '127.0.0.1', '-p', str(self.port)]
        if user:
            words += ['-u', user, '-P', self.users[user]]
        if self.tls:
            words += ['--cafile', self.path('ca.pem')]
        return words

    def publish(self, topic, payload, qos=1, retain=False, user=None, properties=(), version=5):
        """One message, by mosquitto_pub."""
        words = ['mosquitto_pub', *self._words(user), '-V', '5' if version == 5 else '311', '-t',
                 topic, '-q', str(qos), '-s']
        if retain:
            words.append('-r')
        for kind, *rest in properties:
            words += ['-D', 'publish', kind, *rest]
        subprocess.run(words, input=payload if isinstance(payload, bytes) else payload.encode(),
                       check=True, timeout=PATIENCE_S)

    def publish_lines(self, topic, lines, qos=1, user=None):
        """Each line a message, over one connection."""
        subprocess.run(['mosquitto_pub', *self._words(user), '-t', topic, '-q', str(qos), '-l'],
                       input='\n'.join(lines).encode() + b'\n', check=True, timeout=2 * PATIENCE_S)

    def listen(self, topic, count, qos=1, user=None, timeout=3 * PATIENCE_S, client=None, form='%t %p'):
        """A mosquitto_sub that ends after so many messages."""
        words = ['mosquitto_sub', *self._words(user), '-t', topic, '-q', str(qos), '-C', str(count),
                 '-W', str(timeout), '-F', form, '-V', '5']
        if client:
            words += ['-c', '-i', client, '-x', '1000']
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        harness.STARTED.append(process)
        return process


    def session(self, topic, client):
        """Of a client that is not there: the broker keeps messages for it."""
        subprocess.run(['mosquitto_sub', *self._words(None), '-t', topic, '-q', '1', '-c', '-i', client,
                        '-x', '1000', '-V', '5', '-E'], check=True, timeout=PATIENCE_S)


def passwd_program():
    for folder in ('/usr/bin', os.path.join(os.path.dirname(program('mosquitto')), '..', 'bin')):
        path = os.path.join(folder, 'mosquitto_passwd')
        if os.access(path, os.X_OK):
            return path
    raise FileNotFoundError('mosquitto_passwd')
