"""Ends: of the node, in order and at once; of its spawner; of an instance from outside."""
import os
import signal
import time
import unittest

import harness
from harness import Answer, Node, PATIENCE_S, alive, wait_until


class Stop(unittest.TestCase):
    def setUp(self):
        self.node = Node()
        self.node.deploy('trouble', timeout_ms=60000)

    def tearDown(self):
        if self.node.process.poll() is None:
            self.node.process.kill()
            self.node.process.wait()

    def busy_call(self, path):
        connection = self.node.connect()
        connection.request('GET', '/function/trouble' + path)
        wait_until(lambda: any(i['state'] in ('busy', 'restoring')
                               for i in self.node.function('trouble')['instances']), 'the call')
        return connection

    def refuses(self):
        try:
            self.node.http('GET', '/healthz')
        except OSError:
            return True
        return False

    def everything_is_gone(self, below):
        wait_until(lambda: not any(map(alive, below)),
                   'the end of all processes')
        self.assertFalse(os.path.exists(os.path.join(self.node.state, 'api.sock')))

    def test_a_call_that_runs_is_finished_first(self):
        connection = self.busy_call('/nap?n=3000')
        below = self.node.children()
        self.node.process.send_signal(signal.SIGTERM)
        wait_until(self.refuses, 'the end of listening')
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()
        self.assertEqual(self.node.process.wait(PATIENCE_S), 0)
        self.everything_is_gone(below)

    def test_a_second_signal_ends_it_at_once(self):
        connection = self.busy_call('/nap?n=30000')
        below = self.node.children()
        begun = time.monotonic()
        self.node.process.send_signal(signal.SIGINT)
        wait_until(lambda: b'node.stops' in self.node.log(), 'the first')
        self.node.process.send_signal(signal.SIGINT)
        self.assertEqual(self.node.process.wait(PATIENCE_S), 1)
        self.assertLess(time.monotonic() - begun, 25)  # which is less than its call takes
        connection.close()
        self.everything_is_gone(below)

    def test_followers_do_not_hold_it_up(self):
        connection = harness.UnixConnection(os.path.join(self.node.state, 'api.sock'))
        connection.request('GET', '/v1/functions/trouble/logs?follow=1')
        response = connection.getresponse()
        self.node.stop()
        while response.readline():
            pass
        connection.close()

    def spawner(self):
        for pid in self.node.children():
            try:
                with open(f'/proc/{pid}/stat') as stat:
                    name, rest = stat.read().split('(', 1)[1].rsplit(')', 1)
            except OSError:  # ended meanwhile
                continue
            if name == 'mayfly-spawner' and int(rest.split()[1]) == self.node.process.pid:
                return pid
        raise AssertionError('no spawner')

    def test_a_spawner_that_dies_is_replaced(self):
        connection = self.busy_call('/nap?n=30000')
        old = self.spawner()
        os.kill(old, signal.SIGKILL)
        answer = Answer(connection.getresponse())
        connection.close()
        self.assertEqual((answer.status, answer.error['cause']), (502, 'spawner-lost'))
        self.assertEqual(self.node.http('GET', '/function/trouble/show').status, 200)
        self.assertNotEqual(self.spawner(), old)
        self.assertIn(b'spawner.lost', self.node.log())
        self.node.stop()

    def test_an_instance_killed_from_outside_is_502(self):
        connection = self.busy_call('/nap?n=30000')
        os.kill(self.node.instance_pid('trouble'), signal.SIGKILL)
        answer = Answer(connection.getresponse())
        connection.close()
        self.assertEqual((answer.status, answer.error['cause']), (502, 'killed'))
        self.assertEqual(self.node.http('GET', '/function/trouble/show').status, 200)
        self.node.stop()

    def test_an_idle_instance_killed_from_outside_fails_no_call(self):
        for _ in range(5):
            self.assertEqual(self.node.http('GET', '/function/trouble/show').status, 200)
            os.kill(self.node.instance_pid('trouble'), signal.SIGKILL)
            wait_until(lambda: not self.node.function('trouble')['instances'], 'its end')
        self.node.stop()


if __name__ == '__main__':
    harness.main()
