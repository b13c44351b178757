"""Dask distributed: one process of one thread for each core, no dashboard."""
import time

from dask.distributed import Client, LocalCluster, as_completed, worker_client

import side

TIMEOUT = 120


class Counter:
    def __init__(self):
        self.value = 0

    def add(self, n):
        self.value += n
        return self.value


def fib(n):
    if n < 2:
        return n
    with worker_client() as client:
        return sum(client.gather([client.submit(fib, n - k, pure=False) for k in (1, 2)]))


def main():
    cluster = LocalCluster(n_workers=side.CORES, threads_per_worker=1, processes=True, dashboard_address=None)
    with cluster, Client(cluster) as client:
        measure(client)


def measure(client):
    def submit(function, *args):
        return client.submit(function, *args, pure=False)

    def one_at_a_time():
        for _ in range(300):
            assert submit(side.small, side.INPUT).result(TIMEOUT) == side.OUTPUT

    def at_once():
        tasks = [submit(side.small, side.INPUT) for _ in range(10_000)]
        assert client.gather(tasks) == [side.OUTPUT] * 10_000

    def tree():
        level = list(range(1_024))
        while len(level) > 1:
            level = [submit(side.add, a, b) for a, b in side.pairs(level)]
        assert level[0].result(TIMEOUT) == 1_024 * 1_023 // 2

    def chain():
        last = submit(side.add, 0, 1)
        for _ in range(999):
            last = submit(side.add, last, 1)
        assert last.result(TIMEOUT) == 1_000

    def wait_loop():
        tasks = [submit(side.small, side.INPUT) for _ in range(1_000)]
        client.gather(tasks)
        start = time.perf_counter()
        assert sum(1 for _ in as_completed(tasks)) == 1_000
        return time.perf_counter() - start

    def recursion():
        assert submit(fib, 8).result(TIMEOUT) == 21

    assert submit(side.small, side.INPUT).result(TIMEOUT) == side.OUTPUT
    side.first()
    side.idle()
    for run in [one_at_a_time, at_once, tree, chain, wait_loop, recursion]:
        side.row(run.__name__.replace("_", "-"), run)
    actors(client)
    objects(client, submit)


def actors(client):
    def one_by_one():
        for _ in range(1_000):
            counter.add(1).result(timeout=TIMEOUT)

    def pipelined():
        values = [call.result(timeout=TIMEOUT) for call in [counter.add(1) for _ in range(5_000)]]
        assert values[-1] - values[0] == 4_999

    counter = client.submit(Counter, actor=True).result(TIMEOUT)
    side.row("actor-one", one_by_one)
    side.row("actor-pipelined", pipelined)


def objects(client, submit):
    import numpy

    def put_get():
        for _ in range(300):
            assert client.scatter(1.5, hash=False).result(TIMEOUT) == 1.5

    def put_large():
        start = time.perf_counter()
        stored = client.scatter(numbers, hash=False)
        seconds = time.perf_counter() - start
        stored.release()
        return seconds

    def share_large():
        assert client.gather([submit(side.total, stored), submit(side.total, stored)]) == [side.LARGE] * 2

    numbers = numpy.ones(side.LARGE)
    side.row("put-get", put_get)
    side.row("put-large", put_large)
    stored = client.scatter(numbers, hash=False, broadcast=True)
    side.row("share-large", share_large)


if __name__ == "__main__":
    main()
