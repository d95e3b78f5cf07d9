"""script_suite.py: scripts for Debian's own programs: each script is a test. Natively it passes when it ends well and
prints something, inside when it prints the same.
"""
import os

import places
import python_suite

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT_S = 120
PROGRAMS = {  # what reads a script from standard input
    'lua': ('/usr/bin/lua5.4', ['-'], 'lua5.4'),
    'python3': (python_suite.PYTHON, ['-'], 'python3.11'),
    'sqlite': ('/usr/bin/sqlite3', ['-batch', '-bail', '/tmp/proof.db'], 'sqlite3'),
}


def available():
    for path, _, package in PROGRAMS.values():
        if not os.path.exists(path):
            return f'no {path} here (Debian: {package})'
    return None


class Suite:
    def __init__(self, kind, build):
        path, self.arguments, _ = PROGRAMS[kind]
        self.folder = os.path.join(HERE, kind)
        self.root = python_suite.make_root() if kind == 'python3' else places.Root()
        self.root.add_program(path)
        self.program = places.Program(self.root, path, '/tmp')
        self.printed, self.why = {}, {}

    def close(self):
        self.root.close()

    def run(self, place, exceptions, say):
        return {name: self.run_script(place, name, say) for name in sorted(os.listdir(self.folder))}

    def run_script(self, place, name, say):
        with open(os.path.join(self.folder, name), 'rb') as file:
            ended = place.run(self.program, self.arguments, SCRIPT_S, file.read())
        if place.name == 'native':
            self.clean()
            self.printed[name] = ended.out
        if ended.code == 0 and ended.out and ended.out == self.printed[name]:
            return 'pass'
        say(f'{name} {place.name} ({ended.code}):\n{ended.out}{ended.err}')
        return 'another output' if ended.code == 0 else f'ended with {ended.code}'

    @staticmethod
    def clean():
        for name in ('proof.db', 'proof.db-journal', 'proof.db-wal', 'proof.db-shm', 'proof.other.db'):
            if os.path.exists('/tmp/' + name):
                os.unlink('/tmp/' + name)
