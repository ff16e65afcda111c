"""The registration of tmpalloc's commands, settings and event handlers in GDB."""

import os
import re
from contextlib import nullcontext

import gdb

from tmpalloc import binding
from tmpalloc.command_table import complete, takes_function
from tmpalloc.log_width import log_width
from tmpalloc.session import Session
from tmpalloc_gdb_host import GdbHost
from tmpalloc_gdb_mi import register
from tmpalloc_gdb_settings import any_width


class _Prefix(gdb.Command):
    """`tmpalloc`: GDB finds the command, also by a unique beginning of its name."""

    def __init__(self, session, host):
        self.__doc__ = "Find temporary allocations."
        super().__init__("tmpalloc", gdb.COMMAND_DATA, prefix=True)
        self._session = session
        self._host = host

    def invoke(self, argument, from_tty):
        """Called by GDB without a command, or with an unknown one, which the core refuses."""
        self.dont_repeat()
        _execute(self._session, self._host, argument, from_tty)


class _Command(gdb.Command):
    """One command of the core's table."""

    def __init__(self, session, host, command):
        usage, *rest = session.execute(f"help {command.name}")[1].splitlines()
        self.__doc__ = "\n".join([command.summary, f"Usage: {usage}", "", *rest[1:]])
        super().__init__(f"tmpalloc {command.name}", gdb.COMMAND_DATA)
        self._session = session
        self._host = host
        self._command = command

    def invoke(self, argument, from_tty):
        """Called by GDB."""
        if not self._command.repeats:
            self.dont_repeat()
        _execute(self._session, self._host, f"{self._command.name} {argument}", from_tty)

    def complete(self, text, word):
        """Called by GDB; `word` is what follows the last break character, e.g. a dash."""
        if word is None:
            return gdb.COMPLETE_NONE
        line = f"{self._command.name} {text}"
        if takes_function(self._session.commands, line):
            return gdb.COMPLETE_SYMBOL
        kept = len(text.split(" ")[-1]) - len(word)
        found = complete(self._session.commands, line, self._status)
        return [candidate[kept:] for candidate in found]

    def _status(self):
        ok, status = self._session.data(["status"])
        return status if ok else {}


def _execute(session, host, line, from_tty):
    try:
        at_terminal = from_tty and not host.has_machine_interface
        ok, text = session.execute(line, **_terminal(at_terminal, host.batch))
    except KeyboardInterrupt:
        raise gdb.GdbError("Quit") from None
    if not ok and host.exit_status is None:
        raise gdb.GdbError(text.rstrip("\n"))
    _write(text, gdb.STDOUT if ok else gdb.STDERR)
    if host.exit_status is not None:
        gdb.execute("set confirm off")
        gdb.execute(f"quit {host.exit_status}")


def _terminal(from_tty, batch):
    """Arguments of Session.execute() for the place where this command's output goes."""
    width = gdb.parameter("width") or 0
    piped = _is_piped()
    if not os.isatty(1) or piped:
        # GDB itself has no limit in batch mode and in pipes, and a guess otherwise.
        chosen = width > 0 if batch or piped else None if width > 0 else True
        return {"columns": log_width(width, chosen)}
    if batch:
        width = width or os.get_terminal_size(1).columns
    if width == 0:
        return {}
    if not from_tty:
        return {"columns": width - 1}
    colors = bool(gdb.parameter("style enabled"))
    return {"columns": width, "rows": gdb.parameter("height") or 0, "colors": colors, "screen": True}


def _write(text, stream):
    with nullcontext() if text.isascii() else any_width():
        gdb.write(text, stream)


def _is_piped():
    """Whether GDB's pipe command reads the output: its shell is a child that is no inferior."""
    try:
        with open("/proc/thread-self/children") as file:
            children = {int(pid) for pid in file.read().split()}
    except OSError:
        return False
    return bool(children - {inferior.pid for inferior in gdb.inferiors()})


class _Settings(gdb.Command):
    """Parent of the settings."""

    def __init__(self, verb):
        self.__doc__ = f"{verb.capitalize()} what tmpalloc does by default."
        super().__init__(f"{verb} tmpalloc", gdb.COMMAND_DATA, prefix=True)
        self._verb = verb

    def invoke(self, argument, from_tty):
        """Called by GDB without the name of a setting, or with an unknown one."""
        if argument:
            accepted = ", ".join(_SETTINGS)
            raise gdb.GdbError(f"no setting '{argument}': accepted are {accepted}")
        if self._verb == "set":
            gdb.execute("help set tmpalloc")
            return
        for name in _SETTINGS:
            gdb.execute(f"show tmpalloc {name}")


#: What is set, and shown, of the core's settings.
_SETTINGS = {
    "threshold": "the highest number of other allocations before a temporary's free",
    "charge": "which frame of a call stack is charged",
    "own": "the regular expression for functions that are the user's own",
    "foreign": "the regular expression for functions that are others'",
    "wrapper": "the regular expression for functions that allocate for their callers",
    "rows": "the most rows of a table",
    "suppress": "the file of locations that are left out",
}


class _Setting(gdb.Parameter):
    """A setting of the core, which has its value."""

    def __init__(self, session, name, kind, *choices):
        self.set_doc = f"Set {_SETTINGS[name]}."
        self.show_doc = f"Show {_SETTINGS[name]}."
        super().__init__(f"tmpalloc {name}", gdb.COMMAND_DATA, kind, *choices)
        self._session = session
        self._name = name
        self._former = self.value

    def get_set_string(self):
        """Called by GDB after it stored the value."""
        ok, text = self._session.execute(f"set -- {self._name} {_quote(self.value or '')}")
        if not ok:
            self.value = self._former
            raise gdb.GdbError(text.rstrip("\n"))
        self._former = self.value
        return ""

    def get_show_string(self, _value):
        """Called by GDB."""
        return self._session.execute(f"show {self._name}")[1].rstrip("\n")


def _quote(word):
    """One word of a command line, whatever it holds."""
    return re.sub(r"(?a)(\W)", r"\\\1", word) or "''"


def _add_settings(session):
    choices = next(c for c in session.commands if c.name == "summary").option("charge").choices
    _Setting(session, "charge", gdb.PARAM_ENUM, choices)
    _Setting(session, "suppress", gdb.PARAM_OPTIONAL_FILENAME)
    for name in ("threshold", "own", "foreign", "wrapper", "rows"):
        _Setting(session, name, gdb.PARAM_STRING_NOESCAPE)


#: Kinds of values that can be a text.
_TEXTS = (gdb.TYPE_CODE_ARRAY, gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_STRING)


class _Amount(gdb.Function):
    """An amount of the call stacks with a frame that matches a regular expression."""

    def __init__(self, session, name, field, what):
        self.__doc__ = f'{what}: $_tmpalloc_{name}("REGEX")'
        super().__init__(f"_tmpalloc_{name}")
        self._session = session
        self._name = name
        self._field = field

    def invoke(self, *locations):
        """Called by GDB, in breakpoint conditions, too."""
        try:
            if [value.type.strip_typedefs().code in _TEXTS for value in locations] != [True]:
                raise ValueError(f'the usage is $_tmpalloc_{self._name}("REGEX")')
            return getattr(self._session.count(locations[0].string()), self._field)
        except (ValueError, gdb.error) as error:
            raise gdb.GdbError(f"tmpalloc: {error}") from None


_session = None


def load():
    """Registers everything with GDB and prints one line; the second time it only prints."""
    global _session
    if _session:
        gdb.write(f"tmpalloc {_session.version}: already loaded\n")
        return
    host = GdbHost()
    try:
        _session = host.session = Session(host)
    except binding.LibraryError as error:
        gdb.write(f"{error}\n", gdb.STDERR)
        return
    _Prefix(_session, host)
    for command in _session.commands:
        _Command(_session, host, command)
    _Settings("set")
    _Settings("show")
    _add_settings(_session)
    _Amount(_session, "count", "temporaries", "Count of temporaries")
    _Amount(_session, "bytes", "temporary_bytes", "Bytes of temporaries")
    _Amount(_session, "allocations", "allocations", "Count of all allocations")
    register(_session)
    gdb.events.new_objfile.connect(host.file_loaded)
    gdb.events.clear_objfiles.connect(host.files_cleared)
    gdb.events.breakpoint_created.connect(host.breakpoint_modified)
    gdb.events.breakpoint_modified.connect(host.breakpoint_modified)
    gdb.events.exited.connect(host.exited)
    gdb.events.stop.connect(host.stopped)
    gdb.events.before_prompt.connect(host.prompted)
    gdb.write(_session.banner() + "\n")


def loaded_session():
    """The session, for those that run beside its commands; None before load()."""
    return _session
