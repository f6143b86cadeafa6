import asyncio
import fcntl
import logging
import os
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from authd.config.settings import LogLevel
from authd.observe import targets
from authd.observe.stderr import Stderr
from authd.observe.targets import Target, TargetHandler, set_up_logging

PID = os.getpid()


@contextmanager
def logger_of(target: Target) -> Iterator[logging.Logger]:
    logger = logging.getLogger("a test of targets")
    logger.propagate = False
    logger.addHandler(TargetHandler(target))
    try:
        yield logger
    finally:
        logger.handlers.clear()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        with suppress(OSError):
            os.close(descriptor)


def test_before_the_loop_runs_a_line_is_written_at_once(pipe: tuple[int, int]) -> None:
    Target(Stderr(pipe[1])).write("hello")

    assert os.read(pipe[0], 100) == f"authd[{PID}]: hello\n".encode()


def test_on_the_loop_the_lines_of_a_moment_are_written_together(pipe: tuple[int, int]) -> None:
    async def live() -> bytes:
        target = Target(Stderr(pipe[1]))
        target.attach(asyncio.get_running_loop())
        target.write("one")
        target.write("two", "saslauthd")
        await asyncio.sleep(2 * targets.GATHERING)
        return os.read(pipe[0], 100)

    assert asyncio.run(live()) == f"authd[{PID}]: one\nsaslauthd[{PID}]: two\n".encode()


def test_lines_of_other_threads_come_through_the_loop(pipe: tuple[int, int]) -> None:
    async def live() -> bytes:
        target = Target(Stderr(pipe[1]))
        target.attach(asyncio.get_running_loop())
        with logger_of(target) as logger:
            thread = threading.Thread(target=logger.warning, args=("from a thread",))
            thread.start()
            thread.join()
            await asyncio.sleep(2 * targets.GATHERING)
        return os.read(pipe[0], 100)

    assert asyncio.run(live()) == f"authd[{PID}]: warning: from a thread\n".encode()


def test_a_reader_that_does_not_read_never_stops_us_and_is_told_how_much_it_missed(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    capacity = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(reader, False)
    line = "x" * 3000
    sent = 1000

    async def live() -> bytes:
        nonlocal sent
        target = Target(Stderr(writer))
        target.attach(asyncio.get_running_loop())
        received = b""
        with logger_of(target) as logger:
            for _ in range(sent):
                logger.warning(line)
            async with asyncio.timeout(30):
                while not received.endswith(b"the last\n"):
                    await asyncio.sleep(0.001)
                    try:
                        received += os.read(reader, capacity)
                    except BlockingIOError:  # all that waited has come
                        logger.warning("the last")
                        sent += 1
            target.flush()
            with suppress(BlockingIOError):
                received += os.read(reader, capacity)
        return received

    got = asyncio.run(live()).decode().splitlines()

    missed = [int(each.split()[2]) for each in got if "lines left out: nobody read them in time" in each]
    assert missed
    assert len(got) - len(missed) + sum(missed) == sent
    assert sum(map(len, got)) <= targets.MAX_WAITING + capacity


def test_what_may_come_in_floods_leaves_room_for_the_rest(pipe: tuple[int, int]) -> None:
    async def live() -> None:
        target = Target(Stderr(pipe[1]))
        target.attach(asyncio.get_running_loop())
        while target.write("x" * 3000, most=targets.DISPENSABLE):
            pass

        assert target.write("x" * 3000)

    asyncio.run(live())


def test_a_reader_that_has_gone_is_nobody_s_trouble(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])

    Target(Stderr(pipe[1])).write("to nobody")


def test_a_reader_that_goes_with_the_pipe_full_is_not_waited_for(pipe: tuple[int, int]) -> None:
    async def live() -> None:
        target = Target(Stderr(pipe[1]))
        target.attach(asyncio.get_running_loop())
        for _ in range(1000):
            target.write("x" * 1000)
        target.flush()
        os.close(pipe[0])
        target.flush()
        for _ in range(1000):
            target.write("x" * 1000)

        assert not target.write("x" * 1000), "what waits is bounded"

    asyncio.run(live())


def test_what_a_full_disk_did_not_take_is_written_when_there_is_room(pipe: tuple[int, int]) -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    try:
        target = Target(Stderr(descriptor))
        target.write("one")
        os.dup2(pipe[1], descriptor)
        target.write("two")
    finally:
        os.close(descriptor)

    assert os.read(pipe[0], 1000) == f"authd[{PID}]: one\nauthd[{PID}]: two\n".encode()


def test_a_slow_reader_has_a_moment_at_the_end(pipe: tuple[int, int]) -> None:
    line = "x" * 1000
    target = Target(Stderr(pipe[1]))

    async def live() -> None:
        target.attach(asyncio.get_running_loop())
        for _ in range(200):
            target.write(line)

    asyncio.run(live())
    received = bytearray()

    def read() -> None:
        while not received.endswith(b"the end\n"):
            received.extend(os.read(pipe[0], 10_000))

    reader = threading.Thread(target=read)
    reader.start()
    target.write("the end")
    target.detach(30)
    reader.join(30)

    assert received.count(line.encode()) == 200


def test_what_waits_for_a_slow_reader_outlives_the_handler_that_brought_it(pipe: tuple[int, int]) -> None:
    fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, 4096)

    async def live() -> bytes:
        target = Target(Stderr(pipe[1]))
        target.attach(asyncio.get_running_loop())
        with logger_of(target) as logger:
            for _ in range(10):
                logger.warning("x" * 3000)
            target.flush()
            logger.handlers[0].close()
        received = b""
        async with asyncio.timeout(30):
            while received.count(b"\n") < 10:
                await asyncio.sleep(0.001)
                if select.select([pipe[0]], [], [], 0)[0]:
                    received += os.read(pipe[0], 4096)
        return received

    assert len(set(asyncio.run(live()).splitlines())) == 1


def test_a_child_leaves_to_its_parent_what_waits_and_goes_by_its_own_number(pipe: tuple[int, int]) -> None:
    async def live() -> None:
        target = Target(Stderr(pipe[1]))
        target.attach(asyncio.get_running_loop())
        with logger_of(target) as logger:
            logger.warning("of the parent")
            child = os.fork()
            if child == 0:
                try:
                    target.disown()
                    logger.warning("of the child")
                finally:
                    os._exit(0)
            os.waitpid(child, 0)  # noqa: ASYNC222  # nothing else is to happen
            assert os.read(pipe[0], 100) == f"authd[{child}]: warning: of the child\n".encode()
            await asyncio.sleep(2 * targets.GATHERING)
            assert os.read(pipe[0], 100) == f"authd[{PID}]: warning: of the parent\n".encode()

    asyncio.run(live())


@pytest.mark.parametrize("text", ["x" * 10_000, "\N{GRINNING FACE}" * 10_000, "\x1b" * 10_000, "\udcff" * 10_000])
def test_a_line_is_never_longer_than_what_a_pipe_takes_in_one_piece(pipe: tuple[int, int], text: str) -> None:
    with logger_of(Target(Stderr(pipe[1]))) as logger:
        logger.warning("%s", text)

    (line,) = os.read(pipe[0], 100_000).splitlines()
    assert len(line) < select.PIPE_BUF


def test_the_level_is_that_of_the_configuration(pipe: tuple[int, int]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers = []
    try:
        set_up_logging(Target(Stderr(pipe[1])), LogLevel.WARNING)
        logging.getLogger("authd.test").info("not told")
        logging.getLogger("authd.test").warning("told")
    finally:
        root.handlers, root.level = before, level

    assert os.read(pipe[0], 1000) == f"authd[{PID}]: warning: told\n".encode()


def test_what_logging_is_told_is_one_line_whatever_it_holds(pipe: tuple[int, int]) -> None:
    with logger_of(Target(Stderr(pipe[1]))) as logger:
        logger.warning("user %s", "ev\x1b[31mil\nforged \udcff")

    assert os.read(pipe[0], 200) == rf"authd[{PID}]: warning: user ev\x1b[31mil\nforged \udcff".encode() + b"\n"


def test_a_defect_is_told_with_the_way_to_it_and_without_the_error_s_text(pipe: tuple[int, int]) -> None:
    with logger_of(Target(Stderr(pipe[1]))) as logger:
        try:
            raise ValueError("what a client sent")
        except ValueError:
            logger.exception("the front failed")

    told = os.read(pipe[0], 1000).decode()
    assert f"authd[{PID}]: error: the front failed: ValueError at {__file__}:" in told
    assert "what a client sent" not in told
