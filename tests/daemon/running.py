"""authd as a process of its own, in a directory of its own, and clients of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers.client import ENOUGH as ENOUGH
from tests.servers.client import NO as NO
from tests.servers.client import OK as OK
from tests.servers.client import TEMPORARY_FAILURE
from tests.servers.client import ask as ask
from tests.servers.client import connect as connect
from tests.servers.client import counted as counted
from tests.servers.client import everything as everything

TEMPORARY = TEMPORARY_FAILURE
WITHOUT_PRIVILEGES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
WITHOUT_DELAY = '\n[throttle]\nenabled = false\nfailure_delay = "0s"\n'  # where a test is not about guessing
CONTROL = '\n[control]\npath = "DIR/control"\n'
AUTHD = (sys.executable, "-m", "authd")


def unprivileged(command: Sequence[str]) -> list[str]:
    """The command as authd sees an ordinary user's: root without a capability is none of its parents."""
    return [*WITHOUT_PRIVILEGES, *command] if os.geteuid() == 0 else list(command)


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, in small steps and not for ever."""
    ends = time.monotonic() + ENOUGH
    while not condition():
        assert time.monotonic() < ends, f"waited {ENOUGH:g} s for {what}"
        time.sleep(0.01)


def replace(path: Path, text: str) -> None:
    """Put a file in the place of another, so that nobody sees half of it."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


class Authd:
    """A running authd with its log."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path, sockets: Sequence[Path]) -> None:
        self.process = process
        self.log_file = log
        self.socket = sockets[0]

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def wait_for_line(self, text: str) -> None:
        until(lambda: text in self.log or self.process.poll() is not None, f"{text!r} in the log")
        assert text in self.log, self.log

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(ENOUGH)


@contextmanager
def running(
    directory: Path,
    configuration: str,
    *,
    sockets: Sequence[str] = ("mux",),
    command: Sequence[str] = AUTHD,
    environment: dict[str, str] | None = None,
    is_silent: bool = False,
) -> Iterator[Authd]:
    """authd on `configuration`, in which ``DIR`` stands for the directory; ready, and ended with the block.

    Without a section [throttle] of its own it neither throttles nor delays; its control socket is ``DIR/control``.
    `is_silent`: its log level has no line that says where it listens.
    """
    file, log = directory / "authd.toml", directory / "log"
    throttle = "" if "[throttle]" in configuration else WITHOUT_DELAY
    text = f"{configuration}{throttle}{CONTROL}"
    file.write_text(text.replace("DIR", str(directory)))
    file.chmod(0o600)
    with log.open("ab") as written:
        process = subprocess.Popen(
            unprivileged([*command, "serve", "--config", str(file)]),
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            env={**os.environ, **(environment or {})},
        )
    authd = Authd(process, log, [directory / name for name in sockets])
    try:
        for name in sockets:
            if is_silent:
                until((directory / name).is_socket, name)
            else:
                authd.wait_for_line(f"listening on {directory / name}")
        yield authd
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(ENOUGH)
            finally:
                process.kill()
        print(authd.log)  # noqa: T201  # pytest shows it with a failure
