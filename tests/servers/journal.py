"""The journal of a box, written by Debian's systemd-journal-remote: no systemd runs there."""

import re
import time
from pathlib import Path

from tests.servers.box import HOSTNAME, Box

PACKAGE = "systemd-journal-remote"
_MACHINE = "0123456789abcdef0123456789abcdef"
_JOURNAL = f"/run/log/journal/{_MACHINE}/system.journal"


def write_journal(box: Box, unit: str, identifier: str, messages: list[str]) -> None:
    """Append entries as journald makes them of what a unit writes to standard error."""
    box.write("/etc/machine-id", f"{_MACHINE}\n")
    box.make_directory(_JOURNAL.rpartition("/")[0])
    boot = (
        Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
    )  # readers ask for this one alone
    exported = "".join(
        f"__REALTIME_TIMESTAMP={time.time_ns() // 1000}\n_BOOT_ID={boot}\n_HOSTNAME={HOSTNAME}\n"
        f"_SYSTEMD_UNIT={unit}\nSYSLOG_IDENTIFIER={identifier}\n_PID=4711\nMESSAGE={message}\n\n"
        for message in messages
    )
    box.run(["/lib/systemd/systemd-journal-remote", f"--output={_JOURNAL}", "-"], input=exported)


def without_syslog_header(line: str) -> str:
    """Give the message of a line of syslog."""
    return re.sub(r"^.{15} \S+ \S+?: ", "", line)
