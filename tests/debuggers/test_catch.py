"""Stopping at temporaries: `tmpalloc catch`."""

import os
import re
from pathlib import Path

import pytest
from library.support import FOLLOW_CHILD, PROGRAMS, start_process


@pytest.fixture
def program(compile):
    return compile(PROGRAMS / "caught.cpp", "-O0", "-pthread", "-fno-builtin")


def variable(debugger, name):
    prefix = {"gdb": "$_tmpalloc_", "lldb": "$tmpalloc_"}[debugger.name]
    return prefix + name


def show(debugger, expression):
    """A step that shows an expression, in which addr, size, distance and site are those caught."""
    words = r"\b(addr|size|distance|site)\b"
    return debugger.evaluate(re.sub(words, lambda m: variable(debugger, m[1]), expression))


def locals_of(debugger):
    return {"gdb": "info locals", "lldb": "frame variable"}[debugger.name]


def value(output):
    """The number that show() shows."""
    return int(re.search(r"= (\d+)\s*$", output)[1])


def test_a_temporary_stops_in_the_function_that_frees_it_while_it_can_be_read(
    debugger, start, program
):
    look = [
        *(show(debugger, name) for name in ("size", "distance")),
        show(debugger, "(long)record - (long)addr"),
        show(debugger, "((char *)addr)[0]"),
        locals_of(debugger),
        "up",
        locals_of(debugger),
    ]
    caught = [debugger.continue_(), *look]
    steps = [start, "tmpalloc catch -t 3 --at make", debugger.run(), *look, *caught, *caught]
    steps += ["tmpalloc status", debugger.continue_()]
    result = debugger.session(program, steps)
    assert result.exit_statuses == [3] and result.stdout == b"", result.text
    assert "catch 1: threshold 3, at make" in result.outputs[1]
    stops = [result.outputs[i : i + 8] for i in (2, 10, 18)]
    between = [[], ["33B"], ["10B", "11B", "12B"]]
    for (stop, size, distance, same, first, inner, up, outer), sizes in zip(stops, between):
        text = stop.partition("tmpalloc: catch 1: ")[2]
        assert f" of 24B is about to be freed, distance {len(sizes)} (tmpalloc site " in text, stop
        assert re.search(r"(?m)^  #\d+ +make at .*/caught.cpp:15$", text), stop
        assert re.search(r"Freed at release at .*/caught.cpp:25\n", text), stop
        assert re.findall(r"(?m)^  (\d+B) keep at .*/caught.cpp:19$", text) == sizes, stop
        assert ("Allocated in between" in text) == bool(sizes)
        assert "delete record;" in text and re.search(r"release ?\(record", text), stop
        assert (value(size), value(distance), value(same)) == (24, len(sizes), 0)
        assert "'a'" in first
        assert "length = " in inner and "release_records" in up and "second = " in outer
    assert re.search(r"catch 1 +threshold 3, at make: 3 matches\n", result.outputs[26])


def test_each_filter_lets_through_what_it_says(debugger, start, program):
    size = show(debugger, "size")
    steps = [start, "tmpalloc catch --at ^release", "tmpalloc catch --count 2 --at make"]
    steps += ["tmpalloc catch --min-size 200 --once", "tmpalloc catch --min-size 5000 -t 0"]
    steps += ["tmpalloc catch --delete 9", "tmpalloc catch --delete 1", "tmpalloc status"]
    first = len(steps)
    steps += [debugger.run(), show(debugger, "distance"), debugger.continue_(), size]
    steps += ["tmpalloc status", debugger.continue_(), size, debugger.continue_(), size]
    steps += ["tmpalloc catch --delete", "tmpalloc status", debugger.continue_()]
    result = debugger.session(program, steps)
    outputs = result.outputs
    assert result.exit_statuses == [3], result.text
    assert outputs[5].strip().endswith("no catch 9: there are 1, 2, 3, 4")
    assert "catch 1 deleted" in outputs[6]
    rows = re.findall(r"(?m)^catch .*", outputs[7])
    assert rows == [
        "catch 2             threshold 1, at make, match 2 only: 0 matches",
        "catch 3             threshold 1, at least 200B, once: 0 matches",
        "catch 4             threshold 0, at least 4.883KB: 0 matches",
    ]
    number_two, distance, grown, grown_size, status, *threads = outputs[first:]
    assert "catch 2: " in number_two and value(distance) == 1
    assert "catch 3: " in grown and value(grown_size) == 200
    assert "Freed at grow at " in grown and "realloc(text, 300)" in grown
    assert re.findall(r"(?m)^catch (\d+) .*?(\d+) match", status) == [("2", "2"), ("4", "0")]
    for stop, size in zip(threads[0:4:2], (5000, 6000)):
        assert "catch 4: " in stop and "run_thread" in stop, stop
        assert "std::free(block)" in stop
    assert [value(threads[1]), value(threads[3])] == [5000, 6000]
    assert "2 catches deleted" in threads[4]
    assert not re.search(r"(?m)^catch", threads[5])


def test_what_cannot_be_caught_is_one_line_and_changes_nothing(debugger, start, program):
    catches = "(?m)^catch "
    bad = {
        "--at 'a('": "bad regular expression 'a(': ",
        "-t 17": "threshold 17 is above 16, the highest recorded: ",
        "--count 0": "bad value '0' for --count",
        "--min-size 5x": "bad value '5x' for --min-size",
        "3": "unexpected 3: an ID goes with --delete",
        "--delete 3": "no catch 3: there are none",
        "--delete x": "'x'",
        "--delete --once": "--delete takes the ID of a catch and no other option",
    }
    steps = [start, *(f"tmpalloc catch {words}" for words in bad)]
    outputs = debugger.session(program, [*steps, "tmpalloc status"]).outputs
    for output, expected in zip(outputs[1:], bad.values()):
        assert expected in output and output.count("\n") == 1
    assert not re.search(catches, outputs[-1])


def test_catches_rest_while_nothing_is_tracked_and_work_in_the_next_run(debugger, program):
    status = "tmpalloc status"
    start = "tmpalloc start --engine agent"
    size = show(debugger, "size")
    steps = [start, "tmpalloc catch --min-size 300", debugger.run(), "tmpalloc stop", status]
    steps += [debugger.continue_(), start, debugger.run(), size, debugger.continue_(), size]
    steps += [debugger.kill(), status, "tmpalloc catch --delete", status]
    outputs = debugger.session(program, steps).outputs
    assert "catch 1: " in outputs[2]
    assert "stopped" in outputs[3]
    assert ": 1 match, rests until 'tmpalloc start'" in outputs[4]
    assert "tmpalloc: catch" not in outputs[5] and "exited" in outputs[5]
    assert [value(outputs[8]), value(outputs[10])] == [300, 5000]
    assert ": 2 matches, rests until 'tmpalloc start'" in outputs[12]
    assert "1 catch deleted" in outputs[13] and "rests" not in outputs[14]


INLINED = """
#include <vector>
static void fill(std::vector<int> &numbers, int count) {
    for (int i = 0; i < count; i++)
        numbers.push_back(i);
}
int main() {
    std::vector<int> numbers;
    fill(numbers, 100);
    return numbers.size() == 100 ? 3 : 1;
}
"""


def test_the_charged_frame_is_selected_and_shown_among_inlined_ones(debugger, start, compile):
    program = compile(INLINED, "-O2", language="cpp")
    frame = {"gdb": "frame", "lldb": "frame info"}[debugger.name]
    steps = [start, "tmpalloc catch --at ^fill --once", debugger.run(), frame, "up", frame]
    result = debugger.session(program, [*steps, debugger.continue_()])
    stop, selected, _, outer = result.outputs[2:6]
    assert "numbers.push_back(i);" in stop.partition("Freed at ")[2], stop
    assert re.search(r"fill ?\(.*program.cpp:5", selected), selected
    assert re.search(r"main\b.*program.cpp:9", outer), outer
    assert result.exit_statuses == [3]


PYTHON = """
def grow():
    numbers = []
    for i in range(300):
        numbers.append(i)
    return numbers

def other():
    return bytearray(4000)

other()
grow()
print("ended")
"""


def test_a_python_function_is_a_place_to_catch_at(debugger, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(PYTHON)
    python = os.path.realpath("/usr/bin/python3")
    steps = ["tmpalloc start --engine agent", "tmpalloc catch --at '^grow at script.py' --once"]
    steps += [debugger.run(), debugger.continue_()]
    result = debugger.session(python, steps, ["-S", script])
    assert result.exit_statuses == [0] and result.stdout == b"ended\n", result.text
    assert re.search(r"(?m)^  #\d+ +grow at .*/script.py:5$", result.outputs[2])
    assert re.search(r"Freed at grow at .*/script.py:5\n", result.outputs[2])
    assert re.search(r"list_resize|python3", result.outputs[2])


def test_breakpoints_of_the_user_go_on_stopping_beside_catches(debugger, start, program):
    steps = [start, "tmpalloc catch --at make -t 0", debugger.break_at("release"), debugger.run()]
    steps += [debugger.continue_(), debugger.finish(), *[debugger.continue_()] * 3]
    result = debugger.session(program, steps)
    kinds = ["catch 1:" in output for output in result.outputs[3:]]
    assert kinds == [False, True, False, False, False, False]
    assert "release_records" in result.outputs[5], result.text
    assert "release(" in result.outputs[3].replace(" (", "(") and result.exit_statuses == [3]


@pytest.mark.parametrize("allocator", ["libc.so.6", "libtcmalloc_minimal.so.4"])
def test_next_goes_on_in_the_function_that_frees(gdb, program, allocator):
    if not Path("/usr/lib/x86_64-linux-gnu", allocator).exists():
        pytest.skip(f"there is no {allocator} here")
    steps = [f"set environment LD_PRELOAD {allocator}", "tmpalloc start --engine agent"]
    steps += ["tmpalloc catch --at make -t 0", gdb.run(), "next", gdb.continue_()]
    result = gdb.session(program, steps)
    assert "delete record;" in result.outputs[3], result.text
    assert "length == 0" in result.outputs[4], result.text
    assert result.exit_statuses == [3]


def test_a_catch_goes_on_at_new_call_sites_after_another_was_there_once(debugger, start, program):
    size, go = show(debugger, "size"), debugger.continue_()
    steps = [start, "tmpalloc catch --at run_thread", "tmpalloc catch --at make --once"]
    steps += [debugger.run(), size, go, size, go, size, go]
    result = debugger.session(program, steps)
    assert [value(result.outputs[i]) for i in (4, 6, 8)] == [24, 5000, 6000], result.text
    assert result.exit_statuses == [3]


FORKED = """
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((noinline)) static void use(size_t size) {
    void *volatile block = malloc(size);
    free(block);
}

int main(void) {
    use(10);
    pid_t child = fork();
    use(child == 0 ? 20 : 30);
    if (child == 0)
        _exit(3);
    int status;
    return waitpid(child, &status, 0) == child ? WEXITSTATUS(status) + 1 : 1;
}
"""


def test_a_catch_is_of_use_in_the_process_of_a_fork_that_the_debugger_follows(
    debugger, start, compile
):
    program, size, go = compile(FORKED), show(debugger, "size"), debugger.continue_()
    steps = ["tmpalloc catch --at use", debugger.run(), size, go, size, go]
    for follow, caught, status in ([], 30, 4), ([FOLLOW_CHILD[debugger.name]], 20, 3):
        result = debugger.session(program, [*follow, start, *steps])
        outputs = result.outputs[len(follow) :]
        assert [value(outputs[i]) for i in (3, 5)] == [10, caught], result.text
        assert result.exit_statuses == [status]


ENDLESS = """
#include <stdlib.h>
#include <unistd.h>

__attribute__((noinline)) static void use(size_t size) {
    void *volatile block = malloc(size);
    free(block);
}

int main(void) {
    write(1, "begun\\n", 6);
    for (;;) {
        use(20);
        usleep(1000);
    }
}
"""


def test_a_catch_counts_from_zero_when_a_process_is_attached_to_again(debugger, start, compile):
    with start_process(compile(ENDLESS)) as process:
        attach, go = debugger.attach(process.pid), debugger.continue_()
        steps = [attach, start, "tmpalloc catch --at use --count 2", go, debugger.detach()]
        outputs = debugger.session(None, [*steps, attach, start, go, "tmpalloc status"]).outputs
        process.kill()
    assert "catch 1: 0x" in outputs[3] and "catch 1: 0x" in outputs[7], outputs[7]
    assert "match 2 only: 2 matches" in outputs[8]


# --- watching ----------------------------------------------------------------------------------------


def watchpoints_of(debugger):
    return {"gdb": "info watchpoints", "lldb": "watchpoint list"}[debugger.name]


@pytest.mark.usefixtures("watchpoints")
def test_the_next_block_of_a_site_is_watched_until_it_is_freed(debugger, start, compile):
    program = compile(PROGRAMS / "watched.c", "-fno-builtin")
    listed, go, end = watchpoints_of(debugger), debugger.continue_(), debugger.break_at("end_round")
    steps = [end, start, "tmpalloc watch 1", debugger.run(), "tmpalloc watch 9"]
    steps += ["tmpalloc watch 1", "tmpalloc status", go, listed]
    steps += ["tmpalloc watch 1", go, "tmpalloc status", go, go, listed]
    steps += ["tmpalloc watch 1", "tmpalloc watch --delete", "tmpalloc watch --delete", go, go, go]
    result = debugger.session(program, steps)
    outputs = result.outputs
    assert result.exit_statuses == [3], result.text
    assert "no process is tracked whose blocks could be watched" in outputs[2]
    assert "no site 9: sites are 1 to 1" in outputs[4]
    assert "waiting for the next block of site 1, make at watched.c:5\n" in outputs[5]
    assert re.search(r"(?m)^watch +the next block at make at watched.c:5$", outputs[6])
    began = r"tmpalloc: watch: (0x\w+) of 24B at make at watched.c:5, its first 8 bytes until it is freed"
    unused = re.search(began, outputs[7])[1]
    assert f"tmpalloc: watch: {unused} is freed, its first 8 bytes were never read and never written\n" in outputs[7]
    assert "end_round" in outputs[7]
    used = re.search(began, outputs[10])[1]
    assert re.search(r"fill ?\(", outputs[10]) and "is freed after" not in outputs[10]
    assert re.search(rf"(?m)^watch +{used} of 24B at make at watched.c:5$", outputs[11])
    assert re.search(r"look ?\(", outputs[12])
    assert f"tmpalloc: watch: {used} is freed after 2 uses\n" in outputs[13]
    for output in outputs[8], outputs[14]:
        assert "No watchpoints" in output
    assert "nothing is watched any more" in outputs[16]
    assert "nothing is watched: 'tmpalloc watch SITE' begins" in outputs[17]
    assert not any("tmpalloc: watch" in output for output in outputs[18:])


THREADS = """#include <semaphore.h>
#include <pthread.h>
#include <stdlib.h>
static sem_t began, ends;
__attribute__((noinline)) void end_round(void) { __asm__ volatile("" ::: "memory"); }
static void *play(void *unused) {
    void *volatile block = malloc(24);
    free(block);
    end_round();
    sem_post(&began);
    sem_wait(&ends);
    return unused;
}
int main(void) {
    pthread_t threads[2];
    sem_init(&began, 0, 0);
    sem_init(&ends, 0, 0);
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, play, NULL);
        sem_wait(&began);
    }
    sem_post(&ends);
    sem_post(&ends);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return 3;
}"""


@pytest.mark.usefixtures("watchpoints")
def test_the_use_of_a_block_whose_watchpoint_the_user_deleted_is_not_known(debugger, compile):
    program = compile(PROGRAMS / "watched.c", "-fno-builtin")
    delete = {"gdb": "delete $bpnum", "lldb": "watchpoint delete 1"}[debugger.name]
    go = debugger.continue_()
    steps = [debugger.break_at("end_round"), "tmpalloc start", debugger.run(), go]
    outputs = debugger.session(program, [*steps, "tmpalloc watch 1", go, delete, go]).outputs
    assert re.search(r"(?i)watchpoint", outputs[5]) and "fill" in outputs[5]
    assert re.search(r"(?m)^tmpalloc: watch: 0x\w+ is freed$", outputs[7])


@pytest.mark.usefixtures("watchpoints")
def test_the_block_of_a_thread_that_was_never_at_the_site_is_watched_as_well(debugger, compile):
    program = compile(THREADS, "-pthread", "-fno-builtin")
    steps = [debugger.break_at("end_round"), "tmpalloc start --engine agent", debugger.run()]
    steps += ["tmpalloc watch 1", debugger.continue_(), debugger.continue_()]
    result = debugger.session(program, steps)
    assert "is freed, its first 8 bytes were never read and never written" in result.outputs[4], result.text
    assert result.exit_statuses == [3]


NAMES = """
#include <stdlib.h>
static inline int became_part(int n) {
    void *block = malloc(n);
    free(block);
    return n;
}
__attribute__((noinline)) int work(int n) {
    return became_part(n) + n;
}
int main(void) {
    return work(3) - 6;
}
"""


def test_a_catch_that_nothing_loaded_matches_says_so_at_once(debugger, compile, start):
    program = compile(NAMES, "-g", "-O2", "-fno-builtin", name="names")
    known = ["work", "became_part", "names[.]c", "libc[.]so", "^work$", "work at names.c:9"]
    catches = [f"tmpalloc catch --at '{at}'" for at in ("nowhere", *known, "std::nothing")]
    before = debugger.session(program, [start, *catches, debugger.run()])
    assert "no function" not in "".join(before.outputs[: len(catches) + 1])
    unmatched = r"no function, source or library that is loaded matches '(.*)': one that is loaded"
    assert re.findall(unmatched, before.text) == ["nowhere", "std::nothing"]
    stop = [start, debugger.break_at("main"), debugger.run()]
    after = debugger.session(program, [*stop, *catches])
    lines = ["".join(re.findall(unmatched, text)) for text in after.outputs[len(stop) :]]
    assert lines == ["nowhere"] + [""] * len(known) + ["std::nothing"]
    assert all("catch" in text for text in after.outputs[len(stop) :])
