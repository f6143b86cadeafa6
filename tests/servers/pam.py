"""PAM in a box: services and their users, and a process that asks the backend `pam` and hears what modules log."""

import json
import re
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from authd_backends.contract import Client, Outcome, Request, Secret, Verdict
from authd_backends.errors import Unavailable
from authd_backends.options import build
from authd_backends.pam.backend import PamBackend
from tests.servers.box import Box

PACKAGES = ("libpam-modules",)


@dataclass(frozen=True, slots=True)
class Login:
    """What is asked; the texts are the client's bytes with surrogateescape."""

    login: str
    password: str
    service: str = "smtp"
    client: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it."""

    outage: str  # what the start said
    verdicts: tuple[Verdict, ...]
    log: str  # what modules told syslog
    seconds: float  # of all checks
    loaded: frozenset[str]  # modules in memory after them
    left: frozenset[str]  # and after the backend was closed

    @property
    def verdict(self) -> Verdict:
        """That of the only login."""
        (verdict,) = self.verdicts
        return verdict


def add_service(box: Box, name: str, *lines: str) -> None:
    """Write a service's file, or `other`."""
    box.write(f"/etc/pam.d/{name}", "".join(f"{line}\n" for line in lines))


def remove_service(box: Box, name: str) -> None:
    box.run(["rm", "-f", f"/etc/pam.d/{name}"])


def add_user(box: Box, name: str, password: str, method: str = "YESCRYPT", uid: int | None = None) -> None:
    """Make a system user as an administrator does; the first free uid is above 999."""
    box.run(["useradd", "--no-create-home", *(() if uid is None else ("--uid", str(uid))), name])
    box.run(["chpasswd", "--crypt-method", method], input=f"{name}:{password}")


def ask(box: Box, *logins: Login, options: Mapping[str, object] | None = None) -> Report:
    """Have one process of the box answer the logins, one after another. No password may come out of it."""
    question = json.dumps({"options": options or {}, "logins": [asdict(login) for login in logins]})
    text = box.python("tests.servers.pam", input=question)
    assert not any(login.password and login.password in text for login in logins), "a password came out"
    report = json.loads(text)
    verdicts = tuple(Verdict(**{**each, "outcome": Outcome(each["outcome"])}) for each in report["verdicts"])
    return Report(
        outage=report["outage"],
        verdicts=verdicts,
        log=report["log"],
        seconds=report["seconds"],
        loaded=frozenset(report["loaded"]),
        left=frozenset(report["left"]),
    )


def _main() -> None:
    question = json.load(sys.stdin)
    Path("/proc/sys/net/unix/max_dgram_qlen").write_text("1000")  # of the box: nobody reads until the end
    Path("/dev/log").unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind("/dev/log")
        log.setblocking(False)
        backend = PamBackend(build(PamBackend.options_type, question["options"]))
        outage = _started(backend)
        began = time.monotonic()
        verdicts = [backend.check(_request(Login(**each))) for each in question["logins"]]
        seconds = time.monotonic() - began
        loaded = _loaded()
        backend.close()
        report = {
            "outage": outage,
            "verdicts": [asdict(verdict) | {"outcome": verdict.outcome.value} for verdict in verdicts],
            "log": "\n".join(_received(log)),
            "seconds": seconds,
            "loaded": loaded,
            "left": _loaded(),
        }
        json.dump(report, sys.stdout)


def _started(backend: PamBackend) -> str:
    try:
        backend.start()
    except Unavailable as outage:
        return str(outage)
    return ""


def _request(login: Login) -> Request:
    client = Client(login.client) if login.client else None
    password = Secret(login.password.encode("utf-8", "surrogateescape"))
    return Request(login.login, password, service=login.service, client=client)


def _loaded() -> list[str]:
    return sorted(set(re.findall(r"/(pam_\w+)\.so$", Path("/proc/self/maps").read_text(), re.MULTILINE)))


def _received(log: socket.socket) -> list[str]:
    lines = []
    while True:
        try:
            lines.append(log.recv(1 << 16).decode(errors="replace"))
        except BlockingIOError:
            return lines


if __name__ == "__main__":
    _main()
