"""authd itself, from this checkout."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from signal import SIGTERM, Signals

from tests.servers.box import Box
from tests.servers.process import wait_until

CONFIGURATION = Path("/etc/authd/authd.toml")
WITHOUT_DELAY = '\n[throttle]\nenabled = false\nfailure_delay = "0s"\n'
SOCKET = Path("/run/saslauthd/mux")  # where Debian's libsasl2 looks


class Authd:
    """`authd serve` in a box, on the configuration it is given; the folder of `SOCKET` is made for it.

    Without a section [throttle] of its own it neither throttles nor delays.
    """

    def __init__(self, box: Box, configuration: str) -> None:
        self.box = box
        self._listeners = configuration.count("[[listeners]]")
        self._sockets = re.findall(r'^\[\[listeners\]\]\npath = "(.*)"', configuration, re.MULTILINE)
        box.add_user("authd", groups=["sasl"])
        box.make_directory(SOCKET.parent, mode=0o710, group="sasl")
        throttle = "" if "[throttle]" in configuration else WITHOUT_DELAY
        box.write(CONFIGURATION, configuration + throttle, mode=0o640, group="authd")

    def start(self, log: Callable[[], str] | None = None, *, is_silent: bool = False) -> None:
        """Return when every listener takes connections; `log` reads what it logs where that is no standard error.

        `is_silent`: its log level has no line that says where it listens.
        """
        self.process = self.box.start([sys.executable, "-m", "authd", "serve", "--config", CONFIGURATION])
        if is_silent:
            sockets = [self.box.path(each) for each in self._sockets]
            wait_until(lambda: all(each.is_socket() for each in sockets), "authd: its sockets")
        elif log is None:
            self.process.wait_for_output("listening on", self._listeners)
        else:
            wait_until(lambda: log().count("listening on") >= self._listeners, "authd: its listeners")

    def stop(self, number: Signals = SIGTERM) -> int:
        """End it and give its exit status; nothing happens to one that has ended."""
        return self.process.stop(number)
