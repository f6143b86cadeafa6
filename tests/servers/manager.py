"""A stand-in for systemd: does with a unit's sockets and service what systemd.socket(5) and sd_notify(3) say of it.

`python -m tests.servers.manager FD,FD COMMAND…` is its child between fork and exec.
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

FIRST = 3  # SD_LISTEN_FDS_START
DEADLINE = 60.0  # seconds that nothing here needs


def directives(unit: Path, name: str) -> list[str]:
    """Give the values of a directive, in the order of the unit file."""
    rows = (line.partition("=") for line in unit.read_text().splitlines() if not line.startswith("#"))
    return [value for key, _, value in rows if key == name]


class Manager:
    """One service with its sockets, whose paths begin at `directory` instead of the root."""

    def __init__(self, directory: Path, unit: Path, command: Sequence[str], *, watchdog: float = 0) -> None:
        """`command` is what runs, `watchdog` the seconds of WatchdogSec; 0 is none."""
        self._directory = directory
        self._command = command
        self._watchdog = watchdog
        self.paths = [directory / path.removeprefix("/") for path in directives(unit, "ListenStream")]
        (mode,), (backlog,) = directives(unit, "SocketMode"), directives(unit, "Backlog")
        self._sockets = [_listening(path, int(mode, 8), int(backlog)) for path in self.paths]
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notified.bind(str(directory / "notify"))
        self.log_file = directory / "log"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        for each in (*self._sockets, self._notified):
            each.close()
        print(self.log)  # noqa: T201  # pytest shows it with a failure

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def start(self) -> None:
        """Start the service and return when it says that it is ready."""
        self.launch()
        self.wait_for("READY=1")

    def launch(self) -> None:
        descriptors = [each.fileno() for each in self._sockets]
        watched = {"WATCHDOG_USEC": str(int(self._watchdog * 1e6))} if self._watchdog else {}
        shim = [sys.executable, "-m", "tests.servers.manager", ",".join(map(str, descriptors)), *self._command]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                shim,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=descriptors,
                env={**os.environ, "NOTIFY_SOCKET": str(self._directory / "notify"), **watched},
            )

    def stop(self) -> int:
        """End the service and give its exit status."""
        self.process.terminate()
        return self.process.wait(DEADLINE)

    def restart(self) -> None:
        assert self.stop() == 0
        self.start()

    def wait_for_line(self, text: str, count: int = 1) -> None:
        """Wait until the service has logged this as often."""
        ends = time.monotonic() + DEADLINE
        while self.log.count(text) < count:
            assert time.monotonic() < ends, f"waited {DEADLINE:g} s for {text!r}: {self.log}"
            time.sleep(0.01)

    def wait_for(self, state: str) -> None:
        """Wait until the service says so."""
        assert self.hears(state, DEADLINE), f"waited {DEADLINE:g} s for {state}: {self.log}"

    def hears(self, state: str, within: float) -> bool:
        """Say whether the service says so within these seconds; what it has said before counts too."""
        ends = time.monotonic() + within
        while (left := ends - time.monotonic()) > 0:
            self._notified.settimeout(left)
            try:
                if state in self._notified.recv(4096).decode().splitlines():
                    return True
            except TimeoutError:
                break
            assert self.process.poll() in (None, 0), self.log
        return False

    def forget(self) -> None:
        """Take what the service has said so far for nothing."""
        self._notified.setblocking(False)
        try:
            while self._notified.recv(4096):
                pass
        except BlockingIOError:
            pass


def _listening(path: Path, mode: int, backlog: int) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    path.chmod(mode)
    listening.listen(backlog)
    return listening


def _become(descriptors: str, *command: str) -> None:
    high = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 100) for each in descriptors.split(",")]
    for number, descriptor in enumerate(high, FIRST):
        os.dup2(descriptor, number)
        os.close(descriptor)
    watched = {"WATCHDOG_PID": str(os.getpid())} if "WATCHDOG_USEC" in os.environ else {}
    os.environ.update(watched, LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)))
    os.execvp(command[0], command)


if __name__ == "__main__":
    _become(*sys.argv[1:])
