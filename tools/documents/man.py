"""The manual pages: what was written by hand, with the commands and keys put in."""

from collections.abc import Callable, Iterator
from pathlib import Path

from tools.documents.commands import Argument, Command, Option, every, program
from tools.documents.keys import Key, Table, tables
from tools.documents.mdoc import escaped, folded, prose, words

_PAGES = Path(__file__).with_name("pages")
_OWN_PAGE = ("test", "user")  # described there, and named here


def pages() -> dict[str, str]:
    """Give each page by its name, as "authd.8"."""
    return {page.name: _filled(page.read_text()) for page in sorted(_PAGES.iterdir())}


def _filled(text: str) -> str:
    """Replace each line ``@NAME WORDS@`` by what it stands for."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("@"):
            name, *arguments = line.strip("@").split()
            lines += _PIECES[name](*arguments)
        else:
            lines.append(line)
    return "\n".join(folded("\n".join(lines).splitlines())) + "\n"


def _command(*path: str) -> Command:
    return next(each for each in every(program()) if each.words == path)


def _synopsis(*path: str) -> Iterator[str]:
    """Give the use of each command below `path`; what has a page of its own is left to it."""
    for command in every(_command(*path)):
        if command.words and not command.commands and (path or command.words[0] not in _OWN_PAGE):
            yield ".Nm authd"
            yield from (f".Cm {word}" for word in command.words)
            yield from (f".Op {_option(option)}" for option in _options_of(command))
            yield from map(_argument, command.arguments)


def _commands(*path: str) -> Iterator[str]:
    """Describe each command of `path` with all that it takes."""
    for command in _command(*path).commands:
        yield f".It Cm {command.words[-1]}"
        yield prose(_sentence(command.summary))
        if command.words[0] in _OWN_PAGE and not path:
            yield f"See\n.Xr authd-{command.words[0]} 1 ."
            continue
        yield ".Bl -tag -width Ds"
        yield from _commands_below(command)
        yield from _words(*command.words)
        yield ".El"


def _commands_below(command: Command) -> Iterator[str]:
    for below in command.commands:
        arguments = [_argument(each)[1:] for each in below.arguments]
        yield " ".join([f".It Cm {below.words[-1]}", *arguments])
        yield prose(_sentence(below.summary))


def _words(*path: str) -> Iterator[str]:
    """Describe the arguments and options of a command and of those below it, each once."""
    commands = list(every(_command(*path)))
    for argument in {each.name: each for command in commands for each in command.arguments}.values():
        yield f".It Ar {argument.name}"
        yield prose(argument.meaning)
    for option in {each.names: each for command in commands for each in _options_of(command)}.values():
        yield f".It {_option(option)}"
        yield prose(option.meaning + (f" ({', '.join(option.choices)})" if option.choices else ""))


def _options_of(command: Command) -> list[Option]:
    """Give all but the help."""
    return [option for option in command.options if "-h" not in option.names]


def _option(option: Option) -> str:
    flags = " , ".join(f"Fl {escaped(name[1:])}" for name in option.names)
    if not option.value:
        return flags
    return f"{flags} Op Ar {option.value}" if option.may_lack_value else f"{flags} Ar {option.value}"


def _argument(argument: Argument) -> str:
    return f".Op Ar {argument.name}" if argument.is_optional else f".Ar {argument.name}"


def _keys() -> Iterator[str]:
    for table in tables():
        yield words("Ss", *_heading(table).split(" "))
        yield prose(table.summary)
        yield ".Bl -tag -width Ds"
        for key in table.keys:
            yield f".It Ic {key.name}"
            yield f"{prose(f'{key.expected}.')}\n{prose(_default(key))}\n.br\n{prose(key.meaning)}"
        yield ".El"


def _heading(table: Table) -> str:
    return table.heading if table.heading.startswith("[") else f"Backends with {table.heading}"


def _default(key: Key) -> str:
    match key.default:
        case "":
            return "Required."
        case "not set":
            return "Default: not set."
        case value:
            return f"Default: `{value}`."


def _sentence(text: str) -> str:
    """Make one of a help's text."""
    return f"{text[0].upper()}{text[1:].rstrip('.')}." if text else ""


_PIECES: dict[str, Callable[..., Iterator[str]]] = {
    "SYNOPSIS": _synopsis,
    "COMMANDS": _commands,
    "WORDS": _words,
    "KEYS": _keys,
}
