"""zsh: a function for each command, `_arguments` in each."""

from collections.abc import Iterator

from tools.documents.commands import Argument, Command, Option, every

_BEGIN = """\
#compdef authd
# zsh completion for authd, made by `make man`; put it as _authd into a directory of $fpath
"""


def script(authd: Command) -> str:
    """Give the script; its last line runs it, as zsh wants of a file that it loads at the first use."""
    functions = (line for command in every(authd) for line in _function(command))
    return _BEGIN + "\n".join(functions) + '\n\n_authd "$@"\n'


def _function(command: Command) -> Iterator[str]:
    yield f"\n{_name(command)}() {{"
    if command.commands:
        yield "  local context curcontext=$curcontext state line"
        yield "  typeset -A opt_args"
    specs = [_option(option) for option in command.options] + [_argument(each) for each in command.arguments]
    if command.commands:
        specs += ["'1:command:->command'", "'*::argument:->argument'"]
    flags = "-C " if command.commands else ""
    yield f"  _arguments {flags}" + " ".join(f"\\\n    {spec}" for spec in specs)
    if command.commands:
        yield from _below(command)
    yield "}"


def _below(command: Command) -> Iterator[str]:
    yield "  case $state in"
    yield "    command)"
    yield "      local -a commands=("
    yield from (f"        {_quoted(f'{each.words[-1]}:{each.summary}')}" for each in command.commands)
    yield "      )"
    yield "      _describe command commands"
    yield "      ;;"
    yield "    argument)"
    yield "      case $line[1] in"
    yield from (f"        {each.words[-1]}) {_name(each)} ;;" for each in command.commands)
    yield "      esac"
    yield "      ;;"
    yield "  esac"


def _option(option: Option) -> str:
    meaning = f"[{_text(option.meaning)}]"
    value = f"{_colons(option)}{_text(option.value)}:{_values(option)}" if option.value else ""
    if len(option.names) == 1:
        return _quoted(f"{option.names[0]}{meaning}{value}")
    return f"'({' '.join(option.names)})'{{{','.join(option.names)}}}{_quoted(meaning + value)}"


def _colons(option: Option) -> str:
    return "::" if option.may_lack_value else ":"


def _values(option: Option) -> str:
    if option.choices:
        return f"({' '.join(option.choices)})"
    return "_files" if option.takes_file else " "


def _argument(argument: Argument) -> str:
    action = "_files" if argument.takes_file else " "
    return _quoted(f"{'::' if argument.is_optional else ':'}{argument.name}:{action}")


def _text(text: str) -> str:
    """What stands between brackets or colons."""
    for special in "\\[]:":
        text = text.replace(special, f"\\{special}")
    return text


def _quoted(text: str) -> str:
    escaped = text.replace("'", r"'\''")
    return f"'{escaped}'"


def _name(command: Command) -> str:
    return "_".join(("_authd", *command.words))
