#!/usr/bin/env python3
"""soak.py: cold starts and warm requests by the hundred thousand while monitors, spawner and
node are killed: no reply is lost but those in flight, nothing grows, nothing is left.

    soak.py --build DIR --sandbox process|kvm [--cold N] [--warm N] [--seed N]
"""
import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'node'))
import harness  # noqa: E402

THREADS = 8
GROWTH_KIB_MAX = 2048
PAUSE_S = (0.05, 0.5)           # between two kills
MONITOR, SPAWNER, NODE = 'monitor', 'spawner', 'node'
WEIGHTS = {MONITOR: 90, SPAWNER: 8, NODE: 2}
SETTLE_S = 30


def free_port():
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


class Soak:
    def __init__(self, args):
        self.args = args
        self.kills = dict.fromkeys(WEIGHTS, 0)
        self.endangered = 0         # calls that a kill may have cost their answer
        self.random = random.Random(args.seed)
        self.port = free_port()
        self.node = harness.Node('--listen', f'127.0.0.1:{self.port}')
        self.node.deploy('warm', 'echo', isolation='reuse')
        self.node.deploy('cold', 'echo', isolation='fresh', max_instances=64)

    def hammer(self, function, count):
        return subprocess.Popen([os.path.join(self.args.build, 'soak-hammer'), str(self.port),
                                 f'/function/{function}', str(THREADS), str(count)],
                                stdout=subprocess.PIPE)

    def spawner(self):
        """The daemon's only child."""
        with open(f'/proc/{self.node.process.pid}/task/{self.node.process.pid}/children') as file:
            pids = file.read().split()
        return int(pids[0]) if pids else None

    def kill(self, kind):
        """Each may cost every call that the victim had in hand, and no other."""
        children = self.node.children()
        spawner = self.spawner()
        if kind == NODE:
            self.node.process.kill()
            self.node.process.wait()
            self.endangered += 2 * THREADS
            self.node.start()
        elif kind == SPAWNER and spawner:
            os.kill(spawner, signal.SIGKILL)
            self.endangered += 2 * THREADS
        elif kind == MONITOR:
            monitors = [pid for pid in children if pid != spawner]
            if not monitors:
                return
            try:
                os.kill(self.random.choice(monitors), signal.SIGKILL)
            except ProcessLookupError:
                return
            self.endangered += 1
        self.kills[kind] += 1

    def run(self, function, count):
        hammer = self.hammer(function, count)
        while hammer.poll() is None:
            time.sleep(self.random.uniform(*PAUSE_S))
            self.kill(self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0])
        result = json.loads(hammer.stdout.read())
        if hammer.returncode:
            sys.exit(f'{function}: answers were wrong, or none came: {result}')
        return result

    def settled(self):
        """Only the spawner and blanks are left: (resident KiB, descriptors, files)."""
        def idle():
            counts = self.node.api('GET', '/v1/node').json['counts']
            return len(self.node.children()) == 1 + sum(counts['blanks'].values())
        for name in ('warm', 'cold'):   # ends their instances; they stay deployed
            settings = self.node.function(name)['settings']
            self.node.deploy(name, 'echo', **{k: settings[k] for k in ('isolation', 'max_instances')})
        harness.wait_until(idle, 'the instances to end', SETTLE_S)
        files = sum(len(names) for _, _, names in os.walk(self.node.state))
        return self.node.resident_kib(), self.node.descriptors(), files

    def check(self, results):
        lost = sum(r['broken'] + sum(r['statuses'].values()) for r in results)
        odd = {code for r in results for code in r['statuses']} - {'502', '503'}
        problems = []
        if lost > self.endangered:
            problems.append(f'{lost} calls were lost; the kills explain {self.endangered}')
        if odd:
            problems.append(f'statuses that no kill explains: {sorted(odd)}')
        return lost, problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', required=True)
    parser.add_argument('--sandbox', default='process', choices=('process', 'kvm'))
    parser.add_argument('--cold', type=int, default=100_000)
    parser.add_argument('--warm', type=int, default=1_000_000)
    parser.add_argument('--seed', type=int, default=int(time.time()))
    args = harness.ARGS = parser.parse_args()
    soak = Soak(args)
    if not soak.node.api('GET', '/v1/node').json['sandboxes'][args.sandbox]['usable']:
        soak.node.close()
        print(f'{args.sandbox} does not work here')
        sys.exit(77)
    print(f'seed {args.seed}', flush=True)
    first = [soak.run('warm', args.warm // 10), soak.run('cold', args.cold // 10)]
    before = soak.settled()
    began_kills = soak.kills[NODE]
    rest = [soak.run('warm', args.warm - args.warm // 10), soak.run('cold', args.cold - args.cold // 10)]
    after = soak.settled()
    lost, problems = soak.check(first + rest)
    same_process = soak.kills[NODE] == began_kills
    if after[0] - before[0] > GROWTH_KIB_MAX:
        problems.append(f'the node grew from {before[0]} to {after[0]} KiB')
    if same_process and after[1] > before[1] + THREADS:
        problems.append(f'{before[1]} descriptors became {after[1]}')
    if after[2] != before[2]:
        problems.append(f'{before[2]} files became {after[2]}')
    good = sum(r['good'] for r in first + rest)
    print(f'{good} calls answered, {lost} of those in flight lost to {soak.kills}; '
          f'node {before[0]} to {after[0]} KiB')
    soak.node.close()
    for problem in problems:
        print('FAILED: ' + problem)
    sys.exit(bool(problems))


if __name__ == '__main__':
    main()
