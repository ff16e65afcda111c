"""The small parts that the core stands on."""

import random
import signal

import pytest


def run_map(core_program, operations):
    text = "".join(" ".join(map(str, operation)) + "\n" for operation in operations)
    done = core_program("map_operations")(text=text)
    assert done.returncode == 0
    return done.stdout.split()


def answers_of_a_dictionary(operations):
    known, answers = {}, []
    for operation in operations:
        kind, *fields = operation
        if kind == "p":
            known[fields[0]] = fields[1]
            answers.append(str(len(known)))
        elif kind == "g":
            answers.append(str(known.get(fields[0], "-")))
        elif kind == "r":
            answers.append("1" if known.pop(fields[0], None) is not None else "0")
        else:
            known.clear()
            answers.append("0")
    return answers


@pytest.mark.parametrize("keys", [8, 40, 3000])
def test_a_map_answers_like_a_dictionary(core_program, keys):
    chance = random.Random(keys)
    operations = [("g", 1), ("r", 1), ("c",)]
    for _ in range(20_000):
        kind = chance.choices("pgrc", [40, 30, 30, 0.02])[0]
        key = chance.randrange(keys) * 0x1_0000_0001
        operations.append((kind, key, chance.randrange(2**64)) if kind == "p" else (kind, key))
    assert run_map(core_program, operations) == answers_of_a_dictionary(operations)


def hash_of(key):
    """The map's hash: the finalizer of MurmurHash3."""
    key ^= key >> 33
    key = key * 0xFF51AFD7ED558CCD % 2**64
    key ^= key >> 33
    key = key * 0xC4CEB9FE1A85EC53 % 2**64
    return key ^ (key >> 33)


def test_a_map_keeps_colliding_keys_apart_at_its_end(core_program):
    """The first table has 16 slots; these keys all belong into the last two."""
    keys = [key for key in range(10_000) if hash_of(key) % 16 >= 14][:11]
    operations = [("p", key, key + 1) for key in keys]
    for removed in keys[::2]:
        operations.append(("r", removed))
        operations += [("g", key) for key in keys]
    assert run_map(core_program, operations) == answers_of_a_dictionary(operations)


@pytest.mark.parametrize(
    ("number", "size", "count"),
    [
        (0, "0B", "0"),
        (512, "512B", "512"),
        (999, "999B", "999"),
        (1000, "1000B", "1,000"),
        (1023, "1023B", "1,023"),
        (1024, "1.000KB", "1,024"),
        (1536, "1.500KB", "1,536"),
        (12345, "12.056KB", "12,345"),
        (1048575, "1023.999KB", "1,048,575"),
        (1048576, "1.000MB", "1,048,576"),
        (76007014, "72.486MB", "76,007,014"),
        (1073741823, "1.000GB", "1,073,741,823"),
        (2**64 - 1, "16.000EB", "18,446,744,073,709,551,615"),
    ],
)
def test_sizes_and_counts_are_written_as_documented(core_program, number, size, count):
    assert core_program("text_formats")(number).stdout == f"{size} {count}\n"


def test_text_grows_and_remembers_that_an_append_failed(core_program):
    assert core_program("text_formats")().returncode == 0


BROKEN = {
    "map": "a bug in tmpalloc (map.c:",
    "stacks": "a bug in tmpalloc (stacks.c:",
    "session": "state 0: a bug in tmpalloc (session_state.c:",
    "detector": "a bug in tmpalloc (broken_invariants.c:",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_invariant_is_an_error_with_a_line(core_program, name):
    done = core_program("broken_invariants")(name)
    assert done.returncode == 0, done.stdout
    assert [line for line in done.stdout.splitlines() if line.startswith(BROKEN[name])], done.stdout


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_invariant_ends_a_build_that_is_debugged(core_program, name):
    done = core_program("broken_invariants")("--abort", name)
    assert done.returncode == -signal.SIGABRT


LEVELS = ["session", "module", "stop", "allocation"]


@pytest.mark.parametrize("level", ["", *LEVELS])
def test_a_level_of_the_log_has_those_before_it_and_no_other_is_formatted(core_program, level):
    shown = LEVELS[: LEVELS.index(level) + 1] if level else []
    lines = [f"{word}: line {number}" for number, word in enumerate(shown, 1)]
    assert core_program("log_lines")(level).stdout.splitlines() == [*lines, str(len(lines))]


def test_a_log_that_nobody_takes_goes_to_standard_error(core_program):
    done = core_program("log_lines")("--bare", "session")
    assert (done.stdout, done.stderr) == ("1\n", "tmpalloc: session: line 1\n")


def test_a_word_that_is_no_level_is_answered_by_those_that_are(core_program):
    done = core_program("log_lines")("stops")
    assert (done.returncode, done.stdout) == (1, "session, module, stop or allocation\n")
