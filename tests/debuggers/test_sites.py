"""The numbers of call sites, which are the same wherever they are shown."""

import json
import re

#: Sites that are heavier the later they come, the second one at threshold 1 only.
SITES = r"""
#include <pthread.h>
#include <stdlib.h>
static void first(void) {
    free(malloc(10));
}
static void second(void) {
    void *block = malloc(2000);
    void *other = malloc(1);
    free(block);
    free(other);
}
static void third(void) {
    free(malloc(500));
}
void *both(void *arg) {
    third();
    return arg;
}
void look(int round) {
    (void)round;
}
int main(void) {
    pthread_t threads[2];
    for (int round = 0; round < 2; round++) {
        if (round == 0)
            first();
        second();
        look(round);
    }
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, both, NULL);
        pthread_join(threads[i], NULL);
    }
    first();
    look(2);
    return 0;
}
"""


def rows_of(output):
    """The functions of the sites of a summary by stack, by id."""
    return {int(id): name for id, name in re.findall(r"(?m)^site (\d+): (\w+) at", output)}


def test_a_site_has_one_number_at_every_threshold_and_after_all_that_zeroes_counters(
    debugger, start, compile, tmp_path
):
    program = compile(SITES, "-pthread", "-fno-builtin", "-O0")
    stacks, saved = "tmpalloc summary --by stack -r 0 -t", tmp_path / "saved.json"
    steps = [start, debugger.break_at("look"), debugger.run()]
    steps += [f"{stacks} 0", f"{stacks} 1", "tmpalloc reset", debugger.continue_(), f"{stacks} 1"]
    steps += ["tmpalloc stop", start, debugger.continue_()]
    steps += [f"{stacks} 1", "tmpalloc site 1", "tmpalloc site 77", f"tmpalloc save {saved}"]
    steps += [debugger.continue_(), "tmpalloc summary --by stack", f"tmpalloc load {saved}"]
    steps += [f"{stacks} 1", "tmpalloc site 1"]
    result = debugger.session(program, steps)
    outputs = result.outputs
    assert rows_of(outputs[3]) == {1: "first", 3: "second"}, result.text
    assert rows_of(outputs[4]) == {1: "first", 2: "second", 3: "second"}
    assert rows_of(outputs[7]) == {2: "second", 3: "second"}
    rows = rows_of(outputs[11])
    (third,) = (id for id, name in rows.items() if name == "third")
    again = {id for id, name in rows.items() if name == "first"}
    assert rows[2] == "second" and third > 3 and len(again) == 1 and min(again) > 3
    assert "no site 1: nothing counts there" in outputs[12]
    assert re.search(r"no site 77: sites are 1 to \d+\n", outputs[13])
    assert rows_of(outputs[18]) == rows
    assert outputs[19] == outputs[12]
    threads = {site["id"]: site["threads"] for site in json.loads(saved.read_text())["sites"]}
    assert len(threads[third]) in (1, 2)


def test_the_site_of_a_catch_is_that_of_the_tables(debugger, start, compile):
    program = compile(SITES, "-pthread", "-fno-builtin", "-O0")
    site = {"gdb": "$_tmpalloc_site", "lldb": "$tmpalloc_site"}[debugger.name]
    steps = [start, "tmpalloc catch --at second --min-size 1000", debugger.run()]
    steps += [debugger.evaluate(site), "tmpalloc site 2"]
    result = debugger.session(program, steps)
    assert "(tmpalloc site 2)" in result.outputs[2], result.text
    assert re.search(r"= 2\s*$", result.outputs[3])
    assert result.outputs[4].startswith("Site 2: second at")
