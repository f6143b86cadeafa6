import asyncio
import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from authd.observe import targets
from authd.observe.targets import StderrTarget, TargetHandler

PID = os.getpid()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        with suppress(OSError):
            os.close(descriptor)


def test_before_the_loop_runs_a_line_is_written_at_once(pipe: tuple[int, int]) -> None:
    StderrTarget(pipe[1]).write("hello")

    assert os.read(pipe[0], 100) == f"authd[{PID}]: hello\n".encode()


def test_on_the_loop_the_lines_of_a_moment_are_written_together(pipe: tuple[int, int]) -> None:
    async def live() -> bytes:
        target = StderrTarget(pipe[1])
        target.attach(asyncio.get_running_loop())
        target.write("one")
        target.write("two", "saslauthd")
        await asyncio.sleep(2 * targets.GATHERING)
        return os.read(pipe[0], 100)

    assert asyncio.run(live()) == f"authd[{PID}]: one\nsaslauthd[{PID}]: two\n".encode()


def test_lines_of_other_threads_come_through_the_loop(pipe: tuple[int, int]) -> None:
    async def live() -> bytes:
        target = StderrTarget(pipe[1])
        target.attach(asyncio.get_running_loop())
        thread = threading.Thread(target=target.write, args=("from a thread",))
        thread.start()
        thread.join()
        await asyncio.sleep(2 * targets.GATHERING)
        return os.read(pipe[0], 100)

    assert asyncio.run(live()) == f"authd[{PID}]: from a thread\n".encode()


def test_a_reader_that_does_not_read_never_stops_us_and_is_told_how_much_it_missed(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "MAX_WAITING", 10_000)
    monkeypatch.setattr(targets, "RETRY", 0.001)
    reader, writer = pipe
    capacity = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    line = "x" * 100
    sent = 1000

    async def live() -> bytes:
        target = StderrTarget(writer)
        target.attach(asyncio.get_running_loop())
        for _ in range(sent):
            target.write(line)
        await asyncio.sleep(2 * targets.GATHERING)
        received = os.read(reader, capacity)
        os.set_blocking(reader, False)
        target.write("the last")
        async with asyncio.timeout(20):
            while b"the last" not in received:
                await asyncio.sleep(0.001)
                try:
                    received += os.read(reader, capacity)
                except BlockingIOError:
                    continue
        return received

    got = asyncio.run(live()).decode().splitlines()

    whole = [each for each in got if each == f"authd[{PID}]: {line}"]
    (note,) = [each for each in got if "lines left out: nobody read them in time" in each]
    assert len(whole) + int(note.split()[1]) == sent
    assert got[-1] == f"authd[{PID}]: the last"


def test_a_reader_that_has_gone_is_nobody_s_trouble(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])

    StderrTarget(pipe[1]).write("to nobody")


def test_a_reader_that_goes_with_the_pipe_full_is_not_waited_for(pipe: tuple[int, int]) -> None:
    async def live() -> None:
        target = StderrTarget(pipe[1])
        target.attach(asyncio.get_running_loop())
        for _ in range(1000):
            target.write("x" * 1000)
        target.flush()
        assert target._waiting
        os.close(pipe[0])
        target.flush()
        assert not target._waiting

    asyncio.run(live())


def test_what_a_full_disk_did_not_take_is_counted(pipe: tuple[int, int]) -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    try:
        target = StderrTarget(descriptor)
        target.write("lost")
        os.dup2(pipe[1], descriptor)
        target.write("again")
    finally:
        os.close(descriptor)

    note = f"authd[{PID}]: 1 lines left out: nobody read them in time\n"
    assert os.read(pipe[0], 1000) == f"{note}authd[{PID}]: again\n".encode()


def test_what_logging_is_told_is_one_line_whatever_it_holds(pipe: tuple[int, int]) -> None:
    logger = logging.getLogger("a test of targets")
    handler = TargetHandler(StderrTarget(pipe[1]))
    logger.addHandler(handler)
    try:
        logger.warning("user %s", "ev\x1b[31mil\nforged \udcff")
    finally:
        logger.removeHandler(handler)

    assert os.read(pipe[0], 200) == rf"authd[{PID}]: warning: user ev\x1b[31mil\nforged \udcff".encode() + b"\n"


def test_a_defect_is_told_with_the_way_to_it_and_without_the_error_s_text(pipe: tuple[int, int]) -> None:
    logger = logging.getLogger("another test of targets")
    handler = TargetHandler(StderrTarget(pipe[1]))
    logger.addHandler(handler)
    try:
        raise ValueError("what a client sent")
    except ValueError:
        logger.exception("the front failed")
    finally:
        logger.removeHandler(handler)

    told = os.read(pipe[0], 1000).decode()
    assert f"authd[{PID}]: error: the front failed: ValueError at {__file__}:" in told
    assert "what a client sent" not in told
