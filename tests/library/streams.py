"""Random streams of allocator events, and the trace format of the replay driver.

An event is a tuple: ("a", tid, address, size, site), ("f", tid, address),
("r", tid, old, new, size, site), ("x", tid), ("s",) or ("z",).
"""

import random

HEAP = 0x5555_5555_0000

# Families of addresses, each a function from a small number to an address.
FAMILIES = {
    "heap": lambda i: HEAP + 16 * i,
    "aligned to 8": lambda i: HEAP + 8 * i,
    "aligned to 1": lambda i: HEAP + i,
    "pages": lambda i: 0x7F00_0000_0000 + 4096 * i,
    # These differ in high bits only, so they share a word of the detector's table.
    "one word": lambda i: 0x1230 + (i << 36),
    "few words": lambda i: 0x1230 + 16 * (i % 3) + (i << 36),
    # These are too high for a word.
    "high": lambda i: 0xFFFF_0000_0000_0000 + 16 * i,
    "mixed": lambda i: (0x1230 + (i << 36), 0xFFFF_8000_0000_0000 + i, HEAP + 3 * i)[i % 3],
}


def make_stream(seed, family, length=600, disciplined=True):
    """A stream whose events all come from `seed`.

    A disciplined one allocates free addresses only; otherwise frees were missed, so that an
    address is allocated again while it is still in a window.
    """
    chance = random.Random(f"{seed} {family}")
    # Up to 4,000 addresses share a word, far more than any window holds.
    pool = [FAMILIES[family](i) for i in range(1, chance.choice([4, 20, 200, 1000]))]
    tids = list(range(1, chance.choice([1, 2, 3, 6]) + 1))
    sites = [f"site{i}" for i in range(chance.choice([1, 4, 12]))]
    sizes = chance.choice([[0, 1, 8, 64], range(5000), [32]])
    burst = chance.choice([0.2, 0.5, 0.9])  # of frees that free one of the latest blocks
    live, events = [], []

    def new_address():
        free = [a for a in pool if not disciplined or a not in live]
        return chance.choice(free) if free else None

    def old_address():
        if not live:
            return chance.choice(pool)
        return chance.choice(live[-4:] if chance.random() < burst else live)

    def drop(address):
        if address in live:
            live.remove(address)

    def add(address):
        drop(address)
        live.append(address)

    def grow(tid):
        """A buffer that grows by allocating, copying and freeing, or by realloc, with something in
        between now and then."""
        site, size, old = chance.choice(sites), chance.randrange(1, 40), new_address()
        events.append(("a", tid, old, size, site))
        add(old)
        while chance.random() < 0.8 and (new := new_address()):
            size = max(0, size + chance.choice([size, size, 1, 0, -1]))
            if chance.random() < 0.3:
                new = chance.choice([new, old])
                drop(old)
                events.append(("r", tid, old, new, size, site))
            else:
                events.append(("a", tid, new, size, site))
                if chance.random() < 0.2:
                    events.append(("f", tid, old_address()))
                    drop(events[-1][2])
                drop(old)
                events.append(("f", chance.choice([tid] * 9 + tids), old))
            add(new)
            old = new

    while len(events) < length:
        tid = chance.choice(tids)
        kind = chance.choices("afrxszg", [50, 38, 8, 2, 0.4, 0.4, 2])[0]
        if kind == "a" and (address := new_address()):
            events.append(("a", tid, address, chance.choice(sizes), chance.choice(sites)))
            add(address)
        elif kind == "g" and new_address():
            grow(tid)
        elif kind == "f":
            address = old_address()
            events.append(("f", tid, address))
            drop(address)
        elif kind == "r":
            old = chance.choice([0, old_address(), old_address()])
            drop(old)
            new = chance.choice([0, new_address() or 0, old, old])
            if old or new:
                events.append(("r", tid, old, new, chance.choice(sizes), chance.choice(sites)))
                if new:
                    add(new)
        elif kind == "x":
            events.append(("x", tid))
        elif kind in "sz":
            events.append((kind,))
    return events


def as_trace(events):
    """The lines of a trace."""
    hexadecimal = {"a": (2,), "f": (2,), "r": (2, 3)}
    lines = []
    for event in events:
        where = hexadecimal.get(event[0], ())
        lines.append(" ".join(hex(f) if i in where else str(f) for i, f in enumerate(event)))
    return "\n".join(lines) + "\n"


def from_trace(text):
    """The events of a trace."""
    fields = {"a": "dxds", "f": "dx", "r": "dxxds", "x": "d", "s": "", "z": ""}
    convert = {"d": int, "x": lambda word: int(word, 16), "s": str}
    events = []
    for line in text.splitlines():
        kind, *words = line.split()
        events.append((kind, *(convert[f](word) for f, word in zip(fields[kind], words))))
    return events
