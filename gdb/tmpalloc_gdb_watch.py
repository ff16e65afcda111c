"""The watchpoint that the core sets for the user in GDB."""

from contextlib import suppress

import gdb

#: The bytes at an address in C, and at $_tmpalloc_watched in other languages.
_WORDS = (
    "*(char (*)[{size}]) {address:#x}",
    "*$_tmpalloc_watched",
    "$_tmpalloc_watched[0]",
    "$_tmpalloc_watched.all",
)


class Watch:
    """One watchpoint at a time, and those that GDB can't delete yet."""

    def __init__(self):
        self._watchpoint = None
        self._ended = []

    def insert(self, address, size):
        """Stops at each use of the bytes at an address."""
        bytes_type = gdb.selected_inferior().architecture().integer_type(8).array(size - 1)
        pointer = gdb.Value(address).cast(bytes_type.pointer())
        gdb.set_convenience_variable("_tmpalloc_watched", pointer)
        for words in _WORDS:
            place = words.format(address=address, size=size)
            with suppress(gdb.error):
                self._watchpoint = gdb.Breakpoint(place, gdb.BP_WATCHPOINT, gdb.WP_ACCESS)
                return
        raise gdb.error("no watchpoint in this source language")

    def end(self, deletes):
        """Returns how often it has stopped the program; in a hit nothing can be deleted."""
        ended, self._watchpoint = self._watchpoint, None
        hits = ended.hit_count
        ended.enabled = False
        self._ended.append(ended)
        if deletes:
            self.delete_ended()
        return hits

    def delete_ended(self):
        """To be called outside of hits."""
        while self._ended:
            ended = self._ended.pop()
            if ended.is_valid():
                ended.delete()
