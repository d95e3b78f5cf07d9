"""python_suite.py: modules of CPython's own tests (Debian: libpython3.11-testsuite), with python_tests.py for a runner."""
import json
import os
import re

import places

PYTHON = '/usr/bin/python3.11'
LIBRARY = '/usr/lib/python3.11'
MODULE_S = 600
ENDS_MAX = 20  # tests of one module that end the program; then the rest is given up
LINE = re.compile(r'^@(begin|pass|fail|skip|why|end) ?(.*)$', re.M)
HERE = os.path.dirname(os.path.abspath(__file__))


def available():
    if not os.path.exists(LIBRARY + '/test/test_json/__init__.py'):
        return "no tests of CPython's here (Debian: libpython3.11-testsuite)"
    return None


def make_root():
    """One for all modules."""
    root = places.Root()
    root.add_program(PYTHON)
    root.add(LIBRARY)
    root.add('/usr/lib/python3')  # tests look whether there are packages
    for name in os.listdir(LIBRARY + '/lib-dynload'):
        root.add_program(f'{LIBRARY}/lib-dynload/{name}')
    root.add_system()
    root.add('/proof/python_tests.py', HERE + '/python_tests.py')
    return root


class Suite:
    def __init__(self, module, root):
        self.module, self.root = module, root
        self.program = places.Program(root, PYTHON, '/tmp', {'PYTHONDONTWRITEBYTECODE': '1', 'TZ': 'UTC'})

    def close(self):
        pass

    def run(self, place, exceptions, say):
        verdicts, ends = {}, 0
        self.why = {}
        left_out = [] if place.name == 'native' else [row[0] for row in exceptions.rows if row[2]]
        script = self.root.files['/proof/python_tests.py'] if place.name == 'native' else '/proof/python_tests.py'
        while True:
            order = {'module': self.module, 'only': self.only.pattern, 'skip': list(verdicts), 'left_out': left_out}
            ended = place.run(self.program, ['-X', 'faulthandler', script], MODULE_S * place.slowness,
                              json.dumps(order).encode())
            running, whole, failed = None, False, False
            for word, test in LINE.findall(ended.out):
                if word == 'begin':
                    running = test
                elif word == 'end':
                    whole = True
                elif word == 'why':
                    test, _, text = test.partition(' ')
                    self.why.setdefault(test, text)
                else:
                    verdicts[test] = word
                    failed |= word == 'fail'
                    running = None
            if failed:
                say(f'{self.module} {place.name}:\n{plain(ended.err)}')
            if whole:
                return verdicts
            say(f'{self.module} {place.name}: ended ({ended.code}) in {running}\n{plain(ended.err)[-4000:]}')
            ends += 1
            if running is None or ends == ENDS_MAX:
                verdicts['(the module)'] = 'fail'
                return verdicts
            verdicts[running] = 'ends the program'


def plain(err):
    """Standard error without the level that the log gives each line."""
    return re.sub(r'(?m)^(warn|info): ', '', err)


def modules():
    with open(HERE + '/python_modules.txt') as file:
        return file.read().split()
