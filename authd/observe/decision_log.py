"""The lines that tell how a request ended: one of our own, and for refusals the one that logwatch knows.

What a client sent is data: in both lines it is escaped so that it can neither end a line, nor a field, nor reach a
terminal as anything but text.
"""

import json
import re
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from syslog import LOG_INFO, LOG_WARNING

from authd.config.settings import LogFormat, LogLevel, LogSettings
from authd.decide.decision import Decision, NotAsked
from authd.observe.counters import LogCounters, Reason
from authd.observe.flood import Flood
from authd.observe.left_out import LeftOut
from authd.observe.targets import DISPENSABLE, MAX_TEXT, MAX_WAITING, Target
from authd.protocols.errors import Answer
from authd_backends.contract import Outcome, Secret

TAG_BYTES = 2
MAX_SHOWN = 48  # characters of each value where the line would be too long otherwise: nobody's name is

_BARE = re.compile(r"[A-Za-z0-9_.@:/+-]*").fullmatch
_UNSAFE = re.compile(r"[^!-Z^-~]")  # all but visible ASCII without [ \ ]


class DecisionLog:
    """Writes each decision to a target, with the identities ``authd`` and ``saslauthd``, and counts what it leaves out.

    Temporary failures are warnings, all other decisions information.
    """

    def __init__(
        self,
        target: Target,
        settings: LogSettings,
        key: bytes,
        flood: Flood,
        call_later: Callable[[float, Callable[[], None]], object],
        counters: LogCounters,
    ) -> None:
        """`key`: random bytes of this start, under which the tags of refused passwords are made."""
        self.left_out = LeftOut(counters, partial(_tell, target, settings.format), call_later)
        self._counters = counters
        self._write = target.write
        self._form = settings.format
        self._level = settings.level
        self._key = key
        self._flood = flood

    def record(self, decision: Decision) -> None:
        """Write the lines of one decision, where the level has it."""
        if not self._is_told(decision):
            return
        if not self._flood.admits(decision):
            self.left_out.add(Reason.FLOOD, decision.outcome.value)
        elif self._has_written(decision):
            self._counters.written += 1
        else:
            self.left_out.add(Reason.UNREAD, decision.outcome.value)

    def _has_written(self, decision: Decision) -> bool:
        most = MAX_WAITING if decision.outcome is Outcome.ACCEPTED else DISPENSABLE
        is_refusal = decision.answer is Answer.REFUSAL
        if is_refusal and not self._write(logwatch_line(decision), "saslauthd", most=most):
            return False
        fields = self._fields(decision)
        priority = LOG_WARNING if decision.answer is Answer.TEMPORARY_FAILURE else LOG_INFO
        return self._write(_line(fields, self._form), "authd", priority, fields, most=most)

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
    shown = _bracketed(fields)
    if len(shown) > MAX_TEXT:
        shown = _bracketed({name: _cut(value) for name, value in fields.items()})
    return f"{'do_auth':<16}: auth failure: {shown}"


def _tell(target: Target, form: LogFormat, fields: dict[str, str]) -> bool:
    return target.write(_line(fields, form), "authd", LOG_WARNING, fields)


def _line(fields: dict[str, str], form: LogFormat) -> str:
    line = _formed(fields, form)
    return line if len(line) <= MAX_TEXT else _formed({name: _cut(value) for name, value in fields.items()}, form)


def _formed(fields: dict[str, str], form: LogFormat) -> str:
    match form:
        case LogFormat.LOGFMT:
            return _logfmt(fields)
        case LogFormat.JSON:
            return json.dumps(fields)


def _bracketed(fields: dict[str, str]) -> str:
    return " ".join(f"[{name}={_UNSAFE.sub(_escaped, value)}]" for name, value in fields.items())


def _logfmt(fields: dict[str, str]) -> str:
    if not _BARE("".join(fields.values())):  # one look at all: nearly every line is plain
        fields = {name: _quoted(value) for name, value in fields.items()}
    return " ".join(map("=".join, fields.items()))


def _quoted(value: str) -> str:
    """A logfmt value: bare where it is plain, else a JSON string in ASCII."""
    return value if _BARE(value) else json.dumps(value)


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02x}" for byte in found.group().encode("utf-8", "surrogateescape"))


def _cut(value: str) -> str:
    """The beginning of a long value, and how long it is."""
    return value if len(value) <= MAX_SHOWN else f"{value[:MAX_SHOWN]}...({len(value)})"
