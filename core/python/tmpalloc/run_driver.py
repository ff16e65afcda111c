"""`tmpalloc run`: what is told to it about the program that it has a debugger run."""

import os
import shlex

_PREFIX = "TMPALLOC_RUN"


class RunDriver:
    """The other end is core/program/run_debugger.c; lines that it doesn't know it passes over."""

    #: The command that begins tracking.
    start = os.environ.get(_PREFIX + "_START", "start")
    #: What the program calls itself.
    name = os.environ.get(_PREFIX + "_NAME", "")
    #: Which variables the program must not see.
    variables = tuple(name for name in os.environ if name.startswith(_PREFIX))

    def __init__(self):
        self._channel = int(os.environ[_PREFIX].split()[0])

    def tell(self, word, value):
        """Tells `pid`, `status`, or `why` there are no results."""
        os.write(self._channel, f"{word} {str(value).strip().splitlines()[-1]}\n".encode())

    def guard(self, run):
        """Calls `run`, and tells why it failed."""
        try:
            run()
        except Exception as error:
            self.tell("why", error or type(error).__name__)
            raise

    def conclude(self, session, status):
        """Keeps the results where that is wanted, and tells how the program ended."""
        file = os.environ.get(_PREFIX + "_SAVE")
        if file:
            ok, text = session.execute(f"save --force {shlex.quote(file)}")
            if not ok:
                self.tell("why", text)
        self.tell("status", status)
