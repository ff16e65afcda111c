"""The reader of images: right answers from right ones, one clear line from all others."""

import json
import re
import struct
import subprocess

import pytest
from library.support import ROOT

CONTRACT = ROOT / "include" / "tmpalloc" / "agent_image.h"
MAGIC = b"tmpalloc-agent\x1a\0"
IMAGE = {"version": 16, "image": 24, "thread_bytes": 32, "max_threshold": 44, "pid": 48}
IMAGE |= {"generation": 56, "reset_generation": 64, "first_thread": 72, "entry_point_count": 128}
# Behind what grows with the contract, whose last line about the layout says where `sandboxed` is.
SANDBOXED = int(re.search(r"agent_image, \d+, sandboxed, (\d+)\)", CONTRACT.read_text())[1])
IMAGE |= {"window_ring_off": SANDBOXED - 48, "window_entries": SANDBOXED - 44}
IMAGE |= {"window_entry_bytes": SANDBOXED - 40}
THREAD = {"next": 0, "first_site": 8, "generation": 16, "window": 88, "life": 96}
WINDOW_ENTRY = {"address": 0, "site": 16}
SITE = {"next": 0, "stack": 8, "threads": 16, "first_free": 24, "entry_point": 32}
SITE |= {"allocations": 40}
FREE = {"next": 0, "stack": 8, "entry_point": 16}

PROGRAM = """#include <pthread.h>
#include <stdlib.h>
static void *run(void *arg) {
    for (int i = 0; i < 20; i++) {
        free(malloc(i));
        free(realloc(malloc(4), 100));
        free(calloc(i, 8));
    }
    return NULL;
}
int main(void) {
    void *kept[3];
    pthread_t threads[3];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    observe_begins();
    run(NULL);
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], &small, run, NULL);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 3; i++) kept[i] = malloc(70 + i);
    free(kept[1]);
    observe_dump(getenv("OBSERVER_DUMP"));
    return kept[0] == kept[2];
}"""


class Dump:
    """A dump whose numbers can be changed."""

    def __init__(self, data):
        self.data = bytearray(data)
        self.anchor = self.number_at(0)
        self.segments = []
        at = 8
        while at < len(data):
            self.segments.append((self.number_at(at), self.number_at(at + 8), at + 16))
            at += 16 + self.number_at(at + 8)

    def number_at(self, offset, width=8):
        return int.from_bytes(self.data[offset : offset + width], "little")

    def offset_of(self, address):
        for start, size, offset in self.segments:
            if start <= address < start + size:
                return offset + address - start
        raise KeyError(hex(address))

    def number(self, address, width=8):
        return self.number_at(self.offset_of(address), width)

    def put(self, address, number, width=8):
        offset = self.offset_of(address)
        self.data[offset : offset + width] = number.to_bytes(width, "little")

    @property
    def image(self):
        return self.number(self.anchor + IMAGE["image"])

    @property
    def thread(self):
        return self.number(self.image + IMAGE["first_thread"])

    @property
    def site(self):
        return self.number(self.thread + THREAD["first_site"])

    @property
    def free(self):
        return self.number(self.site + SITE["first_free"])

    @property
    def window_entry(self):
        """The first that holds a block, of a living thread."""
        window = self.number(self.living_thread + THREAD["window"])
        ring = window + self.number(self.image + IMAGE["window_ring_off"], 4)
        return next(ring + 24 * i for i in range(32) if self.number(ring + 24 * i))

    @property
    def living_thread(self):
        thread = self.thread
        while not self.number(self.number(thread + THREAD["life"]), 4) & 0x3FFFFFFF:
            thread = self.number(thread + THREAD["next"])
        return thread

    @property
    def stack(self):
        return self.number(self.site + SITE["stack"])


@pytest.fixture(scope="module")
def dumped(compile_observed, agent, observer, tmp_path_factory):
    """The bytes of a dump."""
    directory = tmp_path_factory.mktemp("dump")
    program = compile_observed(PROGRAM, directory)
    environment = {"LD_PRELOAD": f"{agent}:{observer}", "OBSERVER_DUMP": str(directory / "dump")}
    subprocess.run([program], env=environment, check=True)
    return (directory / "dump").read_bytes()


@pytest.fixture
def dump(dumped, tmp_path):
    (tmp_path / "dump").write_bytes(dumped)
    return Dump(dumped)


@pytest.fixture
def reading(driver, tmp_path):
    """Reads a changed dump; gives the completed process."""

    def read(dump):
        (tmp_path / "changed").write_bytes(dump.data)
        return driver("read_image", tmp_path / "changed")

    return read


def test_the_image_is_found_by_the_mapping_that_begins_with_the_magic(dump, reading):
    (start,) = [a for a, _, at in dump.segments if dump.data[at:].startswith(MAGIC)]
    before = reading(dump)
    dump.data[:8] = struct.pack("<Q", start)
    after = reading(dump)
    assert (before.returncode, after.returncode) == (0, 0)
    assert before.stdout == after.stdout and '"sites"' in after.stdout


def test_another_version_is_one_line_that_names_both(dump, reading):
    version = dump.number(dump.anchor + IMAGE["version"], 4)
    dump.put(dump.anchor + IMAGE["version"], version + 1, 4)
    expected = f"-6: the agent has version {version + 1}, this tmpalloc reads version {version}\n"
    assert reading(dump).stderr == expected


def test_an_agent_that_is_not_set_up_is_no_damage(dump, reading):
    dump.put(dump.anchor + IMAGE["image"], 0)
    assert reading(dump).stderr == "-3: the agent is not set up yet\n"


def test_records_from_before_a_reset_are_left_out(dump, reading):
    dump.put(dump.image + IMAGE["reset_generation"], 1000)
    done = reading(dump)
    assert '"allocations": 0' in done.stdout and '"sites": []' in done.stdout


def blocks(reading, dump):
    return [(b["size"], b["age"]) for b in json.loads(reading(dump).stdout)["blocks"]]


def test_blocks_of_living_threads_are_found_while_tracking_goes_on(dump, reading):
    found = blocks(reading, dump)
    assert [size for size, _ in found if size in (70, 71, 72)] == [72, 70]
    ages = dict(found)
    assert ages[70] == ages[72] + 2
    generation = dump.number(dump.image + IMAGE["generation"])
    dump.put(dump.living_thread + THREAD["generation"], generation - 2)
    assert blocks(reading, dump) == []
    dump.put(dump.living_thread + THREAD["generation"], generation)
    dump.put(dump.image + IMAGE["generation"], generation - 1)
    assert blocks(reading, dump) == []


DAMAGES = {
    "no magic": lambda d: d.put(d.anchor, 0),
    "no magic in the mapping": lambda d: d.put(d.image, 0),
    "an image elsewhere": lambda d: d.put(d.anchor + IMAGE["image"], 0x1000),
    "an odd address": lambda d: d.put(d.anchor + IMAGE["image"], d.image + 1),
    "an address at the end": lambda d: d.put(d.anchor + IMAGE["image"], (1 << 64) - 8),
    "another size": lambda d: d.put(d.image + IMAGE["thread_bytes"], 8, 4),
    "a threshold": lambda d: d.put(d.image + IMAGE["max_threshold"], 1024, 4),
    "entry points": lambda d: d.put(d.image + IMAGE["entry_point_count"], 65, 4),
    "a thread that follows itself": lambda d: d.put(d.thread + THREAD["next"], d.thread),
    "a site that follows itself": lambda d: d.put(d.site + SITE["next"], d.site),
    "a site that is a thread": lambda d: d.put(d.site + SITE["next"], d.thread),
    "sites of two threads": lambda d: d.put(
        d.number(d.thread + THREAD["next"]) + THREAD["first_site"], d.site
    ),
    "a thread nowhere": lambda d: d.put(d.thread + THREAD["next"], 0x1008),
    "an entry point": lambda d: d.put(d.site + SITE["entry_point"], 40, 4),
    "a way to free that follows itself": lambda d: d.put(d.free + FREE["next"], d.free),
    "a way to free that is a site": lambda d: d.put(d.free + FREE["next"], d.site),
    "a way to free nowhere": lambda d: d.put(d.site + SITE["first_free"], 0x1008),
    "a free stack nowhere": lambda d: d.put(d.free + FREE["stack"], 0x1008),
    "a free's entry point": lambda d: d.put(d.free + FREE["entry_point"], 40, 4),
    "windows without an end": lambda d: d.put(d.image + IMAGE["window_entries"], 1 << 31, 4),
    "small windows": lambda d: d.put(d.image + IMAGE["window_entries"], 16, 4),
    "no number of windows": lambda d: d.put(d.image + IMAGE["window_entries"], 33, 4),
    "another block size": lambda d: d.put(d.image + IMAGE["window_entry_bytes"], 32, 4),
    "a window nowhere": lambda d: d.put(d.living_thread + THREAD["window"], 0x1008),
    "a life nowhere": lambda d: d.put(d.living_thread + THREAD["life"], 0x1008),
    "a block of no site": lambda d: d.put(d.window_entry + WINDOW_ENTRY["site"], 0x1008),
    "a stack nowhere": lambda d: d.put(d.site + SITE["stack"], 0x1008),
    "a stack beyond": lambda d: d.put(d.site + SITE["stack"], 1 << 57),
    "a deep stack": lambda d: d.put(d.stack, 1025, 4),
    "a loop of thread ids": lambda d: d.put(
        d.number(d.site + SITE["threads"]), d.number(d.site + SITE["threads"])
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_is_one_line(dump, reading, damage):
    # The first site of the list must count, or nobody looks at its fields.
    assert dump.number(dump.site + SITE["allocations"]) > 0
    damage(dump)
    done = reading(dump)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("-4: ") and done.stderr.count("\n") == 1
    assert "agent" in done.stderr


def test_every_cut_of_a_dump_is_an_error_or_an_answer(dump, driver, tmp_path):
    files = [tmp_path / f"cut{i}" for i in range(16)]
    for i, file in enumerate(files):
        file.write_bytes(dump.data[: len(dump.data) * i // len(files)])
    assert driver("fuzz_image", *files).returncode == 0


def test_each_failed_allocation_of_the_reader_is_reported_and_leaks_nothing(dump, driver, tmp_path):
    done = driver("read_image", "--fail-every-allocation", tmp_path / "dump")
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 10


@pytest.fixture
def reduced(dump, driver, tmp_path):
    """A dump of what the reader looks at and nothing else."""
    assert driver("fuzz_image", "--reduce", tmp_path / "dump", tmp_path / "reduced").returncode == 0
    return tmp_path / "reduced"


def test_a_reduced_dump_reads_as_the_whole_one(driver, reduced, tmp_path):
    assert reduced.stat().st_size < 100_000
    done = driver("read_image", reduced)
    assert done.returncode == 0
    assert done.stdout == driver("read_image", tmp_path / "dump").stdout


@pytest.mark.parametrize("seed", [1, 2])
def test_no_mutation_of_a_dump_does_harm(driver, reduced, seed):
    done = driver("fuzz_image", "--mutate", seed, 3000, reduced)
    assert done.returncode == 0, done.stderr
    read, refused = int(done.stdout.split()[0]), int(done.stdout.split()[2])
    assert read > 100 and refused > 100 and read + refused == 3000
