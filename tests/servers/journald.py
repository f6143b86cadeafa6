"""systemd's journal, without the rest of it."""

import json
from signal import SIGTERM, Signals
from typing import Any

from tests.servers.box import Box
from tests.servers.process import wait_until

SOCKET = "/run/systemd/journal/socket"
DIRECTORY = "/run/log/journal"
CONFIGURATION = "[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\nRateLimitIntervalSec=0\n"


class Journald:
    """systemd-journald in a box; needs the package systemd."""

    def __init__(self, box: Box) -> None:
        self._box = box
        box.write("/etc/machine-id", f"{1:032x}\n")
        box.write("/etc/systemd/journald.conf", CONFIGURATION)
        box.make_directory("/run/systemd/journal")
        box.make_directory(DIRECTORY)

    def start(self) -> None:
        """Return when it takes entries."""
        self.process = self._box.start(["/lib/systemd/systemd-journald"])
        taken = ["python3", "-c", f"import socket as s; s.socket(s.AF_UNIX, s.SOCK_DGRAM).connect('{SOCKET}')"]
        wait_until(lambda: self._box.run(taken, expect=None).returncode == 0, "journald: its socket")

    def stop(self, number: Signals = SIGTERM) -> int:
        """End it and give its exit status."""
        return self.process.stop(number)

    def entries(self, identifier: str) -> list[dict[str, bytes]]:
        """Give the entries of a SYSLOG_IDENTIFIER, oldest first, each with its fields."""
        command = ["journalctl", "--directory", DIRECTORY, "--output=json", "--all", f"SYSLOG_IDENTIFIER={identifier}"]
        printed = self._box.run(command, expect=None).stdout
        return [{name: _bytes(value) for name, value in json.loads(line).items()} for line in printed.splitlines()]


def _bytes(value: Any) -> bytes:
    """What journalctl prints of a field: a text, or numbers where it is none; of several the last."""
    if isinstance(value, list) and value and not isinstance(value[0], int):
        return _bytes(value[-1])
    return bytes(value) if isinstance(value, list) else str(value or "").encode()
