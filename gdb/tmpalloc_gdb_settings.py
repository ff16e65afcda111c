"""What settings of the user change about GDB's words."""

import re
from contextlib import contextmanager

import gdb

from tmpalloc.host import Skip

#: A line of `info skip`: number, enabled, whether the file is a pattern, the file, whether the
#: function is an expression, the function.
_SKIP = re.compile(r"^\d+ +y +([yn]) +(\S.*?) +([yn]) +(\S.*?) *$", re.MULTILINE)


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
