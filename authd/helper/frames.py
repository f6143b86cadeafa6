"""What front and helper say to each other. Pure: frames to bytes and back.

    frame := length (16-bit, big-endian, of all that follows) kind (8-bit) payload
    field := length (16-bit, big-endian) bytes

The front says Hello once and then Check after Check, each answered by one Answer before the next; a worker that dies
is told by Death, the connection's last frame. Everything else is a FrameError, which ends the connection.
"""

from dataclasses import dataclass
from struct import Struct, error

from authd_backends.contract import Client, Outcome, Request, Secret, Verdict

MAX_FRAME = 24 * 1024  # bytes: the longest request (8162), its fields twice where the login repeats them, and names
MAX_TEXT = 1024  # bytes of a reason or a name that go back
MAX_DELAY = 3600.0  # seconds

OTHER_CONFIGURATION = "front and helper have read different configurations: reload both"

_LENGTH = Struct(">H")
_DELAY = Struct(">I")  # milliseconds
_PORT = Struct(">H")
_OUTCOMES = tuple(Outcome)


class FrameError(Exception):
    """Bytes that are no frame, or one that is not expected here."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Which backend this connection is for, and the digest of the configuration that the front read."""

    backend: str
    configuration: bytes


@dataclass(frozen=True, slots=True)
class Check:
    """The question. Only what a backend needs of the request; the options are the helper's own."""

    request: Request


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict, and whether it is the connection's last, since the worker has done its share."""

    verdict: Verdict
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Death:
    """The worker of this connection has died, and of what."""

    cause: str


Frame = Hello | Check | Answer | Death


def encode(frame: Frame) -> bytes:
    """Give the frame's bytes."""
    match frame:
        case Hello():
            kind, payload = 1, _fields(_bytes(frame.backend), frame.configuration)
        case Check():
            kind, payload = 2, _request_fields(frame.request)
        case Answer():
            kind, payload = 3, _fields(bytes([frame.is_last]), *_verdict_fields(frame.verdict))
        case Death():
            kind, payload = 4, _fields(_cut(frame.cause))
    body = bytes([kind]) + payload
    if len(body) > MAX_FRAME:
        raise FrameError(f"frame: expected at most {MAX_FRAME} bytes, got {len(body)}")
    return _LENGTH.pack(len(body)) + body


def split(buffer: bytearray) -> Frame | None:
    """Take the first frame out of the buffer; None while bytes are missing. Its bytes are zeroed. Raises FrameError."""
    if len(buffer) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack_from(buffer)
    if not 1 <= length <= MAX_FRAME:
        raise FrameError(f"frame: expected 1 to {MAX_FRAME} bytes, got {length}")
    end = _LENGTH.size + length
    if len(buffer) < end:
        return None
    frame = _decode(buffer[_LENGTH.size], bytes(buffer[_LENGTH.size + 1 : end]))
    buffer[:end] = bytes(end)
    del buffer[:end]
    return frame


def _decode(kind: int, payload: bytes) -> Frame:
    try:
        match kind:
            case 1:
                backend, configuration = _split_fields(payload, 2)
                return Hello(_text(backend), configuration)
            case 2:
                return Check(_request(*_split_fields(payload, 7)))
            case 3:
                is_last, *verdict = _split_fields(payload, 5)
                return Answer(_verdict(*verdict), (b"\0", b"\1").index(is_last) == 1)
            case 4:
                (cause,) = _split_fields(payload, 1)
                return Death(_text(cause))
            case _:
                raise FrameError(f"frame: expected a kind from 1 to 4, got {kind}")
    except (ValueError, error, IndexError) as malformed:
        raise FrameError(f"frame of kind {kind}: {type(malformed).__name__}") from None


def _request_fields(request: Request) -> bytes:
    client = request.client or Client("")
    return _fields(
        _bytes(request.user),
        request.password.reveal(),
        _bytes(request.realm),
        _bytes(request.service),
        _bytes(request.login),
        _bytes(client.address),
        _PORT.pack(client.port),
    )


def _request(
    user: bytes, password: bytes, realm: bytes, service: bytes, login: bytes, address: bytes, port: bytes
) -> Request:
    client = Client(_text(address), *_PORT.unpack(port)) if address else None
    return Request(_text(user), Secret(password), _text(realm), _text(service), _text(login), client)


def _verdict_fields(verdict: Verdict) -> tuple[bytes, bytes, bytes, bytes]:
    milliseconds = round(max(0.0, min(verdict.delay, MAX_DELAY)) * 1000)
    number = bytes([_OUTCOMES.index(verdict.outcome)])
    return number, _cut(verdict.reason), _cut(verdict.user), _DELAY.pack(milliseconds)


def _verdict(number: bytes, reason: bytes, user: bytes, delay: bytes) -> Verdict:
    if len(number) != 1:
        raise ValueError
    (milliseconds,) = _DELAY.unpack(delay)
    return Verdict(_OUTCOMES[number[0]], _text(reason), _text(user), milliseconds / 1000)


def _fields(*values: bytes) -> bytes:
    return b"".join(_LENGTH.pack(len(value)) + value for value in values)


def _split_fields(payload: bytes, count: int) -> list[bytes]:
    """Exactly `count` fields and nothing behind them."""
    values = []
    position = 0
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(payload, position)
        position += _LENGTH.size + length
        if position > len(payload):
            raise ValueError
        values.append(payload[position - length : position])
    if position != len(payload):
        raise ValueError
    return values


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _cut(text: str) -> bytes:
    return _bytes(text)[:MAX_TEXT]
