"""The CPython that tests run, and what is known of it."""

import os
import re
import subprocess
from pathlib import Path

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


def _output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def dump_variables():
    """What dump_function.h needs to know of PYTHON; skips the test where nobody knows.

    Since 3.13 the function isn't exported, and in optimized builds part of another.
    """
    if " _Py_DumpTraceback" in _output("nm", "-D", PYTHON):
        return {}
    build_id = re.search(r"Build ID: (..)(\w+)", _output("readelf", "-n", PYTHON))
    debug_file = Path("/usr/lib/debug/.build-id", build_id[1], f"{build_id[2]}.debug")
    name = r"^(\w+) [tT] (?:_Py_DumpTraceback|dump_traceback(?:\.lto_priv\.\d+)?)$"
    found = re.search(name, _output("nm", debug_file), re.MULTILINE)
    if not found:
        pytest.skip("this CPython exports no _Py_DumpTraceback, and there are no symbols of it")
    return {"PYTHON_DUMP": found[1]}
