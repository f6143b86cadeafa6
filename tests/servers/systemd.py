"""A systemd of its own in a box: the real manager, with the units of `systemd/` and nothing else to manage."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL

from tests.servers.box import CHECKOUT, Box
from tests.servers.process import BoxError, Process, wait_until

UNITS = CHECKOUT / "systemd"
LOG = Path("/run/authd.log")
_TARGETS = ("basic", "box", "multi-user", "network", "nss-lookup", "nss-user-lookup", "shutdown", "sockets", "sysinit")
_NAMESPACES = ["--mount", "--pid", "--uts", "--ipc", "--cgroup"]  # the network stays the box's
_COMMAND = f'#!/bin/sh\nPYTHONPATH={CHECKOUT}:{CHECKOUT}/backends exec {sys.executable} -m authd "$@"\n'
_LOGGED = f"[Service]\nStandardOutput=append:{LOG}\nStandardError=inherit\n"  # there is no journal
# The cgroup is made where the box cannot see it afterwards, and systemd sees nothing above it.
_ENTER = f"""
mkdir -p /run/cgroup
mount -t cgroup2 cgroup /run/cgroup && mkdir /run/cgroup/$0
echo $$ >/run/cgroup/$0/cgroup.procs
exec unshare {" ".join(_NAMESPACES)} --fork --kill-child sh {CHECKOUT}/tests/servers/systemd.sh /run/units {CHECKOUT}
"""
_LEAVE = "mount -t cgroup2 cgroup /run/cgroup; find /run/cgroup/$0 -depth -type d -exec rmdir {} +"


class Systemd:
    """The running manager."""

    def __init__(self, manager: Process) -> None:
        self._manager = manager
        wait_until(self._has_booted, "systemd: to be up")

    @property
    def pid(self) -> int:
        """Its number as the host counts."""
        children = Path(f"/proc/{self._manager.pid}/task/{self._manager.pid}/children")
        wait_until(lambda: bool(children.read_text()), f"systemd: a process: {self._manager.output}")
        return int(children.read_text())

    @property
    def log(self) -> str:
        """What its services have logged."""
        return self.path(LOG).read_text()

    def path(self, path: str | Path) -> Path:
        """Give the name under which this process opens a file of its root."""
        return Path(f"/proc/{self.pid}/root{path}")

    def run(self, *command: str, expect: int | None = 0) -> str:
        """Run a command below it and give what it prints; another exit status than `expect` is a BoxError."""
        entry = ["nsenter", f"--target={self.pid}", *_NAMESPACES, "--root", "--wd", "--", *command]
        done = subprocess.run(entry, capture_output=True, text=True, check=False, timeout=120)
        if expect is not None and done.returncode != expect:
            raise BoxError(f"{command}: expected {expect}, got {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def show(self, unit: str, name: str) -> str:
        """Give a property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).rstrip("\n")

    def add_drop_in(self, unit: str, text: str) -> None:
        """Have the unit go by this too from its next start on."""
        file = self.path(f"/etc/systemd/system/{unit}.d/added.conf")
        file.write_text(text)
        self.run("systemctl", "daemon-reload")

    def main_pid(self, unit: str) -> int:
        """Give the main process of a service, as the host counts."""
        inside = self.show(unit, "MainPID")
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                numbers = next(line for line in status.read_text().splitlines() if line.startswith("NSpid:")).split()
                same = (status.parent / "ns/pid").readlink() == Path(f"/proc/{self.pid}/ns/pid").readlink()
            except (OSError, StopIteration):
                continue
            if same and numbers[-1] == inside:
                return int(numbers[1])
        raise BoxError(f"{unit}: expected a main process, got pid {inside}")

    def _has_booted(self) -> bool:
        if not self._manager.running:
            raise BoxError(f"systemd: expected it to run, got: {self._manager.output}")
        return "running" in self.run("systemctl", "is-system-running", expect=None)


@contextmanager
def systemd(box: Box, drop_ins: dict[str, str]) -> Iterator[Systemd]:
    """Boot the manager with the units and these drop-ins, by the name of the unit; its root is a copy of the box's."""
    for unit in (*UNITS.glob("*.service"), *UNITS.glob("*.socket")):
        box.write(f"/run/units/{unit.name}", unit.read_text())
        logged = _LOGGED if unit.suffix == ".service" else ""
        box.write(f"/run/units/{unit.name}.d/test.conf", logged + drop_ins.get(unit.name, ""))
    for target in _TARGETS:
        box.write(f"/run/units/{target}.target", "[Unit]\nDefaultDependencies=no\n")
    box.write("/usr/bin/authd", _COMMAND, mode=0o755)
    name = f"authd-test-{os.getpid()}"
    manager = box.start(["unshare", "--mount", "sh", "-ec", _ENTER, name])
    try:
        started = Systemd(manager)
        box.show_on_failure("systemd", lambda: started.log)
        started.run("systemd-sysusers", str(UNITS / "sysusers.d/authd.conf"))
        started.run("systemd-tmpfiles", "--create", str(UNITS / "tmpfiles.d/authd.conf"))
        yield started
    finally:
        manager.stop(SIGKILL)
        leave = ["unshare", "--mount", "sh", "-ec", _LEAVE, name]
        wait_until(lambda: box.run(leave, expect=None).returncode == 0, "systemd: its cgroup to be empty")
