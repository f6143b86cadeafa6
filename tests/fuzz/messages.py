"""What comes in by sockets: each harness takes any bytes and fails where its invariant, the first line, does not hold.

Any exception but the family of the parser's own is a failure everywhere.
"""

from dataclasses import replace

from authd.control.messages import MessageError, decode_answer, decode_command, encode_answer, encode_command
from authd.helper import frames
from authd.observe import http
from authd.protocols.detect import PWCHECK, SASLAUTHD, Codec
from authd.protocols.errors import ProtocolError
from authd.protocols.saslauthd import MAX_FIELDS
from authd_backends import Request


def saslauthd(data: bytes) -> None:
    """What part of a request came to, more bytes do not change but for the client field; no field has a NUL."""
    earlier, whole = _in_two_pieces(SASLAUTHD, data)
    if isinstance(whole, Request):
        fields = [whole.user, whole.realm, whole.service]
        sent = [each.encode("utf-8", "surrogateescape") for each in fields] + [whole.password.reveal()]
        assert whole.user
        assert b"\0" not in b"".join(sent)
        assert sum(map(len, sent)) <= MAX_FIELDS
    if isinstance(earlier, Request) and isinstance(whole, Request):
        assert earlier.client in (None, whole.client)
        assert replace(whole, client=earlier.client) == earlier
    elif earlier is not None:
        assert repr(earlier) == repr(whole)


def pwcheck(data: bytes) -> None:
    """What part of a request came to, more bytes do not change; no field has a NUL."""
    earlier, whole = _in_two_pieces(PWCHECK, data)
    if isinstance(whole, Request):
        assert whole.user
        assert "\0" not in whole.user
        assert b"\0" not in whole.password.reveal()
    if earlier is not None:
        assert repr(earlier) == repr(whole)


def _in_two_pieces(codec: Codec, data: bytes) -> tuple[Request | ProtocolError | None, ...]:
    """The first two bytes say where the others are cut."""
    cut, sent = int.from_bytes(data[:2], "big"), data[2:]
    return _decoded(codec, sent[:cut]), _decoded(codec, sent)


def _decoded(codec: Codec, sent: bytes) -> Request | ProtocolError | None:
    try:
        return codec.decode(memoryview(sent))
    except ProtocolError as error:
        return error


def helper_frames(data: bytes) -> None:
    """A frame that was understood is, written and read again, what it was but for texts that are cut short."""
    buffer = bytearray(data)
    try:
        while (frame := frames.split(buffer)) is not None:
            again = _again(frame)
            assert again == frame or not isinstance(frame, frames.Check)
            assert _again(again) == again
    except frames.FrameError:
        pass


def _again(frame: frames.Frame) -> frames.Frame:
    buffer = bytearray(frames.encode(frame))
    again = frames.split(buffer)
    assert again is not None
    assert not buffer
    return again


def control(data: bytes) -> None:
    """A command that was understood is, written and read again, what it was; so is an answer."""
    try:
        command = decode_command(data)
    except MessageError:
        pass
    else:
        assert decode_command(encode_command(command)) == command
    try:
        answer = decode_answer(data)
    except MessageError:
        return
    assert repr(decode_answer(encode_answer(answer))) == repr(answer)  # by repr, since NaN is not equal to itself


def http_head(data: bytes) -> None:
    """A request has a method and a path that we serve and no control characters; a reply to another quotes nothing."""
    try:
        request = http.decode(data)
    except http.HttpError as error:
        head = http.encode(http.reply_to(error), with_body=False)
        assert head.count(b"\r\n\r\n") == 1
        assert head.isascii()
        return
    assert request.method in ("GET", "HEAD")
    assert request.path.startswith("/")
    assert not {*"\r\n\0"} & {*request.path, *"".join(request.headers.values())}
