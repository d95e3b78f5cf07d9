"""verdicts.py: what the tests of a suite gave natively and inside, and what was said of it before.

The rule: a test that passes natively passes inside, or stands in exceptions.txt with the reason. A test that is skipped
inside has not passed.
"""
import fnmatch
import os

HERE = os.path.dirname(os.path.abspath(__file__))
EXCEPTIONS = os.path.join(HERE, 'exceptions.txt')


class Exceptions:
    """Lines `SUITE PATTERN REASON`; of `-SUITE` the test is not even begun, since it ends the program."""

    def __init__(self, suite, lines):
        self.rows = []  # pattern, reason, is it left out, whom it met
        for number, line in enumerate(lines, 1):
            line = line.split('#')[0].strip()
            if not line:
                continue
            words = line.split(None, 2)
            if len(words) < 3:
                raise SystemExit(f'exceptions.txt:{number}: a suite, a pattern and a reason belong here')
            if words[0].lstrip('-') == suite:
                self.rows.append([words[1], words[2], words[0].startswith('-'), set()])

    @classmethod
    def of(cls, suite):
        with open(EXCEPTIONS) as file:
            return cls(suite, file)

    def reason(self, test):
        for row in self.rows:
            if fnmatch.fnmatchcase(test, row[0]):
                row[3].add(test)
                return row[1]
        return None

    def left_out(self, test):
        return any(row[2] and fnmatch.fnmatchcase(test, row[0]) for row in self.rows)

    def unused(self, native):
        """Patterns whose tests pass natively, and passed inside wherever it was tried. Of a test that does not pass natively
        here nothing can be said."""
        passed = [test for test in native if native[test] == 'pass']
        return [row[0] for row in self.rows if not row[3] and any(fnmatch.fnmatchcase(test, row[0]) for test in passed)]


class Outcome:
    """Of one suite under one sandbox."""

    def __init__(self, native, inside, exceptions):
        self.tests = len(native)
        self.native = [test for test in native if native[test] == 'pass']
        self.inside = [test for test in self.native if inside.get(test) == 'pass']
        missing = [test for test in self.native if inside.get(test) != 'pass']
        self.excepted = {test: reason for test in missing if (reason := exceptions.reason(test))}
        self.failures = {test: inside.get(test, 'not there') for test in missing if test not in self.excepted}

    def row(self):
        return {'tests': self.tests, 'native': len(self.native), 'inside': len(self.inside),
                'exceptions': len(self.excepted), 'failures': sorted(self.failures)}
