#!/usr/bin/env python3
"""contract.py MAYFLY: runs every bench with as few samples as there can be, --quick, several at a
time, and looks whether its rows are what docs/BENCH.md promises: keys, units, metrics of each subject,
order of the percentiles; and whether a run leaves anything behind. No figure is judged.
"""
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile

KEYS = {"bench", "subject", "metric", "unit", "n", "p50", "p99", "min", "max"}
UNITS = {"us", "KiB", "1/s", "count", "pct"}
OURS = ("mayfly/process", "mayfly/kvm")
KERNEL = {"kernel_per_instance": "KiB", "kernel_per_instance_meminfo": "KiB"}
MEMORY = {"pss_per_instance": "KiB", "private_dirty_per_instance": "KiB", **KERNEL}
EXTRA = {"burst": {"pool"}, "memory": {"method"}, "workloads": {"p90"}}
WORKLOADS = ("lights", "alert", "dhs", "fdc", "fib")
RATE = {"requests_per_second": "1/s", "errors": "count"}
# bench: {metrics of every subject}, {metrics of ours only}
CONTRACT = {
    "cold": ({"cold_start": "us"}, {}),
    "start_cost": ({"cpu_time": "us", "page_faults": "count"}, {}),
    "warm": ({"latency": "us"}, {"added_latency": "us"}),
    "throughput": (RATE, {}),
    "fronts": ({f"{metric}@{way}": unit for way in ("none", "fronts") for metric, unit in
                {**RATE, "slowest_client": "pct"}.items()} | {"gain": "pct"}, {}),
    "burst": ({"last_answer": "us", "mean_answer": "us"}, {}),
    "sweep": ({f"{metric}@{2**n}": unit for metric, unit in RATE.items() for n in range(13)}, {}),
    "reset": ({"latency": "us", **RATE}, {}),
    "neighbour": ({f"latency@{deed}": "us" for deed in ("quiet", "spin", "flood", "die")}, {}),
    "fair": ({"latency@alone": "us", "durable@alone": "us"} | {f"{metric}@{load}": unit for load in ("long", "short") for metric, unit in {
        "latency": "us", "durable": "us", "slowdown": "pct", "rate_alone": "1/s", "rate_beside": "1/s", "kept": "pct"}.items()}, {}),
    "idle": ({"wakeups": "count", "keepalive_wakeups": "count", "cpu_time": "us"}, {}),
    "memory": (MEMORY, {"node_rss": "KiB", "node_rss_per_instance": "KiB"}),
    "deployed": ({"functions": "count", "deploy": "us", "start": "us", "node_rss": "KiB",
                  "node_rss_deploying": "KiB", "processes": "count"}, {}),
    "queue": ({"durable_appends": "1/s", "append_latency": "us"}, {}),
    "events": ({"events_per_second": "1/s", "mqtt_round_trip": "us", "cpu_generator": "us", "cpu_broker": "us"},
               {"co2_event": "us", "cpu_node": "us", "cpu_instances": "us"}),
    "workloads": ({f"{name}_event": "us" for name in WORKLOADS} | {
        f"{name}_{metric}@{n}": unit for name in WORKLOADS for n in range(1, 11)
        for metric, unit in (("cpu", "pct"), ("memory", "KiB"))}, {}),
    "policy": ({"cold_starts": "count", "memory_time": "KiB", "cpu_time": "us", "wakeups": "count"}, {}),
    "paper": ({"cold_start_go": "us", "cold_start_node": "us", "cold_start_python": "us", "static": "1/s", "requests_per_second": "1/s"} | {
        name: "us" for name in ("fib", "fft", "matrix", "read", "unzip", "alloc")}, {
        "burst_go": "us", "burst_node": "us", "idle_go": "KiB", "idle_node": "KiB"}),
}
AT_A_TIME = 4
LONGEST_FIRST = sorted(CONTRACT, key=lambda bench: bench not in ("paper", "workloads", "sweep", "memory"))
POLICIES = ["none", "fixed:60", "fixed:600", "fixed:3600", "hybrid", "atc20", "none+next", "hybrid+next"]
ALIASED = {"warm", "throughput", "fronts", "sweep", "neighbour"}
CLEAN = {"reset": "us", "reset_wait": "us"}  # of `reset`, where every event has a clean instance


def run(mayfly, bench):
    done = subprocess.run([mayfly, "bench", bench, "--json", "--quick", "--samples", "1"], text=True,
                          capture_output=True, timeout=900)
    assert done.returncode == 0, f"{bench}: exit {done.returncode}: {done.stderr}"
    return json.loads(done.stdout), done.stderr


def check_row(row, bench):
    assert KEYS <= row.keys(), f"{bench}: keys missing in {row}"
    extra = row.keys() - KEYS
    assert extra <= EXTRA.get(bench, set()), f"{bench}: keys too many in {row}"
    assert row["bench"] == bench and row["unit"] in UNITS, row
    assert row["min"] <= row["p50"] <= row["p99"] <= row["max"], row
    assert row["n"] >= 1, row
    metric, _, clients = row["metric"].partition("@")
    # Where each of many clients waits for an instance of its own, two seconds at most, a machine that others use, as the
    # benches beside this one do, may be too slow.
    if metric == "errors" and (not clients.isdigit() or int(clients) <= 64 or row["subject"].endswith(":reuse")):
        assert row["max"] == 0, f"requests failed: {row}"


def check_bench(mayfly, bench):
    rows, said = run(mayfly, bench)
    every, ours = CONTRACT[bench]
    subjects = {}
    for row in rows:
        check_row(row, bench)
        subjects.setdefault(row["subject"], {})[row["metric"]] = row["unit"]
    for subject, metrics in subjects.items():
        base = subject.split(":")[0]
        wanted = dict(every, **(ours if base in OURS else {}))
        if bench == "memory" and subject in ("runc", "runsc"):
            wanted = {m: u for m, u in wanted.items() if m not in KERNEL}
            wanted |= {m: u for m, u in KERNEL.items() if m in metrics and subject == "runc"}
        if bench == "paper":
            wanted = {m: u for m, u in wanted.items() if f"{m} is left out: there is no" not in said}
        if bench == "paper" and subject in OURS and subject != "mayfly/kvm":  # an instance of it never idles
            wanted = {m: u for m, u in wanted.items() if not m.startswith("idle_")}
        if bench == "paper" and subject.endswith(":reuse"):
            idle = ("idle_go", "idle_node") if subject == "mayfly/process:reuse" else ()
            wanted = {m: u for m, u in wanted.items() if m in ("static", "requests_per_second", *idle)}
        if bench == "paper" and (subject.endswith(":reuse") or subject == "process"):
            wanted |= {"requests_per_second_by_stream": "1/s"}
        if bench == "reset" and not subject.endswith(":reuse"):
            wanted |= CLEAN
        if bench == "queue" and subject != "redis":
            wanted |= {"dispatch_latency": "us"}
        if "hide their memory" in said:
            wanted = {m: u for m, u in wanted.items()
                      if bench != "memory" and "_memory@" not in m and not m.startswith("idle_") or m.startswith("node_rss") or m in KERNEL}
        assert metrics == wanted, f"{bench}: {subject} has {metrics}, not {wanted}"
    if bench == "policy":
        assert list(subjects) == POLICIES, f"policy: subjects {list(subjects)}"
        return f"{bench}: {', '.join(subjects)}\n{said}"
    if bench == "queue":
        assert list(subjects) == ["mayfly/lmdb", "mayfly/redis", "redis"], f"queue: {list(subjects)}, {said}"
        return f"{bench}: {', '.join(subjects)}\n{said}"
    present = {subject.split(":")[0] for subject in subjects}
    assert "mayfly/process" in present, f"{bench}: mayfly/process is missing: {said}"
    for subject in OURS:
        if subject not in present and bench != "deployed":
            assert re.search(subject + r"(:\w+)? is left out: ", said), f"{bench}: no word about {subject}"
    if bench in ALIASED:
        named = [subject for subject in subjects if subject.startswith("mayfly/process:")]
        assert named, f"{bench}: no row under the isolation's name"
    return f"{bench}: {', '.join(subjects)}\n{said}"


def main(mayfly):
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TMPDIR"] = folder
        # Most of a bench is waiting, and no figure is judged.
        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as runs:
            for told in runs.map(lambda bench: check_bench(mayfly, bench), LONGEST_FIRST):
                print(told.rstrip(), flush=True)
        left = os.listdir(folder)
        assert not left, f"left behind: {left}"


if __name__ == "__main__":
    main(sys.argv[1])
