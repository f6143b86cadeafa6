"""Between the privileged parent and its front: another configuration, and the sockets that only the parent can open.

The front asks; the parent reads the file that it was started with and opens what that names. Nothing that the front
sends means anything but when: it cannot choose a file, a path or a mode.
"""

import errno
import json
import os
import select
import socket
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from typing import Any

MAX_SOCKETS = 250  # in one message: SCM_MAX_FD is 253
MAX_HEADER = 64 * 1024  # bytes


class Word(Enum):
    """What the front says."""

    PREPARE = b"prepare"
    COMMIT = b"commit"
    ROLL_BACK = b"roll back"


@dataclass(frozen=True, slots=True)
class Offer:
    """A configuration, and the sockets that it adds."""

    source: str  # the name of the file
    content: bytes
    added: Mapping[str, socket.socket]
    kept: Collection[str]  # of the sockets that the front has


class ChannelError(Exception):
    """The other side has gone, or has refused: then with the problems, a line each."""


class OfferError(Exception):
    """A configuration that cannot be handed over; the front can be told why."""


def pair() -> tuple[socket.socket, socket.socket]:
    """Give the parent's end and the front's."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def word_of(end: socket.socket) -> Word | None:
    """Take what the front has said; None where nothing has come. Raises ChannelError where it has gone."""
    try:
        message = end.recv(MAX_HEADER, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except OSError as error:
        raise ChannelError(error.strerror) from error
    try:
        return Word(message)
    except ValueError:
        raise ChannelError("the front has gone" if not message else "the front said what is no word") from None


def send_offer(end: socket.socket, offer: Offer) -> None:
    """Answer PREPARE with a configuration. Raises OfferError."""
    if len(offer.added) > MAX_SOCKETS:
        raise OfferError(f"expected at most {MAX_SOCKETS} sockets more at once, got {len(offer.added)}")
    header = {"source": offer.source, "added": list(offer.added), "kept": list(offer.kept)}
    try:
        with ExitStack() as opened:
            memory = os.memfd_create("authd.toml", os.MFD_CLOEXEC)
            opened.callback(os.close, memory)
            os.write(memory, offer.content)
            _send(end, header, [memory, *(each.fileno() for each in offer.added.values())])
    except OSError as error:
        raise OfferError(f"expected to hand it to the front, got: {error.strerror}") from error


def send_problems(end: socket.socket, problems: str) -> None:
    """Answer PREPARE with why there is none. Raises ChannelError where that cannot be said."""
    try:
        _send(end, {"problems": problems[: MAX_HEADER // 8]}, [])
    except OSError as error:
        raise ChannelError(error.strerror) from error


def receive_offer(end: socket.socket) -> Offer:
    """Take the answer to PREPARE. Raises ChannelError."""
    header, passed = _receive(end)
    with ExitStack() as undone:
        for descriptor in passed:
            undone.callback(os.close, descriptor)
        if "problems" in header:
            raise ChannelError(header["problems"])
        if not passed:
            raise ChannelError("the parent has gone")
        memory, *descriptors = passed
        content = os.pread(memory, os.fstat(memory).st_size, 0)
        undone.pop_all()
    os.close(memory)
    added = [socket.socket(fileno=each) for each in descriptors]
    for each in added:
        each.setblocking(False)
    return Offer(header["source"], content, dict(zip(header["added"], added, strict=True)), header["kept"])


def discard_offers(end: socket.socket) -> None:
    """Throw away what nobody has waited for long enough. Raises OSError where the other side has gone."""
    come = select.poll()
    come.register(end, select.POLLIN)
    while come.poll(0):
        message, descriptors, _, _ = socket.recv_fds(end, MAX_HEADER, MAX_SOCKETS + 1)
        for each in descriptors:
            os.close(each)
        if not message:
            return


def _send(end: socket.socket, header: Mapping[str, object], descriptors: Sequence[int]) -> None:
    message = json.dumps(header).encode()
    if len(message) > MAX_HEADER:
        raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
    socket.send_fds(end, [message], list(descriptors))


def _receive(end: socket.socket) -> tuple[dict[str, Any], list[int]]:
    try:
        message, descriptors, _, _ = socket.recv_fds(end, MAX_HEADER, MAX_SOCKETS + 1)
    except OSError as error:
        raise ChannelError(f"expected the parent to answer, got: {error.strerror or error}") from error
    return (json.loads(message) if message else {}), descriptors
