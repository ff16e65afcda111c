"""A plain model of what the core has to count, to compare it with.

It says the definition as directly as it can: a thread's window is the list of its latest
max_threshold + 1 allocations, and the distance of a block is its place in that list, counted from
the end.  Everything is found by looking through the lists.
"""

from collections import Counter, deque, namedtuple

Allocation = namedtuple("Allocation", "address size site")


class Chain:
    """Blocks of which each replaces the one before; it belongs to the site of its second one."""

    def __init__(self, site):
        self.site = site
        self.replaced = []  # sizes of all but the latest
        self.largest = 0


class Thread:
    def __init__(self, tid, max_threshold):
        self.tid = tid
        self.latest = deque(maxlen=max_threshold + 1)  # None: that block is gone
        self.sizes = {}  # site -> size of its previous block
        self.newest = {}  # site -> its latest allocation, gone or not
        self.chains = []  # (latest allocation of a chain, or a former one, Chain)

    def chain_of(self, allocation):
        return next((chain for last, chain in self.chains if last is allocation), None)

    def holds(self, allocation):
        return any(other is allocation for other in self.latest)

    def place_of(self, address):
        for place, allocation in enumerate(self.latest):
            if allocation and allocation.address == address:
                return place
        return None


class Model:
    """Takes events as tuples, as streams.py makes them."""

    def __init__(self, max_threshold):
        self.max_threshold = max_threshold
        self.threads = {}  # tid -> the living thread
        self.forget()

    def forget(self):
        self.allocated = []  # (tid, site, size, "larger" | "equal" | None)
        self.temporaries = []  # (site, size, distance, by_realloc)
        self.deallocations = 0
        self.cross_thread_frees = 0
        self.chains = []

    def empty_windows(self):
        for thread in self.threads.values():
            thread.latest.clear()

    def thread(self, tid):
        return self.threads.setdefault(tid, Thread(tid, self.max_threshold))

    def take(self, address):
        """Removes the block at this address from the window that it is in."""
        for thread in self.threads.values():
            place = thread.place_of(address)
            if place is not None:
                allocation, thread.latest[place] = thread.latest[place], None
                return thread, allocation, len(thread.latest) - 1 - place
        return None, None, None

    def allocate(self, tid, address, size, site):
        self.take(address)  # its free was not seen
        thread = self.thread(tid)
        allocation = thread.newest[site] = Allocation(address, size, site)
        thread.latest.append(allocation)
        before = thread.sizes.get(site)
        growth = None
        if before is not None and size >= before:
            growth = "larger" if size > before else "equal"
        thread.sizes[site] = size
        self.allocated.append((tid, site, size, growth))
        return allocation

    def release(self, tid, address, by_realloc):
        """What was temporary, else None."""
        self.deallocations += 1
        owner, allocation, distance = self.take(address)
        if owner is None:
            return None
        if owner is not self.thread(tid):
            self.cross_thread_frees += 1
            return None
        self.temporaries.append((allocation.site, allocation.size, distance, by_realloc))
        return allocation

    def step(self, thread, older, newer):
        chain = thread.chain_of(older)
        if chain is None:
            chain = Chain(newer.site)
            self.chains.append(chain)
        chain.replaced.append(older.size)
        chain.largest = max(chain.largest, newer.size)
        thread.chains.append((newer, chain))

    def free(self, tid, address):
        allocation = self.release(tid, address, by_realloc=False)
        if allocation is None:
            return
        thread = self.thread(tid)
        newer = thread.newest[allocation.site]
        if (
            thread.holds(newer)
            and newer.size > allocation.size
            and thread.chain_of(newer) is None
        ):
            self.step(thread, allocation, newer)

    def reallocate(self, tid, old, new, size, site):
        older = self.release(tid, old, by_realloc=True) if old else None
        newer = self.allocate(tid, new, size, site)
        thread = self.thread(tid)
        if older and size > older.size:
            self.step(thread, older, newer)
        elif older and (chain := thread.chain_of(older)):
            thread.chains.append((newer, chain))

    def event(self, kind, *fields):
        if kind == "a":
            self.allocate(*fields)
        elif kind == "f":
            self.free(*fields)
        elif kind == "r":
            if fields[2]:
                self.reallocate(*fields)
            else:
                self.free(*fields[:2])
        elif kind == "x":
            self.threads.pop(fields[0], None)
        elif kind == "s":
            self.empty_windows()
        elif kind == "z":
            self.empty_windows()
            self.forget()
        else:
            raise ValueError(kind)

    def feed(self, events):
        for event in events:
            self.event(*event)
        return self

    def _sums(self, temporaries):
        return {"count": len(temporaries), "bytes": sum(size for _, size, _, _ in temporaries)}

    def _distances(self, temporaries):
        return [
            self._sums([t for t in temporaries if t[2] == distance])
            for distance in range(self.max_threshold + 1)
        ]

    def _chains(self, name):
        own = [chain for chain in self.chains if chain.site == name]
        if not own:
            return {}
        classes = Counter((chain.largest - 1).bit_length() for chain in own)
        steps = [len(chain.replaced) for chain in own]
        return {
            "chains": {
                "count": len(own),
                "steps": sum(steps),
                "replaced_bytes": sum(sum(chain.replaced) for chain in own),
                "longest": max(steps),
                "largest": max(chain.largest for chain in own),
                "final_sizes": [[k, count] for k, count in sorted(classes.items())],
            }
        }

    def _site(self, name, threshold):
        own = [a for a in self.allocated if a[1] == name]
        sizes = [size for _, _, size, _ in own]
        temporaries = [t for t in self.temporaries if t[0] == name]
        return {
            "allocations": len(own),
            "allocated_bytes": sum(sizes),
            "min_size": min(sizes),
            "max_size": max(sizes),
            "larger": sum(growth == "larger" for _, _, _, growth in own),
            "equal": sum(growth == "equal" for _, _, _, growth in own),
            "by_realloc": sum(by_realloc for _, _, _, by_realloc in temporaries),
            "threads": sorted({tid for tid, _, _, _ in own}),
            "by_distance": self._distances(temporaries),
            **self._sums([t for t in temporaries if t[2] <= threshold]),
            **self._chains(name),
        }

    def totals(self, threshold):
        return {
            "allocations": len(self.allocated),
            "allocated_bytes": sum(size for _, _, size, _ in self.allocated),
            "deallocations": self.deallocations,
            "cross_thread_frees": self.cross_thread_frees,
            "temporary": self._sums([t for t in self.temporaries if t[2] <= threshold]),
            "by_distance": [
                {"distance": distance, **sums}
                for distance, sums in enumerate(self._distances(self.temporaries))
            ],
        }

    def sites(self, threshold):
        """Site name -> its counters."""
        names = {site for _, site, _, _ in self.allocated}
        return {name: self._site(name, threshold) for name in names}

    def blocks(self):
        """What is in the windows, by thread, the latest first."""
        return [
            {"tid": tid, "age": age, **allocation._asdict()}
            for tid, thread in sorted(self.threads.items())
            for age, allocation in enumerate(reversed(thread.latest))
            if allocation
        ]
