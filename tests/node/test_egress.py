"""Requests to the outside, as node/egress sends them: where to, how much, how long, how safely."""
import json
import os
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import harness
from sinks import Certificates, Sink, unused_port

EINVAL, EAGAIN, EIO, ENOENT, ETOOBIG, EDENIED, EPROTO, ETIMEDOUT, EDEAD = -1, -3, -4, -5, -7, -8, -9, -10, -11


def probe(*arguments, env=None, prefix=()):
    """What egress-probe says of each URL, and in the end of itself."""
    got = subprocess.run([*prefix, os.path.join(harness.ARGS.build, 'egress-probe'), *map(str, arguments)],
                         capture_output=True, timeout=180, check=False,
                         env=dict(os.environ, **(env or {})))
    lines = [json.loads(line) for line in got.stdout.splitlines()]
    assert got.returncode == 0, (got.returncode, got.stderr.decode())
    return lines[:-1], lines[-1]


class Plain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sink = Sink()
        cls.allow = ('--allow', f'127.0.0.1:{cls.sink.port}')

    @classmethod
    def tearDownClass(cls):
        cls.sink.close()

    def one(self, *arguments):
        (answer,), end = probe(*self.allow, *arguments)
        self.assertEqual((end['used'], end['under_way']), (0, 0))
        return answer

    def test_what_is_sent_arrives(self):
        answer = self.one('--method', 'PUT', '--body', 100000, '--header', 'x-a: b', '--header', 'x-empty:',
                          '--header', 'content-type: text/x', self.sink.url('/put?q=1'))
        self.assertEqual((answer['status'], answer['body']), (200, 'ok'))
        got = [r for r in self.sink.taken() if r['path'] == '/put?q=1'][-1]
        self.assertEqual((got['method'], len(got['body'])), ('PUT', 100000))
        for name, value in (('x-a', 'b'), ('x-empty', ''), ('content-type', 'text/x'),
                            ('content-length', '100000'), ('host', f'127.0.0.1:{self.sink.port}')):
            self.assertEqual(got['headers'].get(name), value, name)
        self.assertTrue(got['headers']['user-agent'].startswith('mayfly/'))

    def test_methods(self):
        for method in ('GET', 'HEAD', 'POST', 'DELETE', 'PATCH', 'OPTIONS'):
            answer = self.one('--method', method, self.sink.url('/m/' + method))
            self.assertEqual(answer['status'], 200, method)
            self.assertEqual([r for r in self.sink.taken() if r['path'] == '/m/' + method][-1]['method'], method)
        self.assertNotIn('content-type', self.sink.taken()[-1]['headers'])
        for method in ('CONNECT', 'TRACE', 'get', 'G T', 'G\r\nX: y', 'X' * 33):
            self.assertEqual(self.one('--method', method, self.sink.url('/'))['err'], EINVAL, method)
        self.assertEqual(self.one('--method', 'HEAD', '--body', 1, self.sink.url('/'))['err'], EINVAL)

    def test_headers_of_the_connection_are_ours(self):
        self.one('--header', 'host: evil.example', '--header', 'content-length: 5', '--header',
                 'transfer-encoding: chunked', '--header', 'connection: x-a', '--header', 'expect: 100-continue',
                 '--header', 'upgrade: h2c', '--method', 'POST', self.sink.url('/ours'))
        got = [r for r in self.sink.taken() if r['path'] == '/ours'][-1]
        self.assertEqual(got['headers']['host'], f'127.0.0.1:{self.sink.port}')
        self.assertEqual(got['headers']['content-length'], '0')
        for name in ('transfer-encoding', 'expect', 'upgrade', 'connection'):
            self.assertNotIn(name, got['headers'])

    def test_a_password_in_the_url_becomes_a_header(self):
        url = self.sink.url('/basic').replace('http://', 'http://us%65r:p%20w@')
        self.one(url)
        got = [r for r in self.sink.taken() if r['path'] == '/basic'][-1]
        self.assertEqual(got['headers']['authorization'], 'Basic dXNlcjpwIHc=')

    def test_answers(self):
        answer = self.one(self.sink.url('/status/418'))
        self.assertEqual((answer['status'], answer['body']), (418, 'status'))
        self.assertNotIn('content-length', answer['headers'])
        self.assertIn('server', answer['headers'])
        answer = self.one(self.sink.url('/bytes/3000000'))
        self.assertEqual((answer['status'], answer['bytes']), (200, 3000000))
        # An interim answer, chunks, a trailer.
        raw = (b'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 201 Y\r\nx-a: 1\r\ntransfer-encoding: chunked\r\n'
               b'trailer: x-t\r\n\r\n3\r\nabc\r\n0\r\nx-t: 2\r\n\r\n')
        answer = self.one(self.sink.url('/raw/' + raw.hex()))
        self.assertEqual((answer['status'], answer['body'], answer['headers']), (201, 'abc', {'x-a': '1', 'x-t': '2'}))

    def test_redirects_are_answers(self):
        before = len(self.sink.taken())
        answer = self.one(self.sink.url('/redirect?' + self.sink.url('/target', 'localhost')))
        self.assertEqual((answer['status'], answer['headers']['location']),
                         (302, self.sink.url('/target', 'localhost')))
        self.assertEqual(len(self.sink.taken()), before + 1)

    def test_answers_have_bounds(self):
        for path, err in (('/bytes/6291457', ETOOBIG), ('/head/200', ETOOBIG), ('/line/17000', ETOOBIG),
                          ('/head/125', 0), ('/bytes/6291456', 0)):
            answer = self.one(self.sink.url(path))
            self.assertEqual(answer.get('err', 0), err, path)
        self.assertEqual(self.one('--answer-max', 10, self.sink.url('/bytes/11'))['err'], ETOOBIG)
        self.assertEqual(self.one('--answer-max', 10, self.sink.url('/bytes/10'))['status'], 200)
        self.assertEqual(self.one('--budget', 100000, self.sink.url('/bytes/200000'))['err'], EAGAIN)

    def test_a_head_without_an_end(self):
        with socket.socket() as listener:
            listener.bind(('127.0.0.1', 0))
            listener.listen()
            port = listener.getsockname()[1]

            def pour(start, line):
                sock, _ = listener.accept()
                with sock:
                    try:
                        sock.recv(1000)
                        sock.sendall(start)
                        while True:
                            sock.sendall(line)
                    except OSError:
                        pass
            for start, line in ((b'HTTP/1.1 200 OK\r\n', b'a: b\r\n'), (b'HTTP/1.1 200 OK\r\na: ', b'b' * 1000),
                                (b'', b'HTTP/1.1 103 Hints\r\na: b\r\n\r\n')):
                thread = threading.Thread(target=pour, args=(start, line))
                thread.start()
                (answer,), _ = probe('--allow', f'127.0.0.1:{port}', f'http://127.0.0.1:{port}/')
                self.assertIn(answer['err'], (ETOOBIG, EIO, EPROTO), (line, answer))
                thread.join(harness.PATIENCE_S)
                self.assertFalse(thread.is_alive())

    def test_nonsense(self):
        for raw in (b'', b'SSH-2.0-x\r\n', b'HTTP/1.1 abc\r\n\r\n', b'HTTP/1.1 200 OK\r\nno colon\r\n\r\n',
                    b'HTTP/1.1 200 OK\r\na b: c\r\n\r\n', b'HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n',
                    b'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc', b'HTTP/1.1 999 Huh\r\n\r\n',
                    b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'):
            answer = self.one(self.sink.url('/raw/' + raw.hex()))
            self.assertIn(answer.get('err'), (EIO, EPROTO), (raw, answer))
            self.assertTrue(answer['words'])

    def test_time_limits(self):
        begun = time.monotonic()
        for path in ('/slow', '/drip'):
            answer = self.one('--deadline', 400, self.sink.url(path))
            self.assertEqual(answer['err'], ETIMEDOUT, path)
        self.assertLess(time.monotonic() - begun, 25) # it would be 30
        # One that never even accepts: a full backlog.
        self.assertEqual(self.one('--deadline', 0, self.sink.url('/'))['err'], ETIMEDOUT)

    def test_nobody_there(self):
        port = unused_port()
        (answer,), _ = probe('--allow', f'127.0.0.1:{port}', f'http://127.0.0.1:{port}/')
        self.assertEqual(answer['err'], EIO)
        (answer,), _ = probe('--allow', 'no.such.invalid:80', 'http://no.such.invalid/')
        self.assertEqual(answer['err'], EIO)
        self.assertIn('no.such.invalid', answer['words'])

    def test_cancelled_ones_are_silent(self):
        answers, end = probe(*self.allow, '--cancel', 200, '--at-once', 20, self.sink.url('/slow'))
        self.assertEqual([a['err'] for a in answers], [EDEAD] * 20)
        self.assertEqual((end['used'], end['under_way']), (0, 0))

    def test_so_many_at_once_of_one(self):
        answers, _ = probe(*self.allow, '--at-once', 40, '--deadline', 60000, self.sink.url('/status/200'))
        self.assertEqual(sum(a.get('status') == 200 for a in answers), 32)
        self.assertEqual(sum(a.get('err') == EAGAIN for a in answers), 8)

    def test_connections_are_used_again(self):
        sink = Sink()
        try:
            allow = ('--allow', f'127.0.0.1:{sink.port}')
            answers, _ = probe(*allow, *[sink.url('/again')] * 10)
            self.assertEqual([a['status'] for a in answers], [200] * 10)
            self.assertEqual(sink.connections, 1)
        finally:
            sink.close()

    def test_an_idle_one_does_not_wake(self):
        _, end = probe(*self.allow, '--linger', 1500, self.sink.url('/'))
        self.assertLessEqual(end['turns'], 3)

    def test_no_proxy_of_the_environment(self):
        proxy = {name: f'http://127.0.0.1:{unused_port()}' for name in ('http_proxy', 'HTTPS_PROXY', 'ALL_PROXY')}
        (answer,), _ = probe(*self.allow, self.sink.url('/'), env=proxy)
        self.assertEqual(answer['status'], 200)

    def test_a_resolver_that_hangs_does_not_hold_the_loop(self):
        if harness.sanitized():
            self.skipTest('a library that is loaded before is none for sanitizers')
        with tempfile.TemporaryDirectory(prefix='mf-hang-') as folder:
            source, library = os.path.join(folder, 'hang.c'), os.path.join(folder, 'hang.so')
            with open(source, 'w') as file:
                file.write('#include <netdb.h>\n#include <unistd.h>\n'
                           'int getaddrinfo(const char *n, const char *s, const struct addrinfo *h, struct addrinfo **r)\n'
                           '{ (void)n; (void)s; (void)h; (void)r; sleep(40); return EAI_AGAIN; }\n')
            subprocess.run(['gcc', '-shared', '-fPIC', '-o', library, source], check=True)
            answers, end = probe('--allow', 'somewhere.example:80', '--deadline', 300, '--at-once', 10,
                                 'http://somewhere.example/', env={'LD_PRELOAD': library})
            self.assertEqual([a['err'] for a in answers], [ETIMEDOUT] * 10)
            self.assertLess(end['longest_ms'], 20000)


class Where(unittest.TestCase):
    """Loopback, link-local, the node's own ports: by whatever name."""
    @classmethod
    def setUpClass(cls):
        cls.sink = Sink('0.0.0.0')
        cls.six = Sink('::1')

    @classmethod
    def tearDownClass(cls):
        cls.sink.close()
        cls.six.close()

    def ask(self, url, *arguments):
        (answer,), _ = probe(*arguments, url)
        return answer

    def test_spellings_of_loopback(self):
        before = len(self.sink.taken())
        for host in ('2130706433', '0x7f000001', '0x7f.0.0.1', '0177.0.0.1', '127.1', '127.0.1'):
            self.assertEqual(self.ask(self.sink.url('/', host), '--reach', 'any')['err'], EINVAL, host)
        for host in ('127.0.0.1', '127.9.9.9', 'localhost', 'LOCALHOST.', '[::1]', '[::ffff:127.0.0.1]',
                     '[::ffff:7f00:1]', '[::127.0.0.1]', '0.0.0.0', '[::]', '169.254.169.254', '[fe80::1]',
                     '224.0.0.1', '255.255.255.255', '[64:ff9b::7f00:1]'):
            for reach in ('any', 'public'):
                answer = self.ask(self.sink.url('/', host), '--reach', reach)
                self.assertEqual(answer['err'], EDENIED, host)
        for host in ('a.localhost', 'x.y.localhost'): # curl knows where they are
            answer = self.ask(self.sink.url('/', host), '--reach', 'any')
            self.assertEqual(answer['err'], EDENIED, host)
            self.assertRegex(answer['words'], r'127\.0\.0\.1|::1')
        self.assertEqual(len(self.sink.taken()), before)

    def test_a_name_that_leads_inside(self):
        answer = self.ask(self.sink.url('/', 'evil.localhost'), '--allow', f'evil.localhost:{self.sink.port}',
                          '--allow', f'*.localhost:{self.sink.port}')
        self.assertEqual(answer['err'], EDENIED)
        self.assertRegex(answer['words'], r'127\.0\.0\.1|::1')

    def test_rebinding_is_seen_at_the_connection(self):
        """A name that is public when it is looked at, and loopback when it is connected to."""
        if harness.sanitized():
            self.skipTest('a library that is loaded before is none for sanitizers')
        with tempfile.TemporaryDirectory(prefix='mf-rebind-') as folder:
            source, library = os.path.join(folder, 'r.c'), os.path.join(folder, 'r.so')
            with open(source, 'w') as file:
                file.write('#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <netdb.h>\n'
                           'int getaddrinfo(const char *n, const char *s, const struct addrinfo *h, struct addrinfo **r)\n'
                           '{ int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =\n'
                           '      dlsym(RTLD_NEXT, "getaddrinfo"); (void)n; return real("127.0.0.1", s, h, r); }\n')
            subprocess.run(['gcc', '-shared', '-fPIC', '-o', library, source], check=True)
            env = {'LD_PRELOAD': library}
            for arguments in (('--allow', f'www.example.com:{self.sink.port}'), ('--reach', 'any')):
                (answer,), _ = probe(*arguments, self.sink.url('/', 'www.example.com'), env=env)
                self.assertEqual(answer['err'], EDENIED)
                self.assertIn(f'127.0.0.1:{self.sink.port}', answer['words'])
            # Not even on a connection that another one, who may, has left open.
            answers, _ = probe('--allow', f'127.0.0.1:{self.sink.port}', '--allow', f'www.example.com:{self.sink.port}',
                               self.sink.url('/'), self.sink.url('/', 'www.example.com'), env=env)
            self.assertEqual((answers[0]['status'], answers[1]['err']), (200, EDENIED))

    def test_entries_that_name_them(self):
        port = self.sink.port
        for host in ('127.0.0.1', '127.9.9.9', 'localhost', '[::ffff:127.0.0.1]'):
            self.assertEqual(self.ask(self.sink.url('/', host), '--allow', f'{host}:{port}').get('status'), 200, host)
        self.assertEqual(self.ask(self.six.url('/', '[::1]'), '--allow', f'[::1]:{self.six.port}')['status'], 200)
        self.assertEqual(self.ask(self.six.url('/', '[0:0::1]'), '--allow', f'[::1]:{self.six.port}')['status'], 200)
        for host in ('0.0.0.0', '[::]'):
            self.assertEqual(self.ask(self.sink.url('/', host), '--allow', f'{host}:{port}')['err'], EDENIED)
        self.assertEqual(self.ask(self.sink.url('/'), '--allow', f'127.0.0.1:{port + 1}')['err'], EDENIED)
        self.assertEqual(self.ask(self.sink.url('/'), '--allow', f'https://127.0.0.1:{port}')['err'], EDENIED)

    def test_own_ports_never(self):
        port = self.sink.port
        hosts = ['127.0.0.1', 'localhost', '127.9.9.9']
        outer = outer_address()
        if outer:
            hosts.append(outer)
            self.assertEqual(self.ask(self.sink.url('/', outer), '--reach', 'any').get('status'), 200)
        for host in hosts:
            answer = self.ask(self.sink.url('/', host), '--allow', f'{host}:{port}', '--own-port', port)
            self.assertEqual(answer['err'], EDENIED, host)
            self.assertIn(str(port), answer['words'])


def outer_address():
    """Of this machine, as the network sees it; none without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(('192.0.2.1', 9))
            address = sock.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith(('127.', '169.254.')) else address


class Safely(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates().make('good').make('wrong', 'DNS:elsewhere.example')
        cls.certificates.make('old', days='0')
        cls.good = Sink(context=cls.certificates.server('good'))

    @classmethod
    def tearDownClass(cls):
        cls.good.close()
        cls.certificates.close()

    def ask(self, sink, *arguments, host='localhost'):
        (answer,), _ = probe('--allow', f'{host}:{sink.port}', '--ca', self.certificates.path('ca.pem'), *arguments,
                             sink.url('/tls', host, 'https'))
        return answer

    def test_a_certificate_that_holds(self):
        for host in ('localhost', '127.0.0.1'):
            answer = self.ask(self.good, '--method', 'POST', '--body', 1000000, host=host)
            self.assertEqual(answer.get('status'), 200, answer)

    def test_large_ones_both_ways(self):
        sink = self.good
        answers, _ = probe('--allow', f'https://localhost:{sink.port}', '--ca', self.certificates.path('ca.pem'),
                           '--method', 'POST', '--body', 6 << 20, *[sink.url('/bytes/6291456', 'localhost', 'https')] * 3)
        self.assertEqual([a.get('bytes') for a in answers], [6 << 20] * 3)
        self.assertEqual(len(self.good.taken()[-1]['body']), 6 << 20)

    def test_certificates_that_do_not(self):
        (answer,), _ = probe('--allow', f'localhost:{self.good.port}', self.good.url('/', 'localhost', 'https'))
        self.assertEqual(answer['err'], EPROTO) # an issuer that the system does not know
        for name in ('wrong', 'old'):
            sink = Sink(context=self.certificates.server(name))
            try:
                time.sleep(1.1 if name == 'old' else 0)
                answer = self.ask(sink)
                self.assertEqual(answer.get('err'), EPROTO, (name, answer))
                self.assertIn('certificate', answer['words'])
                self.assertEqual(sink.taken(), [])
            finally:
                sink.close()

    def test_no_tls_there(self):
        sink = Sink()
        try:
            answer = self.ask(sink)
            self.assertIn(answer['err'], (EPROTO, EIO))
        finally:
            sink.close()
        # Who speaks TLS does not answer those who do not.
        (answer,), _ = probe('--allow', f'localhost:{self.good.port}', self.good.url('/', 'localhost'))
        self.assertIn(answer['err'], (EPROTO, EIO))

    def test_a_handshake_that_never_ends(self):
        with socket.socket() as listener:
            listener.bind(('127.0.0.1', 0))
            listener.listen()
            port = listener.getsockname()[1]
            (answer,), _ = probe('--allow', f'localhost:{port}', '--deadline', 400, f'https://localhost:{port}/')
            self.assertEqual(answer['err'], ETIMEDOUT)


class Secrets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sink = Sink()
        cls.folder = tempfile.TemporaryDirectory(prefix='mf-secrets-')
        for name, value, mode in (('token', 'sesame-open-1234\n', 0o600), ('crlf', 'a\r\nx-evil: 1', 0o600),
                                  ('open', 'x', 0o644), ('other', 'other-value-99', 0o600), ('short', '1234567', 0o600)):
            path = os.path.join(cls.folder.name, name)
            with open(path, 'w', newline='') as file:
                file.write(value)
            os.chmod(path, mode)
        os.symlink('token', os.path.join(cls.folder.name, 'link'))
        os.mkfifo(os.path.join(cls.folder.name, 'fifo'), 0o600)
        os.mkdir(os.path.join(cls.folder.name, 'dir'), 0o700)

    @classmethod
    def tearDownClass(cls):
        cls.sink.close()
        cls.folder.cleanup()

    def ask(self, path, header, *arguments):
        (answer,), _ = probe('--allow', f'127.0.0.1:{self.sink.port}', '--secrets', self.folder.name,
                             '--header', header, *arguments, self.sink.url(path))
        return answer

    def test_one_is_spliced(self):
        answer = self.ask('/spliced', 'authorization: Bearer ${secret:token}', '--splice', 'token')
        self.assertEqual(answer['status'], 200)
        got = [r for r in self.sink.taken() if r['path'] == '/spliced'][-1]
        self.assertEqual(got['headers']['authorization'], 'Bearer sesame-open-1234')

    def test_what_may_not_be(self):
        before = len(self.sink.taken())
        names = ('--splice', 'token', '--splice', 'crlf', '--splice', 'short', '--splice', 'open', '--splice', 'gone', '--splice', 'link',
                 '--splice', 'fifo', '--splice', 'dir')
        for name, err in (('other', EDENIED), ('crlf', EINVAL), ('short', EDENIED), ('open', EDENIED), ('gone', ENOENT),
                          ('../token', EINVAL), ('', EINVAL), ('link', None), ('fifo', None), ('dir', None)):
            answer = self.ask('/no', 'x-a: ${secret:' + name + '}', *names)
            self.assertIn('err', answer, name)
            if err:
                self.assertEqual(answer['err'], err, (name, answer))
            self.assertNotIn('sesame', json.dumps(answer))
            self.assertNotIn('evil', json.dumps(answer))
            self.assertNotIn('1234567', json.dumps(answer))
        self.assertEqual(len(self.sink.taken()), before)

    def test_without_leave_it_is_text(self):
        self.ask('/text', 'x-a: ${secret:token}')
        got = [r for r in self.sink.taken() if r['path'] == '/text'][-1]
        self.assertEqual(got['headers']['x-a'], '${secret:token}')

    def test_an_answer_does_not_repeat_it(self):
        answer = self.ask('/echo', 'x-a: <${secret:token}>', '--splice', 'token')
        self.assertEqual(answer['err'], EDENIED)
        self.assertIn('withheld', answer['words'])
        self.assertNotIn('sesame', json.dumps(answer))


if __name__ == '__main__':
    import argparse
    import sys
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', required=True)
    harness.ARGS, rest = parser.parse_known_args()
    unittest.main(module='__main__', argv=[sys.argv[0]] + rest, verbosity=2)
