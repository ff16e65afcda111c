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


def complete(commands, line):
    """The words that can stand in place of the last word of a command line."""
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
    return _complete_argument(command, words[1:], last)


def _starting_with(prefix, words):
    return [word for word in words if word.startswith(prefix)]


def _complete_argument(command, words, last):
    """Completes an option's name or value, or a positional argument."""
    named = {"--" + option.name: option for option in command.options}
    named.update({"-" + option.letter: option for option in command.options if option.letter})
    name, equals, value = last.partition("=")
    if equals and name in named:
        return [f"{name}={word}" for word in _complete_value(named[name], value)]
    previous = named.get(words[-1]) if words else None
    if previous and previous.value:
        return _complete_value(previous, last)
    if last.startswith("-"):
        return _starting_with(last, ["--" + option.name for option in command.options])
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


def _complete_value(option, prefix):
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
