"""One Controller for both debuggers: sessions, in batches of steps and at a terminal."""

import contextlib
import os
import pty
import re
import select
import shlex
import shutil
import subprocess
import time
import warnings
from pathlib import Path

from library.support import ROOT

#: A session is given up after so long: traced Python programs take minutes on a slow machine.
SECONDS = 300
#: Columns of the log that a session writes: names in it are whole.
WIDE = "1000"


class Result:
    """What a batch session left behind."""

    def __init__(self, outputs, text, status, program):
        self.outputs = outputs  #: output of each step, in order, errors included
        self.text = text  #: everything that the debugger printed
        self.status = status  #: exit status of the debugger
        self._program = program

    @property
    def stdout(self):
        """What the program wrote to its standard output."""
        return self._program.with_suffix(".stdout").read_bytes()

    @property
    def stderr(self):
        """What the program wrote to its standard error."""
        return self._program.with_suffix(".stderr").read_bytes()

    @property
    def exit_statuses(self):
        """Exit status of each run of the program that ended by itself."""
        found = re.finditer(
            r"exited (?:(normally)|with code 0?(\d+)|with status = (\d+))", self.text
        )
        return [int(m[2], 8) if m[2] else int(m[3] or 0) for m in found]


def _parents():
    """The parent of each process, by process."""
    parents = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            name_and_rest = file.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        parents[int(file.parent.name)] = int(name_and_rest[1])
    return parents


def descendants(pid):
    """The children of a process, and theirs."""
    parents = _parents()
    found = {child for child, parent in parents.items() if parent == pid}
    while new := {child for child, parent in parents.items() if parent in found} - found:
        found |= new
    return found


class Terminal:
    """A debugger at a pseudo-terminal, as a user has it."""

    #: Erased from the screen, and so no line of its own.
    PROGRESS = re.compile(r"tmpalloc: [a-z ]+ \d+( of \d+)? [a-z ]+(?=[A-Z/]|tmpalloc:)")
    ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|[\r\x0f\x07]|.\x08")

    def __init__(self, command, prompt, directory, columns=100, rows=40):
        environment = dict(os.environ, TERM="xterm", COLUMNS=str(columns), LINES=str(rows))
        self._prompt = prompt
        self.raw = b""  #: everything received so far, with its escape sequences
        self._seen = 0
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(directory)
            os.environ.update(environment)
            os.execvp(command[0], command)
        import fcntl
        import struct
        import termios

        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def expect(self, pattern, seconds=SECONDS):
        """Waits for the pattern in what came since the last call; returns the text up to its end.

        What follows the match stays for the next call.
        """
        deadline = time.monotonic() + seconds
        while True:
            match = re.search(pattern, self._unread())
            if match:
                self._seen += match.end()
                return match.string[: match.end()]
            if not self._receive(deadline):
                raise AssertionError(f"no {pattern!r} in {self._unread()!r}")

    def _unread(self):
        return self.ESCAPES.sub(b"", self.raw).decode(errors="replace")[self._seen :]

    def _receive(self, deadline):
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not select.select([self._fd], [], [], remaining)[0]:
            return False
        try:
            data = os.read(self._fd, 65536)
        except OSError:
            return False
        self.raw += data
        return bool(data)

    def send(self, line):
        """Types a line."""
        os.write(self._fd, line.encode() + b"\n")

    def type(self, text):
        """Types characters, e.g. a tab or control-C."""
        os.write(self._fd, text.encode())

    def command(self, line, until="", seconds=SECONDS):
        """Types a line; returns what came until the pattern was seen and the prompt is back."""
        self.send(line)
        text = self.expect(f"(?s){re.escape(line)}\n.*?{until}", seconds)
        deadline = time.monotonic() + seconds
        while self._receive(time.monotonic() + 0.2) or not self._at_prompt():
            if time.monotonic() > deadline:
                raise AssertionError(f"no prompt in {self._unread()!r}")
        return text + self.expect(r"(?s).*\Z")

    def pages(self, line, seconds=SECONDS):
        """Types a line; returns the pages that the debugger makes of the output, asking for each."""
        end = rf"(?s).*?(?:--Type <RET>[^\n]*--|{re.escape(self._prompt)}\Z)"
        self.send(line)
        self.expect(re.escape(line) + "\n", seconds)
        pages = [self.expect(end, seconds)]
        while "--Type <RET>" in pages[-1]:
            self.send("")
            pages.append(self.expect(end, seconds))
        text = [re.sub(rf"--Type <RET>.*|{re.escape(self._prompt)}", "", page) for page in pages]
        return [self.PROGRESS.sub("", page) for page in text]

    def _at_prompt(self):
        return self.ESCAPES.sub(b"", self.raw).decode(errors="replace").endswith(self._prompt)

    def close(self):
        """Ends the debugger as if the terminal had been closed, and what it leaves behind."""
        left = descendants(self.pid)
        os.close(self._fd)
        deadline = time.monotonic() + 10
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(self.pid, 9)
            time.sleep(0.01)
        # What the debugger has ended is gone by now, what it has let go of is an orphan.
        for pid in left & _parents().keys():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)


class Controller:
    """Runs debugger sessions whose steps are the same for both debuggers.

    A step is a line for the debugger: a tmpalloc command, or what one of the verbs returns.
    """

    RUN = "<run>"  # the step that starts the program with its output in files
    name = ""
    prompt = ""
    executables = ()

    def __init__(self, directory):
        self.directory = directory
        self.executable = self.find()
        self.before = []  #: words before the debugger's command line
        self._terminals = []

    @classmethod
    def find(cls):
        """Path of the debugger, None when there is none."""
        return next(filter(None, map(shutil.which, cls.executables)), None)

    @property
    def program_files(self):
        """Path without suffix of the files that take the program's output."""
        return self.directory / f"{self.name}-program"

    def session(self, program=None, steps=(), args=(), load=True, env=None, seconds=SECONDS):
        """Runs the steps without a terminal, as CI does."""
        steps = [self.run_line(args) if step == self.RUN else step for step in steps]
        marked = [line for i, step in enumerate(steps) for line in (self.mark(i), step)]
        lines = [self.load()] * load + marked + [self.mark(len(steps))]
        done = subprocess.run(
            [*self.before, *self.batch_command(program, args, lines)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.directory,
            env={**os.environ, "COLUMNS": WIDE, **(env or {})},
            timeout=seconds,
        )
        text = done.stdout.decode(errors="replace")
        outputs = [self.between_marks(text, i) for i in range(len(steps))]
        return Result(outputs, text, done.returncode, self.program_files)

    def between_marks(self, text, i):
        """Output of step i."""
        found = re.search(f"(?sm)^@@{i}@@$(.*?)(?:^@@{i + 1}@@$|\\Z)", text)
        return self.clean(found[1]).strip("\n") + "\n" if found else ""

    def clean(self, text):
        """Output of a step without the debugger's echo."""
        return text

    def terminal(self, program=None, args=(), load=True, **size):
        """Starts the debugger at a pseudo-terminal; it is at its prompt when this returns."""
        command = self.interactive_command(program, args)
        terminal = Terminal(command, self.prompt, self.directory, **size)
        self._terminals.append(terminal)
        terminal.expect(re.escape(self.prompt))
        for setting in self.settings:
            terminal.command(setting)
        if load:
            terminal.command(self.load())
        return terminal

    def close(self):
        """Ends what is still running."""
        for terminal in self._terminals:
            terminal.close()

    def interrupt_later(self, pid, seconds):
        """A step after which the next one that lets the process run is interrupted."""
        timer = f"threading.Timer({seconds}, os.kill, ({pid}, 2)).start()"
        return self.script(f"import os, threading; {timer}")


class GdbController(Controller):
    """GDB."""

    name = "gdb"
    prompt = "(gdb) "
    executables = ("gdb",)
    settings = ("set debuginfod enabled off", "set confirm off")

    def batch_command(self, program, args, lines):
        options = [word for line in (*self.settings, *lines) for word in ("-ex", line)]
        return [self.executable, "-nx", "-q", "-batch", *options, *self._program(program, args)]

    def interactive_command(self, program, args):
        return [self.executable, "-nx", "-q", *self._program(program, args)]

    def _program(self, program, args):
        return ["--args", str(program), *map(str, args)] if program else []

    def load(self):
        return f"source {ROOT}/gdb/tmpalloc_gdb.py"

    def mark(self, i):
        return f"echo \\n@@{i}@@\\n"

    def run(self):
        return self.RUN

    def run_line(self, args):
        # What `run` is given replaces the program's arguments.
        words = " ".join(shlex.quote(str(word)) for word in args)
        return f"run {words} > {self.program_files}.stdout 2> {self.program_files}.stderr"

    def run_here(self):
        return "run"

    def environment(self, variables):
        """Steps that give the program this environment and no other."""
        return ["unset environment", *(f"set environment {k} {v}" for k, v in variables.items())]

    def break_at(self, location):
        return f"break {location}"

    def break_at_entry(self, function):
        return f"break {function}"

    def break_on_address(self, expression):
        return f"break *({expression})"

    def delete_breakpoints(self):
        return "delete"

    def continue_(self):
        return "continue"

    def kill(self):
        return "kill"

    def detach(self):
        return "detach"

    def attach(self, pid):
        return f"attach {pid}"

    def connect(self, port):
        return f"target remote 127.0.0.1:{port}"

    def finish(self):
        return "finish"

    def evaluate(self, expression):
        return f"print {expression}"

    def script(self, code):
        return f"python {code}"

    def source(self, file):
        return f"source {file}"

    def quit(self):
        return "quit"


class LldbController(Controller):
    """LLDB."""

    name = "lldb"
    prompt = "(lldb) "
    executables = ("lldb-19", "lldb-20", "lldb-18", "lldb-17", "lldb-16", "lldb")
    settings = (
        "settings set auto-confirm true",
        "settings set symbols.enable-external-lookup false",
        "settings set show-progress false",
        # Of seconds in which LLDB's own server must answer, also on a busy machine.
        "settings set plugin.process.gdb-remote.packet-timeout 60",
    )

    def session(self, *arguments, **more):
        """Once more where LLDB 19 lost its own server at the end of a process: on a busy machine that
        happens in one of twenty runs, without tmpalloc as well.
        """
        before = set(self.directory.iterdir())
        result = super().session(*arguments, **more)
        if "lost connection" not in result.text:
            return result
        warnings.warn("LLDB lost its server: the session was run again", stacklevel=2)
        for path in set(self.directory.iterdir()) - before:
            if path.is_file():
                path.unlink()
        return super().session(*arguments, **more)

    def batch_command(self, program, args, lines):
        file = self.directory / "steps.lldb"
        file.write_text("".join(line + "\n" for line in (*self.settings, *lines)))
        # Batch mode would give up at the first error or crash.
        steps = f"command source -e false -c false -s false {file}"
        return [self.executable, "-X", "-x", "-b", "-o", steps, *self._program(program, args)]

    def interactive_command(self, program, args):
        return [self.executable, "-x", *self._program(program, args)]

    def _program(self, program, args):
        return ["--", str(program), *map(str, args)] if program else []

    def clean(self, text):
        lines = text.splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith(self.prompt))

    def load(self):
        return f"command script import {ROOT}/lldb/tmpalloc_lldb.py"

    def mark(self, i):
        return f'script print("\\n@@{i}@@", flush=True)'

    def run(self):
        return self.RUN

    def run_line(self, args):
        files = self.program_files
        return f"process launch -i /dev/null -o {files}.stdout -e {files}.stderr"

    def run_here(self):
        return "process launch"

    def environment(self, variables):
        """Steps that give the program this environment and no other."""
        words = shlex.join(f"{k}={v}" for k, v in variables.items())
        return ["settings set target.inherit-env false", f"settings set target.env-vars {words}"]

    def break_at(self, location):
        file, _, line = location.rpartition(":")
        return f"breakpoint set -f {file} -l {line}" if file else f"breakpoint set -n {location}"

    def break_at_entry(self, function):
        """Of an optimized function: LLDB may take a place inside an instruction for the prologue's end."""
        return f"breakpoint set -n {function} -K false"

    def break_on_address(self, expression):
        return f"breakpoint set -a {expression}"

    def delete_breakpoints(self):
        return "breakpoint delete -f"

    def continue_(self):
        return "process continue"

    def kill(self):
        return "process kill"

    def detach(self):
        return "process detach"

    def attach(self, pid):
        return f"process attach -p {pid}"

    def connect(self, port):
        return f"gdb-remote 127.0.0.1:{port}"

    def finish(self):
        return "thread step-out"

    def evaluate(self, expression):
        return f"expression -- {expression}"

    def script(self, code):
        return f"script {code}"

    def source(self, file):
        return f"command script import {file}"

    def quit(self):
        return "quit"
