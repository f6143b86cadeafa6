"""Hashing beside the event loop."""

import asyncio
import os
import threading
import time

import pytest

from authd_backends import hashes
from authd_backends.contract import Secret
from authd_backends.errors import Unavailable

CHEAP = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"  # crypt_blowfish 1.3, wrapper.c


def test_the_loop_goes_on_and_gets_the_answer() -> None:
    async def ask() -> tuple[bool, int]:
        answer = asyncio.ensure_future(hashes.on_thread(hashes.matches, CHEAP.replace("$05$", "$10$"), Secret(b"U*U")))
        turns = 0
        while not answer.done():
            await asyncio.sleep(0)
            turns += 1
        return await answer, turns

    accepted, turns = asyncio.run(ask())

    assert not accepted
    assert turns > 100


def test_what_it_raises_comes_through() -> None:
    with pytest.raises(Unavailable):
        asyncio.run(hashes.on_thread(hashes.matches, "{FROBNICATE}x", Secret(b"x")))


def test_no_more_are_computed_at_once_than_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks: a backend that waits on 32 threads too."""
    from authd_backends.hashes import libcrypt

    running, most, lock = 0, 0, threading.Lock()

    def counted(password: bytes, setting: str) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1
        return setting

    monkeypatch.setattr(libcrypt, "hashed", counted)
    askers = [threading.Thread(target=hashes.matches, args=(CHEAP, Secret(b"x"))) for _ in range(32)]
    for each in askers:
        each.start()
    for each in askers:
        each.join()

    assert 1 <= most <= len(os.sched_getaffinity(0))
