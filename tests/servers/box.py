"""A box for real servers: namespaces of its own, Debian's packages laid over the host's files, nothing left behind.

Inside, mounts, processes, network (loopback only), host name (`mail`) and IPC are its own. /etc, /usr and /dev are
the host's with the packages above them, and what is written there stays in the box; /run and /var/spool begin empty.
All else, the checkout and /tmp with it, is the host's.
"""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers import packages
from tests.servers.process import DEADLINE, BoxError, Process

CHECKOUT = Path(__file__).resolve().parents[2]
HOSTNAME = "mail"
_FIRST_UID = 900
_CLONE_NEWNET = 0x40000000
_SIOCSIFFLAGS, _UP_AND_RUNNING = 0x8914, 0x41
_UNSHARE = ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--mount-proc", "--fork", "--kill-child"]
_ENTER = ["nsenter", "--mount", "--pid", "--net", "--uts", "--ipc", "--root", "--wd"]  # the last two: a box in a chroot
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Box:
    """`with Box("postfix", "sasl2-bin") as box:` — everything that was started in it ends with it.

    Raises BoxError where the machine gives no namespaces, PackageError where a package cannot be had.
    """

    def __init__(self, *names: str) -> None:
        self._names = names
        self._processes: list[Process] = []
        self._logs: dict[str, Callable[[], str]] = {}

    def __enter__(self) -> Self:
        if os.geteuid() != 0:
            raise BoxError("a box needs root: namespaces, overlay mounts and users of its own")
        packages.unpack(*self._names)
        self._first = subprocess.Popen(
            [*_UNSHARE, "sh", Path(__file__).with_name("box.sh"), packages.CACHE, CHECKOUT, *self._names],
            stdin=subprocess.PIPE,  # closed when this process ends, however it ends: so the box ends with it
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            self._pid = self._number_of_first()
            self._furnish()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End everything in it."""
        self._first.communicate()
        for process in self._processes:
            process.close()

    def _number_of_first(self) -> int:
        assert self._first.stdout is not None
        if self._first.stdout.readline() != b"ready\n":
            _, complaint = self._first.communicate()
            raise BoxError(f"namespaces: expected a box, got: {complaint.decode().strip()}")
        return int(Path(f"/proc/{self._first.pid}/task/{self._first.pid}/children").read_text())

    def _furnish(self) -> None:
        if self.run(["test", "-e", "/run/.box"], expect=None).returncode:
            raise BoxError("nsenter: expected the files of the box, got the machine's")  # and would write to them
        self.write("/etc/hosts", f"127.0.0.1 {HOSTNAME} localhost\n::1 localhost\n")
        self.write("/etc/resolv.conf", "")
        with self.network(), socket.socket() as any_socket:
            fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _UP_AND_RUNNING))

    # ── programs ──

    def run(
        self,
        command: Sequence[str | Path],
        *,
        input: str | bytes = b"",  # noqa: A002  # as subprocess.run calls it
        user: str = "root",
        expect: int | None = 0,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end; another exit status than `expect` is a BoxError, None expects nothing."""
        text = input.encode() if isinstance(input, str) else input
        entry = self._entry(command, user)
        done = subprocess.run(entry, input=text, capture_output=True, env=self._environment(), check=False, timeout=60)
        output, errors = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        if expect is not None and done.returncode != expect:
            raise BoxError(f"{command[0]}: expected {expect}, got {done.returncode}: {output}{errors}")
        return subprocess.CompletedProcess(list(map(str, command)), done.returncode, output, errors)

    def python(self, module: str, *arguments: str, input: str = "") -> str:  # noqa: A002
        """Run a module of the checkout with the tests' own interpreter and give what it prints."""
        return self.run([sys.executable, "-m", module, *arguments], input=input).stdout

    def start(self, command: Sequence[str | Path], *, user: str = "root") -> Process:
        """Start a program that goes on in the foreground."""
        name = Path(command[0]).name
        log = self.path(f"/run/{name}.{len(self._processes)}.log").open("w+b", buffering=0)
        entry = subprocess.Popen(
            self._entry(command, user),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=self._environment(),
            start_new_session=True,
        )
        process = Process(entry, log, name)
        self._processes.append(process)
        return process

    def _entry(self, command: Sequence[str | Path], user: str) -> list[str | Path]:
        become = [] if user == "root" else [f"--reuid={user}", f"--regid={self._group_of(user)}", "--init-groups"]
        return [*_ENTER, f"--target={self._pid}", "--", "setpriv", "--pdeathsig=KILL", *become, "--", *command]

    def _group_of(self, user: str) -> str:
        return next(row[3] for row in self._rows("/etc/passwd") if row[0] == user)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PATH": _PATH, "LC_ALL": "C.UTF-8", "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'backends'}"}

    # ── files and users ──

    def write(
        self, path: str | Path, content: str | bytes, *, mode: int = 0o644, owner: str = "root", group: str = "root"
    ) -> None:
        """Put a file there in place of any other, with the folders above it."""
        install = ["install", "-D", "-m", f"{mode:o}", "-o", owner, "-g", group, "/dev/stdin", path]
        self.run(install, input=content)

    def read(self, path: str | Path) -> str:
        return self.path(path).read_text()

    def make_directory(self, path: str | Path, *, mode: int = 0o755, owner: str = "root", group: str = "root") -> None:
        self.run(["install", "-d", "-m", f"{mode:o}", "-o", owner, "-g", group, path])

    def path(self, path: str | Path) -> Path:
        """Give the name under which this process opens a file of the box, its symbolic links followed in the box."""
        return Path(f"/proc/{self._pid}/root{self.run(['realpath', '-m', path]).stdout.rstrip()}")

    def add_user(self, name: str, *, groups: Sequence[str] = ()) -> None:
        """Make a system user and his group, in further groups too; each is made where it is missing."""
        users = self._ids("/etc/passwd")
        for group in (name, *groups):
            self.add_group(group)
        if name not in users:
            self._append("/etc/passwd", f"{name}:x:{_free(users)}:{self._ids('/etc/group')[name]}::/run:/bin/false")
        for group in groups:
            self.run(["gpasswd", "-a", name, group])

    def add_group(self, name: str) -> None:
        groups = self._ids("/etc/group")
        if name not in groups:
            self._append("/etc/group", f"{name}:x:{_free(groups)}:")

    def _ids(self, path: str) -> dict[str, int]:
        return {row[0]: int(row[2]) for row in self._rows(path)}

    def _rows(self, path: str) -> list[list[str]]:
        return [line.split(":") for line in self.read(path).splitlines()]

    def _append(self, path: str, line: str) -> None:
        self.write(path, f"{self.read(path)}{line}\n")

    # ── sockets ──

    @contextmanager
    def network(self) -> Iterator[None]:
        """Let this thread make its sockets in the network of the box: any Python client then works from here."""
        with Path("/proc/thread-self/ns/net").open() as own, Path(f"/proc/{self._pid}/ns/net").open() as boxed:
            _enter_network(boxed.fileno())
            try:
                yield
            finally:
                _enter_network(own.fileno())

    def listens(self, port: int, address: str = "127.0.0.1") -> bool:
        """Say whether somebody takes connections at this port of the loopback."""
        with self.network(), socket.socket() as client:
            return client.connect_ex((address, port)) == 0

    def connect(self, path: str | Path) -> socket.socket:
        """Connect to a Unix socket of the box."""
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(DEADLINE)
        try:
            client.connect(str(self.path(path)))
        except OSError:
            client.close()
            raise
        return client

    # ── what a failed test shows ──

    def show_on_failure(self, title: str, log: Callable[[], str]) -> None:
        """Have this log shown below a failed test, besides the output of what was started."""
        self._logs[title] = log

    def logs(self) -> dict[str, str]:
        """Give the logs by title; those that are empty are left out."""
        shown = {f"{process.name} ({number})": process.output for number, process in enumerate(self._processes)}
        shown |= {title: log() for title, log in self._logs.items()}
        return {title: text for title, text in shown.items() if text}


def _enter_network(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)  # os.setns is new in Python 3.12
    if libc.setns(namespace, _CLONE_NEWNET):
        raise BoxError(f"setns: {os.strerror(ctypes.get_errno())}")


def _free(ids: dict[str, int]) -> int:
    return next(number for number in range(_FIRST_UID, 1000) if number not in ids.values())
