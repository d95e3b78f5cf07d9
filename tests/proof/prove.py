#!/usr/bin/env python3
"""prove.py: test suites that others wrote, natively and inside. What passes natively passes inside, or stands in
exceptions.txt with its reason. README.md says how to read it.

usage: prove.py --build DIR [--sandbox NAME]... [--verbose] SUITE...
       prove.py --build DIR --table
"""
import argparse
import json
import os
import shutil
import sys
import tempfile

import go_suite
import places
import python_suite
import script_suite
import verdicts

SKIPPED = 77


def suites(name, build):
    """The suite of this name, with what must be closed after it."""
    kind, _, rest = name.partition('/')
    if kind == 'go':
        return go_suite.Suite(rest, build), None
    if kind == 'python':
        root = python_suite.make_root()
        return python_suite.Suite(rest, root), root
    return script_suite.Suite(kind, build), None


def expand(names):
    """`python` is each of the modules that python_modules.txt names."""
    for name in names:
        if name == 'python':
            yield from ('python/' + module for module in python_suite.modules())
        else:
            yield name


def unavailable(name):
    kind = name.partition('/')[0]
    return {'go': go_suite, 'python': python_suite}.get(kind, script_suite).available()


def prove(name, sandboxes, build, say):
    """One suite under every sandbox that works here: the rows of its table, and whether all was as it must be."""
    good, rows = True, {}
    exceptions = verdicts.Exceptions.of(name)
    suite, root = suites(name, build)
    work = tempfile.mkdtemp(prefix='mf-proof-')
    try:
        native = suite.run(places.Native(), exceptions, say)
        for sandbox in sandboxes:
            inside = suite.run(places.Inside(build, sandbox, work), exceptions, say)
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
        keep(build, name, rows)
    return good


def keep(build, name, rows):
    folder = os.path.join(build, 'proof', 'results')
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name.replace('/', '-') + '.json'), 'w') as file:
        json.dump({'suite': name, 'sandboxes': rows}, file, indent=1)


def table(build):
    """Of what ran under both sandboxes. Totals last."""
    folder = os.path.join(build, 'proof', 'results')
    total = [0] * 5
    print('| suite | tests | pass natively | inside, process | inside, kvm | exceptions |\n|---|---|---|---|---|---|')
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name)) as file:
            result = json.load(file)
        rows = result['sandboxes']
        if set(rows) < {'process', 'kvm'}:
            continue
        process, kvm = rows['process'], rows['kvm']
        if process['failures'] or kvm['failures']:
            raise SystemExit(f"{result['suite']}: {process['failures'] + kvm['failures']}")
        numbers = [process['tests'], process['native'], process['inside'], kvm['inside'],
                   max(process['exceptions'], kvm['exceptions'])]
        total = [a + b for a, b in zip(total, numbers)]
        print(f"| {result['suite']} | " + ' | '.join(map(str, numbers)) + ' |')
    print('| all | ' + ' | '.join(map(str, total)) + ' |')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', required=True)
    parser.add_argument('--sandbox', action='append')
    parser.add_argument('--verbose', action='store_true', help='show what failed tests said')
    parser.add_argument('--table', action='store_true')
    parser.add_argument('suite', nargs='*')
    asked = parser.parse_args()
    build = os.path.abspath(asked.build)
    if asked.table:
        return table(build)
    good = True
    for name in expand(asked.suite):
        why = unavailable(name)
        if why:
            print('skipped: ' + why)
            return SKIPPED
        try:
            good &= prove(name, asked.sandbox or ['process', 'kvm'], build, print if asked.verbose else lambda text: None)
        except places.Unusable as unusable:
            print('skipped: ' + str(unusable))
            return SKIPPED
    return 0 if good else 1


sys.exit(main())
