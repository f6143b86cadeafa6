"""Sockets among other processes: hostile owners of the directory, chroots, callers without the group, rivals."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from authd.unix import sockets
from authd.unix.sockets import SocketError, bind

NOBODY = pwd.getpwnam("nobody")
BECOME_NOBODY = f"import os; os.setgroups([]); os.setgid({NOBODY.pw_gid}); os.setuid({NOBODY.pw_uid})\n"

SWAP_WHAT_APPEARS = """
print("watching", flush=True)
count = 0
while True:
    for name in os.listdir("."):
        if name.startswith(".authd-"):
            count += 1
            try:
                os.rename(name, f"taken-{count}")
                os.symlink("../victim", name)
            except OSError:
                pass
"""

CONNECT = """
import socket, sys
try: socket.socket(socket.AF_UNIX).connect(sys.argv[1])
except OSError as error: print(error.strerror)
else: print("connected")
"""

BIND_AND_WAIT = """
import sys
from pathlib import Path
from authd.unix import sockets
sockets.PATIENCE = 0
try: bound = sockets.bind(Path(sys.argv[1]), mode=0o600, owner=None, group=None, backlog=100)
except sockets.SocketError as error: print("refused", flush=True)
else: print("listening", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory of nobody's in one that all may enter, as postfix has them in its chroot."""
    if os.geteuid() != 0:
        pytest.fail("this test acts as several users: run it as root, or in the tests' box")
    house = Path(tempfile.mkdtemp(prefix="authd-sockets-"))
    house.chmod(0o755)
    directory = house / "run"
    directory.mkdir()
    os.chown(directory, NOBODY.pw_uid, NOBODY.pw_gid)
    yield directory
    shutil.rmtree(house)


def run(script: str, *arguments: str | Path) -> str:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def test_a_hostile_owner_of_the_directory_turns_nothing_of_ours_against_others(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever owns the directory may keep us from listening there, and no more."""
    victim = directory.parent / "victim"
    victim.mkdir(0o700)
    (victim / "mux").write_text("precious")
    (victim / "mux").chmod(0o600)
    before = (victim / "mux").stat()
    command = [sys.executable, "-c", BECOME_NOBODY + SWAP_WHAT_APPEARS]
    monkeypatch.setattr(sockets, "PATIENCE", 0.0)

    with subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, text=True) as hostile:
        assert hostile.stdout is not None
        assert hostile.stdout.readline() == "watching\n"
        for _ in range(300):
            with suppress(SocketError):
                bound = bind(directory / "mux", mode=0o666, owner="nobody", group="nogroup", backlog=1)
                bound.unlink()
                bound.close()
        hostile.kill()

    after = (victim / "mux").stat()
    assert [entry.name for entry in victim.iterdir()] == ["mux"]
    assert (after.st_mode, after.st_uid, after.st_ino, after.st_ctime_ns) == (
        before.st_mode,
        before.st_uid,
        before.st_ino,
        before.st_ctime_ns,
    )


def test_who_is_not_in_the_group_cannot_connect(directory: Path) -> None:
    path = directory / "mux"
    closed = bind(path, mode=0o660, owner=None, group=None, backlog=1)
    assert run(BECOME_NOBODY + CONNECT, path) == "Permission denied"
    closed.unlink()
    closed.close()

    bound = bind(path, mode=0o660, owner=None, group="nogroup", backlog=1)

    assert run(BECOME_NOBODY + CONNECT, path) == "connected"
    bound.close()


def test_a_client_in_a_chroot_reaches_the_socket_inside(directory: Path) -> None:
    bound = bind(directory / "mux", mode=0o666, owner=None, group=None, backlog=1)

    told = run(f"import os, socket, sys; os.chroot({str(directory.parent)!r})\n{BECOME_NOBODY}{CONNECT}", "/run/mux")

    assert told == "connected"
    bound.close()


def test_of_several_that_start_at_once_one_listens(directory: Path) -> None:
    path = directory / "mux"
    command = [sys.executable, "-c", BIND_AND_WAIT, str(path)]
    with ExitStack() as ended:
        rivals = [
            ended.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(4)
        ]

        told = [rival.stdout.readline() for rival in rivals if rival.stdout]

        assert sorted(told) == ["listening\n", "refused\n", "refused\n", "refused\n"]
        assert run(CONNECT, path) == "connected"


def test_a_dead_socket_is_replaced_without_a_moment_in_which_there_is_none(directory: Path) -> None:
    """A client that comes meanwhile finds the dead one or the new one, as it would find a daemon that restarts."""
    path = directory / "mux"
    first = bind(path, mode=0o666, owner=None, group=None, backlog=1)
    first.close()
    dead = path.stat().st_ino
    script = f"""
import os, sys
from pathlib import Path
from authd.unix.sockets import bind
def tell(event, arguments):
    if event in ("os.remove", "os.rename") and not os.path.lexists({str(path)!r}):
        print("nothing there at", event)
sys.addaudithook(tell)
bind(Path({str(path)!r}), mode=0o666, owner=None, group=None, backlog=1)
"""

    assert run(script) == ""

    assert stat.S_ISSOCK(path.stat().st_mode)
    assert path.stat().st_ino != dead
