"""What the ledger lets pass, and what not: a soak that cannot fail is worth nothing."""
import unittest

from ledger import MONITOR, NODE, SPAWNER, Ledger


class Accounts(unittest.TestCase):
    def setUp(self):
        self.ledger = Ledger()

    def problems(self):
        return self.ledger.settle()[1]

    def lose(self, from_ns, until_ns, status=0, cause='', caller=1):
        self.ledger.lose('f', caller, from_ns, until_ns, status, cause)

    def test_nothing_lost_is_well(self):
        self.ledger.kill(NODE, 10, 20)
        self.assertEqual(self.problems(), [])

    def test_a_call_in_flight_may_go_with_the_node(self):
        self.ledger.kill(NODE, 10, 20)
        self.lose(5, 15)
        self.lose(19, 30)
        self.assertEqual(self.problems(), [])

    def test_one_that_began_after_it_may_not(self):
        self.ledger.kill(NODE, 10, 20)
        self.lose(21, 30)
        self.assertEqual(len(self.problems()), 1)

    def test_one_that_ended_before_it_may_not(self):
        self.ledger.kill(NODE, 10, 20)
        self.lose(5, 9)
        self.assertEqual(len(self.problems()), 1)

    def test_a_spawner_costs_each_caller_one_call(self):
        self.ledger.kill(SPAWNER, 10, 20)
        for caller in (1, 2):
            self.lose(5, 15, 502, 'spawner-lost', caller)
        self.assertEqual(self.problems(), [])
        self.ledger.kill(SPAWNER, 10, 20)
        self.lose(5, 15, 502, 'spawner-lost')
        self.lose(16, 18, 502, 'spawner-lost')
        self.assertEqual(len(self.problems()), 1)

    def test_a_call_that_waits_for_the_next_spawner_may_go_with_that_one(self):
        self.ledger.kill(SPAWNER, 10, 20)
        self.ledger.kill(SPAWNER, 30, 40)
        self.lose(5, 15, 502, 'spawner-lost')
        self.lose(16, 35, 502, 'spawner-lost')
        self.assertEqual(self.problems(), [])

    def test_a_node_costs_each_caller_two(self):
        self.ledger.kill(NODE, 10, 20)
        for from_ns in (5, 15, 16):
            self.lose(from_ns, from_ns + 9)
        self.assertEqual(len(self.problems()), 1)

    def test_kinds_do_not_stand_in_for_each_other(self):
        self.ledger.kill(SPAWNER, 10, 20)
        self.lose(5, 15)
        self.lose(5, 15, 502, 'killed')
        self.assertEqual(len(self.problems()), 2)

    def test_a_monitor_costs_one_call(self):
        self.ledger.kill(MONITOR, 10, 20)
        self.lose(5, 15, 502, 'killed')
        self.lose(5, 15, 502, 'killed')
        self.assertEqual(len(self.problems()), 1)

    def test_overlapping_kills_of_monitors_are_paired(self):
        self.ledger.kill(MONITOR, 10, 40)
        self.ledger.kill(MONITOR, 12, 42)
        self.lose(41, 50, 502, 'killed')
        self.lose(5, 11, 502, 'killed')
        self.assertEqual(self.problems(), [])

    def test_other_answers_are_problems_whatever_was_killed(self):
        for kind in (NODE, SPAWNER, MONITOR):
            self.ledger.kill(kind, 0, 100)
        self.lose(5, 15, 429, '')
        self.lose(5, 15, 502, 'page-fault')
        self.lose(5, 15, 503, 'killed')
        self.assertEqual(len(self.problems()), 3)

    def test_accounts_are_closed(self):
        self.ledger.kill(NODE, 10, 20)
        self.ledger.settle()
        self.lose(5, 15)
        self.assertEqual(len(self.problems()), 1)


if __name__ == '__main__':
    unittest.main()
