"""What the command line of the debugger asks for: neither debugger's API tells it."""

import os


def asks_for_batch(names, valued, last, path="/proc/self/cmdline"):
    """Whether this process was started with one of the options `names`.

    Words that follow options in `valued` are their values, and those that follow one in `last`
    are the program's.  Options are compared without their dashes.
    """
    try:
        with open(path, "rb") as file:
            words = [os.fsdecode(word) for word in file.read().split(b"\0")[1:-1]]
    except OSError:
        return False
    is_value = False
    for word in words:
        option = word.lstrip("-") or word if word.startswith("-") and not is_value else None
        if option in last:
            return False
        if option in names:
            return True
        is_value = option in valued
    return False
