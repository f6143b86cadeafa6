"""The lines that tell how a request ended: one of our own, and for refusals the one that logwatch knows.

What a client sent is data: in both lines it is escaped so that it can neither end a line, nor a field, nor reach a
terminal as anything but text.
"""

import json
import re
from collections.abc import Callable
from hashlib import blake2b

from authd.config.settings import LogFormat, LogLevel, LogSettings
from authd.decide.decision import Decision, NotAsked
from authd.protocols.errors import Answer
from authd_backends.contract import Secret

TAG_BYTES = 2

_BARE = re.compile(r"[A-Za-z0-9_.@:/+-]*").fullmatch
_UNSAFE = re.compile(r"[^!-Z^-~]")  # all but visible ASCII without [ \ ]


class DecisionLog:
    """Writes each decision through `write`, which takes a line and its identity (``authd``, ``saslauthd``).

    Temporary failures are warnings, all other decisions information.
    """

    def __init__(self, write: Callable[[str, str], None], settings: LogSettings, key: bytes) -> None:
        """`key`: random bytes of this start, under which the tags of refused passwords are made."""
        self._write = write
        self._form = settings.format
        self._level = settings.level
        self._key = key

    def record(self, decision: Decision) -> None:
        """Write the lines of one decision, where the level has it."""
        if not self._is_told(decision):
            return
        if decision.answer is Answer.REFUSAL:
            self._write(logwatch_line(decision), "saslauthd")
        fields = self._fields(decision)
        match self._form:
            case LogFormat.LOGFMT:
                line = _logfmt(fields)
            case LogFormat.JSON:
                line = json.dumps(fields)
        self._write(line, "authd")

    def _is_told(self, decision: Decision) -> bool:
        match self._level:
            case LogLevel.DEBUG | LogLevel.INFO:
                return True
            case LogLevel.WARNING:
                return decision.answer is Answer.TEMPORARY_FAILURE
            case LogLevel.ERROR:
                return False

    def _fields(self, decision: Decision) -> dict[str, str]:
        request = decision.request
        fields = {
            "event": "auth",
            "outcome": decision.outcome.value,
            "user": request.user,
            "realm": request.realm,
            "service": request.service,
            "login": request.login,
            "rip": request.client.address if request.client else "-",
            "backend": decision.backend,
            "route": decision.route,
            "reason": decision.reason,
            "cache": decision.cache,
            "duration": f"{decision.duration:.6f}",
        }
        if decision.answer is Answer.REFUSAL and decision.outcome is not NotAsked.PROTOCOL_ERROR:
            fields["tag"] = self.tag(request.password)
        if decision.is_repeated:
            fields["repeat"] = "yes"
        return fields

    def tag(self, password: Secret) -> str:
        """A short keyed digest: equal for equal passwords, and too short to tell anything else of them."""
        return blake2b(password.reveal(), digest_size=TAG_BYTES, key=self._key).hexdigest()


def logwatch_line(decision: Decision) -> str:
    """The C daemon's line for a refusal, as logwatch's scripts/services/saslauthd reads it."""
    request = decision.request
    fields = {
        "user": request.login,
        "service": request.service,
        "realm": request.realm,
        "mech": decision.mechanism or "-",
        "reason": decision.outcome.value,
    }
    shown = " ".join(f"[{name}={_UNSAFE.sub(_escaped, value)}]" for name, value in fields.items())
    return f"{'do_auth':<16}: auth failure: {shown}"


def _logfmt(fields: dict[str, str]) -> str:
    if not _BARE("".join(fields.values())):  # one look at all: nearly every line is plain
        fields = {name: _quoted(value) for name, value in fields.items()}
    return " ".join(map("=".join, fields.items()))


def _quoted(value: str) -> str:
    """A logfmt value: bare where it is plain, else a JSON string in ASCII."""
    return value if _BARE(value) else json.dumps(value)


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02x}" for byte in found.group().encode("utf-8", "surrogateescape"))
