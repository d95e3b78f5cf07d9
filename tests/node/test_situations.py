"""The table of situations: what a client hears, and what becomes of the instance."""
import concurrent.futures
import http.client
import os
import socket
import threading
import time
import unittest

import harness
from harness import REPLY_BODY, NodeTest, desc, order, wait_until
from sinks import Gate

LIMIT = 6 << 20


class Situations(NodeTest):
    @classmethod
    def prepare(cls):
        cls.node.deploy('echo')
        cls.node.deploy('trouble', environment={'COLOUR': 'green'})
        cls.node.deploy('slow', 'trouble', timeout_ms=1000)
        cls.node.deploy('patient', 'trouble', max_instances=1)
        cls.node.deploy('brittle', 'trouble', wait_ms=0)
        cls.node.deploy('raw')
        cls.node.deploy('curt', 'raw', timeout_ms=1000)

    def check_error(self, answer, status, code, function, cause=None):
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(answer.header('content-type'), 'application/json')
        self.assertEqual(answer.error['code'], code)
        self.assertEqual(answer.error['function'], function)
        self.assertEqual(answer.error['call'], answer.header('x-call-id'))
        self.assertTrue(answer.error['message'])
        if cause:
            self.assertEqual(answer.error['cause'], cause)
            self.assertEqual(answer.error['log']['command'], 'mayfly logs ' + function)

    def test_unknown_function_is_404_and_named(self):
        self.check_error(self.node.http('GET', '/function/nobody'), 404, 'unknown-function', 'nobody')

    def test_other_path_is_404(self):
        answer = self.node.http('GET', '/nothing')
        self.assertEqual((answer.status, answer.error['code']), (404, 'no-such-path'))

    def test_healthz(self):
        answer = self.node.http('GET', '/healthz')
        self.assertEqual((answer.status, answer.body), (200, b'ok\n'))

    def test_every_method_and_its_path_and_query_arrive(self):
        for method in ('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'BREW'):
            answer = self.node.http(method, '/function/trouble/show?a=%41&b')
            lines = answer.body.decode().splitlines()
            self.assertEqual(answer.status, 200)
            self.assertIn('method=' + method, lines)
            self.assertIn('path=/show', lines)
            self.assertIn('query=a=%41&b', lines)

    def test_head_has_headers_and_no_body(self):
        answer = self.node.http('HEAD', '/function/trouble/show')
        self.assertEqual((answer.status, answer.body), (200, b''))
        self.assertGreater(int(answer.header('content-length')), 10)

    def test_path_is_a_slash_when_there_is_none(self):
        answer = self.node.http('GET', '/function/echo?head')
        self.assertTrue(answer.body.startswith(b'GET /?head\n'), answer.body)

    def test_escapes_in_the_path_stay_as_sent(self):
        answer = self.node.http('GET', '/function/echo/a%2Fb%00/?head')
        self.assertTrue(answer.body.startswith(b'GET /a%2Fb%00/?head\n'), answer.body)

    def test_headers_arrive_lower_case_and_hop_by_hop_ones_do_not(self):
        answer = self.node.http('GET', '/function/trouble/show', headers={
            'X-Mixed-Case': 'Yes', 'Connection': 'keep-alive, X-Secret', 'X-Secret': '1',
            'TE': 'trailers', 'Keep-Alive': '3', 'Upgrade': 'h2c'})
        self.assertIn(b'header x-mixed-case=Yes\n', answer.body)
        for name in (b'x-secret', b'connection', b'te=', b'keep-alive', b'upgrade'):
            self.assertNotIn(b'header ' + name, answer.body)

    def test_duplicate_headers_are_kept(self):
        got = self.node.raw(b'GET /function/trouble/show HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nX-A: 2\r\n'
                            b'Connection: close\r\n\r\n')
        self.assertIn(b'header x-a=1\nheader x-a=2\n', got)

    def test_call_id_is_made_or_kept(self):
        answer = self.node.http('GET', '/function/trouble/show')
        self.assertRegex(answer.header('x-call-id'), r'^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]')
        self.assertIn(b'header x-call-id=' + answer.header('x-call-id').encode(), answer.body)
        self.assertGreaterEqual(float(answer.header('x-duration-seconds')), 0)
        self.assertGreater(int(answer.header('x-start-time')), 1 << 60)
        answer = self.node.http('GET', '/function/trouble/show', headers={'X-Call-Id': 'mine'})
        self.assertEqual(answer.header('x-call-id'), 'mine')
        answer = self.node.http('GET', '/function/trouble/show', headers={'X-Call-Id': 'a' * 200})
        self.assertEqual(len(answer.header('x-call-id')), 36)

    def test_reply_status_and_headers(self):
        answer = self.node.http('GET', '/function/trouble/headers')
        self.assertEqual((answer.status, answer.body), (207, b'headers'))
        self.assertEqual(answer.header('x-one'), '1')
        self.assertEqual(answer.all('set-cookie'), ['a=1', 'b=2'])
        self.assertEqual(answer.header('content-length'), '7')
        self.assertNotEqual(answer.header('x-call-id'), 'forged')
        self.assertNotEqual(answer.header('connection'), 'x-hop')

    def test_statuses_without_a_body(self):
        for status in (204, 205, 304):
            answer = self.node.http('GET', f'/function/trouble/status?n={status}')
            self.assertEqual((answer.status, answer.body), (status, b''))

    def test_body_comes_back_at_every_size(self):
        for size in (0, 1, 4096, 32767, 65536, 262144, 262145, LIMIT):
            body = os.urandom(size)
            answer = self.node.http('POST', '/function/echo', body)
            self.assertEqual(answer.status, 200)
            self.assertTrue(answer.body == body, f'{size} bytes came back different')

    def test_body_over_the_limit_is_413(self):
        self.check_error(self.node.http('POST', '/function/echo', b'x' * (LIMIT + 1)), 413,
                         'body-too-big', 'echo')

    def test_chunked_body_over_the_limit_is_413(self):
        pieces = (b'x' * 65536 for _ in range(LIMIT // 65536 + 1))
        connection = self.node.connect()
        connection.request('POST', '/function/echo', pieces, encode_chunked=True,
                           headers={'Transfer-Encoding': 'chunked'})
        self.check_error(harness.Answer(connection.getresponse()), 413, 'body-too-big', 'echo')
        connection.close()

    def test_chunked_body_arrives(self):
        connection = self.node.connect()
        connection.request('POST', '/function/echo', (b'ab' * 5000 for _ in range(20)),
                           encode_chunked=True, headers={'Transfer-Encoding': 'chunked'})
        self.assertEqual(harness.Answer(connection.getresponse()).body, b'ab' * 100000)
        connection.close()

    def test_who_asks_first_hears_413_at_once(self):
        with socket.create_connection(('127.0.0.1', self.node.port), 20) as sock:
            sock.sendall(b'POST /function/echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n'
                         b'Content-Length: %d\r\n\r\n' % (LIMIT + 1))
            self.assertTrue(sock.recv(4096).startswith(b'HTTP/1.1 413'))

    def test_content_length_that_lies_is_never_answered_as_a_call(self):
        before = self.node.function('echo')['counters']['started']
        with socket.create_connection(('127.0.0.1', self.node.port), 20) as sock:
            sock.sendall(b'POST /function/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc')
            sock.shutdown(socket.SHUT_WR)
            self.assertEqual(sock.recv(4096), b'')
        for length in (b'-1', b'1x', b'99999999999999999999999'):
            got = self.node.raw(b'POST /function/echo HTTP/1.1\r\nHost: x\r\nContent-Length: ' + length +
                                b'\r\n\r\nabc')
            self.assertRegex(got[:12], rb'HTTP/1.1 4..')
        self.assertEqual(self.node.function('echo')['counters']['started'], before)

    def test_a_body_of_two_lengths_is_refused_and_ends_the_connection(self):
        hidden = b'GET /function/trouble/show HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
        for lengths in (b'Content-Length: 4\r\nContent-Length: 5', b'Transfer-Encoding: xchunked',
                        b'Content-Length: 4\r\nTransfer-Encoding: chunked',
                        b'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
                        b'Transfer-Encoding: gzip, chunked'):
            got = self.node.raw(b'POST /function/echo HTTP/1.1\r\nHost: x\r\n' + lengths +
                                b'\r\n\r\n0\r\n\r\n' + hidden)
            self.assertTrue(got.startswith(b'HTTP/1.1 400'), (lengths, got))
            self.assertEqual(got.count(b'HTTP/1.1 '), 1, (lengths, got))
        got = self.node.raw(b'POST /function/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n'
                            b'Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi')
        self.assertTrue(got.startswith(b'HTTP/1.1 200'), got)

    def test_hostile_heads_are_refused(self):
        for head in (b'GET /function/echo HTTP/1.1\r\nX: ' + b'a' * 40000 + b'\r\n\r\n',
                     b'GET /function/echo?' + b'a' * 40000 + b' HTTP/1.1\r\nHost: x\r\n\r\n',
                     b'GET /function/echo HTTP/1.1\r\nHost: x\r\nB@d{: 1\r\nConnection: close\r\n\r\n',
                     b'GET /function/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n' +
                     b''.join(b'X-%d: 1\r\n' % i for i in range(200)) + b'\r\n',
                     b'GET echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
                     b'nonsense\r\n\r\n'):
            got = self.node.raw(head)
            self.assertTrue(got == b'' or got[:10] == b'HTTP/1.1 4' or got[:10] == b'HTTP/1.0 4',
                            (head[:60], got[:200]))

    def test_keep_alive_serves_request_after_request(self):
        connection = self.node.connect()
        for i in range(50):
            connection.request('POST', '/function/echo', str(i))
            self.assertEqual(connection.getresponse().read(), str(i).encode())
        connection.close()

    def test_pipelined_requests_are_answered_in_order(self):
        one = b'POST /function/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n%c'
        last = b'POST /function/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nz'
        got = self.node.raw(b''.join(one % c for c in b'abcdef') + last)
        self.assertEqual([part[:1] for part in got.split(b'\r\n\r\n')[1:]],
                         [b'a', b'b', b'c', b'd', b'e', b'f', b'z'])

    def test_http_1_0_is_answered(self):
        got = self.node.raw(b'GET /function/echo?head HTTP/1.0\r\n\r\n')
        self.assertIn(b'200', got.split(b'\r\n')[0])

    def test_absolute_target_is_understood(self):
        got = self.node.raw(b'GET http://x/function/echo/p?head HTTP/1.1\r\nHost: x\r\n'
                            b'Connection: close\r\n\r\n')
        self.assertIn(b'GET /p?head\n', got)

    def test_handler_error_is_500_with_its_message(self):
        answer = self.node.http('GET', '/function/trouble/fail?n=7')
        self.check_error(answer, 500, 'handler-failed', 'trouble')
        self.assertEqual(answer.error['message'], 'it failed with "7"')
        self.assertEqual(self.node.http('GET', '/function/trouble/show').status, 200)

    def test_fault_is_502_with_cause_and_the_next_call_is_served(self):
        for path, cause in (('/null', 'page-fault'), ('/abort', 'aborted'), ('/exit?n=3', 'exited')):
            answer = self.node.http('GET', '/function/trouble' + path)
            self.check_error(answer, 502, 'instance-fault', 'trouble', cause)
            self.assertEqual(self.node.http('GET', '/function/trouble/show').status, 200)

    def test_fault_report_is_in_the_log_with_names(self):
        answer = self.node.http('GET', '/function/trouble/null')
        instance = answer.error['log']['instance']
        lines = [l for l in self.node.logs('trouble') if l.get('instance') == instance]
        text = '\n'.join(l['text'] for l in lines if l['level'] == 'error')
        self.assertRegex(text, r'0x[0-9a-f]+ <deep_fault\+0x')
        self.assertRegex(text, r'<mayfly_handle\+0x')
        self.assertIn('cause page-fault', text)

    def test_deadline_is_504_and_the_instance_is_killed(self):
        for path in ('/nap?n=60000', '/spin?n=60000'): # longer than any machine takes to notice
            begun = time.monotonic()
            answer = self.node.http('GET', '/function/slow' + path)
            self.assertGreaterEqual(time.monotonic() - begun, 1)
            self.check_error(answer, 504, 'deadline', 'slow', 'deadline')
            instance = answer.error['log']['instance']
            wait_until(lambda: instance not in
                       [i['id'] for i in self.node.function('slow')['instances']], 'its end')
        wait_until(lambda: self.node.http('GET', '/function/slow/show').status == 200, 'another one')

    def test_no_free_instance_is_429_with_retry_after(self):
        gate = Gate()
        self.addCleanup(gate.close)
        self.node.deploy('single', 'trouble', max_instances=1, wait_ms=200, **gate.settings)
        connection = self.node.connect()
        connection.request('GET', '/function/single/' + gate.path)
        wait_until(gate.held, 'the call')
        begun = time.monotonic()
        answer = self.node.http('GET', '/function/single/show')
        self.check_error(answer, 429, 'no-free-instance', 'single')
        self.assertGreaterEqual(int(answer.header('retry-after')), 1)
        self.assertGreaterEqual(time.monotonic() - begun, 0.2)
        gate.open()
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()

    def test_faults_in_a_row_are_followed_by_a_pause(self):
        for _ in range(30):  # a request may come later than a short pause ends
            answer = self.node.http('GET', '/function/brittle/abort')
            if answer.status != 502:
                break
        self.check_error(answer, 429, 'no-free-instance', 'brittle')
        self.assertIn('end too often', answer.error['message'])
        self.assertGreaterEqual(int(answer.header('retry-after')), 1)
        self.assertGreaterEqual(sum(self.node.function('brittle')['counters']['faults'].values()), 3)
        wait_until(lambda: self.node.http('GET', '/function/brittle/show').status == 200, 'an answer')
        self.assertEqual(self.node.http('GET', '/function/brittle/abort').status, 502)
        self.assertEqual(self.node.http('GET', '/function/brittle/show').status, 200)

    def test_waiting_call_gets_the_instance_that_becomes_free(self):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            calls = [pool.submit(self.node.http, 'GET', '/function/patient/nap?n=30') for _ in range(4)]
            self.assertEqual([c.result().status for c in calls], [200] * 4)
        self.assertEqual(len(self.node.function('patient')['instances']), 1)

    def test_client_that_leaves_cancels_the_work(self):
        before = self.node.function('trouble')['counters']
        sock = socket.create_connection(('127.0.0.1', self.node.port), 20)
        sock.sendall(b'GET /function/trouble/cancel HTTP/1.1\r\nHost: x\r\n\r\n')
        wait_until(lambda: any(i['state'] == 'busy' or i['state'] == 'restoring'
                               for i in self.node.function('trouble')['instances']), 'the work')
        sock.close()
        wait_until(lambda: all(i['state'] == 'idle'
                               for i in self.node.function('trouble')['instances']), 'idleness')
        after = self.node.function('trouble')['counters']
        self.assertEqual(after['answered'].get('499', 0), before['answered'].get('499', 0) + 1)
        self.assertEqual(after['faults'].get('cancelled', 0), before['faults'].get('cancelled', 0))

    def test_work_that_does_not_heed_the_cancel_is_killed(self):
        sock = socket.create_connection(('127.0.0.1', self.node.port), 20)
        sock.sendall(b'GET /function/trouble/spin?n=20000 HTTP/1.1\r\nHost: x\r\n\r\n')
        wait_until(lambda: any(self.node.cpu_s(i['pid']) > 0.2  # a cancel before spares the work
                               for i in self.node.function('trouble')['instances'] if i['pid']),
                   'the work to begin')
        sock.close()
        wait_until(lambda: self.node.function('trouble')['counters']['faults'].get('cancelled'),
                   'the kill')
        self.assertEqual(self.node.http('GET', '/function/trouble/show').status, 200)

    def test_breaches_of_the_protocol_are_502_and_the_next_call_is_served(self):
        reply = desc()
        breaches = {
            'status 0': order('MESSAGE', message=desc(arg=0)),
            'status 100': order('MESSAGE', message=desc(arg=100)),
            'status 600': order('MESSAGE', message=desc(arg=600)),
            'unknown type': order('MESSAGE', message=desc(type=99)),
            'unknown id': order('MESSAGE', message=desc(id=12345)),
            'fields that are none': order('MESSAGE', message=desc(head=8, data=8), text=b'x' * 8),
            'header injection': order('MESSAGE', message=desc(head=17, data=17), text=bytes(
                [4, 0, 1, 0, 8, 0, 0, 0]) + b'aB\r\nEvil: 1'[:9]),
            'outside the area': order('MESSAGE', message=desc(offset=0x40000, data=1)),
            'body before its reply': order('MESSAGE', message=desc(type=REPLY_BODY)),
            'reply begun twice': order('SEQUENCE', sequence=[desc(flags=0), desc(flags=0)]),
            'reply too large': order('LARGE_REPLY', number=LIMIT + 1),
            'tail out of the ring': order('WORD', number=0x7fffffff, address=128, last=1),
        }
        del reply
        for what, body in breaches.items():
            with self.subTest(what):
                answer = self.node.http('POST', '/function/raw', body)
                self.check_error(answer, 502, 'protocol', 'raw', 'protocol')
                self.assertEqual(self.node.http('POST', '/function/raw', order('NOTHING')).status, 200)

    def test_second_reply_ends_the_instance(self):
        before = self.node.function('raw')['counters']['faults'].get('protocol', 0)
        answer = self.node.http('POST', '/function/raw', order('SEQUENCE', sequence=[desc(), desc()]))
        self.assertEqual(answer.status, 200)
        wait_until(lambda: self.node.function('raw')['counters']['faults'].get('protocol', 0) > before,
                   'the end of the instance')
        self.assertEqual(self.node.http('POST', '/function/raw', order('NOTHING')).status, 200)

    def test_largest_reply_is_passed_on(self):
        answer = self.node.http('GET', f'/function/trouble/bytes?n={LIMIT}')
        self.assertEqual((answer.status, len(answer.body)), (200, LIMIT))

    def test_silence_and_spinning_are_504_and_floods_end(self):
        for kind in ('SILENCE', 'SPIN', 'FLOOD_LOG', 'FLOOD_CONSOLE'):
            with self.subTest(kind):
                answer = self.node.http('POST', '/function/curt', order(kind))
                self.check_error(answer, 504, 'deadline', 'curt', 'deadline')

    def test_doorbell_flood_ends_the_instance_or_is_survived(self):
        answer = self.node.http('POST', '/function/curt', order('FLOOD_BELL', number=2000000))
        self.assertIn(answer.status, (200, 502, 504))
        wait_until(lambda: self.node.http('POST', '/function/curt', order('NOTHING')).status == 200, 'another one')

    def test_another_function_is_served_while_one_misbehaves(self):
        bad = threading.Thread(target=self.node.http, args=('POST', '/function/curt', order('FLOOD_LOG')))
        bad.start()
        for _ in range(20):
            self.assertEqual(self.node.http('POST', '/function/echo', b'x').body, b'x')
        bad.join()


if __name__ == '__main__':
    harness.main()
