import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authd.unix import sockets
from authd.unix.sockets import BoundSocket, SocketError, bind, peer_credentials

NOBODY = 65534
ANOTHER_PROCESS = """
import sys
from pathlib import Path
from authd.unix.sockets import bind
bound = bind(Path(sys.argv[1]), mode=0o600, owner=None, group=None, backlog=1)
print("listening", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mux"


@pytest.fixture
def listen(path: Path) -> Iterator[Callable[..., BoundSocket]]:
    """`bind` with all the defaults a test does not care for; what it made is closed in the end."""
    made: list[BoundSocket] = []

    def listen(at: Path = path, mode: int = 0o660, owner: str | None = None, group: str | None = None) -> BoundSocket:
        made.append(bind(at, mode=mode, owner=owner, group=group, backlog=1))
        return made[-1]

    yield listen
    for bound in made:
        bound.close()


@pytest.fixture
def another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that listens at the path until its standard input ends."""
    command = [sys.executable, "-c", ANOTHER_PROCESS, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        yield process
        process.kill()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "PATIENCE", 0.0)


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.fail("this test gives files to other users: run it as root, or in the tests' box")


def dead_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))


def names(directory: Path) -> set[str]:
    return {entry.name for entry in directory.iterdir()}


def connect(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(path))
    return client


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(mode=st.integers(0, 0o777), umask=st.sampled_from([0o000, 0o022, 0o077]))
def test_the_mode_is_the_one_that_was_asked_for_under_any_umask(
    path: Path, listen: Callable[..., BoundSocket], mode: int, umask: int
) -> None:
    before = os.umask(umask)
    try:
        bound = listen(mode=mode)
        found = path.stat()
    finally:
        os.umask(before)
        bound.unlink()
        bound.close()

    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == mode


def test_owner_and_group_are_the_ones_that_were_asked_for(
    as_root: None, path: Path, listen: Callable[..., BoundSocket]
) -> None:
    listen(owner="nobody", group="nogroup")

    assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY, NOBODY)


def test_a_socket_gets_another_mode_and_group_and_gives_the_group_back(
    as_root: None, path: Path, listen: Callable[..., BoundSocket]
) -> None:
    bound = listen(mode=0o600)

    bound.change(mode=0o660, owner=None, group="nogroup", backlog=5)
    changed = path.stat()
    bound.change(mode=0o600, owner=None, group=None, backlog=5)
    back = path.stat()

    assert (stat.S_IMODE(changed.st_mode), changed.st_uid, changed.st_gid) == (0o660, os.geteuid(), NOBODY)
    assert (stat.S_IMODE(back.st_mode), back.st_gid) == (0o600, os.getegid())


def test_a_socket_that_is_not_ours_any_more_is_left_alone(path: Path, listen: Callable[..., BoundSocket]) -> None:
    bound = listen(mode=0o600)
    path.unlink()
    path.write_text("somebody else's")

    with pytest.raises(SocketError, match="the socket that was made here"):
        bound.change(mode=0o666, owner=None, group=None, backlog=5)

    assert stat.S_IMODE(path.stat().st_mode) != 0o666


def test_the_socket_is_finished_when_it_gets_its_name(as_root: None, path: Path) -> None:
    """Renaming is the last that is done to it: a client sees it whole or not at all."""
    script = f"""
import os, socket, sys
from pathlib import Path
from authd.unix.sockets import bind
def tell(event, arguments):
    if binding and event in ("os.chmod", "os.chown", "os.rename", "socket.bind"):
        print(event, os.path.lexists({str(path)!r}))
    if binding and event == "os.rename":
        found = os.stat(arguments[0], dir_fd=arguments[2])
        print(oct(found.st_mode), found.st_uid, found.st_gid)
        socket.socket(socket.AF_UNIX).connect(f"/proc/self/fd/{{arguments[2]}}/{{arguments[0]}}")
sys.addaudithook(tell)
binding = True
bind(Path({str(path)!r}), mode=0o640, owner="nobody", group="nogroup", backlog=1)
binding = False  # what measures coverage renames too
"""

    told = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True).stdout

    *before, renaming, found = told.splitlines()
    assert set(before) == {"socket.bind False", "os.chmod False", "os.chown False"}
    assert (renaming, found) == ("os.rename False", f"0o140640 {NOBODY} {NOBODY}")


def test_the_socket_listens_and_never_blocks(path: Path, listen: Callable[..., BoundSocket]) -> None:
    bound = listen()

    with pytest.raises(BlockingIOError):
        bound.socket.accept()
    with connect(path), bound.socket.accept()[0] as connection:
        assert peer_credentials(connection) == sockets.Credentials(os.getpid(), os.getuid(), os.getgid())


def test_only_the_lock_lies_beside_the_socket(path: Path, listen: Callable[..., BoundSocket]) -> None:
    listen()

    assert names(path.parent) == {"mux", "mux.lock"}
    assert stat.S_IMODE(path.with_name("mux.lock").stat().st_mode) == 0o600


def test_a_directory_may_lie_deeper_than_an_address_is_long(tmp_path: Path, listen: Callable[..., BoundSocket]) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)

    listen(deep / "mux")

    assert (deep / "mux").is_socket()


def test_a_dead_socket_is_replaced(path: Path, listen: Callable[..., BoundSocket]) -> None:
    dead_socket(path)

    listen()

    connect(path).close()


@pytest.mark.usefixtures("impatient")
def test_a_live_socket_is_left_alone_and_the_error_says_whose_it_is(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()

        with pytest.raises(SocketError, match="expected nobody to listen there") as caught:
            bind(path, mode=0o660, owner=None, group=None, backlog=1)

        connect(path).close()
    assert str(caught.value).startswith(f"{path}: ")
    command = Path("/proc/self/comm").read_text().strip()
    assert f"got pid {os.getpid()} ({command!r}, uid {os.getuid()})" in str(caught.value)


@pytest.mark.usefixtures("impatient")
def test_a_socket_whose_backlog_is_full_is_alive(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen(0)
        with connect(path), pytest.raises(SocketError, match="its backlog is full"):
            bind(path, mode=0o660, owner=None, group=None, backlog=1)


@pytest.mark.usefixtures("impatient")
def test_a_socket_of_another_kind_is_alive(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(path))

        with pytest.raises(SocketError, match="got a socket that cannot be asked: Protocol wrong type"):
            bind(path, mode=0o660, owner=None, group=None, backlog=1)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (Path.touch, "a file"),
        (Path.mkdir, "a directory"),
        (os.mkfifo, "a FIFO"),
        (lambda path: path.symlink_to("nowhere"), "a symbolic link"),
    ],
)
def test_what_is_no_socket_is_never_removed(path: Path, make: Callable[[Path], None], kind: str) -> None:
    make(path)

    with pytest.raises(SocketError, match=f"expected a socket or nothing, got {kind}"):
        bind(path, mode=0o660, owner=None, group=None, backlog=1)

    assert os.path.lexists(path)
    assert names(path.parent) == {"mux", "mux.lock"}


def test_a_planted_lock_is_not_followed(path: Path, tmp_path: Path) -> None:
    """A hostile owner of the directory must not make root create or lock files elsewhere."""
    path.with_name("mux.lock").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(SocketError, match=r"expected to lock mux\.lock"):
        bind(path, mode=0o660, owner=None, group=None, backlog=1)

    assert names(tmp_path) == {"mux.lock"}


def test_a_missing_directory_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    missing = tmp_path / "sasl authd"

    with pytest.raises(SocketError) as caught:
        bind(missing / "mux", mode=0o660, owner=None, group="nogroup", backlog=1)

    assert str(caught.value).endswith(f"make it: install -d -o root -g nogroup -m 0710 '{missing}'")


@pytest.mark.parametrize("name", ["no-such-name", "", "a\0b"])
@pytest.mark.parametrize(("key", "what"), [("owner", "user"), ("group", "group")])
def test_an_unknown_name_is_told_with_its_key(path: Path, key: str, what: str, name: str) -> None:
    wanted: dict[str, str | None] = {"owner": None, "group": None, key: name}

    with pytest.raises(SocketError, match=f"{key}: expected a {what} of this system, got"):
        bind(path, mode=0o660, backlog=1, **wanted)

    assert names(path.parent) == set()


def test_who_may_not_give_a_socket_away_leaves_nothing_behind(as_root: None, path: Path) -> None:
    script = f"""
import os
from pathlib import Path
from authd.unix.sockets import SocketError, bind
os.setgid({NOBODY})
os.setuid({NOBODY})
try:
    bind(Path("mux"), mode=0o660, owner="root", group=None, backlog=1)
except SocketError as error:
    print(error)
"""
    os.chown(path.parent, NOBODY, NOBODY)

    command = [sys.executable, "-c", script]
    told = subprocess.run(command, cwd=path.parent, stdout=subprocess.PIPE, text=True, check=True).stdout

    assert "owner, group: expected the right to give it to them, got: Operation not permitted" in told
    assert names(path.parent) == {"mux.lock"}


@pytest.mark.usefixtures("impatient")
def test_a_second_instance_is_refused(path: Path, another_process: subprocess.Popen[str]) -> None:
    with pytest.raises(SocketError, match=rf"mux\.lock to be free, got it locked by pid {another_process.pid} "):
        bind(path, mode=0o660, owner=None, group=None, backlog=1)

    assert path.is_socket()


def test_a_killed_instance_is_followed_at_once(
    path: Path, another_process: subprocess.Popen[str], listen: Callable[..., BoundSocket]
) -> None:
    another_process.kill()  # and not waited for

    listen()

    connect(path).close()


def test_unlinking_removes_the_file_and_is_not_asked_twice(path: Path, listen: Callable[..., BoundSocket]) -> None:
    bound = listen()

    bound.unlink()
    bound.unlink()

    assert not path.exists()


def test_a_socket_that_another_put_in_its_place_is_not_removed(path: Path, listen: Callable[..., BoundSocket]) -> None:
    bound = listen()
    path.unlink()
    dead_socket(path)

    bound.unlink()

    assert path.is_socket()


def test_a_directory_that_was_renamed_is_still_the_one(tmp_path: Path, listen: Callable[..., BoundSocket]) -> None:
    (tmp_path / "before").mkdir()
    bound = listen(tmp_path / "before" / "mux")
    (tmp_path / "before").rename(tmp_path / "after")

    bound.unlink()

    assert names(tmp_path / "after") == {"mux.lock"}


def test_whoever_disowned_a_socket_neither_removes_nor_locks_it(path: Path, listen: Callable[..., BoundSocket]) -> None:
    bound = listen()
    bound.disown()

    bound.unlink()

    connect(path).close()
    bound.socket.close()
    listen()


def test_a_child_that_disowned_a_socket_leaves_the_lock_to_its_parent(path: Path) -> None:
    script = f"""
import os, sys
from pathlib import Path
from authd.unix import sockets
sockets.PATIENCE = 0
path = Path({str(path)!r})
bound = sockets.bind(path, mode=0o660, owner=None, group=None, backlog=1)
reading, writing = os.pipe()
disowned, disowning = os.pipe()
child = os.fork()
if child == 0:
    os.close(writing)
    bound.disown()
    bound.unlink()
    os.write(disowning, b".")
    os.read(reading, 1)
    os._exit(0)
os.read(disowned, 1)
try:
    sockets.bind(path, mode=0o660, owner=None, group=None, backlog=1)
except sockets.SocketError as error:
    print("held:", error)
bound.unlink()
bound.close()
sockets.bind(path, mode=0o660, owner=None, group=None, backlog=1)
print("free while the child lives")
os.close(writing)
os.waitpid(child, 0)
"""

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    held, free = done.stdout.splitlines()
    assert "held:" in held
    assert "mux.lock to be free" in held
    assert free == "free while the child lives"
