"""What settings of the user change about GDB's words."""

from contextlib import contextmanager

import gdb


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
