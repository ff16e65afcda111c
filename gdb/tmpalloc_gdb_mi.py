"""Commands of tmpalloc for programs that drive GDB by its machine interface."""

import gdb

#: Those whose results are of use to programs.
_NAMES = ("start", "status", "summary")


def _to_mi(value):
    """A value of JSON as GDB's interface has it: names with dashes, nothing but strings in the end."""
    if isinstance(value, dict):
        return {k.replace("_", "-"): _to_mi(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_to_mi(item) for item in value]
    return str(int(value) if isinstance(value, bool) else value)


def register(session):
    """Registers -tmpalloc-start and its like; nothing before GDB 13, which can't."""
    if not hasattr(gdb, "MICommand"):
        return

    class Command(gdb.MICommand):
        """One command, with the options that it has at the prompt."""

        def __init__(self, name):
            super().__init__(f"-tmpalloc-{name}")
            self._name = name

        def invoke(self, arguments):
            """Called by GDB."""
            try:
                ok, result = session.data([self._name, *arguments])
            except KeyboardInterrupt:
                raise gdb.GdbError("Quit") from None
            if not ok:
                raise gdb.GdbError(result.rstrip("\n"))
            return _to_mi(result)

    for name in _NAMES:
        Command(name)
