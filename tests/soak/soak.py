#!/usr/bin/env python3
"""soak.py: cold starts and warm requests by the hundred thousand, while monitors, spawner and
node are killed and functions deployed anew: no reply is lost but those in flight (ledger.py
says what that means), nothing grows, nothing is left (remains.py).

    soak.py --build DIR --sandbox process|kvm [--warm N] [--cold N] [--reset N] [--rounds N]
            [--seed N] [--spare]

Three functions are called at once: `warm` (isolation reuse), `cold` (fresh: each call a start)
and `reset` (the default: under KVM a rollback after each call, else a start, too), in rounds of
as many calls each. In every other round the node is killed as well, at times while it deploys
or makes a snapshot; in the others it lives on, and is measured after a tenth of the round and
at its end. With --spare it lives on through all of them.
"""
import argparse
import collections
import faulthandler
import json
import os
import random
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'node'))
import harness  # noqa: E402
from ledger import MONITOR, NODE, NOTICE_S, SPAWNER, Ledger  # noqa: E402
from remains import Remains, adopt_orphans, children, reap_orphans  # noqa: E402
from sinks import unused_port  # noqa: E402

CALLERS = 8                     # of each function
BLANKS = 3 * CALLERS            # so that no burst asks for more: their number stays
PATIENCE_MS = 120_000           # for an instance, for an answer: others may use the machine
SETTLE_S = 60
CLOSED_S = 3                    # for a connection to be closed at both ends
PAUSE_S = (0.02, 0.3)           # between two disturbances
SNAPSHOT_S = 0.03               # about what it takes to deploy and make one
DEPLOY, TORN = 'deployment', 'node, while deploying'
SPARING = {MONITOR: 80, SPAWNER: 8, DEPLOY: 8}
KILLING = SPARING | {NODE: 3, TORN: 5}
GROWTH_KIB_MAX = 2048           # of the node, from the tenth of a round to its end: 20 bytes a call
PSS_GROWTH_KIB_MAX = 4096       # of all processes
ISOLATION = {'warm': 'reuse', 'cold': 'fresh', 'reset': 'reset'}


def now_ns():
    return time.monotonic_ns()      # the hammer's clock, too


class Soak:
    def __init__(self, args):
        self.args = args
        self.random = random.Random(args.seed)
        self.ledger = Ledger()
        self.done = collections.Counter()       # disturbances, by kind
        self.losses = collections.Counter()     # calls lost, by kind
        self.calls = collections.Counter()      # answered, by function; and what else was special
        self.problems = []
        self.deployed = 0
        self.port = unused_port()  # the node comes back to it
        self.draws = os.path.join(tempfile.mkdtemp(prefix='mf-soak-'), 'draws')
        harness.MADE.append(os.path.dirname(self.draws))
        self.node = harness.Node('--listen', f'127.0.0.1:{self.port}', '--blanks', str(BLANKS))
        for name in ISOLATION:
            self.deploy(name)

    # ---- disturbances ----

    def settings(self, name):
        """Other than the last ones: it takes a snapshot of its own."""
        self.deployed += 1
        return {'isolation': ISOLATION[name], 'sandbox': self.args.sandbox,
                'wait_ms': PATIENCE_MS // 2, 'timeout_ms': PATIENCE_MS,
                'environment': {'SOAK': str(self.deployed), 'NAME': name}}

    def deploy(self, name):
        self.node.deploy(name, 'soaked', **self.settings(name))

    def spawner(self):
        return next(iter(children(self.node.process.pid)), None)

    def kill_node(self):
        began_ns = now_ns()
        self.node.process.kill()
        self.node.process.wait()
        self.ledger.kill(NODE, began_ns, now_ns())
        self.node.start()

    def tear(self):
        """Kill the node in the middle of a deployment, or of the snapshot after it."""
        name = self.random.choice(list(ISOLATION))
        body = json.dumps({'image': self.node.function(name)['image'],
                           'settings': self.settings(name)}).encode()
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(os.path.join(self.node.state, 'api.sock'))
            sock.sendall(f'PUT /v1/functions/{name} HTTP/1.1\r\nHost: node\r\nContent-Length: '
                         f'{len(body)}\r\n\r\n'.encode() + body)
            time.sleep(self.random.uniform(0, SNAPSHOT_S))
            self.kill_node()

    def kill_child(self, pid, parent, ended):
        """By descriptor, so that nobody else is hit who has its number by now. False: it is
        gone. ended() is called when it is dead, and returns when the window may close."""
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            return False
        try:
            if pid not in children(parent):
                return False
            signal.pidfd_send_signal(fd, signal.SIGKILL)
            select.select([fd], [], [])
            ended()
            return True
        except ProcessLookupError:
            return False
        finally:
            os.close(fd)

    def kill_spawner(self):
        old, began_ns = self.spawner(), now_ns()
        if old is None or not self.kill_child(old, self.node.process.pid, lambda: harness.wait_until(
                lambda: self.spawner() not in (None, old), 'another spawner', SETTLE_S)):
            return False
        self.ledger.kill(SPAWNER, began_ns, now_ns())
        return True

    def kill_monitor(self):
        spawner, began_ns = self.spawner(), now_ns()
        monitors = children(spawner) if spawner else []
        if not monitors or not self.kill_child(self.random.choice(monitors), spawner, lambda: None):
            return False
        self.ledger.kill(MONITOR, began_ns, now_ns() + int(NOTICE_S * 1e9))
        return True

    def disturb(self, kind):
        if kind == NODE:
            self.kill_node()
        elif kind == TORN:
            self.tear()
        elif kind == DEPLOY:
            self.deploy(self.random.choice(list(ISOLATION)))
        elif not (self.kill_spawner() if kind == SPAWNER else self.kill_monitor()):
            return
        self.done[kind] += 1

    # ---- load ----

    def hammer(self, name, count):
        clean = name == 'cold' or name == 'reset'
        process = subprocess.Popen(
            [os.path.join(self.args.build, 'soak-hammer'), str(self.port), f'/function/{name}',
             str(CALLERS), str(count), 'once' if clean else 'often', f'{self.draws}-{name}'],
            stdout=subprocess.PIPE)
        harness.STARTED.append(process)
        return process

    def collect(self, name, process):
        text = process.communicate()[0]
        if process.returncode:
            sys.exit(f'{name}: an answer was wrong, or none came: {text[:1000]}')
        result = json.loads(text)
        self.calls[name] += result['good']
        for what in ('firsts', 'large', 'hung_up'):
            self.calls[f'{what} of {name}'] += result[what]
        for loss in result['lost']:
            self.ledger.lose(name, *loss)

    def run(self, counts, weights):
        """All three at once, and what happens to them meanwhile."""
        hammers = {name: self.hammer(name, count) for name, count in counts.items() if count}
        while any(hammer.poll() is None for hammer in hammers.values()):
            time.sleep(self.random.uniform(*PAUSE_S))
            self.disturb(self.random.choices(list(weights), list(weights.values()))[0])
            reap_orphans([p.pid for p in harness.STARTED])
            if self.node.process.poll() is not None:
                sys.exit('the node ended:\n' + self.node.log()[-4000:].decode())
        for name, hammer in hammers.items():
            self.collect(name, hammer)
        counts, problems = self.ledger.settle()
        self.problems += problems
        for kind, (_, lost) in counts.items():
            self.losses[kind] += lost

    def settle(self):
        """Nothing but spawner and blanks."""
        for name in ISOLATION:          # ends their instances; they stay deployed
            self.deploy(name)
            self.node.snapshot(name)

        def idle():
            counts = self.node.api('GET', '/v1/node').json['counts']
            ours = [process.pid for process in harness.STARTED]
            return (counts['blanks'][self.args.sandbox] == BLANKS and not counts['freezing'] and
                    len(self.node.children()) == 1 + BLANKS and not reap_orphans(ours))
        harness.wait_until(idle, 'all instances to end', SETTLE_S)
        for name in ISOLATION:
            made = self.node.function(name)['snapshot']
            if made['state'] != 'ready':
                self.problems.append(f'{name} has no snapshot: {made}')

    def measure(self, what, before=None):
        self.settle()
        until = time.monotonic() + CLOSED_S
        differences = ['']      # the node need not have closed our last connection yet
        while differences and time.monotonic() < until:
            time.sleep(CLOSED_S if not before else 0.1)
            now = Remains(self.node.process.pid, self.node.state)
            differences = now.differences(before) if before else []
        print(f'{what}: {now.line()}', flush=True)
        self.problems += [f'{what}: {problem}' for problem in differences]
        return now

    def grown(self, what, before, now):
        if harness.sanitized():
            return
        if now.resident_kib - before.resident_kib > GROWTH_KIB_MAX:
            self.problems.append(f'{what}: the node grew from {before.resident_kib} to '
                                 f'{now.resident_kib} KiB')
        if now.pss_kib - before.pss_kib > PSS_GROWTH_KIB_MAX:
            self.problems.append(f'{what}: all processes grew from {before.pss_kib} to '
                                 f'{now.pss_kib} KiB')

    def round(self, number, first):
        counts = {name: getattr(self.args, name) // self.args.rounds for name in ISOLATION}
        what = f'round {number}'
        if number % 2 == 0 and not self.args.spare:
            self.run(counts, KILLING)
            now = self.measure(what + ', with kills of the node', first)
        else:
            few = {name: count // 10 for name, count in counts.items()}
            self.run(few, SPARING)
            tenth = self.measure(what + ', a tenth', first)
            self.run({name: counts[name] - few[name] for name in counts}, SPARING)
            now = self.measure(what + ', the same node', first)
            self.grown(what, tenth, now)
        self.grown(what + ' and all before', first, now)

    def report(self):
        calls = ', '.join(f'{count} {name}' for name, count in self.calls.items())
        kills = ', '.join(f'{count} × {kind}' for kind, count in self.done.items())
        lost = ', '.join(f'{count} with a {kind}' for kind, count in self.losses.items())
        print(f'answered: {calls}\ndone to them: {kills}\nlost, all of them in flight: {lost}')


def events(log):
    """How often each event stands in the daemon's log, and for what reasons."""
    said = re.findall(r'^\S+Z \w+ (\S+).*?(why=".*")?$', log.decode(), re.MULTILINE)
    return collections.Counter(' '.join(parts).strip() for parts in said)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', required=True)
    parser.add_argument('--sandbox', default='process', choices=('process', 'kvm'))
    parser.add_argument('--warm', type=int, default=1_000_000)
    parser.add_argument('--cold', type=int, default=100_000)
    parser.add_argument('--reset', type=int, default=100_000)
    parser.add_argument('--rounds', type=int, default=10)
    parser.add_argument('--seed', type=int, default=int(time.time()))
    parser.add_argument('--spare', action='store_true')
    args = harness.ARGS = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended from outside'))
    adopt_orphans()
    faulthandler.register(signal.SIGUSR1)
    began = time.monotonic()
    probe = harness.Node()
    usable = probe.api('GET', '/v1/node').json['sandboxes'][args.sandbox]['usable']
    probe.close()
    if not usable:
        print(f'{args.sandbox} does not work here')
        sys.exit(77)
    print(f'seed {args.seed}', flush=True)
    soak = Soak(args)
    soak.run({name: min(getattr(args, name), 1000) for name in ISOLATION}, SPARING)
    first = soak.measure('at first')
    for number in range(args.rounds):
        soak.round(number, first)
    soak.report()
    for said, count in events(soak.node.log()).items():
        print(f'the node said {count} times: {said}')
        if 'damaged' in said:
            soak.problems.append(said)
    soak.node.close()
    for name in ISOLATION:
        if subprocess.run([os.path.join(args.build, 'soak-hammer'), 'unique',
                           f'{soak.draws}-{name}'], check=False).returncode:
            soak.problems.append(f'{name}: instances drew the same random number')
    if reap_orphans([p.pid for p in harness.STARTED]):
        soak.problems.append('a process outlived the node')
    print(f'{time.monotonic() - began:.0f} s')
    for problem in soak.problems:
        print('FAILED: ' + problem)
    sys.exit(bool(soak.problems))


if __name__ == '__main__':
    main()
