#!/usr/bin/env python3
"""fair.py --build DIR [--sandbox NAME] [--isolation NAME] [--path a-path] [--seconds N]: what a function
at ten events a second notices of one whose queue is never empty, and what that one loses.

Timed are B's events, from the POST to /async-function/b to the line in its log that says delivered, both on
this machine's clock; of A the answered events a second. In turn: B alone, A alone, both. Eight connections keep
A's queue full, sixteen requests at a time each. Nothing is judged; a quiet machine is needed to mean anything.
"""
import argparse
import datetime
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'node'))
import harness  # noqa: E402

FEEDERS, AT_ONCE = 8, 16


class Run:
    def __init__(self, args):
        self.node = harness.Node()
        self.over = False
        for name in 'ab':
            self.node.deploy(name, 'trouble', isolation=args.isolation)
            self.node.snapshot(name)

    def feed(self, path):
        request = (f'POST /async-function/a/{path} HTTP/1.1\r\nHost: node\r\nContent-Length: 0\r\n\r\n').encode()
        with socket.create_connection(('127.0.0.1', self.node.port)) as sock:
            while not self.over:
                sock.sendall(request * AT_ONCE)
                left = AT_ONCE
                while left > 0:
                    got = sock.recv(65536)
                    if not got:
                        return
                    left -= got.count(b'HTTP/1.1 ')

    def answered(self):
        return sum(self.node.function('a')['counters']['answered'].values())

    def latencies_ms(self, seconds):
        sent, begun = {}, time.monotonic()
        connection = self.node.connect()
        while time.monotonic() - begun < seconds:
            call = f'b-{time.time_ns()}'
            sent[call] = time.time()
            connection.request('POST', '/async-function/b/count', b'', {'X-Call-Id': call})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 202, answer.status
            time.sleep(max(0, begun + len(sent) * 0.1 - time.monotonic()))
        ended = {}

        def look():
            for line in self.node.logs('b', 10000):
                if line.get('call') in sent and 'delivered' in line['text']:
                    at = datetime.datetime.fromisoformat(line['timestamp'].replace('Z', '+00:00'))
                    ended[line['call']] = at.timestamp()
            return len(ended) == len(sent)
        harness.wait_until(look, 'the last of them', 60)
        return sorted((ended[call] - sent[call]) * 1000 for call in sent)


def say(what, values):
    at = {p: values[min(len(values) - 1, len(values) * p // 100)] for p in (50, 99)}
    print(f'{what}: n {len(values)}, median {at[50]:.2f} ms, 99th {at[99]:.2f} ms, most {values[-1]:.2f} ms', flush=True)
    return at[99]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', required=True)
    parser.add_argument('--sandbox', default='process', choices=('process', 'kvm'))
    parser.add_argument('--isolation', default='reset', choices=('reset', 'reuse', 'fresh'))
    parser.add_argument('--path', default='spin?n=5', help="what A's events do: a path of tests/node/trouble")
    parser.add_argument('--seconds', type=float, default=10)
    args = harness.ARGS = parser.parse_args()
    run = Run(args)
    run.latencies_ms(0.5)
    alone = say('B alone', run.latencies_ms(args.seconds))
    for _ in range(FEEDERS):
        threading.Thread(target=run.feed, args=(args.path,), daemon=True).start()
    time.sleep(3)

    def rate(work):
        count, begun = run.answered(), time.monotonic()
        result = work()
        return (run.answered() - count) / (time.monotonic() - begun), result
    before, _ = rate(lambda: time.sleep(args.seconds))
    print(f'A alone: {before:.0f}/s', flush=True)
    after, both = rate(lambda: run.latencies_ms(args.seconds))
    beside = say('B beside A', both)
    print(f'A beside B: {after:.0f}/s; B\'s 99th percentile {beside / alone:.2f} times, A {100 * after / before:.0f} %')
    run.over = True
    run.node.process.kill()
    run.node.process.wait()


if __name__ == '__main__':
    main()
