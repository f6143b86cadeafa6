"""Debian's /var/log/auth.log, as the packaged configuration of rsyslog makes it."""

from tests.servers.box import Box
from tests.servers.process import wait_until

LOG = "/var/log/auth.log"  # of the facility auth


class AuthLog:
    """Needs the package rsyslog. /var/log is the box's own from now on."""

    def __init__(self, box: Box) -> None:
        self._box = box
        box.run(["mount", "-t", "tmpfs", "box", "/var/log"])
        box.write(LOG, "")
        self._process = box.start(["rsyslogd", "-n"])
        wait_until(lambda: not box.run(["test", "-S", "/dev/log"], expect=None).returncode, "rsyslogd: /dev/log")

    def clear(self) -> None:
        self._box.run(["truncate", "--size=0", LOG])

    def wait_for(self, text: str, times: int = 1) -> None:
        """Return when the log has the text so often."""
        wait_until(lambda: self._box.read(LOG).count(text) >= times, f"{LOG}: {text}")

    def stop(self) -> None:
        self._process.stop()
