"""script_suite.py: Debian's own programs: each of their scripts, and each line of applets.txt, is a test. Natively it passes when
it ends well and prints something, inside when it prints the same.
"""
import os
import shlex
import shutil

import places
import python_suite

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT_S = 120
NODE = shutil.which('node') or '/usr/bin/node'
NODE_PARTS = ('acorn', 'acorn-walk', 'cjs-module-lexer', 'undici')  # that Debian's reads from files
WITH_JIT = ('node', 'python3-jit')
PROGRAMS = {  # what reads a script, or an applet's input, from standard input
    'busybox': ('/bin/busybox', [], 'busybox-static'),
    'lua': ('/usr/bin/lua5.4', ['-'], 'lua5.4'),
    'node': (NODE, ['-'], 'nodejs'),
    'python3': (python_suite.PYTHON, ['-'], 'python3.11'),
    'python3-jit': (python_suite.PYTHON, ['-'], 'python3.11'),
    'sqlite': ('/usr/bin/sqlite3', ['-batch', '-bail', '/tmp/proof.db'], 'sqlite3'),
}


def available(kind):
    path, _, package = PROGRAMS[kind]
    return None if os.path.exists(path) else f'no {path} here (Debian: {package})'


def read(path):
    with open(path, 'rb') as file:
        return file.read()


class Suite:
    def __init__(self, kind):
        self.kind = kind
        path, self.arguments, _ = PROGRAMS[kind]
        self.root = python_suite.make_root() if kind.startswith('python3') else places.Root()
        self.root.add_program(path)
        for name in NODE_PARTS if kind == 'node' else ():
            self.root.add('/usr/share/nodejs/' + name)
        self.program = places.Program(self.root, path, '/tmp', settings={'jit': kind in WITH_JIT})
        self.printed, self.why = {}, {}

    def close(self):
        self.root.close()

    def cases(self):
        """Of each: name, arguments, standard input."""
        if self.kind == 'busybox':
            lines = read(HERE + '/applets.txt').decode().splitlines()
            cases = [(line, shlex.split(line), read(HERE + '/applets.txt')) for line in lines]
        else:
            folder = os.path.join(HERE, self.kind)
            cases = [(name, self.arguments, read(os.path.join(folder, name))) for name in sorted(os.listdir(folder))]
        return [case for case in cases if self.only.search(case[0])]

    def run(self, place, exceptions, say):
        cases, verdicts = self.cases(), {}
        orders = [(self.program, arguments, stdin) for _, arguments, stdin in cases]
        ended = self.run_here(place, orders) if place.name == 'native' else \
            place.run_all(orders, SCRIPT_S * place.slowness)
        for (name, _, _), one in zip(cases, ended):
            if place.name == 'native':
                self.printed[name] = one.out
            verdicts[name] = self.verdict(name, place, one, say)
        return verdicts

    def run_here(self, place, orders):
        """Each finds no file of the one before, as inside."""
        ended = []
        for order in orders:
            ended += place.run_all([order], SCRIPT_S)
            self.clean()
        return ended

    def verdict(self, name, place, ended, say):
        if ended.code == 0 and ended.out and ended.out == self.printed[name]:
            return 'pass'
        say(f'{name} {place.name} ({ended.code}):\n{ended.out}{ended.err}')
        return 'another output' if ended.code == 0 else f'ended with {ended.code}'

    @staticmethod
    def clean():
        for name in ('proof.db', 'proof.db-journal', 'proof.db-wal', 'proof.db-shm', 'proof.other.db'):
            if os.path.exists('/tmp/' + name):
                os.unlink('/tmp/' + name)
