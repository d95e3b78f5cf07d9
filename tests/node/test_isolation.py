"""What one event finds of another, by the setting `isolation`."""
import os
import signal
import threading
import time
import unittest

import harness
from harness import NodeTest, wait_until

BURST = 24


def rolls_back():
    return harness.ARGS.sandbox == 'kvm'


class Isolation(NodeTest):
    @classmethod
    def prepare(cls):
        for isolation in ('reuse', 'reset', 'fresh'):
            cls.node.deploy(isolation, 'trouble', isolation=isolation, max_instances=1)
            assert cls.node.snapshot(isolation)['state'] == 'ready'
        cls.node.deploy('many', 'trouble', isolation='reset', max_instances=8)
        assert cls.node.snapshot('many')['state'] == 'ready'

    def get(self, path):
        answer = self.node.http('GET', '/function/' + path)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.body

    def counts(self, name, pause_s=0):
        counts = []
        for _ in range(5):
            counts.append(int(self.get(name + '/count')))
            time.sleep(pause_s)
        return counts

    def test_reuse_keeps_what_the_last_event_left(self):
        first = int(self.get('reuse/count'))
        self.assertEqual(self.counts('reuse'), list(range(first + 1, first + 6)))

    def test_reset_shows_the_pristine_function(self):
        self.assertEqual(self.counts('reset'), [1] * 5)

    def test_reset_after_a_pause(self):
        self.assertEqual(self.counts('reset', 0.05), [1] * 5)

    def test_fresh_shows_the_pristine_function(self):
        self.assertEqual(self.counts('fresh'), [1] * 5)

    def test_reset_keeps_its_instance_where_it_can_be_rolled_back(self):
        self.counts('reset')
        before = self.node.function('reset')['counters']['starts']['restore']
        self.counts('reset')
        after = self.node.function('reset')['counters']['starts']['restore']
        self.assertEqual(after - before, 0 if rolls_back() else 5)

    def test_fresh_has_an_instance_for_each_event(self):
        before = self.node.function('fresh')['counters']
        self.counts('fresh')
        after = self.node.function('fresh')['counters']
        self.assertEqual(sum(after['starts'].values()) - sum(before['starts'].values()), 5)
        self.assertEqual(after['faults'], before['faults'])

    def serve_four_at_once(self, name, nice):
        """Each begun after the one before it; so many steps below the node do they stand."""
        own = max(os.getpriority(os.PRIO_PROCESS, self.node.process.pid), 0)
        callers = []

        def at_work():
            return [each['pid'] for each in self.node.function(name)['instances'] if each['pid'] and each['events']]

        for _ in range(4):
            callers.append(threading.Thread(target=self.get, args=(name + '/nap?n=3000',)))
            callers[-1].start()
            wait_until(lambda: len(at_work()) == len(callers), 'an instance more')
        pids = at_work()
        wait_until(lambda: sorted(os.getpriority(os.PRIO_PROCESS, pid) - own for pid in pids) == nice, 'their nice')
        for caller in callers:
            caller.join()

    def test_each_of_a_crowd_of_fresh_ones_weighs_less(self):
        self.node.deploy('crowd', 'trouble', isolation='fresh', max_instances=4)
        self.serve_four_at_once('crowd', [0, 4, 5, 5])  # 1.25^-n is 1, 1/2, 1/3 at most

    def test_those_that_serve_many_weigh_the_same_and_less_than_the_node(self):
        self.node.deploy('steady', 'trouble', isolation='reuse', max_instances=4)
        self.serve_four_at_once('steady', [5, 5, 5, 5])

    def test_what_is_in_force_is_told(self):
        for name, in_force in (('reuse', 'reuse'), ('fresh', 'fresh'),
                               ('reset', 'reset' if rolls_back() else 'fresh')):
            told = self.node.function(name)['isolation']
            self.assertEqual(told['in_force'], in_force)
            self.assertEqual('only kvm' in told['why'], name == 'reset' and not rolls_back())

    def test_many_at_once_are_all_pristine(self):
        got = []

        def call():
            got.append(self.get('many/count'))
        threads = [threading.Thread(target=call) for _ in range(BURST)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(got, [b'1'] * BURST)

    def test_large_bodies_leave_nothing(self):
        for _ in range(3):
            answer = self.node.http('POST', '/function/reset/show', b'x' * 1000000)
            self.assertIn(b'body=1000000', answer.body)
            self.assertEqual(len(self.get('reset/bytes?n=700000')), 700000)
            self.assertEqual(self.get('reset/count'), b'1')

    def test_a_fault_is_followed_by_a_pristine_one(self):
        for name in ('reset', 'fresh'):
            self.assertEqual(self.node.http('GET', f'/function/{name}/null').status, 502)
            self.assertEqual(self.get(name + '/count'), b'1')

    def test_a_killed_one_is_replaced(self):
        self.get('reset/count')
        for instance in self.node.function('reset')['instances']:
            if instance['pid']:
                os.kill(instance['pid'], signal.SIGKILL)
        wait_until(lambda: not self.node.function('reset')['instances'], 'its end')
        self.assertEqual(self.get('reset/count'), b'1')

    def test_who_does_not_come_to_rest_after_its_reply_is_ended(self):
        self.node.deploy('lingers', 'trouble', isolation='reset')
        wait_until(lambda: self.node.snapshot('lingers')['state'] == 'ready', 'its snapshot')
        self.assertEqual(self.node.http('GET', '/function/lingers/linger?n=60000').status, 200)
        wait_until(lambda: not self.node.function('lingers')['instances'], 'its end')
        faults = self.node.function('lingers')['counters']['faults']
        self.assertEqual(faults, {'reset-timeout': 1} if rolls_back() else {})
        self.assertEqual(self.get('lingers/count'), b'1')

    def test_another_version_takes_over(self):
        self.node.deploy('changes', 'trouble', isolation='reset')
        self.assertEqual(self.get('changes/count'), b'1')
        self.node.deploy('changes', 'echo', isolation='reset')
        self.assertEqual(self.node.http('POST', '/function/changes', b'hi').body, b'hi')
        self.assertEqual(self.node.http('POST', '/function/changes', b'hi').body, b'hi')
        self.assertEqual(self.node.function('changes')['counters']['faults'], {})

    def test_its_metrics(self):
        self.counts('reset', 0.01)
        text = self.node.api('GET', '/metrics').body.decode()
        self.assertIn('mayfly_starts_total{function="reset",kind="restore"}', text)
        self.assertEqual('mayfly_reset_seconds_count{function="reset"}' in text, rolls_back())
        self.assertEqual('mayfly_reset_pages_count{function="reset"}' in text, rolls_back())

    def test_an_unknown_isolation_is_refused(self):
        image = self.node.function('fresh')['image']
        answer = self.node.api('PUT', '/v1/functions/odd',
                               {'image': image, 'settings': {'isolation': 'some'}})
        self.assertEqual(answer.status, 400)
        self.assertIn('reset, reuse or fresh', answer.error['message'])


if __name__ == '__main__':
    harness.main()
