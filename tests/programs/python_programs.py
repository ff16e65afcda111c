"""Programs that allocate where Python stacks are hard to find again.

python_programs.py PROGRAM; runs in every Python from 3.8 on.
"""

import os
import sys
import threading


def work(count):
    held = {}
    for i in range(count):
        held[i] = [str(i)] * (i % 20)
        held.pop(i - 5, None)
    return held


def compress():
    """Allocates without the GIL."""
    import bz2

    for _ in range(3):
        bz2.compress(os.urandom(20000))


def run_together(*targets):
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def threads():
    run_together(*[lambda: work(500)] * 3, compress, compress)


def interpreters():
    try:
        import _xxsubinterpreters as other
    except ImportError:
        import _interpreters as other

    def run():
        for _ in range(2):
            interpreter = other.create()
            other.run_string(interpreter, "def f(i):\n    return [str(i)] * 3\n[f(i) for i in range(50)]")
            other.destroy(interpreter)

    run_together(run, run, compress)
    run()


def coroutines():
    import asyncio

    async def leaf(count):
        await asyncio.sleep(0)
        return work(count)

    async def numbers():
        for i in range(20):
            yield await leaf(i)

    async def root():
        async for _ in numbers():
            pass
        await asyncio.gather(*(leaf(30) for _ in range(10)))

    asyncio.run(root())


def dying_code():
    """Code objects, at addresses of others that died, that differ in lines, names or files only."""
    import collections
    import gc

    for i in range(200):
        names = {}
        text = "\n" * (i % 5) + "def f(x):\n" + "\n" * (i % 3) + "    return [x] * 3\n"
        text += f"class C:\n    held = [f(1) for _ in range(3)]\n    g = lambda self: str({i})\n"
        exec(compile(text, f"<file {i % 2}>", "exec"), names)
        names["C"]().g()
        collections.namedtuple(f"N{i % 3}", "a b")(1, 2)
        if i % 50 == 0:
            gc.collect()


def recursion():
    def descend(depth):
        return descend(depth - 1) if depth else work(20)

    sys.setrecursionlimit(3000)
    descend(300)
    descend(1100)


def left_behind():
    def forever():
        while True:
            compress()
            work(10)

    for _ in range(3):
        threading.Thread(target=forever, daemon=True).start()
    work(1000)


def forks():
    for _ in range(2):
        if os.fork() == 0:
            work(100)
            os._exit(0)
        os.wait()
    work(10)


def callbacks():
    import re

    for i in range(100):
        re.sub(f"(a+)b{i}", lambda match: match.group(1) * 2, f"aab{i}" * 10)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
