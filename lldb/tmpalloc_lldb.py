"""Loads tmpalloc into LLDB: `command script import tmpalloc_lldb.py`."""

import os
import shlex
import sys

import lldb

_FOLDER = os.path.dirname(os.path.realpath(__file__))
for _path in (_FOLDER, os.path.join(os.path.dirname(_FOLDER), "core", "python")):
    if _path not in sys.path:
        sys.path.insert(0, _path)

from tmpalloc import binding  # noqa: E402 (needs the path)
from tmpalloc.command_table import Option  # noqa: E402
from tmpalloc.log_width import log_width  # noqa: E402
from tmpalloc.session import Session  # noqa: E402
from tmpalloc_lldb_catches import CatchPlan, CatchResolver  # noqa: E402,F401 (by name, for LLDB)
from tmpalloc_lldb_host import LldbHost  # noqa: E402
from tmpalloc_lldb_steps import StepPlan  # noqa: E402,F401 (so, too)

try:
    from lldb.plugins.parsed_cmd import LLDBOptionValueParser, ParsedCommand
except ImportError:  # before LLDB 19
    ParsedCommand = None


def on_hit(frame, location, _internal_dict):
    """Called by LLDB at each hit of a breakpoint; False lets the program go on."""
    try:
        stops = _host.hit(frame, location.GetBreakpoint().GetID())
        return stops and not _host.catches.stop(frame.GetThread())
    except KeyboardInterrupt:
        return True


def on_loader(frame, _location, _internal_dict):
    """Called by LLDB when the dynamic linker reports a change; False lets the program go on."""
    try:
        _host.loader_hit(frame)
    except KeyboardInterrupt:
        return True
    return False


class StopHook:
    """Notices each stop at which the user gets the prompt."""

    def __init__(self, _target, _arguments, _internal_dict):
        pass

    def handle_stop(self, _context, _stream):
        """Called by LLDB; False would let the program go on."""
        return not _host.notice_in_hook()


def _execute(line, result):
    """Executes a command line of the core for LLDB."""
    word = line.partition(" ")[0]
    try:
        _host.notice()
        ok, text = _host.session.execute(line, **_terminal())
        if ok:
            _follow(word)
    except KeyboardInterrupt:
        ok, text = False, "interrupted"
    _host.delete_retired()
    text = text.rstrip("\n")
    if _host.exit_status is not None:
        _quit(text, result)
    elif not ok:
        result.SetError(text)
    elif text:
        result.AppendMessage(text)


def _follow(word):
    """Follows the loader while that is of use: it stops the program at each file that is loaded."""
    if word == "stop":
        _host.leave_loader()
    elif word == "start":
        try:
            _host.follow_loader()
        except KeyboardInterrupt:
            _host.leave_loader()
            _host.session.execute("stop")
            raise


def _quit(text, result):
    """Ends LLDB as the core wants, by its quit command, which shows nothing else of `result`."""
    _host.message(text)
    _host.debugger.HandleCommand("settings set interpreter.prompt-on-quit false")
    context = lldb.SBExecutionContext(_host.debugger.GetSelectedTarget())
    interpreter = _host.debugger.GetCommandInterpreter()
    interpreter.HandleCommand(f"quit {_host.exit_status}", context, result)


def _terminal():
    """Arguments of Session.execute() for LLDB's terminal."""
    if not os.isatty(1):
        return {"columns": log_width(_host.debugger.GetTerminalWidth())}
    size = os.get_terminal_size(1)
    colors = _host.debugger.GetUseColor()
    return {"columns": size.columns, "rows": size.lines, "colors": colors, "screen": True}


class PlainCommand:
    """The whole extension as one command, for LLDB before 19."""

    def __init__(self, debugger, _internal_dict):
        pass

    def __call__(self, _debugger, line, _context, result):
        """Called by LLDB."""
        _execute(line.strip(), result)

    def get_short_help(self):
        """Called by LLDB."""
        return "Find temporary allocations: tmpalloc help"


class PlainCheck(PlainCommand):
    """The command whose mistakes must end a batch with the core's status, not LLDB's."""

    def __call__(self, debugger, line, context, result):
        """Called by LLDB."""
        super().__call__(debugger, f"check {line}", context, result)

    def get_short_help(self):
        """Called by LLDB."""
        return "Judge the temporaries: tmpalloc help check"


#: What the core understands for each command.
_HELP = Option("help", "", None, [], "show the command's options")


def _kind(value):
    """How LLDB completes a value."""
    if "FUNCTION" in value:
        return lldb.eArgTypeSymbol
    return lldb.eArgTypeFilename if "FILE" in value else lldb.eArgTypeValue


def _parsed_command(command):
    """A class for LLDB that parses one command's options and completes them."""
    value = _kind(command.arguments)

    class Words(LLDBOptionValueParser):
        """Keeps options as they were written, repeated ones too; the core understands them."""

        words = []

        def option_parsing_started(self):
            self.words = []

        def set_option_value(self, _context, name, value):
            takes_value = "value_type" in self.options_dict[name]
            self.words.append(f"--{name}={value}" if takes_value else f"--{name}")
            return True

    class Parsed(ParsedCommand):
        """One command of the core's table."""

        def setup_command_definition(self):
            self.ov_parser = Words()
            for i, option in enumerate([*command.options, _HELP]):
                # LLDB itself begins with NUL for options without a letter, which ends its table.
                self._add_option(option, option.letter or chr(1 + i))
            if command.maximum:
                element = self.ov_parser.make_argument_element(value, "star")
                self.ov_parser.add_argument_set([element])

        def _add_option(self, option, letter):
            kind = _kind(option.value or "")
            self.ov_parser.add_option(letter, option.name, option.help, None, value_type=kind)
            described = self.ov_parser.options_dict[option.name]
            if option.choices:  # LLDB 22 prints a line for each option that is added with them
                described["enum_values"] = [[choice, choice] for choice in option.choices]
            if not option.value:
                del described["value_type"]

        def __call__(self, _debugger, arguments, _context, result):
            """Called by LLDB; `arguments` is an SBStructuredData array."""
            words = [
                arguments.GetItemAtIndex(i).GetStringValue(4096) for i in range(arguments.GetSize())
            ]
            options, self.ov_parser.words = self.ov_parser.words, []
            dashes = ["--"] if any(word.startswith("-") for word in words) else []
            _execute(shlex.join([command.name, *options, *dashes, *words]), result)

        def get_repeat_command(self, _line):
            """Called by LLDB: what an empty line executes; None is the same again."""
            return None if command.repeats else ""

        def get_short_help(self):
            """Called by LLDB."""
            return command.summary

        def get_long_help(self):
            """Called by LLDB."""
            return command.help

    return Parsed


def _register(debugger, commands):
    if ParsedCommand is None:
        debugger.HandleCommand(f"command script add -o -c {__name__}.PlainCommand tmpalloc")
        return
    debugger.HandleCommand('command container add -o -h "Find temporary allocations." tmpalloc')
    for command in commands:
        name = f"Command_{command.name}"
        globals()[name] = _parsed_command(command)
        line = f"command script add -o -p -c {__name__}.{name} tmpalloc {command.name}"
        debugger.HandleCommand(line)
    if _host.batch:
        line = f"command script add -o -c {__name__}.PlainCheck tmpalloc check"
        debugger.HandleCommand(line)


_host = globals().get("_host")  # survives a second import


def __lldb_init_module(debugger, _internal_dict):
    """Called by LLDB: registers everything and prints one line; the second time it only prints."""
    global _host
    if _host and _host.debugger.GetID() == debugger.GetID():
        print(f"tmpalloc {_host.session.version}: already loaded")
        return
    if _host and lldb.SBDebugger.FindDebuggerWithID(_host.debugger.GetID()).IsValid():
        print("tmpalloc: loaded in another session of this LLDB: one at a time can have it")
        return
    host = LldbHost(debugger, __name__)
    try:
        host.session = Session(host)
    except binding.LibraryError as error:
        print(error, file=sys.stderr, flush=True)  # LLDB doesn't when it ends
        return
    _host = host
    _register(debugger, host.session.commands)
    print(host.session.banner())


def loaded_host():
    """The host, for those that run beside its commands; None before it is loaded."""
    return _host
