"""``authd reload``: the running daemon goes by what its configuration file says now, or on as before."""

import argparse

from authd.cli.asking import add_options, asked

HELP = "have the running authd take up its configuration file"


def configure(parser: argparse.ArgumentParser) -> None:
    add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what is noteworthy about the file; all that is wrong with it goes to standard error, with status 2."""
    from authd.control.messages import Reload

    return asked(arguments, Reload(), lambda answer: [*answer["warnings"], "reloaded"])
