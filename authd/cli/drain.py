"""``authd drain``: the running daemon takes in nobody more, answers all that are there, and ends."""

import argparse

from authd.cli.asking import add_options, asked

HELP = "have the running authd answer those who wait, and end"


def configure(parser: argparse.ArgumentParser) -> None:
    add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print how many connections there still were."""
    from authd.control.messages import Drain

    return asked(arguments, Drain(), lambda answer: [f"ending after {answer['connections']} connections"])
