#!/usr/bin/env python3
"""limits.py BUILD [ROWS.json] [--write]: the table of promised numbers in docs/LIMITS.md,
measured now (about fifteen minutes on a quiet machine) or taken from ROWS.json, which
`mayfly bench all --json` wrote. Prints it, or writes it into the page. Exit status 1 if a
promise is broken."""
import json
import os
import platform
import re
import subprocess
import sys

PAGE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "docs", "LIMITS.md")


class Measured:
    """Rows of a run of the benches, and of single commands."""

    def __init__(self, build, rows):
        self.build, self.rows = build, rows

    def row(self, bench, subject, metric):
        for row in self.rows:
            if (row["bench"], row["subject"], row["metric"]) == (bench, subject, metric):
                return row
        return None

    def value(self, bench, subject, metric, which="p50"):
        row = self.row(bench, subject, metric)
        return row[which] if row else None

    def share(self, subject):
        ours = self.value("throughput", subject, "requests_per_second")
        bare = self.value("throughput", "http-server", "requests_per_second")
        return 100 * ours / bare if ours and bare else None

    def times(self, bench, slow, fast, metric):
        other, ours = self.value(bench, slow, metric), self.value(bench, fast, metric)
        return other / ours if other and ours else None

    def kernel_kib(self):
        said = subprocess.run([f"{self.build}/mayfly", "inspect", f"{self.build}/functions/echo.mf"],
                              capture_output=True, text=True, check=True).stdout
        return float(re.search(r"in memory: kernel ([\d.]+) KiB", said).group(1))


IDLE = ("process:reuse", "kvm")  # by default a process ends after its event
FUNCTIONS = 10000


def start_promises(m):
    """Starts, single and in bursts."""
    for sandbox, median, slow in (("process", 500, 1500), ("kvm", 1000, 3000)):
        ours = f"mayfly/{sandbox}"
        yield (f"cold start of a C function, median, {sandbox}", "µs", median,
               m.value("cold", ours, "cold_start"), "build/mayfly bench cold")
        yield (f"the same, 99th percentile, {sandbox}", "µs", slow,
               m.value("cold", ours, "cold_start", "p99"), "build/mayfly bench cold")
    for sandbox, times in (("process", 50), ("kvm", 25)):
        yield (f"times faster than `runc` in the same run, {sandbox}", "", -times,
               m.times("cold", "runc", f"mayfly/{sandbox}", "cold_start"), "build/mayfly bench cold")
    for sandbox, last in (("process", 60000), ("kvm", 120000)):
        yield (f"burst of 100 cold starts, last answer, {sandbox}", "µs", last,
               m.value("burst", f"mayfly/{sandbox}", "last_answer"), "build/mayfly bench burst")


def load_promises(m):
    """Functions that run already, used again or clean for every event."""
    for sandbox, added in (("process", 50), ("kvm", 100)):
        yield (f"warm request, added to bare libmicrohttpd, one client, {sandbox}", "µs", added,
               m.value("warm", f"mayfly/{sandbox}:reuse", "added_latency"), "build/mayfly bench warm")
    for sandbox, share in (("process", 50), ("kvm", 25)):
        yield (f"throughput with isolation `reuse`, of bare libmicrohttpd's, 64 clients, {sandbox}",
               "%", -share, m.share(f"mayfly/{sandbox}:reuse"), "build/mayfly bench throughput")
    for sandbox, share in (("process", 3), ("kvm", 10)):
        yield (f"the same with a clean instance for every event, {sandbox}",
               "%", -share, m.share(f"mayfly/{sandbox}:reset"), "build/mayfly bench throughput")
    yield ("a reset after an event that wrote to ten pages, kvm", "µs", 100,
           m.value("reset", "mayfly/kvm:reset", "reset"), "build/mayfly bench reset")


def fair_promises(m):
    """One function beside another's queue that is never empty."""
    for load in ("long", "short"):
        for subject in ("process:reuse", "process:reset", "kvm:reuse", "kvm:reset"):
            yield (f"99th percentile of ten events a second beside a full queue of {load} events, of the one alone, {subject}",
                   "%", 500, m.value("fair", f"mayfly/{subject}", f"slowdown@{load}"), "build/mayfly bench fair")
            yield (f"what the full queue keeps of its rate, {load} events, {subject}", "%", -80,
                   m.value("fair", f"mayfly/{subject}", f"kept@{load}"), "build/mayfly bench fair")


def rest_promises(m):
    """What is there while nothing happens."""
    for sandbox in IDLE:
        yield (f"wake-ups in ten idle seconds of 20 instances, {sandbox}", "", 0,
               m.value("idle", f"mayfly/{sandbox}", "wakeups"), "build/mayfly bench idle")
    yield ("resident memory of the node, 1,000 functions deployed", "KiB", 10240,
           m.value("memory", "mayfly/process:reuse", "node_rss"), "build/mayfly bench memory")
    for sandbox in IDLE:
        yield (f"idle instance, PSS, 1,000 alive, {sandbox}", "KiB", 300,
               m.value("memory", f"mayfly/{sandbox}", "pss_per_instance"), "build/mayfly bench memory")
    for sandbox, kernel in (("process:reuse", 200), ("kvm", 900)):
        yield (f"idle instance, memory of the host's kernel, 1,000 alive, {sandbox}", "KiB", kernel,
               m.value("memory", f"mayfly/{sandbox}", "kernel_per_instance"), "build/mayfly bench memory")
    full = m.value("deployed", "mayfly/process", "functions") == FUNCTIONS
    for what, unit, bound, metric in (
            ("functions that a node holds", "", -FUNCTIONS, "functions"),
            ("node with 10,000 functions deployed, resident", "KiB", 40960, "node_rss"),
            ("the same, until it answers after its start", "µs", 3000000, "start"),
            ("the same, processes of functions", "", 0, "processes")):
        value = m.value("deployed", "mayfly/process", metric)
        yield (what, unit, bound, value if full or metric == "functions" else None,
               "build/mayfly bench deployed")
    yield ("library OS in memory", "KiB", 128, m.kernel_kib(),
           "build/mayfly inspect build/functions/echo.mf")


def event_promises(m):
    """Events on their way, each of them durable."""
    yield ("durable appends a second, 1,024 on their way, the store in files", "", -50000,
           m.value("queue", "mayfly/lmdb", "durable_appends"), "build/mayfly bench queue")
    yield ("from an event that is durable to the warm function that runs it", "µs", 200,
           m.value("queue", "mayfly/lmdb", "dispatch_latency"), "build/mayfly bench queue")
    for subject, least in (("process:reuse", 20000), ("kvm:reuse", 20000), ("kvm", 5000)):
        yield (f"events a second from MQTT through `alert`, queues durable, {subject}", "", -least,
               m.value("events", f"mayfly/{subject}", "events_per_second"), "build/mayfly bench events")
    for subject in ("process:reuse", "kvm:reuse", "process", "kvm"):
        yield (f"MQTT message in, function, MQTT message out, {subject}", "µs", 2000,
               m.value("events", f"mayfly/{subject}", "mqtt_round_trip"), "build/mayfly bench events")
    yield ("an event of the CO2 workflow, from MQTT to the webhook (UniFaaS: 193,000), kvm", "µs", 193000,
           m.value("events", "mayfly/kvm", "co2_event"), "build/mayfly bench events")


def paper_promises(m):
    """Programs of others: the paper's functions, beside the same program bare and in runc."""
    command = "build/mayfly bench paper"
    for language, bounds in (("go", (1000, 2000)), ("node", (5000, 10000)), ("python", (5000, 5000))):
        for sandbox, bound in zip(("process", "kvm"), bounds):
            yield (f"cold start of a server in {language.capitalize()}, {sandbox}", "µs", bound,
                   m.value("paper", f"mayfly/{sandbox}", f"cold_start_{language}"), command)
    for language, last, kib in (("go", 150000, 1536), ("node", 1500000, 12288)):
        for sandbox in ("process", "kvm"):
            yield (f"burst of 100 cold starts of a server in {language.capitalize()}, last answer, {sandbox}", "µs", last,
                   m.value("paper", f"mayfly/{sandbox}", f"burst_{language}"), command)
        for sandbox in IDLE:
            yield (f"idle instance of a server in {language.capitalize()}, PSS, {sandbox}", "KiB", kib,
                   m.value("paper", f"mayfly/{sandbox}", f"idle_{language}"), command)
    for sandbox in ("process", "kvm"):
        for work in ("fib", "fft", "matrix"):
            times = m.times("paper", f"mayfly/{sandbox}", "process", work)
            yield (f"{work}, of what the bare program takes, {sandbox}", "%", 103,
                   100 * times if times else None, command)
        for work in ("alloc", "read"):
            times = m.times("paper", f"mayfly/{sandbox}", "runc", work)
            yield (f"{work} 50 MiB, of what it takes in runc, {sandbox}", "%", 150,
                   100 * times if times else None, command)
        static = m.value("paper", f"mayfly/{sandbox}:reuse", "static")
        yield (f"static file, MiB a second, {sandbox}:reuse", "", -1024, static / 1024 if static else None, command)
        by_stream = m.value("paper", f"mayfly/{sandbox}:reuse", "requests_per_second_by_stream")
        bare = m.value("paper", "process", "requests_per_second_by_stream")
        yield (f"requests a second of a Go no-op by `listen`, 64 clients, of the bare program's, {sandbox}", "%", -50,
               100 * by_stream / bare if by_stream and bare else None, command)


def promises(m):
    """(promise, unit, bound, measured, command); a bound below zero is a lower one"""
    yield from start_promises(m)
    yield from paper_promises(m)
    yield from load_promises(m)
    yield from event_promises(m)
    yield from fair_promises(m)
    yield from rest_promises(m)


def bound_text(bound, unit):
    if bound is None:
        return "–"
    sign = "≥" if bound < 0 else "≤"
    return f"{sign} {abs(bound)} {unit}".strip()


def holds(bound, value):
    return bound is None or value is None or (value >= -bound if bound < 0 else value <= bound)


def machine():
    model = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read())
    return f"{os.cpu_count()} processors, {model.group(1) if model else platform.machine()}, Linux {platform.release().split('-')[0]}"


def table(measured):
    lines = ["| promise | bound | measured | command |", "|---|---|---|---|"]
    broken = False
    for promise, unit, bound, value, command in promises(measured):
        kept = holds(bound, value)
        broken |= not kept
        text = "not measured" if value is None else f"{value:,.0f} {unit}".strip()
        lines.append(f"| {promise} | {bound_text(bound, unit)} | {text}{'' if kept else ' **(broken)**'} | `{command}` |")
    lines += ["", f"Measured on: {machine()}."]
    return "\n".join(lines), broken


def main(arguments):
    write = "--write" in arguments
    build, *files = [a for a in arguments if a != "--write"]
    if files:
        rows = json.load(open(files[0]))
    else:
        done = subprocess.run([f"{build}/mayfly", "bench", "all", "--json"], stdout=subprocess.PIPE, text=True)
        rows = json.loads(done.stdout)
    text, broken = table(Measured(build, rows))
    if not write:
        print(text)
        return 1 if broken else 0
    page = open(PAGE).read()
    page = re.sub(r"(<!-- measured -->\n).*?(<!-- end -->)", lambda m: m[1] + text + "\n" + m[2], page, flags=re.S)
    open(PAGE, "w").write(page)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
