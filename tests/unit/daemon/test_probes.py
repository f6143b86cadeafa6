import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from authd.daemon.probes import Probe, probe_of
from authd_backends import Placement, Unavailable


class Probed:
    """A backend of which nothing but its probe is asked."""

    def __init__(self, probe: Callable[[], Any]) -> None:
        self.probe = probe


def raising(error: Exception | None, placement: Placement) -> Probed:
    def probe() -> None:
        if error is not None:
            raise error

    async def awaited() -> None:
        probe()

    return Probed(awaited if placement in (Placement.LOOP, Placement.HELPER) else probe)


def told(backend: Probed, placement: Placement) -> str:
    async def live() -> str:
        probe = probe_of(backend, placement, "users")
        assert probe is not None
        return await probe()

    return asyncio.run(live())


@pytest.mark.parametrize("placement", Placement)
@pytest.mark.parametrize(
    ("error", "why"),
    [
        (None, ""),
        (Unavailable("users: expected a file, got none"), "users: expected a file, got none"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (LookupError("s3cret"), "defect: LookupError"),
        (OSError("s3cret"), "defect: OSError"),
    ],
)
def test_a_probe_tells_in_words_why_the_store_is_out(
    placement: Placement, error: Exception | None, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        assert told(raising(error, placement), placement) == why

    assert "s3cret" not in caplog.text
    assert ("backend users: probe: " in caplog.text) == why.startswith("defect")


@pytest.mark.parametrize("placement", Placement)
def test_a_backend_without_one_has_none(placement: Placement) -> None:
    assert probe_of(object(), placement, "users") is None


def test_while_a_probe_hangs_on_its_thread_no_other_begins() -> None:
    begun, go_on = [], threading.Event()

    def hang() -> None:
        begun.append(threading.current_thread().name)
        go_on.wait(60)

    async def live(probe: Probe) -> str:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(probe(), 0.01)
        go_on.set()
        return await probe()

    probe = probe_of(Probed(hang), Placement.THREAD, "users")
    assert probe is not None

    assert asyncio.run(live(probe)) == ""
    assert begun == ["users-probe-1"]


def test_no_thread_outlives_its_probe() -> None:
    begun: list[threading.Thread] = []

    assert told(Probed(lambda: begun.append(threading.current_thread())), Placement.THREAD) == ""

    begun[0].join(60)
    assert not begun[0].is_alive()
