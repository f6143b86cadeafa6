"""What the helper promises to the front, to the machine, and against whoever else comes to its socket."""

import ast
import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from authd.helper.client import HelperClient
from authd.helper.frames import MAX_FRAME, Check, Hello, encode
from authd_backends import Client, Outcome, Request, Secret, Verdict
from tests.daemon.running import until
from tests.daemon.small_helper import DIGEST

SCRIPT = Path(__file__).with_name("small_helper.py")
SHORT = 1.5  # seconds of check_deadline, where a check does not end by itself; other ones have all the time they need
NOBODY = 65534


class Running:
    def __init__(self, process: "subprocess.Popen[bytes]", directory: Path) -> None:
        self.process = process
        self.directory = directory
        self.path = directory / "helper.sock"

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()

    def children(self) -> list[int]:
        return children(self.process.pid)

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def client(self, backend: str = "deeds", configuration: bytes = DIGEST) -> HelperClient:
        return HelperClient(backend, self.path, configuration, 1, time.monotonic)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def helper(
    directory: Path,
    *,
    uid: int = os.getuid(),
    check_deadline: float = 600,
    frame_deadline: float = 60,
    max_checks: int = 1000,
    max_memory: int = 1 << 30,
    max_workers: int = 64,
) -> Iterator[Running]:
    path = directory / "helper.sock"
    arguments = [path, uid, check_deadline, frame_deadline, max_checks, max_memory, max_workers]
    log = directory / "log"
    with log.open("wb") as written:
        process = subprocess.Popen([sys.executable, SCRIPT, *map(str, arguments)], stdout=written, stderr=written)
    running = Running(process, directory)
    try:
        until(lambda: "serving" in running.log or process.poll() is not None, "the helper")
        yield running
    finally:
        process.terminate()
        process.wait(60)
        print(running.log)  # noqa: T201  # pytest shows it with a failure
    assert process.returncode in (0, -signal.SIGKILL)


def request(login: str, password: bytes = b"right", client: Client | None = None) -> Request:
    return Request(login, Secret(password), client=client)


def run(client: HelperClient, asked: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    async def live() -> Any:
        try:
            return await asked()
        finally:
            client.close()

    return asyncio.run(live())


def check(running: Running, *logins: str) -> list[Verdict]:
    client = running.client()

    async def live() -> list[Verdict]:
        return [await client.check(request(login)) for login in logins]

    verdicts: list[Verdict] = run(client, live)
    return verdicts


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def as_nobody(command: str, path: Path) -> "subprocess.Popen[str]":
    """Run Python code as a user of no rights, to whom a path is opened."""
    for directory in path.parents:
        with suppress(PermissionError):
            directory.chmod(directory.stat().st_mode | 0o711)
    become = ["setpriv", f"--reuid={NOBODY}", "--clear-groups", "/usr/bin/python3", "-c", command]
    return subprocess.Popen(become, stdout=subprocess.PIPE, text=True)


def test_it_answers_who_asks_with_the_whole_verdict(tmp_path: Path) -> None:
    with helper(tmp_path) as running:
        client = running.client()

        async def live() -> list[Verdict]:
            right = await client.check(request("alice", client=Client("192.0.2.1", 25)))
            return [right, await client.check(request("alice", b"wrong"))]

        right, wrong = run(client, live)

    assert (right.outcome, wrong.outcome) == (Outcome.ACCEPTED, Outcome.WRONG_PASSWORD)
    assert "Client(address='192.0.2.1', port=25)" in right.reason
    assert wrong.delay == 1.5
    assert right.reason.split()[0] == wrong.reason.split()[0], "one worker for both"


@pytest.mark.parametrize("deed", ["sleep 600", "spin", "block"])
def test_a_check_that_hangs_is_killed_at_its_deadline_and_nobody_else_notices(tmp_path: Path, deed: str) -> None:
    with helper(tmp_path, check_deadline=SHORT) as running:
        client = running.client()

        async def live() -> tuple[Verdict, list[Verdict]]:
            hanging = asyncio.create_task(client.check(request(deed)))
            others = [await client.check(request("alice")) for _ in range(5)]
            return await hanging, [*others, await client.check(request("alice"))]

        hung, others = run(client, live)

        assert hung == Verdict(Outcome.UNAVAILABLE, "the worker was killed by SIGKILL")
        assert {verdict.outcome for verdict in others} == {Outcome.ACCEPTED}
        assert client.counters.deaths == {"killed": 1, "crashed": 0, "exited": 0}
        assert running.log.count("was killed by SIGKILL") == 1


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("crash", "the worker was killed by SIGSEGV"),
        ("exit 3", "the worker ended with status 3"),
        ("exit 0", "the worker ended with status 0"),
        ("close", "the worker ended with status 1"),
        ("replace", "the worker ended with status 1"),
    ],
)
def test_a_check_that_ends_its_worker_is_one_outage_with_its_cause(tmp_path: Path, deed: str, reason: str) -> None:
    with helper(tmp_path) as running:
        _, ended, after = check(running, "alice", deed, "alice")

        assert ended == Verdict(Outcome.UNAVAILABLE, reason)
        assert after.outcome is Outcome.ACCEPTED
        assert running.log.count(reason.removeprefix("the worker ")) == 1


@pytest.mark.parametrize("text", ["\0\7\3\0\1", "no frame at all", "\0\1\3", "\xff" * 5000])
def test_what_a_check_writes_to_its_descriptors_is_no_answer(tmp_path: Path, text: str) -> None:
    with helper(tmp_path, check_deadline=SHORT) as running:
        garbled, after = check(running, f"garbage {text}", "alice")

    assert garbled.outcome is Outcome.UNAVAILABLE
    assert after.outcome is Outcome.ACCEPTED


def test_a_check_that_forks_and_returns_twice_answers_nobody_else(tmp_path: Path) -> None:
    with helper(tmp_path, check_deadline=SHORT) as running:
        client = running.client()

        async def live() -> list[Verdict]:
            first = await client.check(request("return_twice"))
            return [first, await client.check(request("sleep 0.4", b"wrong")), await client.check(request("alice"))]

        outcomes = [verdict.outcome for verdict in run(client, live)]

    assert outcomes == [Outcome.ACCEPTED, Outcome.WRONG_PASSWORD, Outcome.ACCEPTED]


def test_what_a_check_raises_is_an_outage_and_its_text_is_told_to_nobody(tmp_path: Path) -> None:
    with helper(tmp_path) as running:
        raised, after = check(running, "raise", "alice")

        assert raised == Verdict(Outcome.UNAVAILABLE, "defect: ValueError")
        assert after.outcome is Outcome.ACCEPTED
        assert "secret" not in running.log


@pytest.mark.parametrize("deed", ["child", "orphan"])
def test_what_a_check_leaves_behind_does_not_outlive_it_for_long(tmp_path: Path, deed: str) -> None:
    with helper(tmp_path, check_deadline=SHORT) as running:
        (verdict,) = check(running, deed)
        child = int((tmp_path / "child").read_text())

        assert verdict.outcome is Outcome.ACCEPTED
        until(lambda: gone(child), "the child to be killed")
        assert check(running, "alice")[0].outcome is Outcome.ACCEPTED


def test_a_hanging_check_s_children_die_with_it(tmp_path: Path) -> None:
    with helper(tmp_path, check_deadline=SHORT) as running:
        client = running.client()

        async def live() -> Verdict:
            await client.check(request("child"))
            return await client.check(request("sleep 600"))

        hung = run(client, live)

        assert hung.outcome is Outcome.UNAVAILABLE
        until(lambda: gone(int((tmp_path / "child").read_text())), "the child to be killed")


def test_a_worker_is_replaced_after_so_many_checks_and_nobody_notices(tmp_path: Path) -> None:
    with helper(tmp_path, max_checks=3) as running:
        verdicts = check(running, *["alice"] * 10)

    assert {verdict.outcome for verdict in verdicts} == {Outcome.ACCEPTED}
    workers = [verdict.reason.split()[0] for verdict in verdicts]
    assert [workers.count(worker) for worker in dict.fromkeys(workers)] == [3, 3, 3, 1]


def test_a_worker_that_has_grown_is_replaced(tmp_path: Path) -> None:
    with helper(tmp_path, max_memory=64 << 20) as running:
        verdicts = check(running, "alice", "alice", f"leak {80 << 20}", "alice")

    workers = [verdict.reason.split()[0] for verdict in verdicts]
    assert workers[0] == workers[1] == workers[2] != workers[3]
    assert {verdict.outcome for verdict in verdicts} == {Outcome.ACCEPTED}


@pytest.mark.parametrize("deed", ["open 300", f"become {NOBODY}"])
def test_a_worker_that_a_check_has_changed_is_replaced(tmp_path: Path, deed: str) -> None:
    with helper(tmp_path) as running:
        verdicts = check(running, "alice", deed, "alice")

    workers = [verdict.reason.split()[0] for verdict in verdicts]
    assert workers[0] == workers[1] != workers[2]
    assert {verdict.outcome for verdict in verdicts} == {Outcome.ACCEPTED}


def test_idle_workers_go_but_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authd.helper.client.IDLE", 0.2)
    with helper(tmp_path) as running:
        client = running.client()

        async def live() -> list[int]:
            await asyncio.gather(*[client.check(request("sleep 0.1")) for _ in range(3)])
            counts = [len(running.children())]
            while len(running.children()) > 1:
                await asyncio.sleep(0.01)
            return [*counts, len(running.children())]

        assert run(client, live) == [3, 1]


def test_a_worker_that_dies_while_nobody_asks_is_not_missed(tmp_path: Path) -> None:
    with helper(tmp_path) as running:
        client = running.client()

        async def live() -> list[Verdict]:
            before = await client.check(request("alice"))
            os.kill(running.children()[0], signal.SIGKILL)
            until(lambda: not running.children(), "the worker to be collected")
            return [before, await client.check(request("alice"))]

        verdicts = run(client, live)

    assert {verdict.outcome for verdict in verdicts} == {Outcome.ACCEPTED}


def test_a_check_that_the_front_has_given_up_holds_no_worker(tmp_path: Path) -> None:
    """Its deadline may be shorter than the worker's own, and the front may have been started anew."""
    with helper(tmp_path, max_workers=1) as running:
        client = running.client()

        async def live() -> None:
            with suppress(TimeoutError):
                await asyncio.wait_for(client.check(request("block")), 0.5)

        run(client, live)

        until(lambda: check(running, "alice")[0].outcome is Outcome.ACCEPTED, "the worker to be free")


@pytest.mark.timeout(600)
def test_a_hundred_thousand_checks_leave_no_zombie_and_no_descriptor(tmp_path: Path) -> None:
    with helper(tmp_path, max_checks=100) as running:
        before = running.descriptors()

        verdicts = check(running, *["alice"] * 100_000)

        assert {verdict.outcome for verdict in verdicts} == {Outcome.ACCEPTED}
        until(lambda: not running.children(), "the last worker to be collected")
        until(lambda: running.descriptors() <= before, "the last descriptor to be closed")


@pytest.mark.timeout(600)
def test_a_thousand_deaths_leave_no_zombie_and_no_descriptor(tmp_path: Path) -> None:
    with helper(tmp_path) as running:
        before = running.descriptors()
        check(running, "alice")
        deaths = 1000
        verdicts = check(running, *["exit 1"] * deaths)

        assert {verdict.outcome for verdict in verdicts} == {Outcome.UNAVAILABLE}
        until(lambda: not running.children(), "the last worker to be collected")
        until(lambda: running.descriptors() <= before, "the last descriptor to be closed")
        assert check(running, "alice")[0].outcome is Outcome.ACCEPTED


def test_another_configuration_is_an_outage_and_told(tmp_path: Path) -> None:
    with helper(tmp_path) as running:
        client = running.client(configuration=b"another")
        verdict = run(client, lambda: client.check(request("alice")))

        assert verdict.outcome is Outcome.UNAVAILABLE
        assert "different configurations" in verdict.reason


def test_the_front_cannot_ask_for_a_backend_that_is_not_the_helper_s(tmp_path: Path) -> None:
    with helper(tmp_path) as running:
        client = running.client(backend="/etc/shadow")

        assert run(client, lambda: client.check(request("alice"))).outcome is Outcome.UNAVAILABLE


def test_no_helper_is_an_outage(tmp_path: Path) -> None:
    client = HelperClient("deeds", tmp_path / "helper.sock", DIGEST, 1, time.monotonic)

    verdict = run(client, lambda: client.check(request("alice")))

    assert verdict == Verdict(Outcome.UNAVAILABLE, f"helper {tmp_path}/helper.sock: No such file or directory")


def test_somebody_else_who_listens_there_is_told_no_password(tmp_path: Path) -> None:
    path = tmp_path / "helper.sock"
    tmp_path.chmod(0o777)
    client = HelperClient("deeds", path, DIGEST, 1, time.monotonic)
    listening = f"s = socket.socket(1); s.bind({str(path)!r}); s.listen(); print('listening', flush=True)"
    with as_nobody(f"import socket; {listening}; print(s.accept()[0].recv(100))", path) as somebody:
        assert somebody.stdout is not None
        assert somebody.stdout.readline() == "listening\n"

        verdict = run(client, lambda: client.check(request("alice")))

        reason = f"helper {path}: expected a socket at which root listens, got uid {NOBODY}"
        assert verdict == Verdict(Outcome.UNAVAILABLE, reason)
        assert somebody.communicate(timeout=60)[0] == "b''\n"


def test_a_helper_that_comes_back_is_found_again(tmp_path: Path) -> None:
    with helper(tmp_path) as first:
        client = first.client()

        async def live() -> list[Outcome]:
            outcomes = [(await client.check(request("alice"))).outcome]
            first.process.kill()
            first.process.wait()
            outcomes.append((await client.check(request("alice"))).outcome)
            with helper(tmp_path):
                outcomes.append((await client.check(request("alice"))).outcome)
            return outcomes

        outcomes = run(client, live)

    assert outcomes == [Outcome.ACCEPTED, Outcome.UNAVAILABLE, Outcome.ACCEPTED]


def test_workers_end_with_the_helper(tmp_path: Path) -> None:
    with helper(tmp_path) as running, _connected(running) as line:
        line.sendall(encode(Hello("deeds", DIGEST)) + encode(Check(request("alice"))))
        assert line.recv(100)
        (worker,) = running.children()

        running.process.kill()

        until(lambda: gone(worker), "the worker to die with its parent")


def test_what_checks_left_behind_ends_with_the_helper(tmp_path: Path) -> None:
    with helper(tmp_path) as running:
        check(running, "child")
        child = int((tmp_path / "child").read_text())
        grandchildren = children(child)

        running.process.terminate()
        running.process.wait(60)

        assert grandchildren
        assert all(map(gone, [child, *grandchildren]))


def test_a_worker_has_its_connection_and_nothing_else_of_the_world_around(tmp_path: Path) -> None:
    with helper(tmp_path) as running:
        check(running, "report")

    report = ast.literal_eval((tmp_path / "report").read_text())
    assert report["environment"] == {"PATH": "/usr/bin:/bin"}
    assert len(report["descriptors"]) == 5  # three streams, the connection, and the one it lists them by
    assert report["group"] is True


@contextmanager
def _connected(running: Running) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(60)
        line.connect(str(running.path))
        yield line


def _closed(line: socket.socket) -> bool:
    try:
        return line.recv(100) == b""
    except ConnectionResetError:
        return True


def test_another_uid_is_refused_unheard(tmp_path: Path) -> None:
    other = os.getuid() + 1
    with helper(tmp_path, uid=other) as running:
        connecting = f"s = socket.socket(1); s.connect({str(running.path)!r}); print(s.recv(10))"
        with as_nobody(f"import socket\nfor _ in range(1000): {connecting}", running.path) as nobody:
            printed, _ = nobody.communicate(timeout=60)

        assert printed == "b''\n" * 1000
        assert running.log.count(f"refused uid {NOBODY}") == 1, "told once for many"
        assert running.children() == []


def test_random_bytes_end_their_connection_and_nothing_else(tmp_path: Path) -> None:
    chance = random.Random(1)
    with helper(tmp_path) as running:
        for _ in range(50):
            with _connected(running) as line:
                with suppress(OSError):
                    line.sendall(chance.randbytes(chance.randrange(1, 2000)))
                line.shutdown(socket.SHUT_WR)
                assert _closed(line)
        assert check(running, "alice")[0].outcome is Outcome.ACCEPTED
        until(lambda: not running.children(), "the workers to end")


@pytest.mark.parametrize("said", [b"", b"\0", encode(Hello("deeds", DIGEST)), encode(Hello("deeds", DIGEST)) + b"\0"])
def test_who_says_too_little_holds_a_worker_for_a_bounded_time(tmp_path: Path, said: bytes) -> None:
    with helper(tmp_path, frame_deadline=0.5) as running, _connected(running) as line:
        line.sendall(said)

        assert _closed(line)
        until(lambda: not running.children(), "the worker to end")
        assert "was killed" not in running.log


def test_drop_after_drop_is_bounded_too(tmp_path: Path) -> None:
    frame = encode(Hello("deeds", DIGEST * 100))
    with helper(tmp_path, frame_deadline=0.5) as running, _connected(running) as line:
        line.settimeout(0.1)
        sent = 0
        with suppress(BrokenPipeError):
            for sent, drop in enumerate(frame):  # noqa: B007  # how many is what is asked
                line.send(bytes([drop]))
                with suppress(TimeoutError):
                    assert line.recv(1) == b""

        assert sent < 20
        until(lambda: not running.children(), "the worker to end")


def test_a_frame_that_is_too_long_ends_its_connection_at_once(tmp_path: Path) -> None:
    with helper(tmp_path) as running, _connected(running) as line:
        line.sendall((MAX_FRAME + 1).to_bytes(2, "big"))

        assert _closed(line)


def test_ten_thousand_connections_are_refused_or_bounded_and_the_next_check_works(tmp_path: Path) -> None:
    with helper(tmp_path, frame_deadline=1, max_workers=4) as running:
        before = running.descriptors()
        held = deque[socket.socket]()
        for _ in range(10_000):
            held.append(socket.socket(socket.AF_UNIX))
            held[-1].connect(str(running.path))
            if len(held) > 500:
                held.popleft().close()
        until(lambda: check(running, "alice")[0].outcome is Outcome.ACCEPTED, "a check among those that say nothing")
        assert running.descriptors() <= before + 4
        while held:
            held.pop().close()


def test_more_connections_than_workers_are_refused_and_hold_nothing(tmp_path: Path) -> None:
    with helper(tmp_path, max_workers=4) as running:
        held = []
        for _ in range(300):
            line = socket.socket(socket.AF_UNIX)
            line.connect(str(running.path))
            held.append(line)
        until(lambda: "all 4 workers are busy" in running.log, "a refusal")
        assert len(running.children()) <= 4
        for line in held:
            line.close()
        until(lambda: check(running, "alice")[0].outcome is Outcome.ACCEPTED, "the refused ones to be gone")
        assert running.log.count("all 4 workers are busy") == 1, "told once for many"
