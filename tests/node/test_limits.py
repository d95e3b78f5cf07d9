"""What clients and functions can make the node hold, and what an idle node does: nothing."""
import concurrent.futures
import os
import re
import socket
import time
import unittest

import harness
from harness import NodeTest, PATIENCE_S, wait_until


class Bounds(NodeTest):
    OPTIONS = ('--buffer-mib', '16', '--connections', '64')

    @classmethod
    def prepare(cls):
        cls.node.deploy('echo')
        cls.node.deploy('trouble', max_instances=8)

    def buffered(self):
        text = self.node.api('GET', '/metrics').body
        return int(re.search(rb'mayfly_buffered_bytes (\d+)', text).group(1))

    def test_bodies_past_the_nodes_budget_are_503_and_given_back(self):
        head = (b'POST /function/echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n'
                b'Connection: close\r\n\r\n' % (6 << 20))
        held = []
        for _ in range(3):  # three bodies of nearly 6 MiB do not fit 16
            sock = socket.create_connection(('127.0.0.1', self.node.port), PATIENCE_S)
            sock.sendall(head + b'x' * ((6 << 20) - 1))
            held.append(sock)
            if len(held) < 3:  # one after the other: of three that grow at once two may be refused
                wait_until(lambda: self.buffered() >= len(held) * ((6 << 20) - 1), 'the body')
        wait_until(lambda: self.buffered() > 10 << 20, 'two bodies')
        self.assertLessEqual(self.buffered(), 16 << 20)
        answers = []
        for sock in held:
            sock.sendall(b'x')
            got = b''
            while True:
                part = sock.recv(1 << 20)
                if not part:
                    break
                got += part
            answers.append(got)
            sock.close()
        statuses = sorted(int(a[9:12]) for a in answers)
        self.assertEqual(statuses[-1], 503)
        refused = [a for a in answers if a[9:12] == b'503'][0]
        self.assertIn(b'Retry-After: ', refused)
        self.assertIn(b'node-full', refused)
        wait_until(lambda: self.buffered() == 0, 'the bytes')
        self.assertEqual(self.node.http('POST', '/function/echo', b'x').body, b'x')

    def test_bodies_of_clients_that_vanish_are_given_back(self):
        for _ in range(6):
            sock = socket.create_connection(('127.0.0.1', self.node.port), PATIENCE_S)
            sock.sendall(b'POST /function/echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n' %
                         (6 << 20) + b'x' * (2 << 20))
            sock.close()
        wait_until(lambda: self.buffered() == 0, 'the bytes')

    def test_replies_that_nobody_reads_count_until_their_clients_go(self):
        held, statuses = [], []
        for _ in range(3):  # three replies of 6 MiB do not fit 16
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(PATIENCE_S)
            sock.connect(('127.0.0.1', self.node.port))
            sock.sendall(b'GET /function/trouble/bytes?n=%d HTTP/1.1\r\nHost: x\r\n\r\n' % (6 << 20))
            statuses.append(sock.recv(12))
            held.append(sock)
        self.assertEqual(statuses, [b'HTTP/1.1 200', b'HTTP/1.1 200', b'HTTP/1.1 503'])
        self.assertGreaterEqual(self.buffered(), 12 << 20)
        self.assertLessEqual(self.buffered(), 16 << 20)
        for sock in held:
            sock.close()
        wait_until(lambda: self.buffered() == 0, 'the bytes')

    def test_more_connections_than_allowed_wait_and_are_served(self):
        for _ in range(50):  # some rounds close their last connections all in one turn of the loop
            socks = [socket.create_connection(('127.0.0.1', self.node.port), PATIENCE_S)
                     for _ in range(100)]
            for sock in socks:
                sock.sendall(b'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
            for sock in socks:
                self.assertTrue(sock.recv(4096).startswith(b'HTTP/1.1 200'))
                sock.close()

    def test_many_calls_at_once_use_no_more_than_max_instances(self):
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            calls = [pool.submit(self.node.http, 'GET', '/function/trouble/nap?n=20')
                     for _ in range(64)]
            self.assertEqual({c.result().status for c in calls}, {200})
        self.assertLessEqual(len(self.node.function('trouble')['instances']), 8)


class Processor(NodeTest):
    @classmethod
    def prepare(cls):
        cls.node.deploy('half', 'trouble', cpu_ceiling_pct=20)
        cls.node.deploy('meek', 'trouble', cpu_share=10)

    def test_a_ceiling_holds(self):
        self.assertEqual(self.node.http('GET', '/function/half/show').status, 200)
        pid = self.node.instance_pid('half')
        before, since = self.node.cpu_s(pid), time.monotonic()

        def held():
            """After two seconds, or later: what a node that was late let pass is paid back."""
            self.assertEqual(self.node.http('GET', '/function/half/spin?n=1000').status, 200)
            took = time.monotonic() - since
            return took >= 2 and self.node.cpu_s(pid) - before < took * 0.20 * 1.5
        wait_until(held, 'its share')
        self.assertGreater(self.node.function('half')['counters']['throttled_seconds'], 0)

    def test_a_ceiling_holds_after_the_answer_too(self):
        self.assertEqual(self.node.http('GET', '/function/half/linger?n=5000').status, 200)
        pid = self.node.instance_pid('half')
        before, since = self.node.cpu_s(pid), time.monotonic()
        time.sleep(1.5)  # what a node that was late let pass is paid back in what follows
        wait_until(lambda: self.node.cpu_s(pid) - before
                   < (time.monotonic() - since) * 0.20 * 1.5, 'its share, while it lingers', 2.5)
        wait_until(lambda: self.node.http('GET', '/function/half/show').status == 200, 'its return')

    def test_instances_that_answer_while_they_are_stopped_go_on(self):
        for n in range(60):  # some are stopped between their answer and its arrival
            self.assertEqual(self.node.http('GET', f'/function/half/spin?n={n % 5}').status, 200)

    def test_an_instance_that_was_stopped_goes_on_and_is_served_again(self):
        for _ in range(3):
            self.assertEqual(self.node.http('GET', '/function/half/spin?n=60').status, 200)

    def test_a_small_share_is_a_low_priority(self):
        self.node.http('GET', '/function/meek/show')
        pid = self.node.instance_pid('meek')
        self.assertGreaterEqual(os.getpriority(os.PRIO_PROCESS, pid), 8)


class Quiet(NodeTest):
    @classmethod
    def prepare(cls):
        cls.node.deploy('echo')
        cls.node.deploy('brief', 'echo', idle_ms=300)
        cls.node.deploy('never', 'echo', keep_alive='none')
        cls.node.deploy('studied', 'echo', keep_alive='hybrid', idle_ms=300)
        for _ in range(2):
            cls.node.http('POST', '/function/echo', b'x')

    def test_an_idle_node_does_not_wake_up(self):
        if harness.sanitized((b'__tsan_init',)):
            self.skipTest('the sanitizer wakes up')
        # At first an instance of the test before this one may come to its end.
        wait_until(lambda: self.node.wakes(1.5, children=True) == 0, 'a second and a half in which nothing wakes up')

    def test_an_idle_instance_is_stopped_in_good_order(self):
        self.assertEqual(self.node.http('POST', '/function/brief', b'x').body, b'x')
        wait_until(lambda: not self.node.function('brief')['instances'], 'its end')
        self.assertEqual(self.node.function('brief')['counters']['faults'], {})
        self.assertEqual(self.node.http('POST', '/function/brief', b'x').body, b'x')
        self.assertEqual(self.node.function('brief')['counters']['cold_starts'], 2)

    def test_without_keep_alive_every_call_is_a_cold_start(self):
        for _ in range(3):
            self.assertEqual(self.node.http('POST', '/function/never', b'x').body, b'x')
            wait_until(lambda: not self.node.function('never')['instances'], 'its end')
        counters = self.node.function('never')['counters']
        self.assertEqual(counters['cold_starts'], 3)
        self.assertEqual(counters['faults'], {})

    def test_hybrid_without_a_history_is_the_fixed_time(self):
        def pair():
            """Two calls, the second within the time: on a slow machine not every one is."""
            before, begun = self.node.function('studied')['counters']['cold_starts'], time.monotonic()
            for _ in range(2):
                self.assertEqual(self.node.http('POST', '/function/studied', b'x').body, b'x')
            took = time.monotonic() - begun
            wait_until(lambda: not self.node.function('studied')['instances'], 'its end')
            started = self.node.function('studied')['counters']['cold_starts'] - before
            self.assertIn(started, (1,) if took < 0.3 else (1, 2))
            return started == 1
        wait_until(pair, 'two calls of one instance')
        self.assertIn(b'mayfly_prewarms_total{function="studied"} 0',
                      self.node.api('GET', '/metrics').body)

    def test_the_node_stays_small(self):
        if harness.sanitized():
            self.skipTest('sanitizers need memory of their own')
        self.assertLess(self.node.resident_kib(), 10 * 1024)


if __name__ == '__main__':
    harness.main()
