"""Starts a process of the daemon, or says why it cannot be started."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from authd.config.load import Loaded


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
