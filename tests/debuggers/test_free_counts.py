"""How many temporaries each free stack of a call site took."""

import json

from library.results import expanded
from library.support import PROGRAMS

#: In work(9): of rounds without allocations in between, and of those with two.
AT_ONCE = {"discard": 2, "drop": 3}
WITHIN_TWO = {"discard": 3, "drop": 6}


def counts_of(text):
    """By the function that frees what make() allocated; and the temporaries of that."""
    sites = [site for site in expanded(text)["sites"] if site["stack"][1]["function"] == "make"]
    assert len(sites) == 1
    names = [stack[1]["function"] for stack in sites[0]["free_stacks"]]
    return dict(zip(names, sites[0]["free_counts"], strict=True)), sites[0]["count"]


def session(debugger, compile, start, tmp_path, *steps):
    program = compile(PROGRAMS / "freed_by.c")
    names = ["one", "two", "zero"]
    reports = [f"tmpalloc report json {tmp_path / name} -t {t}" for t, name in zip([1, 2, 0], names, strict=True)]
    result = debugger.session(program, [*steps, start, debugger.run(), *reports, "tmpalloc site 1 -t 2"])
    return [(tmp_path / name).read_text() for name in names], result


def test_each_free_stack_has_the_temporaries_that_it_took(debugger, compile, start, tmp_path):
    (one, two, zero), result = session(debugger, compile, start, tmp_path)
    assert counts_of(one) == counts_of(zero) == (AT_ONCE, 5)
    assert counts_of(two) == (WITHIN_TWO, 9)
    shown = result.outputs[-1]
    assert "freed at (1 of 2 recorded stacks: 3 of 9)" in shown
    assert "freed at (2 of 2 recorded stacks: 6 of 9)" in shown


def test_saved_results_know_it_at_each_threshold_and_as_a_sum(debugger, compile, start, tmp_path):
    (one, two, _), _ = session(debugger, compile, start, tmp_path)
    older = json.loads(one)
    for site in older["sites"]:
        for free in site["free_stacks"]:
            del free["count"], free["by_distance"]
    (tmp_path / "older").write_text(json.dumps(older))
    reports = {name: tmp_path / f"of_{name}" for name in ("same", "sum", "older")}
    steps = [
        f"tmpalloc load {tmp_path}/one",
        f"tmpalloc report json {reports['same']} -t 2",
        f"tmpalloc load {tmp_path}/one {tmp_path}/two",
        f"tmpalloc report json {reports['sum']} -t 2",
        f"tmpalloc load {tmp_path}/older",
        f"tmpalloc report json {reports['older']}",
        "tmpalloc site 1",
    ]
    result = debugger.session(steps=steps)
    assert reports["same"].read_text() == two
    assert counts_of(reports["sum"].read_text()) == ({"discard": 6, "drop": 12}, 18)
    assert counts_of(reports["older"].read_text()) == ({"discard": None, "drop": None}, 5)
    assert "freed at (1 of 2 recorded stacks)" in result.outputs[-1]


def test_free_stacks_are_those_of_temporaries_since_a_mark(debugger, compile, start, tmp_path):
    program = compile(PROGRAMS / "freed_by.c")
    since = tmp_path / "since"
    # Between the 7th and the 9th call of make() are a round of discard()'s and one of drop()'s.
    stop = debugger.break_at("make")
    steps = [start, stop, debugger.run(), *[debugger.continue_()] * 6, "tmpalloc mark here"]
    steps += [*[debugger.continue_()] * 2, f"tmpalloc report json {since} --since here -t 2"]
    debugger.session(program, steps)
    assert counts_of(since.read_text()) == ({"discard": 1, "drop": 1}, 2)
