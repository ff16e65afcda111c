"""How wide lines may be where the output is no terminal's."""

import os

_WIDEST = 120
#: What debuggers take for the width where they can't ask a terminal.
_GUESS = 80


def log_width(setting, chosen=None):
    """`setting` is the debugger's width, which is the user's word when it was `chosen`.

    None: it may be what the debugger has found by itself.
    """
    found = {_GUESS, _columns_of(0)}
    if chosen or (chosen is None and setting not in found):
        return setting
    return _environment_columns() or _WIDEST


def _columns_of(descriptor):
    try:
        return os.get_terminal_size(descriptor).columns
    except OSError:
        return 0


def _environment_columns():
    # Not os.environ, where GDB's readline has put a width of its own.
    try:
        with open("/proc/self/environ", "rb") as file:
            variables = file.read().split(b"\0")
    except OSError:
        return 0
    value = next((v for v in variables if v.startswith(b"COLUMNS=")), b"").partition(b"=")[2]
    return int(value) if value.isdigit() else 0
