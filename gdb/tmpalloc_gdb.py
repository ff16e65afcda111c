"""Loads tmpalloc into GDB: `source tmpalloc_gdb.py`, or `gdb -x tmpalloc_gdb.py`."""


def _load_tmpalloc():
    # A sourced script runs in the namespace of the user's own Python code, where either could
    # overwrite the other's names; the rest of the extension is modules of its own.
    import os
    import sys

    # Not __file__: that is the outer script's when a Python script sources this one.
    folder = os.path.dirname(os.path.realpath(_load_tmpalloc.__code__.co_filename))
    for path in (folder, os.path.join(os.path.dirname(folder), "core", "python")):
        if path not in sys.path:
            sys.path.insert(0, path)
    import tmpalloc_gdb_commands

    tmpalloc_gdb_commands.load()


_load_tmpalloc()
del _load_tmpalloc
