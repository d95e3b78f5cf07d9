"""python_tests.py: runs one module of CPython's tests, as standard input says, and tells each test's end in a line of
standard output. Runs natively and inside; nothing of mayfly is known here.
"""
import fnmatch
import json
import os
import re
import sys
import tempfile
import traceback
import unittest


def main():
    order = json.load(sys.stdin)
    out = os.dup(1)
    os.dup2(2, 1)  # what tests print

    def tell(word, test=''):
        os.write(out, f'\n@{word} {test}\n'.encode('utf-8', 'backslashreplace'))

    class Result(unittest.TestResult):
        def startTest(self, test):
            super().startTest(test)
            self.bad = self.skipped_parts = False
            tell('begin', test.id())

        def stopTest(self, test):
            super().stopTest(test)
            if self.bad:
                tell('fail', test.id())

        def wrong(self, test, error):
            print(f'FAILED {test.id()}', file=sys.__stderr__)
            text = traceback.format_exception(*error)
            print(''.join(text), file=sys.__stderr__, flush=True)
            forks = 'asks for a process: ' if any('fork' in part or 'forkpty' in part for part in text) else ''
            tell('why', f'{test.id().split(" ")[0]} {forks}{text[-1].splitlines()[0] if text[-1].strip() else ""}')

        def addError(self, test, error):
            self.wrong(test, error)
            self.bad = True
            if not isinstance(test, unittest.TestCase):  # a class's or the module's preparation
                tell('fail', test.id())

        addFailure = addError

        def addSubTest(self, test, part, error):
            if error is not None:
                self.wrong(part, error)
                self.bad = True

        def addSuccess(self, test):
            if not self.bad:
                tell('pass', test.id())

        def addExpectedFailure(self, test, error):
            tell('pass', test.id())

        def addUnexpectedSuccess(self, test):
            self.bad = True

        def addSkip(self, test, reason):
            if isinstance(test, unittest.TestCase):
                tell('skip', test.id())

    os.chdir(tempfile.mkdtemp())
    only, skip = re.compile(order['only']), set(order['skip'])

    def wanted(test):
        return only.search(test.id()) and test.id() not in skip and not any(fnmatch.fnmatchcase(test.id(), one) for one in order['left_out'])

    def flat(suite):
        for one in suite:
            if isinstance(one, unittest.TestSuite):
                yield from flat(one)
            else:
                yield one

    from test import support
    support.verbose = 0
    support.use_resources = []
    try:
        module = __import__('test.' + order['module'], fromlist=['x'])
        tests = unittest.defaultTestLoader.loadTestsFromModule(module)
    except unittest.SkipTest as reason:
        tell('skip', f'({reason})')
        tell('end')
        return
    # In the order of the module, so that classes and modules are prepared once.
    unittest.TestSuite(test for test in flat(tests) if wanted(test)).run(Result())
    tell('end')
    sys.stdout.flush()
    os._exit(0)  # threads that tests left behind


main()
