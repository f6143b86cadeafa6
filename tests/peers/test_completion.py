"""Completion of the command line in the three shells themselves."""

from collections.abc import Callable

import pytest

from tests.servers.box import CHECKOUT, Box

PACKAGES = ("fish", "zsh")

COMPLETION = CHECKOUT / "contrib" / "completion"
SCHEMES = {"argon2id", "bcrypt", "sha512-crypt", "yescrypt"}
_BASH = """
source "$1"; shift
complete -p authd > /dev/null || exit 3
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _authd
printf '%s\\n' "${COMPREPLY[@]}"
"""
# What the widget puts into the line instead of a list: every match at once. It is then shown between < and >, which
# nothing has that is typed here, since the shell may show that too.
_ZSH = """
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "fpath=($1 \\$fpath); autoload -U compinit; compinit -D -u; PS1=; stty -echo columns 1000"
zpty -w shell "zstyle ':completion:every::::' completer _all_matches _complete; zstyle ':completion:every:*' insert yes"
zpty -w shell "zle -C every complete-word _generic; bindkey '^A' every"
zpty -w shell 'show() { printf "\\074%s\\076\\n" "$BUFFER" }; zle -N show; bindkey "^B" show; print ready-''to-complete'
zpty -r shell output '*ready-to-complete*' || exit 3
zpty -w -n shell "$2"$'\\x01\\x02'
zpty -r shell output '*<*>*' || exit 4
print -r -- "$output"
"""


def bash(box: Box, line: str) -> set[str]:
    found = box.run(["bash", "--norc", "-c", _BASH, "bash", COMPLETION / "authd.bash", *line.split(" ")])
    return set(found.stdout.split())


def zsh(box: Box, line: str) -> set[str]:
    if not box.path("/dev/pts/ptmx").exists():
        box.make_directory("/dev/pts")
        box.run(["mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666", "devpts", "/dev/pts"])
        box.run(["ln", "-sf", "pts/ptmx", "/dev/ptmx"])
    shown = box.run(["zsh", "-f", "-c", _ZSH, "zsh", COMPLETION, line]).stdout
    completed = shown.rpartition("<")[2].partition(">")[0]
    return set(completed.split()) - set(line.split(" "))


def fish(box: Box, line: str) -> set[str]:
    command = f"source {COMPLETION / 'authd.fish'}; complete --do-complete '{line}'"
    found = box.run(["fish", "--no-config", "-c", command])
    return {row.partition("\t")[0] for row in found.stdout.splitlines()}


@pytest.mark.parametrize("shell", [bash, zsh, fish])
def test_commands_options_and_their_values_are_offered(box: Box, shell: Callable[[Box, str], set[str]]) -> None:
    assert {"serve", "check", "user", "status"} <= shell(box, "authd ")
    assert shell(box, "authd user ") == {"add", "passwd", "delete", "list", "lock", "unlock"}
    assert {"--file", "--config", "--scheme"} <= shell(box, "authd user add --")
    assert shell(box, "authd user add --scheme ") == SCHEMES
    assert shell(box, "authd throttle cl") == {"clear"}
    assert {"-u", "-p", "-f"} <= shell(box, "authd test -")


@pytest.mark.parametrize("shell", [bash, zsh, fish])
def test_files_are_offered_where_a_file_belongs_and_nowhere_else(
    box: Box, shell: Callable[[Box, str], set[str]]
) -> None:
    box.write("/etc/authd/authd.toml", "")
    box.write("/etc/authd/authd.old", "")

    assert shell(box, "authd check --config /etc/authd/auth") == {"/etc/authd/authd.toml", "/etc/authd/authd.old"}
    assert shell(box, "authd explain --realm /etc/authd/auth") == set()
