"""The watchpoint that the core sets for the user in GDB."""

import gdb

from tmpalloc_gdb_calls import setting


class Watch:
    """One watchpoint at a time, and those that GDB can't delete yet."""

    def __init__(self):
        self._watchpoint = None
        self._ended = []

    def insert(self, address, size):
        """Stops at each use of the bytes at an address."""
        with setting("language", "c"):
            place = f"*(char (*)[{size}]) {address:#x}"
            self._watchpoint = gdb.Breakpoint(place, gdb.BP_WATCHPOINT, gdb.WP_ACCESS)

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
