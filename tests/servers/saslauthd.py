"""Cyrus's own saslauthd from Debian's sasl2-bin: what authd is compared with."""

from tests.servers.box import Box
from tests.servers.process import wait_until

DIRECTORY = "/run/saslauthd"


class Saslauthd:
    """The C daemon in a box, detached as Debian starts it; its socket is `DIRECTORY`/mux."""

    def __init__(self, box: Box, mechanism: str = "sasldb", *options: str) -> None:
        """Take the mechanism (`-a`) and further flags, "-c" or "-n", "10" say."""
        self.box = box
        self._command = ["saslauthd", "-a", mechanism, "-m", DIRECTORY, *options]

    def start(self) -> None:
        """Return when it takes connections: it says that it has started before its socket is there."""
        self.box.make_directory(DIRECTORY, mode=0o710, group="sasl")
        self.box.run(self._command)
        wait_until(self._takes_connections, "saslauthd: a listening socket")

    def stop(self) -> None:
        pid = self.box.read(f"{DIRECTORY}/saslauthd.pid").strip()
        self.box.run(["sh", "-c", f"kill {pid}"])  # the shell's own: procps may not be there
        wait_until(lambda: not self._takes_connections(), "saslauthd: its end")

    def _takes_connections(self) -> bool:
        try:
            self.box.connect(f"{DIRECTORY}/mux").close()
        except OSError:
            return False
        return True
