"""``authd serve``: runs the daemon in the foreground."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from authd.config.load import Loaded

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
    from authd.daemon.start import start

    return started(start, config)


def started(start: "Callable[[Loaded], int]", config: Path | None) -> int:
    """Start a process on the configuration and give its exit status: 2 where it cannot be started."""
    from authd.config.errors import ConfigError
    from authd.config.load import load
    from authd.unix.privileges import PrivilegeError
    from authd.unix.sockets import SocketError
    from authd_backends.errors import BackendError

    try:
        return start(load(config))
    except ConfigError as error:
        print(error, file=sys.stderr)
    except (SocketError, PrivilegeError, BackendError) as error:
        print(f"authd: {error}", file=sys.stderr)
    return 2
