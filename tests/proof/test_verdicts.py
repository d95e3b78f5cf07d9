"""test_verdicts.py: the rule can fail: verdicts.py by itself, and how go_suite.py reads a run that ended early."""
import unittest

import go_suite
import places
import verdicts

NATIVE = {'a': 'pass', 'b': 'pass', 'c': 'skip', 'd': 'fail', 'a/one': 'pass'}


def outcome(inside, *lines):
    exceptions = verdicts.Exceptions('s', lines)
    return verdicts.Outcome(NATIVE, inside, exceptions), exceptions


class Rule(unittest.TestCase):
    def test_what_passes_natively_passes_inside(self):
        whole, _ = outcome({'a': 'pass', 'b': 'pass', 'a/one': 'pass'})
        self.assertEqual((whole.tests, len(whole.native), len(whole.inside), whole.failures), (5, 3, 3, {}))

    def test_a_failure_a_skip_and_an_absence_are_failures(self):
        for how in ('fail', 'skip', 'ends the program'):
            self.assertEqual(outcome({'a': how, 'b': 'pass', 'a/one': 'pass'})[0].failures, {'a': how})
        self.assertEqual(outcome({'a': 'pass', 'b': 'pass'})[0].failures, {'a/one': 'not there'})

    def test_an_exception_explains_what_its_pattern_names(self):
        whole, _ = outcome({'b': 'fail'}, 's a* fork: itself', 't b another suite')
        self.assertEqual(whole.excepted, {'a': 'fork: itself', 'a/one': 'fork: itself'})
        self.assertEqual(whole.failures, {'b': 'fail'})

    def test_an_exception_whose_tests_pass_is_stale(self):
        whole, exceptions = outcome({'a': 'pass', 'b': 'pass', 'a/one': 'pass'}, 's b no reason', 's d not told natively')
        self.assertEqual(whole.failures, {})
        self.assertEqual(exceptions.unused(NATIVE), ['b'])

    def test_what_is_left_out_is_not_begun(self):
        _, exceptions = outcome({}, '-s a* hangs', 's b fails')
        self.assertTrue(exceptions.left_out('a'))
        self.assertFalse(exceptions.left_out('b'))

    def test_an_exception_without_a_reason_is_refused(self):
        self.assertRaises(SystemExit, verdicts.Exceptions, 's', ['s a'])


class EndedEarly(unittest.TestCase):
    @staticmethod
    def culprit(out, told):
        return go_suite.Suite.culprit(['A', 'B', 'C'], told, places.Ended(out.encode(), b'', 2))

    def test_the_one_that_ran_is_the_one(self):
        self.assertEqual(self.culprit('=== RUN   A\n--- PASS: A (0.00s)\n=== RUN   B\n', {'A': 'pass'}), 'B')

    def test_of_several_the_last_that_went_on(self):
        out = '=== RUN   A\n=== PAUSE A\n=== RUN   B\n=== PAUSE B\n=== CONT  B\n=== CONT  A\n'
        self.assertEqual(self.culprit(out, {}), 'A')

    def test_one_that_told_its_verdict_is_none(self):
        self.assertIsNone(self.culprit('=== RUN   A\n--- FAIL: A (0.00s)\n', {'A': 'fail'}))

    def test_who_ends_before_the_first_is_not_tried_for_ever(self):
        self.assertEqual(self.culprit('', {}), 'A')


unittest.main()
