"""The command line as its parsers have it."""

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from authd.cli.main import COMMANDS, parser_of

# "  -f <file>  text": a line of the usage of a command that reads its words by itself
_USAGE_LINE = re.compile(r"^  (--?\w+)(?: <([^>]+)>| ([A-Z]+))? +(\S.*)$", re.MULTILINE)
_FILES = ("FILE", "PATH", "DIR", "DIRECTORY", "SOCKET")


@dataclass(frozen=True, slots=True)
class Option:
    """An option by all its names; one without a `value` is a flag."""

    names: tuple[str, ...]
    meaning: str
    value: str = ""
    choices: tuple[str, ...] = ()
    may_lack_value: bool = False

    @property
    def takes_file(self) -> bool:
        return self.value.upper() in _FILES


@dataclass(frozen=True, slots=True)
class Argument:
    name: str
    meaning: str
    is_optional: bool

    @property
    def takes_file(self) -> bool:
        return self.name in _FILES


@dataclass(frozen=True, slots=True)
class Command:
    """`words` begin behind ``authd``; those of the whole program are none."""

    words: tuple[str, ...]
    summary: str
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...]
    commands: tuple["Command", ...]


def program() -> Command:
    """Give the whole command line."""
    return _command((), "", parser_of(COMMANDS))


def every(command: Command) -> Iterator[Command]:
    """Give a command and all below it."""
    yield command
    for each in command.commands:
        yield from every(each)


def _command(words: tuple[str, ...], summary: str, parser: argparse.ArgumentParser) -> Command:
    actions = parser._actions  # noqa: SLF001  # argparse has no other way to ask, and has had this one since 2.7
    if any(action.nargs == argparse.REMAINDER for action in actions):
        return Command(words, summary, _of_usage(*words), (), ())
    options = tuple(_option(action) for action in actions if action.option_strings)
    arguments = tuple(_argument(action) for action in actions if not action.option_strings and not _parsers(action))
    below = [
        _command((*words, choice.dest), choice.help or "", _parsers(action)[choice.dest])
        for action in actions
        if isinstance(action, argparse._SubParsersAction)  # noqa: SLF001
        for choice in action._get_subactions()  # noqa: SLF001
    ]
    return Command(words, summary, options, arguments, tuple(below))


def _parsers(action: argparse.Action) -> dict[str, argparse.ArgumentParser]:
    choices: Any = action.choices if isinstance(action, argparse._SubParsersAction) else None  # noqa: SLF001
    return choices or {}


def _option(action: argparse.Action) -> Option:
    value = "" if action.nargs == 0 else str(action.metavar or ("FILE" if action.type is Path else action.dest.upper()))
    meaning = action.help or ""
    choices = tuple(map(str, action.choices or ()))
    return Option(tuple(action.option_strings), meaning, value, choices, may_lack_value=action.nargs == "?")


def _argument(action: argparse.Action) -> Argument:
    return Argument(str(action.metavar), action.help or "", action.nargs in ("?", "*"))


def _of_usage(name: str) -> tuple[Option, ...]:
    module = import_module(f"authd.cli.{name}")
    text = module.USAGE + getattr(module, "NOTE", "")
    return tuple(
        Option((flag,), meaning, angled or capital) for flag, angled, capital, meaning in _USAGE_LINE.findall(text)
    )
