"""rsyslog, Debian's system logger up to bookworm."""

from signal import SIGTERM, Signals
from typing import NamedTuple

from tests.servers.box import Box
from tests.servers.process import wait_until

LOG = "/run/all.log"
CONFIGURATION = f"""
module(load="imuxsock")
template(name="all" type="string"
  string="%syslogfacility-text%.%syslogseverity-text% %syslogtag%%msg:::drop-last-lf%\\n")
action(type="omfile" file="{LOG}" template="all")
"""


class Line(NamedTuple):
    priority: str  # "auth.info"
    identity: str
    pid: int
    text: str


class Rsyslog:
    """rsyslogd in a box, at /dev/log; needs the package rsyslog."""

    def __init__(self, box: Box) -> None:
        self._box = box
        box.write("/etc/rsyslog.conf", CONFIGURATION)
        box.write(LOG, "")

    def start(self) -> None:
        """Return when it takes lines."""
        self.process = self._box.start(["rsyslogd", "-n", "-i", "/run/rsyslogd.pid"])
        taken = ["python3", "-c", "import socket as s; s.socket(s.AF_UNIX, s.SOCK_DGRAM).connect('/dev/log')"]
        wait_until(lambda: self._box.run(taken, expect=None).returncode == 0, "rsyslog: /dev/log")

    def stop(self, number: Signals = SIGTERM) -> int:
        """End it and give its exit status."""
        return self.process.stop(number)

    def lines(self, identity: str) -> list[Line]:
        """Give the lines under an identity, oldest first; one that is none of rsyslog's form fails."""
        every = [_parsed(line) for line in self._box.read(LOG).splitlines()]
        return [line for line in every if line.identity == identity]


def _parsed(line: str) -> Line:
    priority, tag, text = line.split(" ", 2)
    identity, _, pid = tag.rstrip(":").rstrip("]").partition("[")
    return Line(priority, identity, int(pid or 0), text)
