"""The CPython that tests run, and what is known of it."""

import os

import pytest

#: As debuggers start it: with links resolved.
PYTHON = os.path.realpath("/usr/bin/python3")
#: Where a Python program begins, for what is too slow from the first instruction on.
MAIN = "Py_RunMain"

needs_python = pytest.mark.skipif(not os.path.exists(PYTHON), reason="there is no /usr/bin/python3")


def clean_environment(directory, **more):
    return {
        "HOME": str(directory),
        "LC_ALL": "C.UTF-8",
        "PATH": "/usr/bin:/bin",
        "PWD": str(directory),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        **more,
    }


def sizes_of_growing_list(length, above=512):
    """Bytes of each block that appending needs, of those beyond the object allocator's largest.

    list_resize() of CPython 3.9 and later makes room for an eighth more, and six, rounded to four.
    """
    sizes, room = [], 0
    for count in range(1, length + 1):
        if count > room:
            room = (count + (count >> 3) + 6) & ~3
            sizes.append(room * 8)
    return [size for size in sizes if size > above]
