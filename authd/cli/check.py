"""``authd check``: what the configuration means, or all that is wrong with it."""

import argparse
import sys
from pathlib import Path

from authd.config.errors import ConfigError

HELP = "read the configuration and print what is in force, or every error in it"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="default: /etc/authd/authd.toml, or the embedded default where there is none",
    )


def run(arguments: argparse.Namespace) -> int:
    from authd.config.load import load  # late: the help needs none of it
    from authd.config.show import show

    try:
        loaded = load(arguments.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    for warning in loaded.warnings:
        print(warning, file=sys.stderr)
    print(show(loaded.settings, loaded.source), end="")
    return 0
