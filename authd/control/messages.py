"""What is said on the control socket: a line with one JSON object each way. Does no input and no output.

A command is ``{"command": WORD, …}`` with the fields of its class, those without a value left out. An answer holds
what was asked for, or ``error`` and the kind of ``failure``.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from enum import Enum
from typing import Any

from authd_backends.contract import Secret

MAX_COMMAND = 64 * 1024  # bytes, the end of the line among them
MAX_ANSWER = 2 * 1024 * 1024  # as many names as are listed, each as long as it can be and escaped, are 1.6 MB


class Failure(Enum):
    """Why there is no answer; the value is the word in the message."""

    MALFORMED = "malformed"  # the command cannot be understood
    REFUSED = "refused"  # not for this caller
    BUSY = "busy"  # not now
    UNUSABLE = "unusable"  # the new configuration
    DEFECT = "defect"
    ABSENT = "absent"  # the client's own: nobody answers


class MessageError(Exception):
    """A line that is no message, or a field that cannot be used; the text holds no password."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is the daemon doing?"""


@dataclass(frozen=True, slots=True)
class Flush:
    """Forget the remembered passwords of a user, in any spelling, or of all."""

    user: str | None = None


@dataclass(frozen=True, slots=True)
class ListThrottled:
    """Who is blocked now?"""


@dataclass(frozen=True, slots=True)
class ClearThrottled:
    """Begin anew for a user or an address, or for all."""

    name: str | None = None


@dataclass(frozen=True, slots=True)
class Explain:
    """What becomes of such a login? With a password it is tried."""

    user: str
    realm: str = ""
    service: str = ""
    client: str | None = None  # an IP address
    listener: str | None = None  # None: the first one
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class Reload:
    """Go by what the configuration file says now."""


@dataclass(frozen=True, slots=True)
class Drain:
    """Take in nobody more, answer all that are there, and end."""


Command = Reload | Drain | Status | Flush | ListThrottled | ClearThrottled | Explain

_KINDS: Mapping[str, type[Command]] = {
    "status": Status,
    "flush": Flush,
    "throttle-list": ListThrottled,
    "throttle-clear": ClearThrottled,
    "explain": Explain,
    "reload": Reload,
    "drain": Drain,
}
_WORDS = {kind: word for word, kind in _KINDS.items()}


def encode_command(command: Command) -> bytes:
    """Give the line."""
    given = {each.name: getattr(command, each.name) for each in fields(command)}
    message = {"command": _WORDS[type(command)]}
    message |= {name: _text(value) for name, value in given.items() if value is not None}
    return _line(message)


def decode_command(line: bytes) -> Command:
    """Give the command; a password is wrapped here. Raises MessageError."""
    message = _object(line)
    word = message.pop("command", None)
    kind: type[Any] | None = _KINDS.get(word) if isinstance(word, str) else None
    if kind is None:
        raise MessageError(f"command: expected one of {', '.join(_KINDS)}")
    known = {each.name: each for each in fields(kind)}
    if message.keys() - known.keys():
        raise MessageError(f"{word}: expected {', '.join(known) or 'no field'}, got another field")
    for name, each in known.items():
        if name not in message and each.default is MISSING:
            raise MessageError(f"{word}: {name}: expected a text, got nothing")
    command: Command = kind(**{name: _value(f"{word}: {name}", value) for name, value in message.items()})
    return command


def encode_answer(answer: Mapping[str, Any]) -> bytes:
    """Give the line."""
    return _line(answer)


def failed(text: str, failure: Failure) -> dict[str, Any]:
    """Give the answer that says why there is none."""
    return {"error": text, "failure": failure.value}


def decode_answer(line: bytes) -> dict[str, Any]:
    """Give the answer. Raises MessageError."""
    return _object(line)


def _text(value: str | Secret) -> str:
    return value if isinstance(value, str) else value.reveal().decode("utf-8", "surrogateescape")


def _value(where: str, value: object) -> str | Secret:
    """A text as it came in by a codec: bytes in surrogateescape, and no NUL."""
    if not isinstance(value, str):
        raise MessageError(f"{where}: expected a text")
    try:
        encoded = value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise MessageError(f"{where}: expected UTF-8") from None
    if b"\0" in encoded:
        raise MessageError(f"{where}: expected a text without NUL")
    return Secret(encoded) if where.endswith(": password") else value


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"  # ASCII: what is no UTF-8 stands escaped


def _object(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise MessageError("expected a line of JSON") from None
    if not isinstance(message, dict):
        raise MessageError("expected a JSON object")
    return message
