"""FETCH and SECRET: what a running function reaches, through the node and as its settings say."""
import json
import os
import signal
import tempfile
import threading
import unittest
import urllib.parse

import harness
from harness import Node, NodeTest, wait_until
from sinks import Certificates, Sink
from test_egress import outer_address


class Fetch(NodeTest):
    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates().make('good')
        cls.sink = Sink('0.0.0.0')
        cls.safe = Sink(context=cls.certificates.server('good'))
        cls.folder = tempfile.TemporaryDirectory(prefix='mf-secrets-')
        for name, value in (('token', 'sesame-open-1234'), ('readable', 'read-me-5678\n'), ('other', 'x'), ('pin', '1234')):
            with open(os.path.join(cls.folder.name, name), 'w') as file:
                file.write(value)
            os.chmod(os.path.join(cls.folder.name, name), 0o600)
        cls.OPTIONS = ('--secrets', cls.folder.name, '--egress-ca', cls.certificates.path('ca.pem'))
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.sink.close()
        cls.safe.close()
        cls.folder.cleanup()
        cls.certificates.close()

    @classmethod
    def prepare(cls):
        cls.allow = {'http': [f'127.0.0.1:{cls.sink.port}', f'localhost:{cls.sink.port}', f'https://localhost:{cls.safe.port}',
                              f'localhost:{cls.node.port}', f'127.0.0.1:{cls.node.port}',
                              f'evil.localhost:{cls.sink.port}'],
                     'secrets': ['readable', 'pin'], 'splice': ['token']}
        if outer_address():
            cls.allow['http'].append(f'{outer_address()}:{cls.node.port}')
        cls.node.deploy('f', 'asks', allow=cls.allow)
        cls.node.deploy('nothing', 'asks', allow={})
        cls.node.deploy('clean', 'asks', allow=cls.allow, isolation='reset' if harness.ARGS.sandbox == 'kvm' else 'fresh')

    def ask(self, what, body=b'', name='f', **query):
        answer = self.node.http('POST', f'/function/{name}/{what}?' + urllib.parse.urlencode(query), body)
        self.assertEqual(answer.status, 200, answer.body)
        return answer

    def fetch(self, url, body=b'', **query):
        answer = self.ask('fetch', body, url=url, **query)
        return answer.header('X-Error'), answer

    def test_a_webhook(self):
        error, answer = self.fetch(self.sink.url('/hook'), b'{"text":"too warm"}', header='content-type', value='application/json')
        self.assertEqual((error, answer.header('X-Status'), answer.body), ('ok', '200', b'ok'))
        got = [r for r in self.sink.taken() if r['path'] == '/hook'][-1]
        self.assertEqual((got['method'], got['body'], got['headers']['content-type']),
                         ('POST', b'{"text":"too warm"}', 'application/json'))

    def test_each_event_finds_its_own(self):
        for i in range(10):
            error, answer = self.fetch(self.sink.url(f'/status/{210 + i}'), name='clean')
            self.assertEqual((error, answer.header('X-Status')), ('ok', str(210 + i)))

    def test_tls(self):
        error, answer = self.fetch(self.safe.url('/bytes/60000', 'localhost', 'https'))
        self.assertEqual((error, len(answer.body)), ('ok', 60000))

    def test_what_is_not_allowed(self):
        for url in (self.sink.url('/', '[::1]'), 'http://example.com/', self.safe.url('/', 'localhost'),
                    self.sink.url('/', 'evil.localhost')):
            error, answer = self.fetch(url)
            self.assertEqual(error, 'denied', url)
            self.assertTrue(answer.header('X-Words'))
        said = '\n'.join(line['text'] for line in self.node.logs('f'))
        self.assertIn('fetch is denied', said)
        self.assertIn('evil.localhost is at', said)
        error, _ = self.fetch(self.sink.url('/'), name='nothing')
        self.assertEqual(error, 'denied')

    def test_own_gateway_never(self):
        hosts = ['127.0.0.1', 'localhost'] + ([outer_address()] if outer_address() else [])
        for host in hosts:
            error, _ = self.fetch(f'http://{host}:{self.node.port}/function/f/get?key=k/1')
            self.assertIn(error, ('denied', 'unavailable'), host)
        self.assertEqual(self.fetch(f'http://127.0.0.1:{self.node.port}/healthz')[0], 'denied')

    def test_nonsense(self):
        for url in ('x', 'ftp://h/', 'http://2130706433/', 'http://h:0/'):
            self.assertEqual(self.fetch(url)[0], 'invalid', url)
        self.assertEqual(self.fetch(self.sink.url('/'), method='CONNECT')[0], 'invalid')

    def test_answers(self):
        error, answer = self.fetch(self.sink.url('/redirect?http://localhost/x'))
        self.assertEqual((error, answer.header('X-Status')), ('ok', '302'))
        self.assertEqual(self.fetch(self.sink.url('/status/503'))[1].header('X-Status'), '503')
        self.assertEqual(self.fetch(self.sink.url('/bytes/70000'))[0], 'too-large')
        self.assertEqual(self.fetch(self.sink.url('/slow'), timeout=300)[0], 'timed-out')
        self.assertEqual(self.fetch(self.sink.url('/raw/'))[0], 'unavailable')

    def test_a_secret_that_may_be_read(self):
        answer = self.ask('secret', secret='readable')
        self.assertEqual((answer.header('X-Error'), answer.body), ('ok', b'read-me-5678'))
        for name in ('token', 'other', 'gone'):
            self.assertEqual(self.ask('secret', secret=name).header('X-Error'), 'denied', name)
        self.assertEqual(self.ask('secret', name='nothing', secret='readable').header('X-Error'), 'denied')

    def test_secrets_that_are_spliced(self):
        for name, value in (('token', 'sesame-open-1234'), ('readable', 'read-me-5678'), ('pin', '1234')):
            error, _ = self.fetch(self.sink.url('/spliced'), header='authorization', value='Bearer ${secret:' + name + '}')
            self.assertEqual(error, 'ok')
            self.assertEqual(self.sink.taken()[-1]['headers']['authorization'], 'Bearer ' + value)
        before = len(self.sink.taken())
        self.assertEqual(self.fetch(self.sink.url('/no'), header='x', value='${secret:other}')[0], 'denied')
        self.assertEqual(self.fetch(self.sink.url('/no'), header='x', value='${secret:other')[0], 'invalid')
        self.assertEqual(len(self.sink.taken()), before)
        error, answer = self.fetch(self.sink.url('/echo'), header='x-token', value='${secret:token}')
        self.assertEqual(error, 'denied')
        self.assertNotIn(b'sesame', answer.body + json.dumps(answer.headers).encode())
        self.assertNotIn('sesame', json.dumps(self.node.logs('f')))
        self.assertNotIn(b'sesame', self.node.log())

    def test_an_instance_that_ends_meanwhile(self):
        """By its deadline, and by somebody's hand: the request is given up, the node goes on."""
        self.node.deploy('short', 'asks', allow=self.allow, timeout_ms=500)
        answer = self.node.http('POST', '/function/short/fetch?' + urllib.parse.urlencode({'url': self.sink.url('/slow')}))
        self.assertIn((answer.status, answer.header('X-Error')), ((504, None), (200, 'timed-out'))) # one deadline
        self.node.deploy('killed', 'asks', allow=self.allow)
        results = []
        thread = threading.Thread(target=lambda: results.append(self.node.http(
            'POST', '/function/killed/fetch?' + urllib.parse.urlencode({'url': self.sink.url('/slow')}))))
        before = len(self.sink.taken())
        thread.start()
        wait_until(lambda: len(self.sink.taken()) > before, 'the request')
        os.kill(self.node.instance_pid('killed'), signal.SIGKILL)
        thread.join(harness.PATIENCE_S)
        self.assertEqual(results[0].status, 502)
        self.assertEqual(self.fetch(self.sink.url('/status/200'))[0], 'ok')

    def test_many_at_once(self):
        self.node.deploy('many', 'asks', allow=self.allow, max_instances=24)
        results = []

        def work(number):
            for _ in range(5):
                answer = self.node.http('POST', '/function/many/fetch?' + urllib.parse.urlencode(
                    {'url': self.sink.url(f'/bytes/{number}')}))
                results.append((answer.header('X-Error'), len(answer.body) == number))
        threads = [threading.Thread(target=work, args=(100 + i,)) for i in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(3 * harness.PATIENCE_S)
        self.assertEqual(results, [('ok', True)] * 120)


class Ends(unittest.TestCase):
    def test_a_node_that_stops_meanwhile(self):
        sink = Sink()
        node = Node()
        try:
            node.deploy('f', 'asks', allow={'http': [f'127.0.0.1:{sink.port}']}, timeout_ms=60000)
            thread = threading.Thread(target=self.swallow, args=(node, sink.url('/slow')))
            thread.start()
            wait_until(sink.taken, 'the request')
            node.process.send_signal(signal.SIGTERM)
            wait_until(lambda: b'node.stops' in node.log(), 'the first')
            node.process.send_signal(signal.SIGTERM) # at once
            self.assertEqual(node.process.wait(harness.PATIENCE_S), 1)
            thread.join(harness.PATIENCE_S)
        finally:
            node.process.kill()
            sink.close()

    def swallow(self, node, url):
        try:
            node.http('POST', '/function/f/fetch?' + urllib.parse.urlencode({'url': url}))
        except OSError:
            pass
        except Exception as error: # of http.client, when the connection ends
            self.assertIn('http.client', type(error).__module__)

    def test_without_secrets(self):
        node = Node()
        try:
            node.deploy('f', 'asks', allow={'secrets': ['a']})
            answer = node.http('POST', '/function/f/secret?secret=a')
            self.assertEqual(answer.header('X-Error'), 'not-found')
            self.assertIn('--secrets', answer.header('X-Words'))
        finally:
            node.close()


if __name__ == '__main__':
    harness.main()
