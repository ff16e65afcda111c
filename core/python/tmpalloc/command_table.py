"""The core's command table as text, and the completion of command lines from it."""

import glob
import os
from collections import namedtuple


class Command(
    namedtuple("Command", "name arguments help options maximum choices repeats", defaults=((), False))
):
    """A command of the core's table, as text; choices are those of its first argument."""

    @property
    def summary(self):
        """The first line of its help."""
        return self.help.partition("\n")[0]

    def option(self, name):
        """The option of this long name."""
        return next(option for option in self.options if option.name == name)


#: An option of a command, as text; choices is empty when any value will do.
Option = namedtuple("Option", "name letter value choices help")


def complete(commands, line, status=dict):
    """The words that can stand in place of the last word of a command line.

    What was recorded is asked of `status`, where it matters: the core's data of that name.
    """
    *words, last = line.split(" ")
    words = [word for word in words if word]
    names = [command.name for command in commands]
    if not words:
        return _starting_with(last, names)
    command = next((command for command in commands if command.name == words[0]), None)
    if command is None:
        return []
    if "COMMAND" in command.arguments:
        return _starting_with(last, names)
    return _complete_argument(command, words[1:], last, status)


def takes_function(commands, line):
    """Whether the last word of a command line may be a function of the program."""
    *words, last = line.split(" ")
    words = [word for word in words if word]
    command = next((c for c in commands if words and c.name == words[0]), None)
    if command is None or last.startswith("-"):
        return False
    previous = _named(command).get(words[-1])
    if previous and previous.value:
        return "FUNCTION" in previous.value or previous.name == "at"
    return "FUNCTION" in command.arguments and not _positional(words[1:], _named(command))


def _starting_with(prefix, words):
    return [word for word in words if word.startswith(prefix)]


def _named(command):
    """Its options by how they can be written."""
    named = {"--" + option.name: option for option in command.options}
    named.update({"-" + option.letter: option for option in command.options if option.letter})
    return named


def _recorded(command, status):
    """What such a command can be about: marks, or catches."""
    if command.arguments == "[ID]":
        return [str(catch["id"]) for catch in status().get("catches", ())]
    return status().get("marks", ())


def _complete_argument(command, words, last, status):
    """Completes an option's name or value, or a positional argument."""
    named = _named(command)
    name, equals, value = last.partition("=")
    if equals and name in named:
        return [f"{name}={word}" for word in _complete_value(named[name], value, status)]
    previous = named.get(words[-1]) if words else None
    if previous and previous.value:
        return _complete_value(previous, last, status)
    if last.startswith("-"):
        return _starting_with(last, ["--" + option.name for option in command.options])
    if command.arguments in ("[ID]", "[NAME]") and "--delete" in words:
        return _starting_with(last, _recorded(command, status))
    if command.choices and not _positional(words, named):
        return _starting_with(last, command.choices)
    return _complete_file(last) if "FILE" in command.arguments else []


def _positional(words, named):
    """The words that are neither options nor their values."""
    positional, is_value = [], False
    for word in words:
        if not is_value and not word.startswith("-"):
            positional.append(word)
        is_value = not is_value and word in named and bool(named[word].value)
    return positional


def _complete_value(option, prefix, status):
    if option.value == "MARK":
        return _starting_with(prefix, status().get("marks", ()))
    if "FILE" in option.value:
        return _complete_file(prefix)
    return _starting_with(prefix, option.choices)


def _complete_file(prefix):
    home = os.path.expanduser("~") if prefix.startswith("~/") else ""
    paths = _paths(home + prefix[1:] if home else prefix)
    # What is in it, too: debuggers put a blank behind a name that stands alone.
    while len(paths) == 1 and paths[0].endswith("/") and (inner := _paths(paths[0])):
        paths = inner
    return ["~" + path[len(home) :] if home else path for path in paths]


def _paths(prefix):
    paths = sorted(glob.glob(glob.escape(prefix) + "*"))
    return [path + "/" if os.path.isdir(path) else path for path in paths]
