"""What the three Python sides share: how a row is timed, and how they talk to compare.py.

A side prints `first` when its first result is there, `idle` when it has nothing to do (and waits for a line on standard
input, while its memory is looked at), and then one JSON object for each row.
"""
import json
import os
import sys
import time

CORES = os.cpu_count()
INPUT = bytes([1, 2, 3, 4, 5, 6, 7, 8])
OUTPUT = "36"
LARGE = 12_500_000  # numbers of 8 bytes: 100 MB
REPEATS = 3
PATIENCE = 8  # seconds: a row that took so long already is not repeated


def small(data):
    """The small task: adds up a few bytes and formats the sum."""
    return str(sum(data))


def add(x, y):
    return x + y


def total(numbers):
    return float(numbers.sum())


def first():
    print("first", flush=True)


def idle():
    time.sleep(3)
    print("idle", flush=True)
    sys.stdin.readline()


def row(name, run):
    """Runs it once to warm up, then again and again, and prints the times. `run` checks its own results; it may give
    the seconds that count, when not all of it does."""
    begin, times = time.perf_counter(), []
    for turn in range(REPEATS + 1):
        start = time.perf_counter()
        seconds = run()
        if seconds is None:
            seconds = time.perf_counter() - start
        late = time.perf_counter() - begin > PATIENCE
        if turn > 0 or late:
            times.append(seconds)
        if late:
            break
    print(json.dumps({"row": name, "seconds": times}), flush=True)


def pairs(values):
    return zip(values[::2], values[1::2])
