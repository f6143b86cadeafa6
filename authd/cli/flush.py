"""``authd flush``: the running daemon forgets the passwords that it remembers."""

import argparse

from authd.cli.asking import add_options, asked

HELP = "forget the remembered passwords of a user, or of all"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("user", nargs="?", metavar="USER", help="in any spelling, alone or with @realm (default: all)")
    add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print how many were forgotten."""
    from authd.control.messages import Flush

    return asked(arguments, Flush(arguments.user), lambda answer: [f"forgot {answer['forgotten']}"])
