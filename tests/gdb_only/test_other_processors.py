"""A program of another processor, under QEMU's GDB server, counts what it counts on this one.

Only GDB: Debian's gdb-multiarch knows all processors, and QEMU's user mode has no other server.
"""

import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from library.support import ROOT, execute, wait_for

PROGRAM = """
#include <stdlib.h>
static __attribute__((noinline)) void use(void *block) { __asm__ volatile("" : : "r"(block) : "memory"); }
static __attribute__((noinline)) void temporary(size_t size) {
    void *block = malloc(size);
    use(block);
    free(block);
}
static __attribute__((noinline)) void grow(void) {
    char *block = NULL;
    for (size_t size = 1; size < 5; size++)
        use(block = realloc(block, size * 1000));
    free(block);
}
int main(void) {
    void *kept = calloc(7, 11);
    for (int i = 1; i <= 10; i++)
        temporary(100 * i);
    grow();
    use(kept);
    return 0;
}
"""


def summary(debugger, program, *target):
    """At exit(), of what happened since main() by breakpoints."""
    commands = [
        *("set pagination off", "set width 0", f"source {ROOT / 'gdb' / 'tmpalloc_gdb.py'}"),
        *target,
        *("break main", "continue" if target else "run"),
        *("tmpalloc start --engine breakpoint", "break exit", "continue", "tmpalloc summary", "kill"),
    ]
    options = [word for command in commands for word in ("-ex", command)]
    output = execute(debugger, "-nx", "-batch", *options, program)
    assert "breakpoint engine" in output and "Location" in output, output
    lines = output[output.index("Location") :].splitlines()
    return [line for line in lines if "Inferior" not in line and "killed" not in line]


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def is_listening(port):
    """Looked up, since the first connection is the debugger's."""
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in sockets)


@pytest.mark.parametrize("processor", ["aarch64", "riscv64"])
def test_a_program_of_another_processor_counts_what_it_counts_here(tmp_path, processor):
    compiler, system = f"{processor}-linux-gnu-gcc", f"/usr/{processor}-linux-gnu"
    needed = (compiler, f"qemu-{processor}", "gdb-multiarch")
    missing = [name for name in needed if not shutil.which(name)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    source, port = tmp_path / "program.c", free_port()
    source.write_text(PROGRAM)
    here, there = tmp_path / "here", tmp_path / "there"
    for gcc, program in (("gcc", here), (compiler, there)):
        execute(gcc, "-g", "-O1", "-fno-builtin", "-o", program, source)
    emulator = subprocess.Popen([f"qemu-{processor}", "-L", system, "-g", str(port), there])
    try:
        wait_for(lambda: is_listening(port))
        target = (f"set sysroot {system}", f"target remote 127.0.0.1:{port}")
        seen = summary("gdb-multiarch", there, *target)
    finally:
        emulator.kill()
        emulator.wait()
    assert seen == summary("gdb", here)
    assert any("temporary at program.c" in line and " 10 " in line for line in seen), seen
