"""The line of the terminal that says how far a command is."""

import os

_ERASE = "\r\x1b[K"


def show(text):
    """Shows a line in place of the one before it; "" erases that, None does nothing."""
    if text is not None and os.environ.get("TERM", "dumb") != "dumb":
        # Not by the debugger's own output, which may also go to a log or wait for a key.
        os.write(1, (_ERASE + text).encode())
