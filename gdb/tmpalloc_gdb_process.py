"""Processes and files as GDB tells them."""

import ctypes
import os
import re

import gdb

from tmpalloc_gdb_settings import setting

_FILE_OR_TEXT = re.compile(r"^From '(.+)', file type|: \.text .*\n +Start: 0x([0-9a-f]+)", re.M)
_SECTIONS = "maintenance info target-sections"
_VDSO = "system-supplied DSO at "
_CORE_FILE = re.compile(r"Local core dump file:\s+`(.+)', file type")
_kept = set()  # numbers of connections


def connection_type():
    """Type of the selected inferior's connection, as "native", "remote", "core"; "": it has none."""
    connection = getattr(gdb.selected_inferior(), "connection", None)
    if connection is None:
        return ""
    if connection.num not in _kept:
        # GDB that a signal ends while it is connected aborts when it deletes the object.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
        _kept.add(connection.num)
    return connection.type


def program(pid):
    """Path of the selected program; it is what process `pid` of this machine executes, if not 0.

    "" when there is none, or the process has just ended.
    """
    try:
        return local_path(gdb.current_progspace().filename or "")
    except UnicodeDecodeError:  # GDB's character set is the locale's
        return _executed(pid) if pid else _program_in_bytes()


def _executed(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def is_traced(pid):
    """Whether a process of this machine is one that this GDB still has."""
    try:
        with open(f"/proc/{pid}/status", errors="replace") as file:
            status = file.read()
    except OSError:
        return False
    return f"\nTracerPid:\t{os.getpid()}\n" in status and "\nState:\tZ" not in status


def _program_in_bytes():
    with setting("host-charset", "ISO-8859-1"):
        path = gdb.current_progspace().filename
    return local_path(os.fsdecode(path.encode("iso-8859-1")))


def local_path(path):
    """GDB marks files that it reads through gdbserver; the core looks for the same path here."""
    return path[len("target:") :] if path.startswith("target:") else path


def loaded_files():
    """(path, run-time address of .text) of the current program's files, the executable first."""
    # "info files" tells the same, but nothing in a child that GDB followed after a fork.
    files, path = [], ""
    for found in _FILE_OR_TEXT.finditer(gdb.execute(_SECTIONS, to_string=True)):
        if found[1]:
            path = found[1]
        elif not path.startswith(_VDSO):
            files.append((path, int(found[2], 16)))
    main = gdb.current_progspace().filename
    files.sort(key=lambda file: file[0] != main)
    return [(local_path(path), address) for path, address in files]


def file_of(objfile):
    """Path of an object file as loaded_files() has it; "" when GDB's character set has none."""
    try:
        return local_path(objfile.filename or "")
    except UnicodeDecodeError:
        return ""


def core_file():
    """Path of the core file that is looked at; "" when there is none."""
    found = _CORE_FILE.search(gdb.execute("info files", to_string=True))
    return found[1] if found else ""


def is_readable():
    """Whether the selected inferior's memory and registers can be read now."""
    try:
        gdb.newest_frame()
    except gdb.error:
        return False
    return True


def core_signal():
    """The signal that left the core file; 0: none is known."""
    try:
        return int(gdb.parse_and_eval("$_siginfo.si_signo"))
    except gdb.error:
        return 0
