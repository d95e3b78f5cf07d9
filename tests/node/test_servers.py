"""Programs that know nothing of mayfly, servers of HTTP, as functions (contract: http): each
event is a request on their port. C (server/server.c) and Go (server/hello.go), cold, warm, from
a snapshot; bodies of any size; and servers that answer badly. Clients of the Lambda Runtime API
(contract: lambda, server/bootstrap.c), actions of OpenWhisk's, and commands (contract: stdio,
server/filter.c), too."""
import concurrent.futures
import json
import re
import time
import unittest

import harness
from harness import NodeTest, wait_until

MIB = 1 << 20


def pattern(size):
    return bytes((i * 31 + (i >> 8)) & 255 for i in range(min(size, 65536))) * (size // 65536 + 1)


class Server(NodeTest):
    @classmethod
    def prepare(cls):
        cls.node.deploy('server', timeout_ms=60000)

    def call(self, path, body=None, method=None, headers=None):
        return self.node.http(method or ('GET' if body is None else 'POST'),
                              '/function/server' + path, body, headers)

    def test_a_request_comes_as_it_was_sent(self):
        answer = self.call('/head?a=b%20c', headers={'X-Mine': 'yes', 'Connection': 'X-Hop',
                                                     'X-Hop': 'no', 'Host': 'example.org'})
        self.assertEqual(answer.status, 200)
        lines = answer.body.decode().split('\r\n')
        self.assertEqual(lines[0], 'GET /head?a=b%20c HTTP/1.1')
        self.assertIn('host: example.org', lines)
        self.assertIn('x-mine: yes', lines)
        self.assertFalse([line for line in lines if line.startswith(('x-hop', 'connection'))])

    def test_bodies_of_every_size_go_both_ways(self):
        for size in (0, 1, 1000, 65535, 65536, 100000, MIB, 6 * MIB):
            body = pattern(size)[:size]
            answer = self.call('/echo', body)
            self.assertEqual(answer.status, 200)
            self.assertTrue(answer.body == body, f'{size} bytes came back as {len(answer.body)}')

    def test_a_reply_may_be_chunked_or_end_with_its_connection(self):
        answer = self.call('/chunked')
        self.assertEqual((answer.status, answer.body), (203, b'hello, chunks'))
        self.assertEqual(answer.header('X-Mine'), 'yes')
        self.assertIsNone(answer.header('X-Trailer'))
        self.assertEqual(self.call('/close').body, b'until the end')

    def test_head_has_no_body(self):
        answer = self.call('/size?n=100', method='HEAD')
        self.assertEqual((answer.status, answer.body), (200, b''))

    def test_events_share_a_connection_until_it_is_closed(self):
        first = int(self.call('/connection').body)
        for _ in range(5):
            self.assertEqual(int(self.call('/connection').body), first)
        self.assertEqual(self.call('/idle').body, b'bye')
        self.assertEqual(int(self.call('/connection').body), first + 1)

    def test_a_bad_answer_is_502_with_its_reason(self):
        for path, words in (('/garbage', 'first line'), ('/early', 'before the end of its body'),
                            ('/silent', 'closed without a byte'), ('/huge', 'too long')):
            answer = self.call(path)
            self.assertEqual(answer.status, 502, path)
            self.assertEqual(answer.error['code'], 'bad-answer')
            self.assertIn(words, answer.error['message'])
            self.assertIn('port 8080', answer.error['message'])
            self.assertEqual(self.call('/echo', b'goes on').body, b'goes on')
        answer = self.call('/size?n=7000000')
        self.assertEqual(answer.status, 502)
        self.assertIn('larger than a reply', answer.error['message'])

    def test_more_than_a_response_is_told(self):
        self.assertEqual(self.call('/extra').body, b'ok')
        wait_until(lambda: any('more than its response' in line['text'] for line in self.node.logs('server')), 'word of it')

    def test_many_clients_are_served(self):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda i: self.call('/echo', b'%d' % i), range(200)))
        self.assertEqual([a.body for a in answers], [b'%d' % i for i in range(200)])

    def test_what_it_writes_is_its_log(self):
        self.call('/echo', b'')
        wait_until(lambda: any(line['text'] == 'listening' for line in self.node.logs('server')),
                   'its first line')


class Memory(NodeTest):
    """What a program opens after its freeze may be large pages of the host, and of its page tables."""
    RIGHT = b'0, 0 0, none -1, read 7 -1, away -1, discarded 0, again 7'

    def test_each_page_is_as_if_it_came_alone(self):
        for isolation in ('fresh', 'reset', 'reuse'):
            self.node.deploy('server', isolation=isolation)
            self.assertEqual(self.node.snapshot('server')['state'], 'ready')
            for event in range(4):
                self.assertEqual(self.node.http('GET', '/function/server/large').body, self.RIGHT,
                                 f'{isolation}, event {event}')


class Ends(NodeTest):
    def deploy(self, **settings):
        self.node.deploy('server', **settings)

    def get(self, path):
        return self.node.http('GET', '/function/server' + path)

    def test_a_program_that_ends_is_replaced(self):
        self.deploy()
        answer = self.get('/exit?n=3')
        self.assertEqual(answer.status, 502)
        self.assertEqual(answer.error['cause'], 'exited')
        self.assertEqual(self.get('/count').body, b'0')

    def test_what_never_answers_is_ended(self):
        self.deploy(timeout_ms=300)
        self.assertEqual(self.get('/slow').status, 504)
        wait_until(lambda: self.get('/count').body == b'0', 'another one')

    def test_another_port_is_a_setting(self):
        self.deploy(port=9999)
        self.assertEqual(self.get('/count').body, b'0')

    def test_who_does_not_listen_is_told_of(self):
        self.deploy(port=9999, timeout_ms=300, environment={'SERVER_PORT': '8000'})
        self.assertEqual(self.get('/count').status, 504)
        wait_until(lambda: any('does not listen on port 9999' in line['text'] for line in self.node.logs('server')),
                   'word of it')

    def test_each_event_finds_it_fresh_if_it_is_reset(self):
        self.deploy(isolation='reset')
        self.assertEqual(self.node.snapshot('server')['state'], 'ready')
        for _ in range(3):
            self.assertEqual(self.get('/count').body, b'0')

    def test_a_snapshot_is_taken_when_it_listens(self):
        self.deploy(isolation='fresh')
        self.assertEqual(self.node.snapshot('server')['state'], 'ready')
        self.assertEqual(self.get('/count').body, b'0')
        self.assertFalse([line for line in self.node.logs('server')
                          if line['text'] == 'listening' and line.get('call')])

    def test_a_warm_up_comes_before_the_snapshot(self):
        self.deploy(isolation='fresh', warm_up='/count')
        self.assertEqual(self.node.snapshot('server')['state'], 'ready')
        for _ in range(2):
            self.assertEqual(self.get('/count').body, b'1')
            self.assertEqual(self.get('/connection').body, b'0')


class Lambda(NodeTest):
    def deploy(self, **settings):
        self.node.deploy('bootstrap', contract='lambda', **settings)

    def call(self, body):
        return self.node.http('POST', '/function/bootstrap', body)

    def test_an_event_is_an_invocation(self):
        self.deploy()
        for size in (1, 1000, 65536, MIB, 6 * MIB):
            body = (b'abcdefgh' * (size // 8 + 1))[:size]
            answer = self.call(body)
            self.assertEqual((answer.status, answer.header('Content-Type')), (200, 'application/json'))
            self.assertTrue(answer.body == body.upper(), size)
        self.assertEqual(self.call(b'').body, b'{}')

    def test_it_is_told_who_and_until_when(self):
        self.deploy(timeout_ms=5000)
        call = self.call(b'id')
        name, function, arn, deadline = call.body.decode().split()
        self.assertEqual(function, 'bootstrap')
        self.assertRegex(name, '^' + re.escape(call.header('X-Call-Id')) + r'-\d+$')
        again = self.node.http('POST', '/function/bootstrap', b'id',
                               {'X-Call-Id': call.header('X-Call-Id')})
        self.assertNotEqual(again.body.split()[0], name.encode())
        self.assertTrue(arn.startswith('arn:aws:lambda:') and arn.endswith(':bootstrap'))
        self.assertLess(abs(int(deadline) / 1000 - time.time()), 3600)

    def test_an_error_is_a_failure_and_it_goes_on(self):
        self.deploy()
        answer = self.call(b'fail')
        self.assertEqual(answer.status, 500)
        self.assertIn('on purpose', answer.error['message'])
        self.assertEqual(self.call(b'abc').body, b'ABC')

    def test_what_is_not_of_the_api_is_refused(self):
        self.deploy()
        self.assertEqual(self.call(b'strange').body, b'404 400')

    def test_a_warm_up_is_an_event_before_the_snapshot(self):
        self.deploy(isolation='fresh', warm_up='"count"')
        self.assertEqual(self.node.snapshot('bootstrap')['state'], 'ready')
        for _ in range(2):
            self.assertEqual(self.call(b'"count"').body, b'1')

    def test_a_warm_up_that_fails_is_told_and_no_more(self):
        self.deploy(isolation='fresh', warm_up='["fail"]')
        self.assertEqual(self.node.snapshot('bootstrap')['state'], 'ready')
        self.assertIn('on purpose', ''.join(line['text'] for line in self.node.logs('bootstrap')))
        self.assertEqual(self.call(b'abc').body, b'ABC')

    def test_a_snapshot_is_taken_where_it_asks_for_the_next(self):
        self.deploy(isolation='fresh')
        self.assertEqual(self.node.snapshot('bootstrap')['state'], 'ready')
        for _ in range(3):
            self.assertEqual(self.call(b'abc').body, b'ABC')


class OpenWhisk(NodeTest):
    def check(self):
        for value in ({'a': [1, 2, {'b': None}]}, {}):
            call = self.node.http('POST', '/function/server/any', json.dumps(value))
            self.assertEqual(call.status, 200, call.body)
            self.assertEqual(call.json['init']['value']['main'], 'main')
            self.assertEqual(call.json['run']['value'], value)
            self.assertEqual(call.json['run']['activation_id'], call.header('X-Call-Id'))
        self.assertEqual(self.node.http('GET', '/function/server').json['run']['value'], {})

    def test_an_action_is_initialised_once_and_run_for_each_event(self):
        for isolation in ('reuse', 'fresh'):
            self.node.deploy('server', contract='openwhisk', isolation=isolation)
            if isolation == 'fresh':
                self.assertEqual(self.node.snapshot('server')['state'], 'ready')
            self.check()


class Filter(NodeTest):
    """A command: contract: stdio."""

    def deploy(self, isolation):
        self.node.deploy('filter', contract='stdio', isolation=isolation)

    def call(self, body):
        return self.node.http('POST', '/function/filter', body)

    def check(self):
        for size in (1, 100, 70000, MIB):
            body = (b'a line of it\n' * (size // 13 + 1))[:size]
            answer = self.call(body)
            self.assertEqual(answer.status, 200)
            self.assertTrue(answer.body == body.upper(), size)
        self.assertEqual(self.call(b'').body, b'')
        answer = self.call(b'status 3\n')
        self.assertEqual(answer.status, 500)
        self.assertIn('status 3', answer.error['message'])

    def test_each_event_is_a_run(self):
        for isolation in ('fresh', 'reset'):
            self.deploy(isolation)
            self.assertEqual(self.node.snapshot('filter')['state'], 'ready')
            self.check()

    def test_standard_error_is_its_log(self):
        self.deploy('fresh')
        self.call(b'one\ntwo\n')
        wait_until(lambda: any(line['text'] == '2 lines' for line in self.node.logs('filter')),
                   'its line')


class Go(NodeTest):
    @classmethod
    def prepare(cls):
        try:
            harness.image('gohello')
        except FileNotFoundError:
            raise unittest.SkipTest('there was no go when the tests were built (Debian: golang-go)')

    def get(self, path, **more):
        return self.node.http('GET', '/function/gohello' + path, **more)

    def check(self):
        self.assertEqual(self.get('/path?a=1').body, b'hello, GET /path?a=1')
        self.assertEqual(self.get('/goroutines').body, b'328350')
        self.assertEqual(self.get('/flush').body, b''.join(b'part %d\n' % i for i in range(5)))
        for size in (0, 1, 65536, 6 * MIB):
            body = pattern(size)[:size]
            answer = self.node.http('POST', '/function/gohello/echo', body, {'Content-Type': 'x/y'})
            self.assertEqual((answer.status, answer.header('Content-Type')), (200, 'x/y'))
            self.assertTrue(answer.body == body)

    def test_one_instance_serves_event_after_event(self):
        self.node.deploy('gohello', timeout_ms=60000)
        self.check()
        first = int(self.get('/count').body)
        self.assertEqual([int(self.get('/count').body) - first for _ in range(5)], [1, 2, 3, 4, 5])

    def test_a_snapshot_serves_as_a_cold_start_does(self):
        self.node.deploy('gohello', isolation='fresh', timeout_ms=60000)
        self.assertEqual(self.node.snapshot('gohello')['state'], 'ready')
        self.check()
        self.assertEqual(self.get('/count').body, b'0')
        self.assertEqual(self.get('/count').body, b'0')

    def test_a_panic_in_a_handler_is_a_bad_answer(self):
        self.node.deploy('gohello', timeout_ms=60000)
        answer = self.get('/panic')
        self.assertEqual(answer.status, 502)
        self.assertIn('closed without a byte', answer.error['message'])
        self.assertEqual(self.get('/').body, b'hello, GET /')


if __name__ == '__main__':
    harness.main()
