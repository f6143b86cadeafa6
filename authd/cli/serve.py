"""``authd serve``: runs the daemon in the foreground."""

import argparse
import os
import sys
from pathlib import Path

HELP = "run the daemon in the foreground"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="read FILE instead of /etc/authd/authd.toml")


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop. The process ends here: a thread that hangs would hold it."""
    status = _serve(arguments.config)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _serve(config: Path | None) -> int:
    from authd.config.errors import ConfigError
    from authd.config.load import load
    from authd.daemon.start import start
    from authd.unix.privileges import PrivilegeError
    from authd.unix.sockets import SocketError

    try:
        return start(load(config))
    except ConfigError as error:
        print(error, file=sys.stderr)
    except (SocketError, PrivilegeError) as error:
        print(f"authd: {error}", file=sys.stderr)
    return 2
