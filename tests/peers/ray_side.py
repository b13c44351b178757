"""Ray: one node with a slot for each core, no dashboard."""
import os
import shutil
import tempfile
import time

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray

import side

TIMEOUT = 120


def get(refs):
    return ray.get(refs, timeout=TIMEOUT)


@ray.remote
class Counter:
    def __init__(self):
        self.value = 0

    def add(self, n):
        self.value += n
        return self.value


@ray.remote
def fib(n):
    return n if n < 2 else sum(get([fib.remote(n - 1), fib.remote(n - 2)]))


small, add, total = ray.remote(side.small), ray.remote(side.add), ray.remote(side.total)


def one_at_a_time():
    for _ in range(1_000):
        assert get(small.remote(side.INPUT)) == side.OUTPUT


def at_once():
    assert get([small.remote(side.INPUT) for _ in range(10_000)]) == [side.OUTPUT] * 10_000


def tree():
    level = list(range(1_024))
    while len(level) > 1:
        level = [add.remote(a, b) for a, b in side.pairs(level)]
    assert get(level[0]) == 1_024 * 1_023 // 2


def chain():
    last = add.remote(0, 1)
    for _ in range(999):
        last = add.remote(last, 1)
    assert get(last) == 1_000


def recursion():
    assert get(fib.remote(8)) == 21


def wait_loop():
    rest = [small.remote(side.INPUT) for _ in range(1_000)]
    get(rest)
    start = time.perf_counter()
    while rest:
        _, rest = ray.wait(rest, timeout=TIMEOUT)
    return time.perf_counter() - start


def actors():
    def one_by_one():
        for _ in range(1_000):
            get(counter.add.remote(1))

    def pipelined():
        values = get([counter.add.remote(1) for _ in range(5_000)])
        assert values[-1] - values[0] == 4_999

    counter = Counter.remote()
    get(counter.add.remote(0))
    side.row("actor-one", one_by_one)
    side.row("actor-pipelined", pipelined)


def objects():
    import numpy

    def put_get():
        for _ in range(1_000):
            assert get(ray.put(1.5)) == 1.5

    def shared():
        assert get([total.remote(stored), total.remote(stored)]) == [side.LARGE] * 2

    numbers = numpy.ones(side.LARGE)
    side.row("put-get", put_get)
    side.row("put-large", lambda: time_of(lambda: ray.put(numbers)))
    stored = ray.put(numbers)
    side.row("share-large", shared)


def time_of(run):
    start = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - start
    del result
    return seconds


def main():
    # Not below the checkout: the path of a socket may have 107 bytes.
    folder = tempfile.mkdtemp(prefix="ray")
    try:
        ray.init(num_cpus=side.CORES, include_dashboard=False, logging_level="ERROR", log_to_driver=False, _temp_dir=folder)
        assert get(small.remote(side.INPUT)) == side.OUTPUT
        side.first()
        side.idle()
        rows = [one_at_a_time, at_once, tree, chain, wait_loop, recursion]
        for run in rows:
            side.row(run.__name__.replace("_", "-"), run)
        actors()
        objects()
        ray.shutdown()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
