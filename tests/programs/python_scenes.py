"""Calls of many kinds, in the middle of which the program prints its frames and stops itself.

python_scenes.py SCENE; runs in every Python from 3.8 on.
"""

import asyncio
import contextlib
import ctypes
import functools
import gc
import json
import os
import signal
import sys
import threading
import time


def describe(frame):
    found = []
    while frame:
        code = frame.f_code
        name = getattr(code, "co_qualname", code.co_name)
        found.append([name, list(os.fsencode(code.co_filename)), frame.f_lineno])
        frame = frame.f_back
    return found


def threads(innermost):
    """Of each thread its tid, pthread, and frames."""
    frames = sys._current_frames()
    frames[threading.get_ident()] = innermost
    natives = {t.ident: t.native_id for t in threading.enumerate()}
    return [[natives[i], i, describe(frame)] for i, frame in frames.items() if i in natives]


def stop(*ignored):
    # fmt: off
    print(json.dumps(threads(sys._getframe())), flush=True), os.kill(os.getpid(), signal.SIGSTOP)
    # fmt: on
    return 0


def nested():
    def inner(*values, **more):
        stop(
            values,
            more,
        )

    inner(
        1,
        two=2,
    )


def generators():
    def numbers():
        yield 1
        stop()
        yield 2

    def delegating():
        yield from numbers()

    sum(n + m for n in delegating() for m in [1])


def sent_generator():
    def echo():
        while True:
            (yield) or stop()

    generator = echo()
    next(generator)
    generator.send(0)


def coroutines():
    async def leaf():
        await asyncio.sleep(0)
        stop()

    async def branch():
        async with contextlib.AsyncExitStack():
            return await leaf()

    async def other():
        await asyncio.sleep(0)

    async def root():
        await asyncio.gather(other(), branch(), other())

    asyncio.run(root())


def async_generators():
    async def numbers():
        yield 1
        stop()

    async def root():
        async for _ in numbers():
            pass

    asyncio.run(root())


def recursion():
    def descend(depth):
        return descend(depth - 1) if depth else stop()

    descend(500)


def callbacks():
    def key(value):
        return functools.partial(stop, value)()

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    def compare(one, other):
        sorted([1], key=key)
        return 0

    ctypes.CDLL(None).qsort((ctypes.c_int * 2)(), 2, ctypes.sizeof(ctypes.c_int), compare)


def executed():
    exec(compile("\n\ndef made():\n    stop()\n\nmade()\n", "<made>", "exec"), {"stop": stop})


def classes():
    class Outer:
        class Inner:
            held = [(lambda: stop())() for _ in range(1)]


def special_methods():
    class Special:
        def __getattr__(self, name):
            return str(self)

        def __str__(self):
            with self:
                return ""

        def __enter__(self):
            del self.gone

        def __delattr__(self, name):
            stop()

        def __exit__(self, *exception):
            pass

    Special().anything


def deallocated():
    class Dying:
        def __del__(self):
            stop()

    dying = [Dying()]
    dying.clear()


def collected():
    class Cyclic:
        def __del__(self):
            stop()

    cyclic = Cyclic()
    cyclic.self = cyclic
    del cyclic
    gc.collect()


def exceptions():
    try:
        raise ValueError
    except ValueError:
        try:
            raise KeyError
        finally:
            stop()


def traced():
    def trace(frame, event, argument):
        if frame.f_code.co_name == "watched" and event == "line":
            sys.settrace(None)
            stop()
        return trace

    def watched():
        return 1

    sys.settrace(trace)
    watched()


def signalled():
    signal.signal(signal.SIGUSR1, stop)
    os.kill(os.getpid(), signal.SIGUSR1)
    time.sleep(1)


def imported():
    directory = os.environ["SCENE_DIRECTORY"]
    with open(os.path.join(directory, "stopping_module.py"), "w") as module:
        module.write("import __main__\n\n\nclass Body:\n    __main__.stop()\n")
    sys.path.insert(0, directory)
    import stopping_module  # noqa: F401


def other_scripts():
    def füñk():
        типы()

    def типы():
        名前()

    def 名前():
        𐐀𐐁()

    def 𐐀𐐁():
        file = os.fsdecode(b"\xff\xfe/name-\xc3\xa9")
        exec(compile("stop()", file, "exec"), {"stop": stop})

    füñk()


def many_threads():
    ready = threading.Barrier(4)

    def asleep():
        ready.wait()
        time.sleep(60)

    def waiting():
        ready.wait()
        threading.Event().wait(60)

    def in_c():
        ready.wait()
        ctypes.CDLL(None).poll(None, 0, 60000)

    for target in (asleep, waiting, in_c):
        threading.Thread(target=target, daemon=True).start()
    ready.wait()
    time.sleep(0.2)
    stop()


def stopped_without_the_gil():
    def stopping():
        time.sleep(0.2)  # until the main thread waits
        raise_signal = getattr(ctypes.CDLL(None), "raise")
        # fmt: off
        print(json.dumps(threads(sys._getframe())), flush=True), raise_signal(int(signal.SIGSTOP))
        # fmt: on

    thread = threading.Thread(target=stopping)
    thread.start()
    thread.join()


def interpreters():
    try:
        import _xxsubinterpreters as other
    except ImportError:
        import _interpreters as other

    with open(__file__) as source:
        text = source.read().partition("def nested")[0]
    text += "def within():\n    def inner():\n        stop()\n    inner()\nwithin()\n"
    # Modules that other interpreters may not import.
    text = text.replace("import ctypes\n", "").replace("import asyncio\n", "")
    other.run_string(other.create(), text)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
