"""Sockets among other processes: hostile owners of the directory, chroots, callers without the group, rivals."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from authd.unix.sockets import bind

NOBODY = pwd.getpwnam("nobody")
BECOME_NOBODY = f"import os; os.setgroups([]); os.setgid({NOBODY.pw_gid}); os.setuid({NOBODY.pw_uid})\n"

SWAP_AND_BIND = """
import os, sys
from pathlib import Path
from authd.unix.sockets import SocketError, bind
directory, other = map(Path, sys.argv[1:])
def swap(event, arguments):
    if event == "open" and str(arguments[0]).startswith(".authd-") and (directory / arguments[0]).is_dir():
        os.rename(directory / arguments[0], directory / "taken")
        other.rename(directory / arguments[0])
sys.addaudithook(swap)
try: bind(directory / "mux", mode=0o666, owner="nobody", group="nogroup", backlog=1)
except SocketError as error: print(error)
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


def test_a_link_in_the_place_of_our_directory_leads_nowhere(directory: Path) -> None:
    """Whoever owns the directory may keep us from listening there, and no more."""
    precious = directory.parent / "precious"
    precious.mkdir(0o700)
    (precious / "mux").touch(0o600)
    before = (precious / "mux").stat()
    link = directory.parent / "link"
    link.symlink_to(precious)

    assert run(SWAP_AND_BIND, directory, link).endswith("expected to listen there, got: Not a directory")

    assert [entry.name for entry in precious.iterdir()] == ["mux"]
    assert (precious / "mux").stat() == before


def test_another_directory_in_the_place_of_ours_is_not_used(directory: Path) -> None:
    """Its owner could replace the socket by a link before it is given away."""
    other = directory.parent / "other"
    other.mkdir()
    os.chown(other, NOBODY.pw_uid, NOBODY.pw_gid)

    told = run(SWAP_AND_BIND, directory, other)

    assert told.endswith("expected to find the directory that was just made, got another one in its stead")
    assert not (directory / "mux").exists()


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
