"""``authd helper``: runs the privileged helper alone, as a service of its own."""

import argparse
from pathlib import Path

from authd.cli.starting import started

HELP = "run the privileged helper alone, for PAM and shadow"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="read FILE instead of /etc/authd/authd.toml")


def run(arguments: argparse.Namespace) -> int:
    """Serve the front until told to stop."""
    from authd.daemon.start import start_helper

    return started(start_helper, arguments.config)
