"""Completion of the command line for three shells, made of its parsers."""

from tools.documents.commands import program
from tools.documents.completion import bash, fish, zsh


def scripts() -> dict[str, str]:
    """Give each script by the name under which its shell looks for it."""
    authd = program()
    return {"authd.bash": bash.script(authd), "_authd": zsh.script(authd), "authd.fish": fish.script(authd)}
