"""A helper with backends that do what modules of PAM have been seen to do.

small_helper.py SOCKET CALLER_UID CHECK_DEADLINE FRAME_DEADLINE MAX_CHECKS MAX_MEMORY MAX_WORKERS
"""

import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from authd.helper.parent import Helper
from authd.helper.worker import Configuration, Worker, WorkerLimits
from authd.unix import process
from authd.unix.sockets import bind
from authd_backends import Outcome, Placement, Request, Verdict

log = logging.getLogger(__name__)

DIGEST = b"the same configuration on both sides"


class Deeds:
    """A backend that does what the login says."""

    options_type: ClassVar[type] = object
    placement: ClassVar = Placement.HELPER
    hashes_passwords: ClassVar = False
    leak: ClassVar[list[bytearray]] = []

    def __init__(self, options: Any) -> None:
        self._directory = Path(options)

    def start(self) -> None: ...

    def close(self) -> None: ...

    def generation(self) -> Hashable: ...

    def check(self, request: Request) -> Verdict:
        deed: Callable[[str], None] | None = getattr(self, f"do_{request.login.partition(' ')[0]}", None)
        if deed is not None:
            deed(request.login.partition(" ")[2])
        right = request.password.reveal() == b"right"
        outcome = Outcome.ACCEPTED if right else Outcome.WRONG_PASSWORD
        return Verdict(outcome, f"{os.getpid()} {request.client}", delay=1.5)

    def do_sleep(self, seconds: str) -> None:
        time.sleep(float(seconds))

    def do_spin(self, _: str) -> None:
        while True:
            pass

    def do_block(self, _: str) -> None:
        """Ignore and block all that can be, switch alarms off, and hang in C."""
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
        signal.alarm(0)
        ctypes.CDLL(None).sleep(600)

    def do_crash(self, _: str) -> None:
        ctypes.string_at(0)

    def do_exit(self, status: str) -> None:
        os._exit(int(status))

    def do_raise(self, _: str) -> None:
        raise ValueError("a secret in an error's text")

    def do_leak(self, size: str) -> None:
        self.leak.append(bytearray(os.urandom(int(size))))

    def do_child(self, _: str) -> None:
        """Leave a child behind, which goes into a session of its own and names itself in a file."""
        subprocess.Popen(
            ["setsid", "sh", "-c", f"echo $$ > {self._directory}/child; sleep 600"],
            stdin=subprocess.DEVNULL,
        )
        _wait_for(self._directory / "child")

    def do_orphan(self, _: str) -> None:
        """Leave a child whose parent has ended."""
        subprocess.run(["setsid", "sh", "-c", f"sleep 600 & echo $! > {self._directory}/child"], check=True)

    def do_close(self, _: str) -> None:
        os.closerange(0, 101)

    def do_replace(self, _: str) -> None:
        """Close the connection and put something else in its place, which never ends."""
        endless = os.open("/dev/zero", os.O_RDWR)
        for descriptor in range(3, 101):
            os.dup2(endless, descriptor)

    def do_garbage(self, text: str) -> None:
        for entry in list(Path("/proc/self/fd").iterdir()):
            with suppress(OSError):
                os.write(int(entry.name), text.encode())

    def do_return_twice(self, _: str) -> None:
        """Fork as one does who forgets to end the child, which comes back first."""
        if os.fork() != 0:
            time.sleep(0.2)

    def do_open(self, count: str) -> None:
        for _ in range(int(count)):
            os.open("/dev/null", os.O_RDONLY)

    def do_become(self, uid: str) -> None:
        os.setresuid(int(uid), int(uid), int(uid))

    def do_report(self, _: str) -> None:
        report = {
            "environment": dict(os.environ),
            "descriptors": sorted(int(entry.name) for entry in Path("/proc/self/fd").iterdir()),
            "group": os.getpgid(0) == os.getpid(),
        }
        (self._directory / "report").write_text(repr(report))


def _wait_for(file: Path) -> None:
    while not (file.exists() and file.read_text().strip()):
        time.sleep(0.01)


def main(
    path: str, uid: str, check_deadline: str, frame_deadline: str, max_checks: str, max_memory: str, max_workers: str
) -> int:
    logging.basicConfig(format="%(message)s", level="INFO")
    bound = bind(Path(path), mode=0o666, owner=None, group=None, backlog=1024)
    process.become_subreaper()
    backends = {"deeds": Deeds(Path(path).parent)}
    limits = WorkerLimits(float(check_deadline), int(max_checks), int(max_memory))

    def work(connection: socket.socket) -> None:
        process.die_with_parent()
        process.close_descriptors(keep={connection.fileno()})
        os.environ.clear()
        os.environ["PATH"] = "/usr/bin:/bin"
        Worker(connection, {DIGEST: Configuration(backends, limits)}, float(frame_deadline)).run()

    helper = Helper(
        bound.socket,
        work,
        caller_uid=int(uid),
        max_workers=int(max_workers),
        orphan_deadline=float(check_deadline),
        reload=lambda: log.info("reloading"),
    )
    log.info("serving")
    status = helper.run()
    bound.unlink()
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
