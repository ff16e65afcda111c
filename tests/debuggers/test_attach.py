"""Getting the agent into running processes and out again, whatever they are doing."""

import hashlib
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from library.support import C_FLAGS, PROGRAMS, allocations, number, start_process, wait_for

#: How often a server is attached to and left again.
TIMES = int(os.environ.get("TMPALLOC_ATTACH_TIMES", "3"))

pytestmark = pytest.mark.usefixtures("library")


# --- what a process consists of ----------------------------------------------------------------------


#: Sections that nobody but a hook changes once a program runs with all its symbols bound.
FIXED_SECTIONS = (".text", ".plt", ".got", ".got.plt", ".data.rel.ro", ".init_array")


def sections_of(file):
    """(name, address, size) of the fixed sections of an ELF file."""
    listed = subprocess.run(["readelf", "-SW", file], capture_output=True, text=True).stdout
    pattern = r"\] (\S+) +(?:PROGBITS|INIT_ARRAY) +([0-9a-f]{16}) [0-9a-f]+ ([0-9a-f]+)"
    found = re.findall(pattern, listed)
    return [(n, int(a, 16), int(s, 16)) for n, a, s in found if n in FIXED_SECTIONS]


def loaded_files(pid):
    """(path, load address) of each file that is mapped as code, the agent's own left out."""
    bases, code = {}, set()
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, permissions, offset, _, inode, *path = line.split(maxsplit=5)
        if inode == "0":
            continue
        if int(offset, 16) == 0:
            bases[path[0]] = int(span.partition("-")[0], 16)
        if "x" in permissions:
            code.add(path[0])
    return [(p, bases[p]) for p in sorted(code) if p in bases and "tmpalloc-agent" not in p]


def is_relocatable(file):
    with open(file, "rb") as opened:
        return struct.unpack_from("<H", opened.read(18), 16)[0] == 3  # ET_DYN


def image_of(pid):
    """A hash of each fixed section of each loaded file."""
    hashes = {}
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for file, base in loaded_files(pid):
            for name, address, size in sections_of(file):
                memory.seek(address + (base if is_relocatable(file) else 0))
                hashes[file, name] = hashlib.sha256(memory.read(size)).hexdigest()
    return hashes


def changed_sections(before, after):
    return [key for key in before if after.get(key) != before[key]]


def tracer_of(pid):
    return int(re.search(r"TracerPid:\s*(\d+)", Path(f"/proc/{pid}/status").read_text())[1])


# --- servers -----------------------------------------------------------------------------------------


class Server:
    """A running server, and a file in which somebody keeps its threads' rounds."""

    def __init__(self, command, file):
        # Bound at once: a slot that is bound at its first call would be a change.
        environment = dict(os.environ, LD_BIND_NOW="1")
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        self.pid = self.process.pid
        self._file = file

    def wait_for_rounds(self):
        before = self.rounds()
        wait_for(lambda: all(now > then for now, then in zip(self.rounds(), before, strict=True)))

    def rounds(self):
        return [rounds for rounds, _ in struct.iter_unpack("<QQ", self._file.read_bytes())]

    def check(self):
        """It runs, by itself, with all its threads."""
        assert self.process.poll() is None, self.process.returncode
        assert tracer_of(self.pid) == 0
        self.wait_for_rounds()

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def server(compile, tmp_path):
    """server.c: four threads that allocate in different ways."""
    program = compile(PROGRAMS / "server.c", *C_FLAGS, name="server")
    file = tmp_path / "rounds"
    file.write_bytes(bytes(4 * 16))
    running = Server([program, file], file)
    yield running
    running.close()


#: A client that counts the answers of redis-server.
CLIENT = """
import socket, struct, sys, time
with socket.socket(socket.AF_UNIX) as client, open(sys.argv[2], "r+b", 0) as out:
    client.connect(sys.argv[1])
    rounds = 0
    while client.send(b"SET key value\\r\\n") and client.recv(100) == b"+OK\\r\\n":
        rounds += 1
        out.seek(0)
        out.write(struct.pack("<QQ", rounds, 0))
        time.sleep(0.001)
"""


@pytest.fixture
def redis(tmp_path):
    """redis-server with a load of many clients."""
    if not shutil.which("redis-server"):
        pytest.skip("there is no redis-server here")
    socket, file = tmp_path / "socket", tmp_path / "rounds"
    file.write_bytes(bytes(16))
    options = ["--port", "0", "--unixsocket", socket, "--save", "", "--dir", tmp_path]
    running = Server(["redis-server", *options], file)
    wait_for(socket.exists)
    load = ["redis-benchmark", "-s", socket, "-l", "-q", "-t", "set,get,lpush,sadd,hset", "-d", "200"]
    clients = [subprocess.Popen(load, stdout=subprocess.DEVNULL)]
    clients.append(subprocess.Popen([sys.executable, "-S", "-c", CLIENT, socket, file]))
    yield running
    for client in clients:
        client.kill()
        client.wait()
    running.close()


def visit(debugger, pid, seconds=0.3):
    """Steps: attach, track for a while, look, leave."""
    steps = [debugger.attach(pid), "tmpalloc start --engine agent"]
    steps += [debugger.interrupt_later(pid, seconds), debugger.continue_()]
    return [*steps, "tmpalloc status", "tmpalloc summary", "tmpalloc stop", debugger.detach()]


def assert_visited(result, steps):
    """Of a session that ends with visit()."""
    outputs = result.outputs[-steps:]
    assert "agent engine" in outputs[1], result.text
    assert number(outputs[4], "temporaries") > 0, result.text
    assert number(outputs[4], "dropped events") == 0, result.text
    assert re.search(r"(?m)^\S+ (at|in) .* [\d,]+ ", outputs[5]), result.text
    assert "stopped, the results stay" in outputs[6], result.text


def visit_again_and_again(debugger, server):
    server.wait_for_rounds()
    before = image_of(server.pid)
    assert len(before) >= 10
    for _ in range(TIMES):
        steps = visit(debugger, server.pid)
        assert_visited(debugger.session(steps=steps), len(steps))
        server.check()
        assert changed_sections(before, image_of(server.pid)) == []


def test_a_server_under_load_is_visited_again_and_again_and_left_as_it_was(debugger, server):
    visit_again_and_again(debugger, server)


def test_redis_under_load_is_visited_again_and_again_and_left_as_it_was(debugger, redis):
    visit_again_and_again(debugger, redis)


def test_one_debugger_leaves_and_comes_back_and_status_says_what_is_true(debugger, server):
    attach, detach = debugger.attach(server.pid), debugger.detach()
    run = [debugger.interrupt_later(server.pid, 0.2), debugger.continue_()]
    status, start = "tmpalloc status", "tmpalloc start"
    steps = [attach, start, *run, detach, status]
    steps += [attach, status, start, *run, status]
    steps += ["tmpalloc stop", status, detach, status]
    result = debugger.session(steps=steps)
    outputs = [output for step, output in zip(steps, result.outputs) if step == status]
    heads = [re.search("(?m)^tmpalloc: .*", output)[0] for output in outputs]
    left = f"tmpalloc: process {server.pid} ended or was detached, results as of the last stop"
    assert heads[0] == heads[1] == left, result.text
    assert heads[2].startswith(f"tmpalloc: tracking process {server.pid}"), result.text
    assert heads[2].endswith("agent engine")
    assert heads[3] == heads[4] == f"tmpalloc: stopped, results of process {server.pid} stay"
    assert allocations(outputs[0]) > 0
    assert allocations(outputs[2]) == allocations(outputs[4]) > 0
    server.check()


# --- a debugger that goes away -----------------------------------------------------------------------


def image_of_agent(pid, library):
    """Address of the agent's image in a process, by its exported anchor."""
    agent = library.parent / "libtmpalloc-agent.so"
    symbols = subprocess.run(["nm", "-D", agent], capture_output=True, text=True).stdout
    offset = int(re.search(r"(?m)^([0-9a-f]+) \w tmpalloc_agent_image$", symbols)[1], 16)
    mapped = re.search(r"(?m)^([0-9a-f]+)-\S+ \S+ 0+ .*tmpalloc-agent\.so$", maps_of(pid))
    anchor = read_words(pid, int(mapped[1], 16) + offset, 4)
    return anchor[3]


def maps_of(pid):
    return Path(f"/proc/{pid}/maps").read_text()


def read_words(pid, address, count):
    with open(f"/proc/{pid}/mem", "rb") as memory:
        memory.seek(address)
        return struct.unpack(f"<{count}Q", memory.read(8 * count))


GENERATION_OFFSET = 56  # in struct agent_image


def is_tracking(pid, library):
    generation = read_words(pid, image_of_agent(pid, library) + GENERATION_OFFSET, 1)
    return generation[0] % 2 == 1


def is_gone(pid):
    status = Path(f"/proc/{pid}/status")
    return not status.exists() or "State:\tZ" in status.read_text()


SIGNALS = {"kill": signal.SIGKILL, "terminate": signal.SIGTERM, "hang up": signal.SIGHUP}


def leave_by(debugger, way, pid):
    """Starts tracking in a process, and leaves it in some way without a stop; the debugger's end."""
    terminal = debugger.terminal()
    terminal.command(debugger.attach(pid))
    terminal.command("tmpalloc start --engine agent", "agent engine")
    if way in SIGNALS:
        terminal.send(debugger.continue_())
        terminal.expect("Continuing|resuming")
        # Plain GDB that is told to end while it resumes leaves a SIGINT in the process.
        time.sleep(0.5)
        os.kill(terminal.pid, SIGNALS[way])
    else:
        terminal.send(debugger.detach() if way == "detach" else debugger.quit())
    wait_for(lambda: tracer_of(pid) == 0)
    return terminal


@pytest.mark.parametrize("way", ["terminate", "hang up"])
def test_a_debugger_that_is_told_to_end_does_so_and_leaves_the_process_running(
    debugger, server, way
):
    terminal = leave_by(debugger, way, server.pid)
    wait_for(lambda: is_gone(terminal.pid))
    server.check()


@pytest.mark.parametrize("way", ["detach", "quit", "kill", "terminate"])
def test_tracking_ends_by_itself_when_the_debugger_is_gone(debugger, library, server, way):
    leave_by(debugger, way, server.pid)
    wait_for(lambda: not is_tracking(server.pid, library))
    server.check()
    again = visit(debugger, server.pid)
    assert_visited(debugger.session(steps=again), len(again))
    server.check()


#: Allocates until the first argument exists, then runs another program and returns.
LEAVING = """
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int count, char **arguments) {
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    write(1, "begun\\n", 6);
    while (access(arguments[1], F_OK))
        for (int i = 0; i < 1000; i++) free(malloc(10));
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", "exit 3", (char *)NULL);
        return 1;
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) + 4 : 2;
}
"""


@pytest.mark.parametrize("way", ["detach", "quit", "kill"])
def test_a_process_that_the_debugger_left_runs_programs_and_ends_with_its_own_status(
    debugger, library, compile, tmp_path, way
):
    process = start_process(compile(LEAVING, *C_FLAGS), tmp_path / "go")
    try:
        leave_by(debugger, way, process.pid)
        wait_for(lambda: not is_tracking(process.pid, library))
        time.sleep(0.1)
        (tmp_path / "go").touch()
        assert process.wait(60) == 7
    finally:
        process.kill()


@pytest.mark.parametrize("way", ["quit", "kill"])
def test_a_program_that_the_debugger_ran_ends_with_it_or_goes_on_untracked(
    debugger, library, compile, tmp_path, way
):
    program, file = compile(PROGRAMS / "server.c", *C_FLAGS, name="server"), tmp_path / "rounds"
    file.write_bytes(bytes(4 * 16))
    terminal = debugger.terminal(program, [file])
    terminal.command("tmpalloc start", "agent engine")
    terminal.send(debugger.run_here())
    wait_for(lambda: any(file.read_bytes()))
    pid = int(subprocess.run(["pgrep", "-f", f"^{program}"], capture_output=True).stdout)
    if way == "kill":
        os.kill(terminal.pid, 9)
    else:
        os.kill(pid, 2)
        terminal.expect("SIGINT")
        time.sleep(0.3)
        terminal.send(debugger.quit())
    wait_for(lambda: is_gone(terminal.pid))
    if (debugger.name, way) != ("lldb", "kill"):
        wait_for(lambda: is_gone(pid))
    elif not is_gone(pid):
        wait_for(lambda: tracer_of(pid) == 0 and not is_tracking(pid, library))
        os.kill(pid, 9)


# --- what can't be entered -----------------------------------------------------------------------------


#: Prepares itself as the first argument says, writes its name into the second, and allocates.
UNWILLING = """
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static void enter_sandbox(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {4, filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) _exit(3);
}
static void be_traced(void) {
    pid_t child = fork();
    if (child) {
        for (int status; waitpid(child, &status, 0) == child && !WIFEXITED(status);)
            ptrace(PTRACE_CONT, child, 0, 0);
        _exit(0);
    }
    ptrace(PTRACE_TRACEME, 0, 0, 0);
}
__attribute__((noinline)) static void allocate(void) {
    for (int i = 0; i < 10; i++)
        free(malloc(100));
    usleep(1000);
}
int main(int count, char **arguments) {
    FILE *file = fopen(arguments[2], "w");
    if (strcmp(arguments[1], "sandbox") == 0) enter_sandbox();
    if (strcmp(arguments[1], "chroot") == 0 && (chroot("/var/empty") && chroot("/mnt"))) return 3;
    if (strcmp(arguments[1], "user") == 0 && setuid(65534)) return 3;
    if (strcmp(arguments[1], "traced") == 0) be_traced();
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    fprintf(file, "%d\\n", (int)getpid());
    fclose(file);
    for (;;) allocate();
}
"""


@pytest.fixture
def unwilling(compile, tmp_path):
    """Starts UNWILLING in some way; gives its process id."""
    started, file = [], tmp_path / "name"

    def start(way, *flags):
        program = compile(UNWILLING, *C_FLAGS, *flags, name="unwilling")
        started.append(subprocess.Popen([program, way, file]))
        try:
            wait_for(lambda: file.exists() and file.read_text().endswith("\n"))
        except AssertionError:
            pytest.skip(f"this machine forbids it: {way}")
        started.append(int(file.read_text()))
        return started[-1]

    yield start
    for process in started:
        os.kill(getattr(process, "pid", process), 9)


UNWILLING_REASONS = {
    "sandbox": ([], r"the process is in a seccomp sandbox"),
    "chroot": ([], r"the process can't load it: .*No such file or directory"),
    "user": ([], r"the process can't load it: .*Permission denied"),
    "": (["-static"], r"the program is a static executable"),
}


#: Said first where the process was stopped in the allocator.
WENT_ON = "tmpalloc: the program went on until its allocator call returned\n"


@pytest.mark.parametrize("way", UNWILLING_REASONS, ids=lambda way: way or "static")
def test_a_process_that_the_agent_cannot_enter_is_told_and_gets_breakpoints(
    debugger, unwilling, library, tmp_path, way
):
    flags, reason = UNWILLING_REASONS[way]
    private = tmp_path / "private"  # so that another user can't read the agent
    private.mkdir()
    for file in "libtmpalloc.so", "libtmpalloc-agent.so":
        shutil.copy(library.parent / file, private)
    private.chmod(0o700)
    pid = unwilling(way, *flags)
    steps = [debugger.attach(pid), "tmpalloc start --engine agent", "tmpalloc start"]
    steps += [debugger.interrupt_later(pid, 0.3), debugger.continue_(), "tmpalloc status"]
    steps += ["tmpalloc stop", debugger.detach()]
    environment = {"TMPALLOC_LIBRARY": str(private / "libtmpalloc.so")}
    outputs = debugger.session(steps=steps, env=environment).outputs
    outputs = [output.replace(WENT_ON, "") for output in outputs]
    text = "\n".join(outputs)
    assert re.search(rf"^(error: )?the agent can't be used: {reason}", outputs[1]), text
    assert re.search(rf"breakpoint engine \(auto: {reason}", outputs[2]), text
    assert (outputs[1].count("\n"), outputs[2].count("\n")) == (1, 1), text
    assert re.search(reason, outputs[5]) and allocations(outputs[5]) > 0, text
    time.sleep(0.2)
    assert not is_gone(pid) and tracer_of(pid) == 0


def test_a_process_whose_files_the_debugger_cannot_find_is_tracked_or_refused_in_one_line(
    debugger, server, start
):
    Path(f"/proc/{server.pid}/exe").readlink().unlink()
    steps = [debugger.attach(server.pid), start, "tmpalloc summary", debugger.detach()]
    result = debugger.session(steps=steps)
    # LLDB calls no function where it knows no file.
    expected = "tracking|the agent can't be used"
    assert re.search(expected, result.outputs[1]), result.text
    assert result.outputs[1].count("\n") == 1 and "Traceback" not in result.text, result.text
    server.check()


def test_a_process_that_cannot_be_attached_to_leaves_nothing_behind(debugger, unwilling, compile):
    pid = unwilling("traced")
    steps = [debugger.attach(pid), "tmpalloc start", "tmpalloc status", "tmpalloc summary"]
    result = debugger.session(steps=[*steps, "tmpalloc stop"])
    for output in result.outputs[1:5]:
        assert "tracking process" not in output and "Traceback" not in output, result.text
    for output, reason in zip(result.outputs[1:], ["needs a program", "", "nothing rec", "not tracking"]):
        assert reason in output and output.count("\n") == 1, result.text
    assert tracer_of(pid) not in (0, os.getpid())
