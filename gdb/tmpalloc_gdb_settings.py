"""What settings of the user change about GDB's words, and what its command line asks for."""

import re
from contextlib import contextmanager

import gdb

from tmpalloc.command_line import options
from tmpalloc.host import Skip

#: A line of `info skip`: number, enabled, whether the file is a pattern, the file, whether the
#: function is an expression, the function.
_SKIP = re.compile(r"^\d+ +y +([yn]) +(\S.*?) +([yn]) +(\S.*?) *$", re.MULTILINE)

#: Options of GDB's command line: see tmpalloc.command_line.
_BATCH = {"batch", "batch-silent", "B"}
_INTERPRETER = {"interpreter", "i", "ui"}
_VALUED = {
    *{"command", "x", "init-command", "ix", "eval-command", "ex", "init-eval-command", "iex"},
    *{"early-init-command", "eix", "early-init-eval-command", "eiex"},
    *{"core", "c", "exec", "e", "pid", "p", "directory", "d", "se", "symbols", "s"},
    *_INTERPRETER,
    *{"tty", "t", "b", "l", "cd", "data-directory", "D"},
}
_LAST = {"args", "--"}


@contextmanager
def setting(name, value):
    """Changes a setting of GDB for a while.

    Not in the handler of a stop: gdb.execute() also executes the commands of the breakpoint where
    the program has stopped.
    """
    before = gdb.parameter(name)
    if isinstance(before, bool):
        before = "on" if before else "off"
    gdb.execute(f"set {name} {value}", to_string=True)
    try:
        yield
    finally:
        gdb.execute(f"set {name} {before}", to_string=True)


@contextmanager
def any_width():
    """Lets GDB take each line for one row of the terminal, as rows of narrow characters are.

    It counts bytes, and would ask for the next page in the middle of a row that isn't ASCII.
    """
    width = gdb.parameter("width")
    # Not as a string: the width is what it was when GDB has made one.
    gdb.execute("set width 0")
    try:
        yield
    finally:
        gdb.execute(f"set width {width or 0}")


def skips():
    """What GDB's enabled skips apply to, as Skip; it has no other way to tell."""
    for glob, file, expression, function in _SKIP.findall(gdb.execute("info skip", to_string=True)):
        yield Skip(
            None if function == "<none>" else function,
            None if file == "<none>" else file,
            is_expression=int(expression == "y"),
            is_glob=int(glob == "y"),
        )


def place(address):
    """An expression for an address, whatever the source language and the radix of the moment."""
    text = hex(address)
    try:
        if int(gdb.parse_and_eval(text)) == address:
            return text
    except gdb.error:  # Modula-2, and Fortran, whose numbers are small
        pass
    name = f"_tmpalloc_{address:x}"
    gdb.set_convenience_variable(name, address)
    return f"${name}"


def asks_for_batch():
    """Whether GDB's command line says that there will be no prompt."""
    return any(name in _BATCH for name, _ in options(_VALUED, _LAST))


def asks_for_machine_interface():
    """Whether it says that a program gives the commands."""
    return any(
        name in _INTERPRETER and value and value.startswith("mi")
        for name, value in options(_VALUED, _LAST)
    )
