"""Asynchronous calls, where one has to wait for leases: an idle node, nodes that share a Redis."""
import threading
import time
import unittest

import harness
from harness import Node, wait_until
from sinks import Sink
from test_async import delivered


class Idle(unittest.TestCase):
    def test_nothing_wakes_a_node_whose_queues_are_empty(self):
        if harness.sanitized():
            self.skipTest('a sanitizer has threads of its own')
        node = Node()
        self.addCleanup(node.close)
        node.deploy('f', 'trouble', keep_alive='none')
        call = node.http('POST', '/async-function/f/count').header('X-Call-Id')
        wait_until(lambda: node.api('GET', '/v1/calls/' + call).json['state'] == 'delivered', 'it')
        time.sleep(8)  # what it used is written once, a few seconds later (on a slow machine in the first half minute)
        # Longer than a lease; the idle connection, once.
        wait_until(lambda: node.wakes(35) <= 1, 'half a minute of sleep')


class Shared(unittest.TestCase):
    """A Redis that two nodes share."""

    def setUp(self):
        self.redis = harness.Redis(self)

    def node(self, name, *options):
        node = Node('--store', self.redis.url, '--node-name', name, *options)
        self.addCleanup(node.close)
        node.deploy('f', 'trouble')
        return node

    def post(self, node, path='f/count?n=1'):
        return node.http('POST', '/async-function/' + path)

    def test_a_redis_that_goes_and_comes_back(self):
        node = self.node('a')
        accepted = wait_until(lambda: next((a for a in [self.post(node)] if a.status == 202), None),
                              'the first')
        self.redis.kill()
        answer = wait_until(lambda: next((a for a in [self.post(node)] if a.status != 202), None),
                            'a refusal')
        self.assertEqual((answer.status, answer.error['code']), (503, 'store-away'))
        self.assertTrue(answer.header('Retry-After'))
        self.redis.start()
        again = wait_until(lambda: next((a for a in [self.post(node)] if a.status == 202), None),
                           'the next')
        for each in (accepted, again):
            wait_until(lambda: each.header('X-Call-Id') in delivered(node), 'delivery', 180)

    def test_what_a_dead_node_had_in_hand_another_delivers(self):
        one = self.node('one')
        calls = [wait_until(lambda: next((a for a in [self.post(one, 'f/nap?n=4000')]
                                          if a.status == 202), None), 'it').header('X-Call-Id')
                 for _ in range(3)]
        wait_until(lambda: len(one.function('f')['instances']) == 3, 'three that run')
        other = self.node('other')
        one.process.kill()
        one.process.wait()
        wait_until(lambda: set(calls) <= delivered(other).keys(), 'their delivery', 180)
        one.start()

    def test_callbacks_that_a_dead_node_had_in_hand_another_sends(self):
        held, sink = threading.Event(), None

        def answer(request):
            """The first one is left waiting, and its node dies meanwhile."""
            if len(sink.taken()) <= 3:
                held.wait(600)
            return 200, b'ok'
        sink = Sink(answer=answer)
        self.addCleanup(sink.close)
        self.addCleanup(held.set)
        where = ('--callbacks', f'127.0.0.1:{sink.port}')
        one = self.node('one', *where)
        for i in range(3):
            wait_until(lambda: one.http('POST', '/async-function/f/count', b'', {
                'X-Callback-Url': sink.url('/told'), 'X-Call-Id': f'told-{i}'}).status == 202, 'it')
        wait_until(lambda: len(sink.taken()) >= 3, 'three that are told')
        other = self.node('other', *where)
        one.process.kill()
        one.process.wait()
        wait_until(lambda: {r['headers']['x-call-id'] for r in sink.taken()[3:]} == {'told-0', 'told-1', 'told-2'},
                   'what another tells', 180)
        self.assertEqual(other.api('GET', '/v1/node').status, 200)
        one.start()


if __name__ == '__main__':
    harness.main()
