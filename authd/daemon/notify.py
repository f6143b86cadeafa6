"""What the service manager is told: sd_notify(3), where systemd or a program like it asked for it.

The front tells it. Below a privileged parent it is not the service's main process: a unit that starts authd as root
with Type=notify needs NotifyAccess=all beside it.
"""

import os
import socket
import time
from contextlib import suppress

PATIENCE = 1.0  # seconds for a manager that does not read


def ready() -> None:
    """Say that every listener answers."""
    _tell("READY=1")


def reloading() -> None:
    """Say that another configuration is being read; `ready` ends it (systemd.service(5), Type=notify-reload)."""
    _tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


def alive() -> None:
    """Feed the watchdog (systemd.service(5), WatchdogSec=)."""
    _tell("WATCHDOG=1")


def stopping() -> None:
    """Say that the end has begun."""
    _tell("STOPPING=1")


def _tell(state: str) -> None:
    """Send one datagram to $NOTIFY_SOCKET, if there is one; a manager that is gone is nobody's trouble."""
    address = os.environb.get(b"NOTIFY_SOCKET", b"")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(PATIENCE)
        manager.sendto(state.encode(), b"\0" + address[1:] if address.startswith(b"@") else address)
