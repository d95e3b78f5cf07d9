"""TLS on the gateway, on its fronts and on the management API: real clients, bad files, renewal."""
import concurrent.futures
import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import unittest

import harness
from harness import Node, wait_until
from sinks import Certificates

LARGE = 6 << 20


def setUpModule():
    global certificates
    certificates = Certificates().make('node').make('next').make('rsa', key='rsa').make('old', days='0')
    certificates.openssl('pkcs8', '-topk8', '-in', certificates.path('node.key'), '-out', certificates.path('locked.key'),
                         '-passout', 'pass:x')
    os.chmod(certificates.path('locked.key'), 0o600)
    with open(certificates.path('token'), 'w') as file:
        file.write('a-token-of-some-length')
    os.chmod(certificates.path('token'), 0o600)


def tearDownModule():
    certificates.close()


def options(cert='node.pem', key='node.key'):
    return ['--tls-cert', certificates.path(cert), '--tls-key', certificates.path(key)]


def trusting():
    return ssl.create_default_context(cafile=certificates.path('ca.pem'))


class Served(unittest.TestCase):
    OPTIONS = ()

    @classmethod
    def setUpClass(cls):
        cls.node = Node(*options(), '--gateway-metrics', '--api-listen', '127.0.0.1:0', '--api-token-file',
                        certificates.path('token'), *cls.OPTIONS)
        cls.node.deploy('f', 'trouble', max_instances=8)
        cls.node.deploy('echo')

    @classmethod
    def tearDownClass(cls):
        cls.node.close()

    def connect(self, context=None):
        return http.client.HTTPSConnection('127.0.0.1', self.node.port, timeout=harness.PATIENCE_S,
                                           context=context or trusting())

    def ask(self, method, path, body=None, connection=None):
        own = connection or self.connect()
        own.request(method, path, body)
        answer = harness.Answer(own.getresponse())
        if not connection:
            own.close()
        return answer

    def curl(self, *arguments):
        return subprocess.run(['curl', '-sS', '--cacert', certificates.path('ca.pem'), *arguments],
                              capture_output=True, timeout=180, check=False)

    def test_curl(self):
        got = self.curl('-d', 'hello', '-w', ' %{http_code} %{ssl_verify_result}',
                        f'https://localhost:{self.node.port}/function/echo')
        self.assertEqual(got.stdout, b'hello 200 0', got.stderr)
        got = self.curl(f'https://localhost:{self.node.port}/healthz')
        self.assertEqual(got.stdout, b'ok\n')
        got = self.curl(f'https://localhost:{self.node.port}/metrics')
        self.assertIn(b'mayfly_', got.stdout)

    def test_nobody_else_is_believed(self):
        got = subprocess.run(['curl', '-sS', f'https://localhost:{self.node.port}/healthz'], capture_output=True, check=False)
        self.assertEqual(got.returncode, 60)

    def test_versions(self):
        for version, good in ((ssl.TLSVersion.TLSv1_3, True), (ssl.TLSVersion.TLSv1_2, True),
                              (ssl.TLSVersion.TLSv1_1, False)):
            context = trusting()
            if not good:
                context.set_ciphers('ALL:@SECLEVEL=0')
            context.minimum_version = context.maximum_version = version
            if good:
                with self.subTest(version):
                    connection = self.connect(context)
                    self.assertEqual(self.ask('GET', '/healthz', connection=connection).status, 200)
                    connection.close()
            else:
                with self.assertRaises(OSError):
                    self.ask('GET', '/healthz', connection=self.connect(context))

    def test_large_bodies_both_ways(self):
        body = os.urandom(LARGE)
        for _ in range(3):
            answer = self.ask('POST', '/function/echo', body)
            self.assertEqual((answer.status, answer.body == body), (200, True))
        got = self.curl('--data-binary', '@-', '-o', '/dev/null', '-w', '%{size_upload}:%{size_download}',
                        '--limit-rate', '20M', f'https://localhost:{self.node.port}/function/f/bytes?n=6000000')
        self.assertIn(b':6000000', got.stdout)

    def test_one_connection_many_requests(self):
        connection = self.connect()
        for size in (0, 1, 16383, 16384, 16385, 65536, 100000, 32768, 1000000, 5):
            body = os.urandom(size)
            answer = self.ask('POST', '/function/echo', body, connection)
            self.assertEqual((answer.status, answer.body == body), (200, True), size)
        connection.close()

    def raw(self):
        return trusting().wrap_socket(socket.create_connection(('127.0.0.1', self.node.port), harness.PATIENCE_S),
                                      server_hostname='localhost')

    def test_records_that_hold_several_requests(self):
        """What TLS has already decrypted is no event on the socket: it must not be forgotten."""
        one = b'POST /function/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n'
        with self.raw() as sock:
            sock.sendall(b''.join(one + b'%05d' % i for i in range(50)))
            got = b''
            while got.count(b'HTTP/1.1 200') < 50 or not got.endswith(b'00049'):
                part = sock.recv(65536)
                self.assertTrue(part, got[-300:])
                got += part
        self.assertEqual([int(n) for n in re.findall(rb'\r\n\r\n(\d{5})', got)], list(range(50)))

    def test_bodies_in_pieces(self):
        body = os.urandom(200000)
        for piece in (1000, 16384, 16385, 40000):
            with self.raw() as sock:
                sock.sendall(b'POST /function/echo HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n' % len(body))
                for at in range(0, len(body), piece):
                    sock.sendall(body[at:at + piece])
                response = http.client.HTTPResponse(sock)
                response.begin()
                self.assertEqual((response.status, response.read() == body), (200, True), piece)

    def test_readers_that_are_slow(self):
        with self.raw() as sock:
            sock.sendall(b'GET /function/f/bytes?n=3000000 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')
            got = 0
            while True:
                part = sock.recv(50000)
                if not part:
                    break
                got += len(part)
                time.sleep(0.002)
        self.assertGreater(got, 3000000)

    def test_many_at_once(self):
        def work(number):
            connection = self.connect()
            for i in range(10):
                body = os.urandom(1000 * number + i)
                answer = self.ask('POST', '/function/echo', body, connection)
                assert answer.status == 200 and answer.body == body, answer.status
            connection.close()
            return True
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            self.assertEqual(list(pool.map(work, range(64))), [True] * 64)

    def test_clients_that_speak_no_tls(self):
        with socket.create_connection(('127.0.0.1', self.node.port), harness.PATIENCE_S) as sock:
            sock.sendall(b'GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n')
            got = b''
            try:
                while True:
                    part = sock.recv(1000)
                    if not part:
                        break
                    got += part
            except ConnectionResetError:
                pass
            self.assertNotIn(b'HTTP', got)
        got = self.curl(f'http://localhost:{self.node.port}/healthz')
        self.assertNotEqual(got.returncode, 0)
        for nonsense in (b'', b'\x16\x03\x01\xff\xff' + b'x' * 100, b'\0' * 1000, os.urandom(5000)):
            with socket.create_connection(('127.0.0.1', self.node.port), harness.PATIENCE_S) as sock:
                try:
                    sock.sendall(nonsense)
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(1000):
                        pass
                except OSError:
                    pass
        self.assertEqual(self.ask('GET', '/healthz').status, 200)

    def test_a_client_that_goes_away_ends_its_call(self):
        with self.raw() as sock:
            sock.sendall(b'GET /function/f/cancel HTTP/1.1\r\nHost: h\r\n\r\n')
            wait_until(lambda: any(i['state'] in ('busy', 'restoring') for i in self.node.function('f')['instances']), 'a call')
        wait_until(lambda: all(i['state'] not in ('busy', 'restoring') for i in self.node.function('f')['instances']), 'its end')

    def test_the_api(self):
        port = self.api_port()
        connection = http.client.HTTPSConnection('127.0.0.1', port, timeout=harness.PATIENCE_S, context=trusting())
        connection.request('GET', '/v1/node', headers={'Authorization': 'Bearer a-token-of-some-length'})
        answer = harness.Answer(connection.getresponse())
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json['gateway'], f'https://127.0.0.1:{self.node.port}')
        connection.request('GET', '/v1/node')
        self.assertEqual(harness.Answer(connection.getresponse()).status, 401)
        connection.close()
        self.assertEqual(self.node.api('GET', '/v1/node').status, 200) # the local socket is as it was

    def test_the_command(self):
        def mayfly(*arguments, **env):
            return subprocess.run([os.path.join(harness.ARGS.build, 'mayfly'), *arguments], capture_output=True,
                                  env=dict(os.environ, MAYFLY_STATE=self.node.state, **env), timeout=180, check=False)
        ca = certificates.path('ca.pem')
        got = mayfly('invoke', 'echo', '-d', 'hello', MAYFLY_CA=ca)
        self.assertEqual((got.returncode, got.stdout), (0, b'hello'), got.stderr)
        got = mayfly('invoke', 'echo', '-d', 'hello')
        self.assertEqual((got.returncode, b'MAYFLY_CA' in got.stderr), (1, True), got)
        node = f'https://127.0.0.1:{self.api_port()}'
        got = mayfly('ls', '-q', '--node', node, MAYFLY_CA=ca, MAYFLY_TOKEN='a-token-of-some-length')
        self.assertEqual((got.returncode, got.stdout), (0, b'echo\nf\n'), got.stderr)
        got = mayfly('ls', '--node', node, MAYFLY_TOKEN='a-token-of-some-length')
        self.assertEqual((got.returncode, b'MAYFLY_CA' in got.stderr), (1, True), got)

    def api_port(self):
        """The other TCP port that the daemon listens on."""
        inodes = set()
        for number in os.listdir(f'/proc/{self.node.process.pid}/fd'):
            try:
                found = re.match(r'socket:\[(\d+)\]', os.readlink(f'/proc/{self.node.process.pid}/fd/{number}'))
            except OSError:
                continue
            if found:
                inodes.add(found.group(1))
        with open('/proc/net/tcp') as file:
            for line in file.read().splitlines()[1:]:
                fields = line.split()
                port = int(fields[1].split(':')[1], 16)
                if fields[3] == '0A' and fields[9] in inodes and port != self.node.port:
                    return port
        raise AssertionError('no port of the API')


class Fronts(Served):
    OPTIONS = ('--fronts', '2', '--front-after', '0')


class Files(unittest.TestCase):
    def refused(self, *words, arguments=None, cert='node.pem', key='node.key'):
        with self.assertRaises(RuntimeError) as raised:
            Node(*(arguments or options(cert, key)))
        for word in words:
            self.assertIn(word, str(raised.exception))

    def test_bad_files(self):
        path = certificates.path
        self.refused('--tls-key is missing', arguments=['--tls-cert', path('node.pem')])
        self.refused('--tls-cert is missing', arguments=['--tls-key', path('node.key')])
        self.refused('--tls-cert', 'gone.pem', 'No such file', cert='gone.pem')
        self.refused('--tls-key', 'gone.key', 'No such file', key='gone.key')
        self.refused('is not the key of', key='next.key')
        self.refused('--tls-cert', 'no certificates in PEM', cert='token')
        self.refused('--tls-key', 'no private key in PEM', key='token')
        self.refused('--tls-key', 'encrypted', key='locked.key')
        self.refused('--tls-cert', cert='.')
        os.chmod(path('next.key'), 0o644)
        self.refused('--tls-key', 'open to others', 'chmod 600', cert='next.pem', key='next.key')
        os.chmod(path('next.key'), 0o600)

    def test_what_is_past_its_time_is_said(self):
        time.sleep(1.1)
        node = Node(*options('old.pem', 'old.key'))
        try:
            self.assertIn(b'tls.time', node.log())
        finally:
            node.close()

    def serial(self, node):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(socket.create_connection(('127.0.0.1', node.port), harness.PATIENCE_S)) as sock:
            return sock.getpeercert(True)

    def test_they_are_read_again(self):
        cert, key = certificates.path('live.pem'), certificates.path('live.key')

        def put(name):
            for link, target in ((cert, name + '.pem'), (key, name + '.key')):
                if os.path.lexists(link):
                    os.unlink(link)
                os.symlink(target, link)
        put('node')
        node = Node('--tls-cert', cert, '--tls-key', key)
        try:
            first = self.serial(node)
            held = http.client.HTTPSConnection('127.0.0.1', node.port, timeout=harness.PATIENCE_S, context=trusting())
            held.request('GET', '/healthz')
            held.getresponse().read()
            for name in ('rsa', 'next', 'node', 'rsa'):
                put(name)
                count = node.log().count(b'tls.renewed')
                node.process.send_signal(signal.SIGHUP)
                wait_until(lambda: node.log().count(b'tls.renewed') > count, 'word of it')
                self.assertEqual(self.serial(node) == first, name == 'node')
            second = self.serial(node)
            os.unlink(key)
            node.process.send_signal(signal.SIGHUP)
            wait_until(lambda: b'tls.kept' in node.log(), 'word of it')
            self.assertEqual(self.serial(node), second)
            held.request('GET', '/healthz')
            self.assertEqual(held.getresponse().status, 200)
            held.close()
        finally:
            node.close()

    def test_renewal_under_load(self):
        node = Node(*options(), '--fronts', '2', '--front-after', '0')
        stop = threading.Event()
        failures = []

        def work():
            while not stop.is_set():
                try:
                    connection = http.client.HTTPSConnection('127.0.0.1', node.port, timeout=harness.PATIENCE_S, context=trusting())
                    connection.request('GET', '/healthz')
                    if connection.getresponse().status != 200:
                        failures.append('status')
                    connection.close()
                except OSError as error:
                    failures.append(repr(error))
        threads = [threading.Thread(target=work) for _ in range(6)]
        try:
            for thread in threads:
                thread.start()
            for _ in range(30):
                node.process.send_signal(signal.SIGHUP)
                time.sleep(0.03)
            stop.set()
            for thread in threads:
                thread.join()
            self.assertEqual(failures, [])
        finally:
            stop.set()
            node.close()

    def test_an_idle_connection_wakes_nobody(self):
        if harness.sanitized():
            self.skipTest('a sanitizer has threads of its own')
        node = Node(*options())
        try:
            held = http.client.HTTPSConnection('127.0.0.1', node.port, timeout=harness.PATIENCE_S, context=trusting())
            held.request('GET', '/healthz')
            held.getresponse().read()
            time.sleep(0.5)
            wait_until(lambda: node.wakes(1) <= 1, 'a second of sleep')
            held.close()
        finally:
            node.close()


if __name__ == '__main__':
    harness.main()
