"""The privileged parent over real processes: root, forks, signals, sockets. Its front is small_front.py."""

import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import authd
import authd_backends
from authd.daemon.account import front_account, stand_in
from authd.unix.privileges import PrivilegeError

PATIENCE = 30.0  # seconds until a test gives up waiting
CAP_SYS_RESOURCE = 1 << 24
FRONT = Path(__file__).with_name("small_front.py")
NOBODY = pwd.getpwnam("nobody")


def wait_until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE} s for: {what}"
        time.sleep(0.01)


@dataclass(frozen=True)
class Code:
    """What runs small_front.py."""

    interpreter: str
    script: Path
    environment: dict[str, str]


def in_place() -> Code:
    return Code(sys.executable, FRONT, dict(os.environ))


def copied_to(place: Path) -> Code:
    for package in authd, authd_backends:
        assert package.__file__
        source = Path(package.__file__).parent
        shutil.copytree(source, place / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(FRONT, place)
    environment = {"PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    return Code(os.path.realpath(sys.executable), place / FRONT.name, environment)


def open_to_all(path: Path) -> bool:
    return all(directory.stat().st_mode & stat.S_IXOTH for directory in path.parents)


@pytest.fixture
def house() -> Iterator[Path]:
    """A directory that every user may enter."""
    if os.geteuid() != 0:
        pytest.fail("the parent is what root starts: run this test as root, or in the tests' box")
    house = Path(tempfile.mkdtemp(prefix="authd-parent-"))
    house.chmod(0o755)
    yield house
    shutil.rmtree(house)


@pytest.fixture
def code(house: Path) -> Code:
    """That of this clone, or a copy where the clone lies below a home that only root may enter."""
    return in_place() if open_to_all(FRONT) and open_to_all(Path(sys.executable)) else copied_to(house)


class Running:
    """A parent, its front, and what they write."""

    def __init__(
        self, house: Path, code: Code, *arguments: str, user: str = "nobody", shutdown_deadline: float = 10.0
    ) -> None:
        self.path = house / "mux"
        self._output = Path(tempfile.mkstemp(dir=house)[1])
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [code.interpreter, code.script, self.path, user, str(shutdown_deadline), *arguments],
                env=code.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait_for(self, text: str, times: int = 1) -> None:
        wait_until(lambda: self.output.count(text) >= times, f"{text!r}, after: {self.output}")

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE)
        client.connect(str(self.path))
        return client

    def tell(self, command: str) -> bytes:
        with self.connect() as client:
            client.sendall(command.encode())
            try:
                return client.recv(65536)
            except ConnectionResetError:  # it died before it read
                return b""

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.tell("report"))
        return found

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def kill_all(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # a session of its own: the parent and its fronts
        self.process.wait()


@pytest.fixture
def start(house: Path, code: Code) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(*arguments: str, code: Code = code, **options: Any) -> Running:
        started.append(Running(house, code, *arguments, **options))
        return started[-1]

    yield start
    for each in started:
        each.kill_all()


@pytest.fixture
def running(start: Callable[..., Running]) -> Running:
    running = start()
    running.wait_for("serving")
    return running


def gone(pid: int) -> bool:
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


def test_the_front_is_nobody_and_has_nothing_of_root(running: Running) -> None:
    report = running.report()

    assert report["parent"] == running.process.pid
    assert report["uids"] == [NOBODY.pw_uid] * 3
    assert report["gids"] == [NOBODY.pw_gid] * 3
    assert report["capabilities"] == [0, 0, 0, 0]


def test_the_front_holds_its_listeners_the_lifeline_and_the_channel_and_no_other_descriptor(running: Running) -> None:
    assert running.report()["descriptors"] == [*["connection"] * 2, *["listener"] * 2, "pipe"]


def test_the_front_starts_with_signals_and_oom_score_of_a_fresh_process(running: Running) -> None:
    report = running.report()

    assert report["blocked signals"] == 0
    assert report["oom score"] == int(Path("/proc/self/oom_score_adj").read_text())


def test_neither_front_nor_parent_leaves_a_core_dump(running: Running) -> None:
    report = running.report()
    limits = Path(f"/proc/{running.process.pid}/limits").read_text()

    assert (report["dumpable"], report["core limit"]) == (0, [0, 0])
    assert "Max core file size 0 0 bytes" in " ".join(limits.split())


def test_the_parent_has_not_imported_what_only_the_front_needs(running: Running) -> None:
    assert running.report()["asyncio"] is False


def test_the_oom_killer_spares_the_parent_where_the_kernel_lets_us(running: Running) -> None:
    capabilities = Path("/proc/self/status").read_text().partition("CapEff:\t")[2].partition("\n")[0]
    expected = "-1000\n" if int(capabilities, 16) & CAP_SYS_RESOURCE else Path("/proc/self/oom_score_adj").read_text()

    assert Path(f"/proc/{running.process.pid}/oom_score_adj").read_text() == expected


def test_a_front_that_died_is_followed_by_another_and_no_client_is_refused(running: Running) -> None:
    first = running.report()["pid"]
    running.tell("die 9")

    waiting = [running.connect() for _ in range(50)]
    for client in waiting:
        client.sendall(b"report")
    reports = [json.loads(client.recv(65536)) for client in waiting]
    for client in waiting:
        client.close()

    assert {report["pid"] for report in reports}.isdisjoint({first})
    assert f"the front (pid {first}) was killed by SIGKILL: starting one in 0.1 s" in running.output


def test_a_defect_is_logged_and_survived(running: Running) -> None:
    running.tell("raise")

    running.wait_for("serving", times=2)
    assert "RuntimeError: a defect" in running.output
    assert "ended with status 1: starting one in 0.1 s" in running.output


def test_a_front_that_dies_again_and_again_is_started_ever_more_slowly(start: Callable[..., Running]) -> None:
    running = start("end 3")

    running.wait_for("starting one in 0.8 s")

    assert [line.rpartition(" in ")[2] for line in running.output.splitlines() if "starting one" in line] == [
        "0.1 s",
        "0.2 s",
        "0.4 s",
        "0.8 s",
    ]
    assert running.end() == 0
    assert not running.path.exists()


@pytest.mark.parametrize("status", [0, 2])
def test_a_front_that_ends_on_purpose_ends_the_parent(running: Running, status: int) -> None:
    running.tell(f"end {status}")

    assert running.process.wait(PATIENCE) == status
    assert not running.path.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_both_end_and_whoever_waits_is_answered(running: Running, number: signal.Signals) -> None:
    front = running.report()["pid"]
    os.kill(front, signal.SIGSTOP)  # so that all of them wait in the backlog
    waiting = [running.connect() for _ in range(20)]
    for client in waiting:
        client.sendall(b"report")

    running.process.send_signal(number)
    wait_until(lambda: not running.path.exists(), "the socket file to go")
    os.kill(front, signal.SIGCONT)

    assert running.process.wait(PATIENCE) == 0
    for client in waiting:
        with client:
            assert json.loads(client.recv(65536))["pid"] == front
    assert gone(front)


def test_a_front_that_does_not_end_is_killed_in_the_end(start: Callable[..., Running]) -> None:
    running = start("be deaf", shutdown_deadline=1.0)
    running.wait_for("serving")
    front = running.report()["pid"]

    assert running.end() == 1

    assert f"the front (pid {front}) did not end within 3 s: killing it" in running.output
    assert gone(front)
    assert not running.path.exists()


def test_another_can_start_while_the_front_still_answers(start: Callable[..., Running]) -> None:
    ending = start("be deaf", shutdown_deadline=600.0)
    ending.wait_for("serving")

    ending.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not ending.path.exists(), "the socket file to go")
    another = start()

    another.wait_for("serving")
    assert ending.process.poll() is None


def test_whoever_is_left_in_the_backlog_is_told_by_the_end_of_the_stream(start: Callable[..., Running]) -> None:
    running = start("be deaf", shutdown_deadline=1.0)
    running.wait_for("serving")
    os.kill(running.report()["pid"], signal.SIGSTOP)

    with running.connect() as client:
        running.end()
        with suppress(ConnectionResetError):
            assert client.recv(100) == b""


def test_a_reload_is_passed_on(running: Running) -> None:
    front = running.report()["pid"]

    running.process.send_signal(signal.SIGHUP)

    running.wait_for("told to reload")
    assert running.report()["pid"] == front


def test_a_reload_before_the_front_listens_to_it_kills_nobody(start: Callable[..., Running]) -> None:
    running = start("sleep")
    running.wait_for("starting")

    running.process.send_signal(signal.SIGHUP)

    assert running.end() == 0
    assert "SIGHUP" not in running.output


def test_a_reload_before_the_front_listens_to_it_is_not_missed(start: Callable[..., Running]) -> None:
    running = start("miss SIGHUP")
    running.wait_for("starting")

    running.process.send_signal(signal.SIGHUP)

    running.wait_for("told to reload")


def test_a_reload_while_the_front_is_dead_is_passed_on_to_the_next(running: Running) -> None:
    front = running.report()["pid"]
    running.process.send_signal(signal.SIGSTOP)
    os.kill(front, signal.SIGKILL)
    wait_until(lambda: gone(front), "the front to end")

    running.process.send_signal(signal.SIGHUP)
    running.process.send_signal(signal.SIGCONT)

    running.wait_for("told to reload")
    assert running.report()["pid"] != front


def test_a_front_whose_parent_was_killed_ends_and_a_new_parent_takes_over(
    running: Running, start: Callable[..., Running]
) -> None:
    front = running.report()["pid"]

    running.end(signal.SIGKILL)
    again = start()

    again.wait_for("serving")
    assert again.report()["parent"] == again.process.pid
    wait_until(lambda: gone(front), "the front to end")


def test_a_front_cannot_remove_what_the_parent_made(running: Running) -> None:
    assert running.tell("unlink") == b"done"

    assert running.path.is_socket()


def test_code_that_the_account_cannot_read_is_told_with_what_mends_it(
    house: Path, start: Callable[..., Running]
) -> None:
    """As with a clone below root's home directory."""
    home = house / "home"
    home.mkdir(0o700)

    running = start(code=copied_to(home))

    assert running.process.wait(PATIENCE) == 2
    assert f"{home}: expected a directory that nobody may enter to {home / 'authd/__init__.py'}" in running.output
    assert f"or chmod o+x {home}\n" in running.output
    assert not running.path.exists()


def test_an_account_that_is_root_is_refused(start: Callable[..., Running]) -> None:
    running = start(user="root")

    assert running.process.wait(PATIENCE) == 2
    assert "root: expected to have lost uid 0 for good, got it back" in running.output


def test_without_the_default_user_the_front_is_nobody() -> None:
    assert stand_in("authd", needs_helper=False) == "nobody"


@pytest.mark.parametrize(("user", "needs_helper"), [("authd", True), ("mail auth", False)])
def test_a_user_that_something_depends_on_has_to_exist(user: str, needs_helper: bool) -> None:
    with pytest.raises(PrivilegeError, match=r"server\.user: expected a user of this system") as caught:
        stand_in(user, needs_helper=needs_helper)

    quoted = f"'{user}'" if " " in user else user
    assert str(caught.value).endswith(f"useradd --system --home /nonexistent --shell /usr/sbin/nologin {quoted}")


def test_a_missing_user_that_was_named_is_not_replaced() -> None:
    with pytest.raises(PrivilegeError, match="got 'no-such-user'; make it: useradd"):
        front_account("no-such-user", needs_helper=False)


def test_an_existing_account_is_looked_up() -> None:
    assert front_account("nobody", needs_helper=True).uid == NOBODY.pw_uid
