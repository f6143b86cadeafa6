"""Somebody else's backends, brought in by entry points: they know alice and bob, and do what a file tells them.

`well`; `hang` until the file says otherwise, `hang at start` likewise; `late SECONDS`; `raise`; `unavailable`.
"""

import asyncio
import time
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from authd_backends import Outcome, Placement, Request, Verdict

_USERS = {"alice": b"right", "bob": b"right too"}
_ENTRY_POINTS = "[authd.backends]\nmoody-thread = tests.daemon.moody:OnThread\nmoody-loop = tests.daemon.moody:OnLoop\n"
_STEP = 0.01  # seconds between two looks at the file


@dataclass(frozen=True, kw_only=True, slots=True)
class MoodyOptions:
    mood: Path


class OnThread:
    options_type: ClassVar[type] = MoodyOptions
    placement: ClassVar[Placement] = Placement.THREAD
    hashes_passwords: ClassVar[bool] = False

    def __init__(self, options: MoodyOptions) -> None:
        self._mood = options.mood

    def start(self) -> None:
        """Whatever its mood is, but one."""
        while self._mood.read_text() == "hang at start":
            time.sleep(_STEP)

    def check(self, request: Request) -> Verdict:
        while _hangs(self._mood):
            time.sleep(_STEP)
        time.sleep(_lateness(self._mood))
        return _verdict(self._mood, request)

    def close(self) -> None:
        """Nothing is open."""

    def generation(self) -> Hashable:
        return None


class OnLoop:
    options_type: ClassVar[type] = MoodyOptions
    placement: ClassVar[Placement] = Placement.LOOP
    hashes_passwords: ClassVar[bool] = False

    def __init__(self, options: MoodyOptions) -> None:
        self._mood = options.mood

    def start(self) -> None:
        """Whatever its mood is."""

    async def check(self, request: Request) -> Verdict:
        while _hangs(self._mood):
            await asyncio.sleep(_STEP)
        await asyncio.sleep(_lateness(self._mood))
        return _verdict(self._mood, request)

    def close(self) -> None:
        """Nothing is open."""

    def generation(self) -> Hashable:
        return None


def install(site: Path) -> dict[str, str]:
    """Make a distribution of its own in a folder; give the environment in which it is found."""
    information = site / "moody-1.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: moody\nVersion: 1\n")
    (information / "entry_points.txt").write_text(_ENTRY_POINTS)
    return {"PYTHONPATH": f"{site}:{Path(__file__).parents[2]}"}


def set_mood(mood: Path, text: str) -> None:
    new = mood.with_suffix(".new")
    new.write_text(text)
    new.rename(mood)


def _hangs(mood: Path) -> bool:
    return mood.read_text() == "hang"


def _lateness(mood: Path) -> float:
    word, _, seconds = mood.read_text().partition(" ")
    return float(seconds) if word == "late" else 0.0


def _verdict(mood: Path, request: Request) -> Verdict:
    text = mood.read_text()
    if text == "raise":
        raise LookupError(request.login)
    if text == "unavailable":
        return Verdict(Outcome.UNAVAILABLE, "connection refused")
    password = _USERS.get(request.login)
    if password is None:
        return Verdict(Outcome.UNKNOWN_USER)
    return Verdict(Outcome.ACCEPTED if request.password.reveal() == password else Outcome.WRONG_PASSWORD)
