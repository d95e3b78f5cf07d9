#!/usr/bin/env python3
"""make_trace.py [--hours H] [--apps N] [--seed S]: prints a MADE trace of function calls in the
format of the Azure Functions trace of 2021. Nothing in it was recorded anywhere.

Applications are of six kinds in turn, so that each policy meets what it is good and bad at:
  timer    every 5, 10, 15, 30 or 60 minutes, a little late each time
  sensor   every 30 seconds to 5 minutes while its site works, 8 hours of 24
  burst    silence of an hour on average, then 3 to 15 calls within seconds
  rare     independent calls, hours apart
  heavy    idle times with a heavy tail (Pareto, shape 1.1, from 90 seconds)
  steps    a chain of three functions, begun every 15 minutes on average, each by the one before
Durations are log-uniform, 5 ms to 2 s; the first step of a chain takes 0.2 to 8 s.
The same arguments print the same bytes: random.random() alone is used, which Python keeps.
"""
import argparse
import math
import random

KINDS = ("timer", "sensor", "burst", "rare", "heavy", "steps")
DAY = 86400


def between(low, high):
    return low + (high - low) * random.random()


def log_between(low, high):
    return math.exp(between(math.log(low), math.log(high)))


def after(mean):
    return -mean * math.log(1 - random.random())


def timer(end):
    period = (300, 600, 900, 1800, 3600)[int(5 * random.random())]
    first = period * random.random()
    return [first + i * period + after(0.2) for i in range(int((end - first) / period))]


def sensor(end):
    period, begin = log_between(30, 300), DAY * random.random()
    starts, at = [], 0.0
    while at < end:
        if (at - begin) % DAY < 8 * 3600:
            starts.append(at)
            at += period * between(0.95, 1.05)
        else:
            at += 600
    return starts


def burst(end):
    starts, at = [], 0.0
    while True:
        at += after(3600)
        for _ in range(int(between(3, 15))):
            starts.append(at + after(1.5))
        if at > end:
            return starts


def rare(end):
    starts, at, mean = [], 0.0, between(2, 9) * 3600
    while at < end:
        at += after(mean)
        starts.append(at)
    return starts


def heavy(end):
    starts, at = [], 0.0
    while at < end:
        at += min(90 * (1 - random.random()) ** (-1 / 1.1), 2 * DAY)
        starts.append(at)
    return starts


def steps(end):
    starts, at = [], 0.0
    while at < end:
        at += after(900)
        starts.append(at)
    return starts


def calls_of(app, kind, end):
    """(app, func, start, duration) of each of its calls."""
    usual = log_between(0.005, 2)
    for start in globals()[kind](end):
        if kind != "steps":
            yield app, "main", start, usual * between(0.7, 1.3)
            continue
        for name, low, high in (("fetch", 0.2, 8), ("resize", 0.02, 0.2), ("store", 0.01, 0.05)):
            duration = log_between(low, high)
            yield app, name, start, duration
            start += duration + between(0.001, 0.05)
            if random.random() < 0.05:
                break


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hours", type=float, default=48)
    parser.add_argument("--apps", type=int, default=24)
    parser.add_argument("--seed", type=int, default=3)
    args = parser.parse_args()
    random.seed(args.seed)
    end, calls = args.hours * 3600, []
    for i in range(args.apps):
        kind = KINDS[i % len(KINDS)]
        calls += calls_of(f"made-{kind}-{i}", kind, end)
    print("app,func,end_timestamp,duration")
    for app, func, start, duration in sorted(calls, key=lambda call: (call[2] + call[3], call)):
        if start + duration <= end:
            print(f"{app},{func},{start + duration:.3f},{duration:.3f}")


if __name__ == "__main__":
    main()
