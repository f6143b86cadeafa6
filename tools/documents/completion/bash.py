"""bash: one function for `complete -F`."""

from collections.abc import Iterable, Iterator

from tools.documents.commands import Command, Option, every

_SCRIPT = """\
# bash completion for authd, made by `make man`; source it, or put it into /usr/share/bash-completion/completions/authd

_authd() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} path="" word
    if [[ $current == "=" ]]; then
        current=""
    elif [[ $previous == "=" ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    for word in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
        case "$path $word" in
        @PATHS@)
            path="$path $word"
            ;;
        esac
    done
    COMPREPLY=()
    if [[ $current == -* ]]; then
        case "$path" in
@OPTIONS@
        esac
        return
    fi
    case "$path $previous" in
@VALUES@
    esac
    case "$path" in
@WORDS@
    esac
}

_authd_files() {
    compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

complete -F _authd authd
"""


def script(authd: Command) -> str:
    """Give the script."""
    commands = list(every(authd))
    paths = _either(f'"{_path(each)}"' for each in commands if each.words)
    pieces = {"PATHS": [paths], "VALUES": _values(commands), "OPTIONS": _options(commands), "WORDS": _words(commands)}
    text = _SCRIPT
    for name, lines in pieces.items():
        text = text.replace(f"@{name}@", "\n".join(lines))
    return text


def _values(commands: list[Command]) -> Iterator[str]:
    """What stands behind options, by what is offered there."""
    found: dict[str, list[str]] = {}
    for command in commands:
        for option in command.options:
            if option.value:
                found.setdefault(_offer(option), []).extend(f'"{_path(command)} {name}"' for name in option.names)
    for offer, places in found.items():
        yield f"        {_either(places)})\n            {offer}\n            return\n            ;;"


def _offer(option: Option) -> str:
    if option.choices:
        return _choice(option.choices)
    return _FILES if option.takes_file else ":"


def _options(commands: list[Command]) -> Iterator[str]:
    for command in commands:
        yield f'            "{_path(command)}") {_choice(name for each in command.options for name in each.names)} ;;'


def _words(commands: list[Command]) -> Iterator[str]:
    for command in commands:
        if command.commands:
            yield f'        "{_path(command)}") {_choice(each.words[-1] for each in command.commands)} ;;'
        elif any(argument.takes_file for argument in command.arguments):
            yield f'        "{_path(command)}") {_FILES} ;;'


_FILES = '_authd_files "$current"'


def _choice(words: Iterable[str]) -> str:
    return f'mapfile -t COMPREPLY < <(compgen -W "{" ".join(words)}" -- "$current")'


def _either(patterns: Iterable[str]) -> str:
    return " | \\\n            ".join(patterns)


def _path(command: Command) -> str:
    return "".join(f" {word}" for word in command.words)
