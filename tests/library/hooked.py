"""Programs whose allocator calls reach the agent, in whatever way, and what it counted."""

import os
import re
import subprocess

from library.support import ROOT, TESTS

FUNCTIONS = (ROOT / "include" / "tmpalloc" / "allocator_functions.h").read_text()
ENTRY_POINTS = re.findall(r"FUNCTION\([A-Z_]+, (\w+),", FUNCTIONS)
HOOKING = ["not hooked", "interposed", "patched", "relocated", "refused"]
CONTRACT = (ROOT / "include" / "tmpalloc" / "agent_image.h").read_text()
LIMIT = int(re.search(r"AGENT_ENTRY_POINTS_LIMIT (\d+)", CONTRACT)[1])
#: Offsets in struct agent_image.
ENTRY_POINTS_OFFSET, HOOKING_OFFSET = 136, 136 + 8 * LIMIT

#: Calls of the whole malloc family: 12 allocations, all temporary.
FAMILY = r"""#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
int main(void) {
    void *block;
    observe_begins();
    free(malloc(1));
    free(calloc(2, 2));
    free(memalign(64, 3));
    free(aligned_alloc(64, 64));
    free(valloc(5));
    free(pvalloc(6));
    if (posix_memalign(&block, 64, 7)) return 1;
    free(block);
    block = realloc(NULL, 8);               /* which calls malloc */
    block = realloc(block, 9);
    if (realloc(block, SIZE_MAX / 2)) return 2;
    if (reallocarray(block, SIZE_MAX / 2, 4)) return 3;
    if (realloc(block, 0)) return 4;        /* which calls free */
    block = reallocarray(NULL, 2, 5);       /* which calls realloc */
    block = reallocarray(block, 3, 5);
    free(block);
    free(strdup("ten bytes"));
    free(NULL);
    observe_ends();
    return 0;
}"""


class Observation(dict):
    """What was counted, and how."""

    def __init__(self, counted, dump):
        super().__init__(counted)
        data = dump.read_bytes()
        self._anchor = int.from_bytes(data[:8], "little")
        self._segments, at = [], 8
        while at < len(data):
            start, size = (int.from_bytes(data[at + i : at + i + 8], "little") for i in (0, 8))
            self._segments.append((start, data[at + 16 : at + 16 + size]))
            at += 16 + size
        image = self._number(self._anchor + 24)
        rows = range(len(ENTRY_POINTS))
        self.addresses = [self._number(image + ENTRY_POINTS_OFFSET + 8 * i) for i in rows]
        hooking = [self._number(image + HOOKING_OFFSET + i, 1) for i in rows]
        #: How each entry point was hooked.
        self.hooking = {name: HOOKING[h] for name, h in zip(ENTRY_POINTS, hooking)}

    def _number(self, address, width=8):
        for start, data in self._segments:
            if start <= address < start + len(data):
                return int.from_bytes(data[address - start :][:width], "little")
        raise KeyError(hex(address))

    def names(self, address):
        return {n for n, a in zip(ENTRY_POINTS, self.addresses) if a == address}

    def entries(self, site):
        """The names of the function that a site's stack begins with."""
        return self.names(site["stack"]["frames"][0][0])

    def numbers(self, *names):
        return tuple(self["totals"][name] for name in names)


class Hooked:
    """Compiles programs and runs them with the agent preloaded, or loaded by themselves later."""

    def __init__(self, way, agent, observer, compile, read_image, directory):
        self.way, self.agent, self.observer = way, agent, observer
        self._compile, self._read_image, self._directory = compile, read_image, directory

    def compile(self, text, *flags, language="c"):
        flags = ["-fno-builtin", "-no-pie", "-pthread", "-D_GNU_SOURCE", "-I", str(TESTS / "agent"), *flags]
        text = f'#include "observer.h"\n{text}'
        return self._compile(text, *flags, str(self.observer), language=language)

    def environment(self, libraries=(), mappings=False, depth=None, first=()):
        words = ["mappings"] * mappings + [f"stack-depth={depth}"] * bool(depth)
        preloaded = [*first, *[self.agent] * (self.way == "preloaded"), self.observer, *libraries]
        variables = {"LD_PRELOAD": ":".join(map(str, preloaded))}
        variables["OBSERVER_DUMP"] = str(self._directory / "dump")
        if self.way == "preloaded":
            variables["TMPALLOC_AGENT"] = ",".join(words)
        else:
            variables["OBSERVER_AGENT"] = str(self.agent)
            variables |= {"OBSERVER_MAPPINGS": "1"} if mappings else {}
            variables |= {"OBSERVER_DEPTH": str(depth)} if depth else {}
        return os.environ | variables

    def run(self, program, *arguments, **options):
        command = [str(program), *map(str, arguments)]
        environment = self.environment(**options)
        done = subprocess.run(command, env=environment, capture_output=True, timeout=120)
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
        return Observation(self._read_image(), self._directory / "dump")

    def observe(self, text, *arguments, flags=(), language="c", **options):
        return self.run(self.compile(text, *flags, language=language), *arguments, **options)


def temporaries(image):
    return sum(d["count"] for site in image["sites"] for d in site["by_distance"])
