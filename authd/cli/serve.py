"""``authd serve``: runs the daemon in the foreground."""

import argparse
import os
from pathlib import Path

from authd.cli.starting import started

HELP = "run the daemon in the foreground"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="read FILE instead of /etc/authd/authd.toml")


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop. The process ends here: a thread that hangs would hold it."""
    from authd.daemon.start import start

    os._exit(started(start, arguments.config))
