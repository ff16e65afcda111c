"""LLDB's command line, and processes and files as it tells them."""

import os
import re
import time

import lldb

from tmpalloc.command_line import options

#: Options of LLDB's command line: see tmpalloc.command_line.
_BATCH = {"batch", "b"}
_VALUED = {
    *{"attach-name", "n", "attach-pid", "p", "arch", "a", "core", "c", "file", "f"},
    *{"one-line", "o", "one-line-before-file", "O", "one-line-on-crash", "k"},
    *{"source", "s", "source-before-file", "S", "source-on-crash", "K"},
    *{"repl-language", "R", "script-language", "l"},
}
_LAST = {"--"}
#: What LLDB's server says last of a process, in the history of packets.
_ENDS = re.compile(r"read packet: \$([WX])[0-9a-f]{2}\b")
_SECONDS_TO_KNOW = 2

#: States of a process that exists.
ALIVE = (lldb.eStateStopped, lldb.eStateSuspended, lldb.eStateRunning, lldb.eStateStepping)


def asks_for_batch():
    """Whether LLDB's command line says that there will be no prompt."""
    return any(name in _BATCH for name, _ in options(_VALUED, _LAST))


def checked(error):
    """Raises what LLDB reports as an error."""
    if error.Fail():
        raise RuntimeError(error.GetCString())


def identity(process):
    """What tells processes apart; a fork that LLDB follows changes only the second number."""
    return process.GetUniqueID(), process.GetProcessID()


def _status_number(pid, name):
    with open(f"/proc/{pid}/status", errors="replace") as file:
        fields = dict(line.split(":", 1) for line in file if ":" in line)
    return int(fields[name])


def is_own_child(pid):
    """Whether `pid` is traced by the server that this LLDB started on this machine."""
    try:
        return _status_number(_status_number(pid, "TracerPid"), "PPid") == os.getpid()
    except (OSError, KeyError):
        return False


def is_held(pid):
    """Whether such a process still runs and is traced: LLDB's own word for it comes late."""
    try:
        with open(f"/proc/{pid}/stat", errors="replace") as file:
            runs = file.read().rpartition(")")[2].split()[0] not in ("X", "Z")
    except OSError:
        return False
    return runs and is_own_child(pid)


def await_end(process):
    """Waits until LLDB knows, on another thread, how a process ended that isn't held any more."""
    deadline = time.monotonic() + _SECONDS_TO_KNOW
    while process.GetState() in ALIVE and time.monotonic() < deadline:
        time.sleep(0.01)


def ending(process, packets, last_signal):
    """Signal and exit status of a process that has ended; 0 and -1 are none.

    LLDB gives the same number for both.  Its server's last word tells them apart, `packets` has it;
    otherwise the signal that the process stopped by before.
    """
    if process.GetState() != lldb.eStateExited:
        return 0, -1
    number = process.GetExitStatus()
    told = _ENDS.findall(packets)
    signaled = told[-1] == "X" if told else number == last_signal
    return (number, -1) if signaled else (0, number)


def program(target):
    """Path of a target's program; "" when it isn't known.

    LLDB then takes the code that it made for an expression.
    """
    path = target.GetExecutable().fullpath or ""
    return path if os.path.isabs(path) else ""


def loaded_files(target):
    """(path, run-time address of .text) of the target's files, the executable first."""
    executable = program(target)
    files = []
    for module in target.module_iter():
        path = module.GetFileSpec().fullpath or ""
        section = module.FindSection(".text")
        address = section.GetLoadAddress(target) if section else lldb.LLDB_INVALID_ADDRESS
        if address != lldb.LLDB_INVALID_ADDRESS and os.path.isfile(path.encode()):
            files.append((os.path.abspath(path), address))
    return sorted(files, key=lambda file: file[0] != executable)


def addresses(breakpoint):
    """Run-time addresses of a breakpoint's locations."""
    addresses = [location.GetLoadAddress() for location in breakpoint]
    return [address for address in addresses if address != lldb.LLDB_INVALID_ADDRESS]


def stop_signal(process):
    """The signal by which a process or a core file stopped; 0: by none."""
    for thread in process:
        if thread.GetStopReason() == lldb.eStopReasonSignal:
            return thread.GetStopReasonDataAtIndex(0)
    return 0
