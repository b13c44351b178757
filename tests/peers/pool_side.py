"""multiprocessing.Pool: one process for each core. It has no actors, no refs and no store; large arrays go through
shared memory, as its users do it."""
import time
from multiprocessing import Pool, shared_memory

import side


def add_pair(pair):
    return side.add(*pair)


def total_of(name):
    import numpy

    memory = shared_memory.SharedMemory(name=name)
    numbers = numpy.ndarray(side.LARGE, dtype=numpy.float64, buffer=memory.buf)
    result = side.total(numbers)
    del numbers
    memory.close()
    return result


def main():
    with Pool(side.CORES) as pool:
        measure(pool)


def measure(pool):
    def one_at_a_time():
        for _ in range(1_000):
            assert pool.apply(side.small, (side.INPUT,)) == side.OUTPUT

    def at_once():
        tasks = [pool.apply_async(side.small, (side.INPUT,)) for _ in range(10_000)]
        assert [task.get(120) for task in tasks] == [side.OUTPUT] * 10_000

    def tree():
        level = list(range(1_024))
        while len(level) > 1:
            level = pool.map(add_pair, side.pairs(level), chunksize=1)
        assert level[0] == 1_024 * 1_023 // 2

    def chain():
        last = 0
        for _ in range(1_000):
            last = pool.apply(side.add, (last, 1))
        assert last == 1_000

    assert pool.apply(side.small, (side.INPUT,)) == side.OUTPUT
    side.first()
    side.idle()
    for run in [one_at_a_time, at_once, tree, chain]:
        side.row(run.__name__.replace("_", "-"), run)
    large(pool)


def large(pool):
    import numpy

    def put():
        start = time.perf_counter()
        memory = shared_memory.SharedMemory(create=True, size=source.nbytes)
        numpy.ndarray(source.shape, dtype=source.dtype, buffer=memory.buf)[:] = source
        seconds = time.perf_counter() - start
        memory.close()
        memory.unlink()
        return seconds

    def shared():
        assert pool.map(total_of, [memory.name] * 2, chunksize=1) == [side.LARGE] * 2

    source = numpy.ones(side.LARGE)
    side.row("put-large", put)
    memory = shared_memory.SharedMemory(create=True, size=source.nbytes)
    numpy.ndarray(source.shape, dtype=source.dtype, buffer=memory.buf)[:] = source
    side.row("share-large", shared)
    memory.close()
    memory.unlink()


if __name__ == "__main__":
    main()
