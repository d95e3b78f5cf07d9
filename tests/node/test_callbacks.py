"""Word to callers of asynchronous calls (X-Callback-Url): what they get, when, where it may go."""
import itertools
import json
import os
import re
import signal
import threading
import time
import unittest

import harness
from harness import Node, NodeTest, wait_until
from sinks import Gate, Hole, Sink, unused_port


def call(node, path, url, body=b'', call_id=None, name='f'):
    headers = {'X-Callback-Url': url}
    if call_id:
        headers['X-Call-Id'] = call_id
    return node.http('POST', f'/async-function/{name}{path}', body, headers)


def letters(sink, call_id):
    return [r for r in sink.taken() if r['headers'].get('x-call-id') == call_id]


class Callbacks(NodeTest):
    OPTIONS = ()

    @classmethod
    def setUpClass(cls):
        cls.sink = Sink(answer=cls.answer)
        cls.refusals = {}
        cls.closed = unused_port()
        cls.OPTIONS = ('--callbacks', f'127.0.0.1:{cls.sink.port},localhost:{cls.closed},evil.localhost:{cls.sink.port}')
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.sink.close()

    @classmethod
    def answer(cls, request):
        """The first so many POSTs to a path /refuse/N/STATUS/… are answered so."""
        parts = request['path'].split('/')
        if parts[1] == 'refuse':
            seen = cls.refusals[request['path']] = cls.refusals.get(request['path'], 0) + 1
            if seen <= int(parts[2]):
                return int(parts[3]), b'no'
        return 200, b'ok'

    @classmethod
    def prepare(cls):
        cls.node.deploy('f', 'trouble', attempts_max=1)

    def told(self, path, body=b'', at='/told'):
        answer = call(self.node, path, self.sink.url(at), body)
        self.assertEqual((answer.status, answer.body), (202, b''))
        got = wait_until(lambda: letters(self.sink, answer.header('X-Call-Id')), 'a letter')
        self.assertEqual(len(got), 1)
        return got[0]

    def test_what_the_function_said(self):
        got = self.told('/headers')
        self.assertEqual((got['method'], got['path'], got['body']), ('POST', '/told', b'headers'))
        headers = got['headers']
        self.assertEqual((headers['x-function-status'], headers['x-function-name'], headers['x-one']),
                         ('207', 'f', '1'))
        self.assertGreaterEqual(float(headers['x-duration-seconds']), 0)
        self.assertEqual([v for k, v in got['list'] if k.lower() == 'set-cookie'], ['a=1', 'b=2'])
        self.assertEqual([v for k, v in got['list'] if k.lower() == 'x-call-id'], [headers['x-call-id']])
        self.assertNotEqual(headers['x-call-id'], 'forged')
        self.assertEqual((headers['content-length'], headers['host']), ('7', f'127.0.0.1:{self.sink.port}'))

    def test_large_replies(self):
        self.assertEqual(len(self.told('/bytes?n=6291456')['body']), 6 << 20)
        self.assertEqual(self.told('/status?n=204')['body'], b'')

    def test_refusals_of_the_function(self):
        self.assertEqual(self.told('/status?n=404')['headers']['x-function-status'], '404')
        got = self.told('/status?n=500')
        self.assertEqual((got['headers']['x-function-status'], got['body']), ('500', b'status 500'))

    def test_functions_that_gave_no_answer(self):
        for path, status, code in (('/null', '503', 'instance-fault'), ('/abort', '503', 'instance-fault'),
                                   ('/fail?n=3', '500', 'handler-failed')):
            got = self.told(path)
            self.assertEqual(got['headers']['x-function-status'], status, path)
            error = json.loads(got['body'])['error']
            self.assertEqual((error['code'], error['function'], error['call']),
                             (code, 'f', got['headers']['x-call-id']), path)
            self.assertEqual(got['headers']['content-type'], 'application/json')

    def test_one_that_was_dropped(self):
        """It waited, and made room for another: its caller had a 202, and hears of its end."""
        gate = Gate()
        self.addCleanup(gate.close)
        self.node.deploy('d', 'trouble', max_instances=1, queue_max=2, overload='drop-oldest', **gate.settings)
        self.addCleanup(gate.open)
        self.assertEqual(self.node.http('POST', f'/async-function/d/{gate.path}').status, 202)
        wait_until(gate.held, 'the first')
        self.assertEqual(call(self.node, '/count', self.sink.url('/dropped'), b'x' * 100000, 'unlucky', 'd').status, 202)
        self.assertEqual(call(self.node, '/count', self.sink.url('/next'), b'', 'lucky', 'd').status, 202)
        got, = wait_until(lambda: letters(self.sink, 'unlucky'), 'a letter')
        self.assertEqual((got['path'], got['headers']['x-function-status'], got['headers']['x-function-name']),
                         ('/dropped', '503', 'd'))
        error = json.loads(got['body'])['error']
        self.assertEqual((error['code'], error['function'], error['call']), ('dropped', 'd', 'unlucky'))
        self.assertIn('its queue was full', error['message'])
        self.assertEqual(self.node.api('GET', '/v1/calls/unlucky').json['state'], 'dropped')
        gate.open()
        got, = wait_until(lambda: letters(self.sink, 'lucky'), 'the other letter')
        self.assertEqual(got['headers']['x-function-status'], '200')

    def test_one_that_became_a_dead_letter_at_once(self):
        gate = Gate()
        self.addCleanup(gate.close)
        self.node.deploy('b', 'trouble', max_instances=1, queue_max=1, overload='dead-letter', **gate.settings)
        self.addCleanup(gate.open)
        self.assertEqual(self.node.http('POST', f'/async-function/b/{gate.path}').status, 202)
        self.assertEqual(call(self.node, '/count', self.sink.url('/buried'), b'x' * 100000, 'buried', 'b').status, 202)
        got, = wait_until(lambda: letters(self.sink, 'buried'), 'a letter')
        error = json.loads(got['body'])['error']
        self.assertEqual((got['headers']['x-function-status'], error['code'], error['call']),
                         ('503', 'dead-letter', 'buried'))

    def test_one_that_became_too_old(self):
        gate = Gate()
        self.addCleanup(gate.close)
        self.node.deploy('a', 'trouble', max_instances=1, max_age_s=1, **gate.settings)
        self.addCleanup(gate.open)
        self.assertEqual(self.node.http('POST', f'/async-function/a/{gate.path}').status, 202)
        wait_until(gate.held, 'the first')
        self.assertEqual(call(self.node, '/count', self.sink.url('/old'), b'', 'stale', 'a').status, 202)
        time.sleep(1.1)
        gate.open()
        got, = wait_until(lambda: letters(self.sink, 'stale'), 'a letter')
        error = json.loads(got['body'])['error']
        self.assertEqual((got['headers']['x-function-status'], error['code'], error['function'], error['call']),
                         ('503', 'dead-letter', 'a', 'stale'))
        self.assertIn('max_age_s', error['message'])

    def test_only_the_end_is_told(self):
        self.node.deploy('r', 'trouble', attempts_max=2)
        answer = call(self.node, '/status?n=503', self.sink.url('/end'), name='r')
        got = wait_until(lambda: letters(self.sink, answer.header('X-Call-Id')), 'a letter')
        self.assertEqual([r['headers']['x-function-status'] for r in got], ['503'])
        lines = [line['text'] for line in self.node.logs('r') if line.get('call') == answer.header('X-Call-Id')]
        self.assertTrue(any('attempt 2 of 2' in line for line in lines))

    def test_bad_urls(self):
        for bad in ('no', 'ftp://h/x', 'http://', 'http:///x', '//h/x', 'http://h/a b', 'http://:80/', 'http://u@/',
                    'https://h/"', 'http://2130706433/', 'http://h:0/', ''):
            answer = call(self.node, '/count', bad)
            self.assertEqual((answer.status, answer.error['code']), (400, 'bad-request'), bad)
        connection = self.node.connect()
        connection.putrequest('POST', '/async-function/f/count')
        for _ in range(2):
            connection.putheader('X-Callback-Url', self.sink.url('/two'))
        connection.putheader('Content-Length', '0')
        connection.endheaders()
        self.assertEqual(connection.getresponse().status, 400)
        connection.close()

    def test_places_that_are_not_named(self):
        for host in ('127.0.0.1:1', 'localhost:1', 'example.com', '[::1]:80', '169.254.169.254',
                     f'127.0.0.1:{self.node.port}', f'localhost:{self.node.port}'):
            answer = call(self.node, '/count', f'http://{host}/')
            self.assertEqual(answer.status, 400, host)
            self.assertIn('--callbacks', answer.error['message'])

    def test_a_name_that_leads_inside_gets_nothing(self):
        answer = call(self.node, '/count', self.sink.url('/inside', 'evil.localhost'))
        self.assertEqual(answer.status, 202)
        wait_until(lambda: b'callback.waits call=' + answer.header('X-Call-Id').encode() in self.node.log(), 'a refusal')
        self.assertEqual(letters(self.sink, answer.header('X-Call-Id')), [])

    def test_a_host_that_refuses_is_asked_again(self):
        for status in (503, 429, 0):
            path = f'/refuse/2/{status}/{time.time_ns()}'
            answer = call(self.node, '/count', self.sink.url(path))
            self.assertEqual(answer.status, 202)
            wait_until(lambda: len(letters(self.sink, answer.header('X-Call-Id'))) == 3, 'the third', 120)
        time.sleep(0.2)
        self.assertEqual(len(letters(self.sink, answer.header('X-Call-Id'))), 3)

    def test_a_host_that_does_not_want_it_is_not(self):
        for status in (404, 302, 410):
            answer = call(self.node, '/count', self.sink.url(f'/refuse/9/{status}/{time.time_ns()}'))
            identity = answer.header('X-Call-Id').encode()
            wait_until(lambda: b'callback.lost call=' + identity in self.node.log(), 'word in the log')
            self.assertEqual(len(letters(self.sink, answer.header('X-Call-Id'))), 1)

    def test_a_password_in_the_url(self):
        answer = call(self.node, '/count', self.sink.url('/secret-path').replace('//', '//me:hush@'))
        got = wait_until(lambda: letters(self.sink, answer.header('X-Call-Id')), 'a letter')
        self.assertEqual(got[0]['headers']['authorization'], 'Basic bWU6aHVzaA==')
        self.assertNotIn(b'hush', self.node.log())


class Where(unittest.TestCase):
    """What --callbacks may say."""

    def test_none(self):
        node = Node('--callbacks', 'none')
        try:
            node.deploy('f', 'trouble')
            answer = call(node, '/count', 'http://example.com/')
            self.assertEqual((answer.status, answer.error['code']), (501, 'no-callbacks'))
            self.assertEqual(call(node, '/count', 'nonsense').status, 400)
        finally:
            node.close()

    def test_without_it_the_public_internet(self):
        node = Node()
        try:
            node.deploy('f', 'trouble')
            for host in ('127.0.0.1', 'localhost', '10.0.0.1', '192.168.1.1', '[fd00::1]', '169.254.169.254',
                         '0.0.0.0', '[::ffff:127.0.0.1]', f'127.0.0.1:{node.port}'):
                self.assertEqual(call(node, '/count', f'http://{host}/x').status, 400, host)
            answer = call(node, '/count', 'http://a.localhost:9/') # a name: its address decides
            self.assertEqual(answer.status, 202)
            wait_until(lambda: b'callback.waits' in node.log(), 'a refusal')
            self.assertIn(b'nothing may be sent to', node.log())
        finally:
            node.close()

    def test_own_port_never(self):
        port = unused_port()
        node = Node('--callbacks', f'any,127.0.0.1:{port}', '--listen', f'127.0.0.1:{port}')
        try:
            node.deploy('f', 'trouble')
            answer = call(node, '/count', f'http://127.0.0.1:{port}/function/f/log?n=1')
            self.assertEqual(answer.status, 202)
            wait_until(lambda: b'callback.waits' in node.log(), 'a refusal')
            self.assertEqual([line for line in node.logs('f') if 'line 0' in line['text']], [])
        finally:
            node.close()

    def test_nonsense(self):
        for bad in ('', 'x', 'h:', 'h:0', '*:80', 'public,', ',', 'h:80,,', 'public;any', 'none,any'):
            with self.assertRaises(RuntimeError, msg=bad) as raised:
                Node('--callbacks', bad)
            self.assertIn('--callbacks', str(raised.exception))


class Durable(unittest.TestCase):
    """Killed in between, offline for a while: every letter arrives."""

    def test_kills(self):
        sink = Sink()
        node = Node('--callbacks', f'127.0.0.1:{sink.port}')
        try:
            node.deploy('f', 'trouble')
            calls = []
            for round_ in range(8):
                for i in range(10):
                    answer = call(node, '/count', sink.url(f'/{round_}'), call_id=f'{round_}-{i}')
                    self.assertEqual(answer.status, 202)
                    calls.append(f'{round_}-{i}')
                time.sleep(0.003 * (round_ % 4))
                os.kill(node.process.pid, signal.SIGKILL)
                node.process.wait()
                node.start()
            got = lambda: {r['headers']['x-call-id'] for r in sink.taken()}
            wait_until(lambda: got() == set(calls), 'all letters', 180)
            for request in sink.taken():
                self.assertEqual(request['headers']['x-function-status'], '200')
        finally:
            node.close()
            sink.close()

    def test_offline(self):
        """Nobody there, the node restarted meanwhile; then somebody is: each arrives, once."""
        port = unused_port()
        node = Node('--callbacks', f'127.0.0.1:{port}')
        sink = None
        try:
            node.deploy('f', 'trouble')
            for i in range(20):
                self.assertEqual(call(node, '/count', f'http://127.0.0.1:{port}/late', call_id=f'late-{i}').status, 202)
            wait_until(lambda: b'callback.waits' in node.log(), 'a failure')
            node.stop()
            node.start()
            sink = Sink(port=port)
            wait_until(lambda: len(sink.taken()) >= 20, 'all letters', 180)
            self.assertEqual(sorted(r['headers']['x-call-id'] for r in sink.taken()), sorted(f'late-{i}' for i in range(20)))
        finally:
            node.close()
            if sink:
                sink.close()

    def test_a_host_that_hangs_does_not_hold_up_others(self):
        sink = Sink()
        hanging = threading.Event()
        slow = Sink(answer=lambda request: (hanging.wait(600), (200, b'ok'))[1])
        node = Node('--callbacks', f'127.0.0.1:{sink.port},127.0.0.1:{slow.port}')
        try:
            node.deploy('f', 'trouble')
            for i in range(60):
                self.assertEqual(call(node, '/count', slow.url('/slow'), call_id=f'slow-{i}').status, 202)
            wait_until(slow.taken, 'the slow ones')
            for i in range(10):
                self.assertEqual(call(node, '/count', sink.url('/quick'), call_id=f'quick-{i}').status, 202)
            wait_until(lambda: len(sink.taken()) == 10, 'the quick ones', 180)
        finally:
            hanging.set()
            node.close()
            sink.close()
            slow.close()

    def passes_hosts_that_hang(self, count):
        """Small letters, enough for all places: does who is well get its own before any of these has had its time?"""
        sink = Sink()
        hanging = threading.Event()
        slow = [Sink(answer=lambda request: (hanging.wait(600), (200, b'ok'))[1]) for _ in range(count)]
        node = Node('--callbacks', ','.join(f'127.0.0.1:{s.port}' for s in slow + [sink]))
        try:
            node.deploy('f', 'trouble')
            for i in range(6):
                for s in slow:
                    self.assertEqual(call(node, '/count', s.url('/slow'), call_id=f'slow-{i}-{s.port}').status, 202)
            wait_until(lambda: all(s.taken() for s in slow), 'one to each that hangs')
            self.assertEqual(call(node, '/count', sink.url('/quick'), call_id='quick').status, 202)
            wait_until(sink.taken, 'the quick one')
            return b'callback.waits' not in node.log()
        finally:
            hanging.set()
            node.close()
            for s in slow + [sink]:
                s.close()

    def beside_hosts_that_hang(self, count):
        """Each letter's time is ten seconds, in which a machine with other work may not get so far: so, once of three."""
        self.assertTrue(any(self.passes_hosts_that_hang(count) for _ in range(3)))

    def test_small_letters_to_four_hosts_that_hang_leave_places(self):
        self.beside_hosts_that_hang(4)

    def test_small_letters_to_eight_hosts_that_hang_leave_places(self):
        self.beside_hosts_that_hang(8)

    def test_a_slow_host_has_a_part_of_the_places(self):
        """Four at a time, whoever else waits; each arrives, once, and so do the others' meanwhile."""
        lock, inside, most = threading.Lock(), [0], [0]

        def slowly(_):
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            time.sleep(1)
            with lock:
                inside[0] -= 1
            return 200, b'ok'
        sink, slow = Sink(), Sink(answer=slowly)
        node = Node('--callbacks', f'127.0.0.1:{sink.port},127.0.0.1:{slow.port}')
        try:
            node.deploy('f', 'trouble')
            for i in range(24):
                self.assertEqual(call(node, '/count', slow.url('/later'), call_id=f'slow-{i}').status, 202)
            self.assertEqual(call(node, '/count', sink.url('/quick'), call_id='quick').status, 202)
            wait_until(lambda: sink.taken(), 'the quick one')
            wait_until(lambda: len(slow.taken()) == 24, 'the slow ones', 180)
            self.assertEqual(sorted(r['headers']['x-call-id'] for r in slow.taken()), sorted(f'slow-{i}' for i in range(24)))
            self.assertLessEqual(most[0], 4)
        finally:
            node.close()
            sink.close()
            slow.close()

    def test_large_letters_leave_room(self):
        """To hosts that hang: they hold no more than their quarter of the buffer, so calls go on and
        small letters to others arrive; each large one does in the end, once."""
        sink = Sink()
        hanging = threading.Event()
        slow = [Sink(answer=lambda request: (hanging.wait(1), (200, b'ok'))[1]) for _ in range(3)]
        places = ','.join(f'127.0.0.1:{s.port}' for s in slow + [sink])
        node = Node('--callbacks', places, '--buffer-mib', '64')
        try:
            node.deploy('f', 'trouble')
            sent = [[], [], []]
            for i in range(18):
                sent[i % 3].append(f'large-{i}')
                answer = call(node, f'/bytes?n={5 << 20}', slow[i % 3].url('/large'), call_id=f'large-{i}')
                self.assertEqual(answer.status, 202)
            wait_until(lambda: any(s.taken() for s in slow), 'the first large one')
            for name in sum(sent, []):  # what is being delivered counts, too
                wait_until(lambda: node.api('GET', '/v1/calls/' + name).json['state'] == 'delivered', name)

            def buffered():
                return int(re.search(r'^mayfly_buffered_bytes (\d+)', node.api('GET', '/metrics').body.decode(), re.M)[1])
            most = 0
            for i in range(20):
                answer = node.http('POST', '/function/f/bytes?n=6291456', b'x' * (5 << 20))
                self.assertEqual((answer.status, len(answer.body)), (200, 6291456))
                most = max(most, buffered())
            self.assertEqual(call(node, '/count', sink.url('/quick'), call_id='quick').status, 202)
            wait_until(sink.taken, 'the small one')
            self.assertLessEqual(most, (16 + 6 + 6) << 20) # the quarter; an event that is delivered and its reply
            hanging.set()
            wait_until(lambda: sum(len(s.taken()) for s in slow) == 18, 'the large ones', 240)
            for s, expected in zip(slow, sent):
                self.assertEqual(sorted(r['headers']['x-call-id'] for r in s.taken()), sorted(expected))
        finally:
            hanging.set()
            node.close()
            for s in slow + [sink]:
                s.close()

    def large_to(self, node, holes, each=1):
        """Letters of 6 MiB that wait, or are on their way, to hosts that read nothing."""
        names = [f'large-{i}' for i in range(each * len(holes))]
        for i, name in enumerate(names):
            self.assertEqual(call(node, f'/bytes?n={6 << 20}', holes[i % len(holes)].url(), call_id=name).status, 202)
        for name in names:
            wait_until(lambda name=name: node.api('GET', '/v1/calls/' + name).json['state'] == 'delivered', name)

    def small_beside_large(self):
        """Two large letters to a host that reads nothing, then a small one to another: has it arrived before
        any of them was given up, and how many were on their way?"""
        sink, hole = Sink(), Hole()
        node = Node('--callbacks', f'127.0.0.1:{hole.port},127.0.0.1:{sink.port}', '--buffer-mib', '64')
        try:
            node.deploy('f', 'trouble')
            self.large_to(node, [hole], each=2)
            wait_until(lambda: hole.connections, 'the first one')
            self.assertEqual(call(node, '/count', sink.url('/quick'), call_id='quick').status, 202)
            wait_until(sink.taken, 'the small one')
            return b'callback.waits' not in node.log(), len(hole.connections)
        finally:
            hole.close()  # so that nothing is under way when the node stops
            node.close()
            sink.close()

    def test_a_host_that_reads_nothing_leaves_room(self):
        """A second large letter to it is not on its way beside the first: others have that room."""
        for _ in range(8):  # a slow machine takes its ten seconds for something else
            before, on_their_way = self.small_beside_large()
            if before:
                break
        self.assertTrue(before)
        self.assertEqual(on_their_way, 1)

    def test_hosts_that_read_nothing_are_cut_short(self):
        """Once others wait for the room that their letters have."""
        sink, holes = Sink(), [Hole() for _ in range(3)]
        places = ','.join(f'127.0.0.1:{each.port}' for each in holes + [sink])
        node = Node('--callbacks', places, '--buffer-mib', '64')
        try:
            node.deploy('f', 'trouble')
            self.large_to(node, holes)
            wait_until(lambda: sum(len(hole.connections) for hole in holes) >= 2, 'two of them')
            numbers = itertools.count()

            def others_wait():
                """On a slow machine the large ones may have had their ten seconds, and begin again."""
                name = f'quick-{next(numbers)}'
                self.assertEqual(call(node, '/count', sink.url('/quick'), call_id=name).status, 202)
                time.sleep(0.2)
                return b'others wait for its room' in node.log()
            wait_until(others_wait, 'word of it', 180)
            wait_until(sink.taken, 'the small one')
        finally:
            for each in holes:
                each.close()
            node.close()
            sink.close()

    def test_an_idle_node_sleeps(self):
        if harness.sanitized():
            self.skipTest('a sanitizer has threads of its own')
        sink = Sink()
        node = Node('--callbacks', f'127.0.0.1:{sink.port}')
        try:
            node.deploy('f', 'trouble', idle_ms=200)
            answer = call(node, '/count', sink.url('/x'))
            wait_until(lambda: letters(sink, answer.header('X-Call-Id')), 'a letter')
            wait_until(lambda: not node.function('f')['instances'], 'no instance')
            time.sleep(1.5) # the pool's own after-care
            wait_until(lambda: node.wakes(1) <= 1, 'a second of sleep')
        finally:
            node.close()
            sink.close()


if __name__ == '__main__':
    harness.main()
