"""Sessions of libtmpalloc.so."""

import ctypes
import json
import shlex

from . import binding
from .command_table import Command, Option

_NO_COUNT = {
    binding.E_ARGUMENT: "bad regular expression",
    binding.E_STATE: "nothing recorded yet: 'tmpalloc start' begins",
}


class Session:
    """One session of the library for one debugger.

    The methods may be called on any thread.  When the user interrupted one of the host's
    primitives, KeyboardInterrupt is raised as soon as the library has returned.
    """

    def __init__(self, host):
        self._library = binding.load_library()
        self._host = host
        self._session = ctypes.c_void_p()
        status = self._library.tmpalloc_session_create(
            ctypes.byref(host.struct), ctypes.byref(self._session)
        )
        if status != binding.OK:
            raise binding.LibraryError(
                f"tmpalloc: {binding.library_path()} belongs to another version:"
                " run setup.sh build again"
            )
        self.version = self._library.tmpalloc_version().decode()
        self.commands = list(self._read_commands())

    def execute(self, line, columns=0, rows=0, colors=False, screen=False):
        """Executes a command line; returns (True when it succeeded, text to print)."""
        text = ctypes.c_char_p()
        place = ctypes.byref(binding.Terminal(columns, rows, colors, screen))
        status = self._call("execute", self._host.encode(line), place, ctypes.byref(text))
        return status == binding.OK, (text.value or b"").decode(errors="replace")

    def data(self, words):
        """Executes the words of a command line; returns (True, what its JSON says), or
        (False, one line).
        """
        text = ctypes.c_char_p()
        status = self._call("data", self._host.encode(shlex.join(words)), ctypes.byref(text))
        if status == binding.OK:
            return True, json.loads(text.value)
        return False, text.value.decode(errors="replace")

    def breakpoint_hit(self, id):
        """A breakpoint of the host was hit; True when the program is to stop there."""
        return self._call("breakpoint_hit", id) == binding.STOP

    def event(self, event):
        """Tells one of binding.EVENT_*; False when the core can't do what it has to."""
        return self._call("event", event) != binding.E_UNSUPPORTED

    def count(self, location):
        """Amounts of the call stacks with a frame that matches; ValueError says why not."""
        amounts = binding.Amounts()
        status = self._call("count", self._host.encode(location), ctypes.byref(amounts))
        if status != binding.OK:
            raise ValueError(_NO_COUNT.get(status, "the temporaries can't be counted now"))
        return amounts

    def banner(self):
        """The line that is shown when a debugger has loaded the extension."""
        return f'tmpalloc {self.version}: type "tmpalloc help"'

    def _call(self, name, *arguments):
        function = getattr(self._library, "tmpalloc_session_" + name)
        status = function(self._session, *arguments)
        if self._host.take_interrupt():
            raise KeyboardInterrupt
        return status

    def _read_commands(self):
        i = 0
        while info := self._library.tmpalloc_command(i):
            command = info.contents
            yield Command(
                command.name.decode(),
                command.arguments.decode(),
                command.help.decode(),
                [_read_option(option) for option in _until_null(command.options, "name")],
                command.maximum,
                [choice.decode() for choice in _until_null(command.choices)],
                bool(command.repeats),
            )
            i += 1


def _until_null(array, field=None):
    i = 0
    while array and (getattr(array[i], field) if field else array[i]) is not None:
        yield array[i]
        i += 1


def _read_option(option):
    return Option(
        option.name.decode(),
        option.letter.decode().strip("\0"),
        option.value.decode() if option.value else None,
        [choice.decode() for choice in _until_null(option.choices)],
        option.help.decode(),
    )
