"""Runs each side in a process of its own, one after another, and prints one Markdown table.

`compare.py WRUN GUEST.wasm`: the command, and the guest that runs the same work on it.
"""
import datetime
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIMIT = 150  # seconds for one side

# Name, what it is, how many operations it has, and how it is told.
ROWS = [
    ("first", "start to first result", 1, "s"),
    ("idle", "idle: memory of all processes (PSS)", 1, "MiB"),
    ("one-at-a-time", "small tasks, one at a time", 1_000, "/s"),
    ("at-once", "10,000 small tasks at once", 10_000, "/s"),
    ("actor-one", "actor calls, one at a time", 1_000, "/s"),
    ("actor-pipelined", "actor calls, 5,000 pipelined", 5_000, "/s"),
    ("put-get", "put and get of a small value, both", 1_000, "/s"),
    ("put-large", "put of 100 MB", 0.1, "GB/s"),
    ("share-large", "100 MB passed to 2 tasks that sum it", 1, "ms"),
    ("wait-loop", "1,000 finished refs, one by one", 1, "ms"),
    ("tree", "tree of 1,023 adds", 1, "ms"),
    ("chain", "chain of 1,000 adds", 1, "ms"),
    ("recursion", "fib(8), a task for each of 67 calls", 1, "ms"),
]
FEWER = {"Dask": {"one-at-a-time": 300, "put-get": 300}}


def descendants(process):
    """The process and all below it."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue  # it ended
            parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found, todo = [], [process]
    while todo:
        found.append(todo.pop())
        todo.extend(parents.get(found[-1], []))
    return found


def memory(process):
    """MiB that the process and all below it have, shared pages shared out."""
    kib = 0
    for one in descendants(process):
        try:
            text = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue  # it ended
        kib += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return kib / 1024


def end(child):
    """Ends a side that takes too long, and what it started; by id, nothing else."""
    for one in reversed(descendants(child.pid)):
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it ended by itself


def run(command):
    """One side's numbers: a list of seconds for each row, MiB for `idle`."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    numbers = {}
    signal.signal(signal.SIGALRM, lambda *_: end(child))
    signal.alarm(LIMIT)
    for line in child.stdout:
        word = line.split()
        if word == ["first"]:
            numbers["first"] = [time.perf_counter() - start]
        elif word == ["idle"]:
            numbers["idle"] = [memory(child.pid)]
            child.stdin.write("\n")
            child.stdin.flush()
        elif line.startswith("{"):
            row = json.loads(line)
            numbers[row["row"]] = row["seconds"]
    errors = child.stderr.read()
    signal.alarm(0)
    if child.wait() != 0:
        print(f"{command} ended with {child.returncode}:\n{errors[-2000:]}", file=sys.stderr)
    return numbers


def value(system, row, numbers):
    """A row's value in its unit, from the median."""
    name, _, operations, unit = row
    if name not in numbers:
        return None
    median = statistics.median(numbers[name])
    operations = FEWER.get(system, {}).get(name, operations)
    return {"s": median, "MiB": median, "ms": median * 1e3}.get(unit) or operations / median


def shown(value, unit):
    if value is None:
        return "–"
    text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return text + unit if unit == "/s" else f"{text} {unit}"


def times(ours, theirs, unit):
    """How many times better."""
    if ours is None or theirs is None:
        return "–"
    better = theirs / ours if unit in ("s", "ms", "MiB") else ours / theirs
    return f"{better:,.0f} ×" if better >= 10 else f"{better:.2g} ×"


def cpu_model():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown")


def main():
    wrun, guest = sys.argv[1:]
    python = sys.executable
    commands = {
        f"Ray {version('ray')}": [python, HERE / "ray_side.py"],
        f"Dask {version('distributed')}": [python, HERE / "dask_side.py"],
        "multiprocessing": [python, HERE / "pool_side.py"],
        "wrun": [wrun, "submit", "--memory-limit", "512M", guest, "--", "peers"],
    }
    # So that its compiled code is there, as Python's is.
    subprocess.run([wrun, "submit", guest, "--", "one"], check=True, stdout=subprocess.DEVNULL)
    results = {}
    for name, command in commands.items():
        print(f"{name} …", file=sys.stderr, flush=True)
        results[name] = run(command)
    now = datetime.datetime.now(datetime.timezone.utc)
    print(f"{now:%Y-%m-%d}, {os.cpu_count()} cores ({cpu_model()}), Linux {platform.release()},"
          f" Python {platform.python_version()}, by `tests/peers/run`:\n")
    *peers, ours = commands
    print(f"| | {' | '.join(commands)} | {' | '.join('beside ' + peer.split()[0] for peer in peers)} |")
    print("| --- |" + " ---: |" * (len(commands) + len(peers)))
    for row in ROWS:
        unit = row[3]
        values = {name: value(name.split()[0], row, numbers) for name, numbers in results.items()}
        cells = [shown(one, unit) for one in values.values()]
        cells += [times(values[ours], values[peer], unit) for peer in peers]
        print(f"| {row[1]} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
