"""Python programs of different kinds, deterministic with PYTHONHASHSEED=0.

python_kinds.py PROGRAM
"""

import sys


def threads():
    """Two threads that take turns; each frees blocks of its own and of the other."""
    import _thread
    import gc
    import time

    def build(size):
        return [None] * size

    def take_turns(mine, other, done):
        for i in range(40):
            mine.acquire()
            shared.append(build(200 + i))
            shared.append(bytearray(1000 + i))
            if i % 3 == 1:  # not at the end, where the other thread may be gone or not
                shared.clear()
            other.release()
        done.release()

    gc.disable()  # the thread that happens to reach its threshold would collect
    shared = []
    turns = [_thread.allocate_lock() for _ in range(2)]
    ends = [_thread.allocate_lock() for _ in range(2)]
    for lock in turns + ends:
        lock.acquire()
    for i in range(2):
        _thread.start_new_thread(take_turns, (turns[i], turns[1 - i], ends[i]))
    turns[0].release()
    for end in ends:
        end.acquire()
    time.sleep(0.3)  # now they are gone


def strings():
    def join(words):
        return " ".join(words)

    def append(words):
        text = ""
        for word in words:
            text += word
            text = text + "!"
        return text

    def replace(text):
        return text.replace("a", "bb").upper().encode()

    words = ["alpha", "beta", "gamma"] * 100
    for _ in range(20):
        replace(join(words) + append(words))


def json_both_ways():
    import json

    def write(data):
        return json.dumps(data, indent=1, sort_keys=True)

    def write_fast(data):
        return json.dumps(data)

    def read(text):
        return json.loads(text, object_pairs_hook=lambda pairs: dict(pairs))

    data = [{"number": i, "words": ["w" * i] * 20, "text": "\u00fc\n" * i} for i in range(40)]
    for _ in range(5):
        read(write(data))
        data = read(write_fast(data))


def regular_expressions():
    import re

    def double(match):
        return match.group(1) * 20

    text = "key = value; other = [1, 2, 3] " * 60
    for i in range(10):
        re.sub(rf"(\w+) = [^{i}]", double, text)
        re.findall(r"(\w+)\s*=\s*([^;]*)", text)
        re.split(rf"[;\[{i}]", text)
        re.purge()


def sqlite():
    import sqlite3

    def fill(connection):
        rows = ((i, "text %d" % i * (i % 50)) for i in range(300))
        connection.executemany("insert into t values (?, ?)", rows)

    def ask(connection):
        question = "select length(b), group_concat(twice(b)) from t group by 1 order by 2"
        return connection.execute(question).fetchall()

    connection = sqlite3.connect(":memory:")
    connection.create_function("twice", 1, lambda text: text * 2)
    connection.execute("create table t (a integer primary key, b text)")
    fill(connection)
    for _ in range(3):
        ask(connection)
    connection.close()


def nested_lists():
    def row(length):
        found = []
        for i in range(length):
            found.append([i])
        return found

    def rows(count):
        found = []
        for i in range(count):
            found.extend(row(i))
            found[i:i] = [None] * i
        return found

    class Table:
        def __init__(self, count):
            self.rows = [row(i) for i in range(count)]

        def transpose(self):
            return list(zip(*self.rows[-10:]))

    rows(120)
    Table(150).transpose()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
