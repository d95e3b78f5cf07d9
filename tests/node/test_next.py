"""The setting `next`: a function is started while the one before it runs, where it pays."""
import time

import harness
from harness import NodeTest, wait_until

NAP_MS = 250  # or longer: than a start takes on a machine that is slow now


class Next(NodeTest):
    @classmethod
    def prepare(cls):
        cls.node.deploy('measured', 'echo', keep_alive='none')
        cls.node.snapshot('measured')
        starts = []
        for _ in range(3):
            begun = time.monotonic()
            assert cls.node.http('POST', '/function/measured', b'x').status == 200
            starts.append(time.monotonic() - begun)
        cls.nap = f'/nap?n={max(NAP_MS, int(max(starts) * 10000))}'

    def pair(self, name, **settings):
        """Two functions, the second of which is not kept."""
        first, second = f'{name}-1', f'{name}-2'
        self.node.deploy(second, 'echo', keep_alive='none')
        self.node.snapshot(second)
        self.node.deploy(first, 'trouble', next=second, **settings)
        self.node.snapshot(first)
        return first, second

    def counters(self, name):
        return self.node.function(name)['counters']

    def step(self, first):
        self.assertEqual(self.node.http('GET', f'/function/{first}{self.nap}').status, 200)

    def test_the_next_function_is_there_when_it_is_called(self):
        first, second = self.pair('chain')
        self.step(first)  # how long it takes is not known yet
        self.assertEqual(self.counters(second)['prewarms'], 0)
        self.assertEqual(self.node.http('POST', f'/function/{second}', b'x').body, b'x')
        wait_until(lambda: not self.node.function(second)['instances'], 'its end')
        before = self.counters(second)
        self.step(first)
        self.assertEqual(self.node.http('POST', f'/function/{second}', b'x').body, b'x')
        after = self.counters(second)
        self.assertEqual(after['prewarms'], before['prewarms'] + 1)
        self.assertEqual(after['cold_starts'], before['cold_starts'])

    def test_what_does_not_follow_is_not_started_for_ever(self):
        first, second = self.pair('vain')
        for _ in range(8):
            self.step(first)
            wait_until(lambda: not self.node.function(second)['instances'], 'its end')
        self.assertIn(self.counters(second)['prewarms'], range(1, 5))

    def test_a_short_step_is_not_worth_a_start(self):
        first, second = self.pair('short')
        self.step(first)
        for _ in range(40):  # in which it is learned that they are short
            self.assertEqual(self.node.http('GET', f'/function/{first}/show').status, 200)
        wait_until(lambda: not self.node.function(second)['instances'], 'its end')
        before = self.counters(second)['prewarms']
        for _ in range(5):
            self.assertEqual(self.node.http('GET', f'/function/{first}/show').status, 200)
        self.assertEqual(self.counters(second)['prewarms'], before)

    def test_a_next_that_is_not_there_or_goes_away_does_no_harm(self):
        self.node.deploy('lonely', 'trouble', next='nobody')
        self.step('lonely')
        self.step('lonely')
        first, second = self.pair('leaving')
        self.step(first)
        self.assertEqual(self.node.api('DELETE', f'/v1/functions/{second}').status, 200)
        self.step(first)
        self.node.deploy('self', 'trouble', next='self')
        self.step('self')
        self.step('self')


if __name__ == '__main__':
    harness.main()
