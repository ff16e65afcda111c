"""The instruction decoder against objdump."""

import subprocess
from pathlib import Path

import pytest
from library.support import CORE_FLAGS, LIBRARIES, core_sources, soname

HERE = Path(__file__).resolve().parent
FILES = [
    LIBRARIES / "libc.so.6",
    LIBRARIES / "libstdc++.so.6",
    LIBRARIES / "libjemalloc.so.2",
    LIBRARIES / "libtcmalloc_minimal.so.4",
    LIBRARIES / soname("mimalloc"),
    Path("/usr/bin/python3"),
]


@pytest.fixture(scope="session")
def compare(tmp_path_factory):
    """Compares every instruction of a file or object; gives the driver's output."""
    driver = tmp_path_factory.mktemp("code") / "code_decode"
    sources = [HERE / "code_decode.c", *core_sources("code_instruction.c")]
    flags = [*CORE_FLAGS, "-O1", "-fsanitize=address,undefined"]
    subprocess.run(["gcc", *flags, *sources, "-o", driver], check=True)

    def run(path):
        with subprocess.Popen(["objdump", "-d", "-w", path], stdout=subprocess.PIPE) as objdump:
            done = subprocess.run([driver], stdin=objdump.stdout, capture_output=True, text=True)
        assert objdump.returncode == 0 and not done.stderr, done.stderr
        return done.stdout

    return run


def compared(output):
    """How many instructions agreed, when all did."""
    assert output.startswith("different 0 of "), output
    return int(output.split()[-1])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_instruction_has_the_length_and_target_that_objdump_gives_it(compare, path):
    if not path.exists():
        pytest.skip(f"there is no {path}")
    assert compared(compare(path)) > 10000


def test_instructions_that_compilers_seldom_emit_have_their_lengths_too(compare, tmp_path):
    source = HERE / "instructions.s"
    subprocess.run(["as", source, "-o", tmp_path / "instructions.o"], check=True)
    assert compared(compare(tmp_path / "instructions.o")) > 400
