"""fish: a line for each word, under a condition that says behind which command it stands."""

from collections.abc import Iterator

from tools.documents.commands import Command, Option, every

_BEGIN = """\
# fish completion for authd, made by `make man`; put it as authd.fish into a directory of $fish_complete_path

function __authd_at --description 'whether the commands typed so far begin with these'
    set --local words (string match --invert -- '-*' (commandline -opc)[2..])
    test (count $words) -ge (count $argv)
    or return 1
    for number in (seq (count $argv))
        test $words[$number] = $argv[$number]
        or return 1
    end
end

function __authd_behind --description 'whether the commands typed so far are these alone'
    __authd_at $argv
    and test (count (string match --invert -- '-*' (commandline -opc)[2..])) -eq (count $argv)
end

complete --command authd --no-files
"""


def script(authd: Command) -> str:
    """Give the script."""
    return _BEGIN + "".join(f"{line}\n" for command in every(authd) for line in _lines(command))


def _lines(command: Command) -> Iterator[str]:
    behind = " ".join(("__authd_behind", *command.words))
    at = " ".join(("__authd_at", *command.words))
    for below in command.commands:
        yield f"complete -c authd -n '{behind}' -a {below.words[-1]} -d {_quoted(below.summary)}"
    for option in command.options:
        yield f"complete -c authd -n '{at if command.words else behind}' {_option(option)}"
    if any(argument.takes_file for argument in command.arguments):
        yield f"complete -c authd -n '{at}' --force-files"


def _option(option: Option) -> str:
    names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
    return f"{names}{_value(option)} -d {_quoted(option.meaning)}"


def _value(option: Option) -> str:
    if option.choices:
        return f" -x -a '{' '.join(option.choices)}'"
    if option.takes_file:
        return " --force-files" if option.may_lack_value else " -r --force-files"
    return " -x" if option.value else ""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
