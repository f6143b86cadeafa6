"""``authd helper``: runs the privileged helper alone, as a service of its own."""

import argparse
from functools import partial
from pathlib import Path

from authd.cli.starting import started

HELP = "run the privileged helper alone, for PAM and shadow"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--socket", type=Path, metavar="PATH", help="serve the backends whose helper is at PATH alone")
    parser.add_argument("--config", type=Path, metavar="FILE", help="read FILE instead of /etc/authd/authd.toml")


def run(arguments: argparse.Namespace) -> int:
    """Serve the front until told to stop."""
    from authd.daemon.start import start_helper

    return started(partial(start_helper, wanted=arguments.socket), arguments.config)
