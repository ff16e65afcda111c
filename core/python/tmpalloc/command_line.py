"""What the command line of the debugger asks for: neither debugger's API tells it."""

import os


def options(valued, last, path="/proc/self/cmdline"):
    """Yields (name without dashes, value or None) of each option that this process was started with.

    Words that follow options in `valued` are their values, and those that follow one in `last`
    are the program's.
    """
    try:
        with open(path, "rb") as file:
            words = iter([os.fsdecode(word) for word in file.read().split(b"\0")[1:-1]])
    except OSError:
        return
    for word in words:
        if not word.startswith("-"):
            continue
        name, equals, value = word.lstrip("-").partition("=")
        name = name or word
        if name in last:
            return
        yield name, value if equals else next(words, None) if name in valued else None
