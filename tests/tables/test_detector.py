"""The core's counters against the model, on many streams."""

import json
import os
import subprocess
import sys

import pytest
from library.model import Model
from library.streams import FAMILIES, as_trace, make_stream

#: A program that reads a trace and prints what replay does, written by somebody else.
OTHER_MODEL = os.environ.get("TMPALLOC_OTHER_MODEL")
THRESHOLDS = [*range(17), 63, 100, 1023]
STREAMS = [
    (seed, family, THRESHOLDS[(3 * seed + number) % len(THRESHOLDS)], seed % 3 != 2)
    for seed in range(30)
    for number, family in enumerate(FAMILIES)
]


def stream_name(stream):
    seed, family, max_threshold, disciplined = stream
    return f"{family}, {max_threshold}, {seed}" + ("" if disciplined else ", missed frees")


@pytest.fixture
def replay(core_program, tmp_path):
    def replay_events(events, *options):
        trace = tmp_path / "trace"
        trace.write_text(as_trace(events))
        done = core_program("replay")(*options, trace)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return replay_events


def by_name(result):
    sites = {site.pop("site"): site for site in result["sites"]}
    assert len(sites) == len(result["sites"])
    return sites


def assert_equals_model(result, model, threshold):
    assert result["totals"] == model.totals(threshold)
    sites, expected = by_name(result), model.sites(threshold)
    assert sites.keys() == expected.keys()
    for name, site in sites.items():
        assert site == expected[name], name


@pytest.mark.parametrize("stream", STREAMS, ids=stream_name)
def test_counters_and_blocks_equal_those_of_the_model(replay, stream):
    seed, family, max_threshold, disciplined = stream
    length = 1500 if max_threshold > 16 else 600
    events = make_stream(seed, family, length, disciplined)
    threshold = seed % (max_threshold + 1)
    result = replay(events, "--max-threshold", max_threshold, "--threshold", threshold)
    model = Model(max_threshold).feed(events)
    assert_equals_model(result, model, threshold)
    assert sorted(result["blocks"], key=lambda b: (b["tid"], b["age"])) == model.blocks()


def test_streams_contain_what_they_are_made_for():
    models = [Model(16).feed(make_stream(seed, "heap")) for seed in range(30)]
    assert sum(model.cross_thread_frees for model in models) > 50
    assert sum(len(model.temporaries) for model in models) > 500
    assert any(by_realloc for model in models for _, _, _, by_realloc in model.temporaries)
    chains = [chain for model in models for chain in model.chains]
    assert len(chains) > 150 and any(len(chain.replaced) > 3 for chain in chains)
    kinds = {event[0] for seed in range(30) for event in make_stream(seed, "heap")}
    assert kinds == set("afrxsz")


@pytest.mark.skipif(not OTHER_MODEL, reason="TMPALLOC_OTHER_MODEL names no other model")
@pytest.mark.parametrize("family", FAMILIES)
def test_the_model_equals_another_one(tmp_path, family):
    for seed in range(8):
        max_threshold = THRESHOLDS[(seed * 5) % len(THRESHOLDS)]
        events = make_stream(seed, family, disciplined=seed % 2 == 0)
        trace = tmp_path / "trace"
        trace.write_text(as_trace(events))
        options = ["--max-threshold", str(max_threshold), "--threshold", "0", "--chains"]
        done = subprocess.run(
            [sys.executable, OTHER_MODEL, *options, trace], capture_output=True, check=True
        )
        assert_equals_model(json.loads(done.stdout), Model(max_threshold).feed(events), 0)


def test_a_block_freed_by_another_thread_is_not_mistaken_for_a_later_one(replay):
    """memray counts two temporaries here, the second at the wrong site: its windows never learn
    that another thread freed a block."""
    events = [
        ("a", 1, 0x1000, 10, "first"),
        ("f", 1, 0x1000),
        ("a", 2, 0x1000, 20, "second"),
        ("f", 1, 0x1000),
    ]
    result = replay(events, "--threshold", "1")
    assert result["totals"]["temporary"] == {"count": 1, "bytes": 10}
    assert result["totals"]["cross_thread_frees"] == 1
    sites = by_name(result)
    assert (sites["first"]["count"], sites["first"]["bytes"]) == (1, 10)
    assert (sites["second"]["count"], sites["second"]["bytes"]) == (0, 0)


def test_a_block_that_travelled_to_another_thread_and_back_is_a_new_one(replay):
    events = [
        ("a", 1, 0x1000, 10, "first"),
        ("f", 2, 0x1000),
        ("a", 2, 0x1000, 20, "second"),
        ("f", 1, 0x1000),
        ("f", 1, 0x1000),
    ]
    totals = replay(events)["totals"]
    assert totals["temporary"] == {"count": 0, "bytes": 0}
    assert totals["cross_thread_frees"] == 2
    assert totals["deallocations"] == 3


def test_a_queue_of_equal_blocks_makes_no_temporaries(replay):
    """heaptrack counts 99,901 temporaries here: it takes blocks of equal size and stack for each
    other."""
    events = []
    for i in range(100_000):
        if i >= 100:
            events.append(("f", 1, 0x10000 + 16 * ((i - 100) % 101)))
        events.append(("a", 1, 0x10000 + 16 * (i % 101), 32, "push"))
    result = replay(events, "--threshold", "16")
    assert result["totals"]["allocations"] == 100_000
    assert result["totals"]["deallocations"] == 99_900
    assert result["totals"]["temporary"] == {"count": 0, "bytes": 0}
    (site,) = by_name(result).values()
    assert (site["larger"], site["equal"]) == (0, 99_999)


def test_a_queue_becomes_temporary_exactly_at_its_length(replay):
    events = []
    for i in range(1000):
        if i >= 100:
            events.append(("f", 1, 0x10000 + 16 * ((i - 100) % 101)))
        events.append(("a", 1, 0x10000 + 16 * (i % 101), 32, "push"))
    histogram = replay(events, "--max-threshold", "100")["totals"]["by_distance"]
    assert [bucket["count"] for bucket in histogram] == [0] * 99 + [900, 0]


def test_previous_sizes_survive_a_reset_but_not_the_thread(replay):
    events = [("a", 1, 0x10, 8, "site"), ("z",), ("a", 1, 0x20, 9, "site"), ("s",)]
    events += [("a", 1, 0x30, 9, "site"), ("x", 1), ("a", 1, 0x40, 99, "site")]
    (site,) = by_name(replay(events)).values()
    assert (site["allocations"], site["larger"], site["equal"]) == (3, 1, 1)
    assert site["threads"] == [1]


def test_a_thread_with_the_id_of_an_exited_one_inherits_nothing(replay):
    events = [("a", 7, 0x10, 8, "site"), ("x", 7), ("f", 7, 0x10)]
    totals = replay(events)["totals"]
    assert totals["temporary"] == {"count": 0, "bytes": 0}
    assert (totals["deallocations"], totals["cross_thread_frees"]) == (1, 0)


@pytest.mark.parametrize("later", [4094, 4096, 4100, 1 << 16])
def test_an_old_block_does_not_come_back_into_the_window(replay, later):
    """Allocation numbers are kept in few bits, which have the same values again some day."""
    events = [("a", 1, 0x1000, 8, "old")]
    for i in range(later):
        events.append(("a", 1, 0x2000 + 16 * (i % 64), 8, "new"))
    events.append(("f", 1, 0x1000))
    assert replay(events)["totals"]["temporary"] == {"count": 0, "bytes": 0}


@pytest.mark.parametrize("family", ["heap", "one word", "mixed"])
def test_every_allocation_of_the_core_may_fail(core_program, tmp_path, family):
    trace = tmp_path / "trace"
    trace.write_text(as_trace(make_stream(4, family, 800)))
    done = core_program("replay")("--fail-every-allocation", trace)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 25


def test_stacks_snapshots_and_putting_back(core_program):
    done = core_program("tracker_calls")()
    assert (done.stdout, done.returncode) == ("", 0)


def test_threads_that_meet_at_one_word_lose_no_block(core_program):
    done = core_program("detector_threads")()
    assert (done.stdout, done.returncode) == ("0\n", 0)


def test_memory_does_not_depend_on_the_number_of_events(core_program):
    done = core_program("detector_throughput")(5_000_000)
    assert done.returncode == 0
    _, early_bytes, late_bytes = map(int, done.stdout.split())
    assert early_bytes == late_bytes < 4 << 20


def chains_of(result):
    return {name: site["chains"] for name, site in by_name(result).items() if "chains" in site}


def test_each_larger_block_goes_on_with_the_chain_of_the_one_that_it_replaces(replay):
    events = [("a", 1, 0x100, 10, "vector"), ("a", 1, 0x200, 20, "vector"), ("f", 1, 0x100)]
    events += [("a", 1, 0x300, 40, "vector"), ("f", 1, 0x200), ("f", 1, 0x300)]
    events += [("r", 1, 0, 0x400, 5, "list"), ("r", 1, 0x400, 0x400, 9, "list")]
    assert chains_of(replay(events)) == {
        "vector": {"count": 1, "steps": 2, "replaced_bytes": 30, "longest": 2, "largest": 40,
                   "final_sizes": [[6, 1]]},
        "list": {"count": 1, "steps": 1, "replaced_bytes": 5, "longest": 1, "largest": 9,
                 "final_sizes": [[4, 1]]},
    }  # fmt: skip


def test_a_chain_is_of_the_site_of_its_second_block_and_has_its_largest_block(replay):
    events = [("a", 1, 0x100, 10, "first"), ("r", 1, 0x100, 0x200, 100, "second")]
    events += [("r", 1, 0x200, 0x200, 50, "third"), ("r", 1, 0x200, 0x300, 60, "fourth")]
    assert chains_of(replay(events)) == {
        "second": {"count": 1, "steps": 2, "replaced_bytes": 60, "longest": 2, "largest": 100,
                   "final_sizes": [[7, 1]]}
    }  # fmt: skip


@pytest.mark.parametrize(
    "between",
    [
        [("f", 2, 0x100), ("a", 1, 0x100, 10, "vector")],
        [("s",)],
        [("z",)],
        [("x", 1)],
        [("f", 1, 0x200)],
        [("a", 1, 0x900, 30, "vector"), ("f", 1, 0x900)],
        [("a", 1, 0x900, 10, "vector")],
        [("a", 1, 0x1000 + i, 1, "other") for i in range(20)],
    ],
    ids=["freed by another thread", "stopped", "reset", "exited", "already freed", "not the latest",
         "a later one that isn't larger", "out of the window"],
)  # fmt: skip
def test_a_block_is_not_replaced_by_one_that(replay, between):
    events = [("a", 1, 0x100, 10, "vector"), ("a", 1, 0x200, 20, "vector"), *between]
    assert chains_of(replay([*events, ("f", 1, 0x100)])) == {}


def test_a_block_replaces_one_other(replay):
    events = [("a", 1, 0x100 * i, 10 * i, "vector") for i in (1, 2, 3)]
    events += [("f", 1, 0x100), ("f", 1, 0x200)]
    (chains,) = chains_of(replay(events)).values()
    assert (chains["count"], chains["steps"], chains["replaced_bytes"]) == (1, 1, 10)


def test_another_thread_hands_no_chain_on(replay):
    events = [("a", 1, 0x100, 10, "vector"), ("r", 1, 0x100, 0x200, 20, "vector")]
    events += [("r", 2, 0x200, 0x300, 40, "vector"), ("r", 2, 0x300, 0x400, 80, "vector")]
    (chains,) = chains_of(replay(events)).values()
    assert (chains["count"], chains["steps"], chains["longest"]) == (2, 2, 1)
