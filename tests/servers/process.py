"""A program started in a box, and how a test waits for it."""

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from signal import SIGCONT, SIGSTOP, SIGTERM, Signals
from typing import BinaryIO

DEADLINE = 30.0  # seconds for whatever a server does by itself: generous, since only a failure waits so long


class BoxError(Exception):
    """The box, or a command in it, did not do what the test rests on."""


def wait_until(condition: Callable[[], bool], what: str, deadline: float = DEADLINE) -> None:
    """Return when the condition holds; BoxError names what was waited for after `deadline` seconds."""
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise BoxError(f"{what}: expected within {deadline} s")
        time.sleep(0.01)


class Process:
    """A program started in a box; what it writes is kept in `output`."""

    def __init__(self, entry: "subprocess.Popen[bytes]", log: BinaryIO, name: str) -> None:
        self._entry = entry  # nsenter, whose only child is the program
        self._log = log
        self.name = name

    @property
    def pid(self) -> int:
        """Its number as the host counts."""
        children = Path(f"/proc/{self._entry.pid}/task/{self._entry.pid}/children")
        wait_until(lambda: not self.running or bool(children.read_text()), f"{self.name}: a process")
        if not self.running:
            raise BoxError(f"{self.name}: ended with {self._entry.returncode}: {self.output}")
        return int(children.read_text())

    @property
    def running(self) -> bool:
        return self._entry.poll() is None

    @property
    def output(self) -> str:
        """What it has written so far to standard output and error."""
        return os.pread(self._log.fileno(), 1 << 26, 0).decode(errors="replace")

    def wait_for_output(self, text: str, times: int = 1) -> None:
        """Return when the text was written so often; BoxError if the program ends before, or takes too long."""
        wait_until(lambda: self.output.count(text) >= times or not self.running, f"{self.name}: {text!r}")
        if self.output.count(text) < times:
            raise BoxError(f"{self.name}: expected {text!r}, ended with {self._entry.returncode}: {self.output}")

    def send(self, number: Signals) -> None:
        os.kill(self.pid, number)
        if number is SIGCONT:  # nsenter stops with its child
            self._entry.send_signal(number)

    def freeze(self) -> None:
        """Stop it where it stands: its connections stay open, and nothing is answered."""
        self.send(SIGSTOP)

    def thaw(self) -> None:
        """Let it go on; nsenter, which stops with its child, as well."""
        self.send(SIGCONT)
        self._entry.send_signal(SIGCONT)

    def stop(self, number: Signals = SIGTERM) -> int:
        """End it and give its exit status, as `wait` does; of one that has ended by itself, too."""
        with suppress(BoxError, ProcessLookupError):
            self.send(number)
        return self.wait()

    def wait(self) -> int:
        """Give its exit status, -N for a death by signal N."""
        try:
            return self._entry.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            raise BoxError(f"{self.name}: expected its end within {DEADLINE} s: {self.output}") from None

    def close(self) -> None:
        """Forget it: the box has ended, and it with the box."""
        self._entry.wait(DEADLINE)
        self._log.close()
