#!/usr/bin/env python3
"""prove.py: test suites that others wrote, natively and inside. What passes natively passes inside, or stands in
exceptions.txt with its reason. README.md says how to read it.

usage: prove.py --build DIR [--sandbox NAME]... [--only REGEX] [--verbose] SUITE...
       prove.py --build DIR --table
"""
import argparse
import json
import os
import re
import shutil
import signal
import sys
import tempfile

import emulated
import go_suite
import places
import python_suite
import script_suite
import verdicts

SKIPPED = 77
USUAL = ['process', 'kvm']
EMULATED = 'kvm-amd'  # of the emulated machine


def suites(name, build):
    """The suite of this name, with what must be closed after it."""
    kind, _, rest = name.partition('/')
    if kind == 'go':
        return go_suite.Suite(rest, build), None
    if kind == 'python':
        root = python_suite.make_root()
        return python_suite.Suite(rest, root), root
    return script_suite.Suite(kind), None


def expand(names):
    """`python` is each of the modules that python_modules.txt names."""
    for name in names:
        if name == 'python':
            yield from ('python/' + module for module in python_suite.modules())
        else:
            yield name


def unavailable(name):
    kind = name.partition('/')[0]
    suite = {'go': go_suite, 'python': python_suite}.get(kind)
    return suite.available() if suite else script_suite.available(kind)


def prove(name, sandboxes, only, build, say):
    """One suite under every sandbox that works here: the rows of its table, and whether all was as it must be."""
    good, rows = True, {}
    exceptions = verdicts.Exceptions.of(name)
    suite, root = suites(name, build)
    suite.only = re.compile(only)
    work = tempfile.mkdtemp(prefix='mf-proof-')
    try:
        native = suite.run(places.Native(), exceptions, say)
        for sandbox in sandboxes:
            place = emulated.Emulated(build, work) if sandbox == EMULATED else places.Inside(build, sandbox, work)
            inside = suite.run(place, exceptions, say)
            outcome = verdicts.Outcome(native, inside, exceptions)
            rows[sandbox] = outcome.row()
            print(f'{name} under {sandbox}: {outcome.tests} tests, {len(outcome.native)} passed natively, '
                  f'{len(outcome.inside)} inside, {len(outcome.excepted)} exceptions, '
                  f'{len(outcome.failures)} unexplained', flush=True)
            for test, how in outcome.failures.items():
                print(f'  {name} {test} {how}: {suite.why.get(test, "")[:160]}')
            good = good and not outcome.failures and bool(outcome.native)
    finally:
        suite.close()
        if root:
            root.close()
        shutil.rmtree(work, ignore_errors=True)
    if rows:
        for pattern in exceptions.unused(native):
            print(f'  exceptions.txt: {name} {pattern}: passes everywhere; take it away')
            good = False
        keep(build, name + (', in part' if only else ''), rows)
    return good


def keep(build, name, rows):
    folder = os.path.join(build, 'proof', 'results')
    os.makedirs(folder, exist_ok=True)
    for group in (USUAL, [EMULATED]):
        kept = {sandbox: rows[sandbox] for sandbox in group if sandbox in rows}
        if kept:
            file_name = '-'.join([re.sub('[^A-Za-z0-9._]+', '-', name), *group]) + '.json'
            with open(os.path.join(folder, file_name), 'w') as file:
                json.dump({'suite': name, 'sandboxes': kept}, file, indent=1)


def table(build, sandboxes):
    """Of what ran under all of these. Totals last."""
    folder = os.path.join(build, 'proof', 'results')
    columns = ['suite', 'tests', 'pass natively', *(f'inside, {name}' for name in sandboxes), 'exceptions']
    total = [0] * (len(columns) - 1)
    print('| ' + ' | '.join(columns) + ' |\n|' + '---|' * len(columns))
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name)) as file:
            result = json.load(file)
        if set(result['sandboxes']) != set(sandboxes):
            continue  # of the other table, or of one sandbox only
        rows = [result['sandboxes'][sandbox] for sandbox in sandboxes]
        if any(row['failures'] for row in rows):
            raise SystemExit(f"{result['suite']}: {[row['failures'] for row in rows]}")
        numbers = [rows[0]['tests'], rows[0]['native'], *(row['inside'] for row in rows),
                   max(row['exceptions'] for row in rows)]
        total = [a + b for a, b in zip(total, numbers)]
        print(f"| {result['suite']} | " + ' | '.join(map(str, numbers)) + ' |')
    print('| all | ' + ' | '.join(map(str, total)) + ' |')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', required=True)
    parser.add_argument('--sandbox', action='append', choices=[*USUAL, EMULATED])
    parser.add_argument('--only', default='', metavar='REGEX', help='tests whose name it is found in')
    parser.add_argument('--verbose', action='store_true', help='show what failed tests said')
    parser.add_argument('--table', action='store_true')
    parser.add_argument('suite', nargs='*')
    asked = parser.parse_args()
    build = os.path.abspath(asked.build)
    for ignored in (signal.SIGINT, signal.SIGQUIT):  # as a shell has it for what runs behind it, and tests would inherit it
        signal.signal(ignored, lambda number, frame: sys.exit(1))
    if asked.table:
        table(build, USUAL)
        return table(build, [EMULATED])
    good = True
    for name in expand(asked.suite):
        why = unavailable(name)
        if why:
            print('skipped: ' + why)
            return SKIPPED
        try:
            good &= prove(name, asked.sandbox or USUAL, asked.only, build,
                          print if asked.verbose else lambda text: None)
        except places.Unusable as unusable:
            print('skipped: ' + str(unusable))
            return SKIPPED
    return 0 if good else 1


sys.exit(main())
