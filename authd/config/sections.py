"""The parsed TOML to settings: each section by its class, then what only several of them together can show."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from authd.config import checks
from authd.config.default import default_listener
from authd.config.location import Finding, Key
from authd.config.settings import (
    BackendSettings,
    CacheSettings,
    ControlSettings,
    HelperSettings,
    ListenerSettings,
    LogSettings,
    MetricsSettings,
    RouteSettings,
    ServerSettings,
    Settings,
    ThrottleSettings,
)
from authd_backends.errors import OptionError
from authd_backends.kinds import shown
from authd_backends.options import OptionErrors, Problem, build, unknown_key
from authd_backends.registry import backend_type, expected_types

_SECTIONS: dict[str, type[Any]] = {
    "server": ServerSettings,
    "cache": CacheSettings,
    "throttle": ThrottleSettings,
    "helper": HelperSettings,
    "metrics": MetricsSettings,
    "control": ControlSettings,
    "log": LogSettings,
}
_TABLES = ("server", "listeners", "backends", "routes", *list(_SECTIONS)[1:])
_OF_EACH_BACKEND = ("type", "deadline", "max_concurrent", "max_queued", "helper")

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # stands in logs, labels of metrics and frames as it is

T = TypeVar("T")
S = TypeVar("S", ServerSettings, BackendSettings)


def read_settings(table: Mapping[str, Any]) -> tuple[Settings | None, list[Finding]]:
    """Give the settings, or None and all that is wrong."""
    findings = [_finding((), unknown_key(name, _TABLES)) for name in table if name not in _TABLES]
    sections: dict[str, Any] = {
        name: _section(kind, (name,), table.get(name, {}), findings) for name, kind in _SECTIONS.items()
    }
    listeners = _array(ListenerSettings, "listeners", table, findings) or [default_listener()]
    routes = _array(RouteSettings, "routes", table, findings)
    backends = _backends(table, findings)
    if server := sections["server"]:
        set_keys = table.get("server", {})
        server = sections["server"] = _within(server.request_deadline, server, "read_deadline", set_keys)
        backends = {
            name: backend and _within(server.request_deadline, backend, "deadline", table["backends"][name])
            for name, backend in backends.items()
        }
        findings += checks.deadlines(server, backends)
    findings += checks.helpers(backends)
    findings += checks.listeners(listeners)
    findings += checks.routes(routes, backends, listeners)
    findings += checks.libraries(sections["metrics"])
    if findings:
        return None, findings
    sections |= {"backends": tuple(backends.values()), "listeners": tuple(listeners), "routes": tuple(routes)}
    return Settings(**sections), []


def _section(kind: type[T], key: Key, table: object, findings: list[Finding]) -> T | None:
    if not isinstance(table, Mapping):
        findings.append(Finding(key, f"expected a table, got {shown(table)}"))
        return None
    try:
        return build(kind, table)
    except OptionErrors as errors:
        findings += [_finding(key, problem) for problem in errors.problems]
    return None


def _array(kind: type[T], name: str, table: Mapping[str, Any], findings: list[Finding]) -> list[T | None]:
    entries = table.get(name, [])
    if not isinstance(entries, list):
        findings.append(Finding((name,), f"expected tables headed [[{name}]], got {shown(entries)}"))
        return []
    return [_entry(kind, (name, number), entry, findings) for number, entry in enumerate(entries, 1)]


def _entry(kind: type[T], key: Key, table: object, findings: list[Finding]) -> T | None:
    """What is right in an entry is kept for the checks, though another key of it be wrong."""
    before = len(findings)
    entry = _section(kind, key, table, findings)
    wrong = {finding.key[-1] for finding in findings[before:]}
    if entry is None and isinstance(table, Mapping):
        return _section(kind, key, {name: table[name] for name in table if name not in wrong}, [])
    return entry


def _backends(table: Mapping[str, Any], findings: list[Finding]) -> dict[str, BackendSettings | None]:
    entries = table.get("backends", {})
    if not isinstance(entries, Mapping) or not entries:
        got = shown(entries) if entries else "none"
        findings.append(Finding(("backends",), f"expected at least one table headed [backends.NAME], got {got}"))
        return {}
    return {name: _backend(name, entry, findings) for name, entry in entries.items()}


def _backend(name: str, table: object, findings: list[Finding]) -> BackendSettings | None:
    key = ("backends", name)
    if not _NAME.fullmatch(name):
        findings.append(Finding(key, f"expected a name of at most 64 letters, digits, - and _, got {shown(name)}"))
    if not isinstance(table, Mapping):
        findings.append(Finding(key, f"expected a table, got {shown(table)}"))
        return None
    common = {each: table[each] for each in _OF_EACH_BACKEND if each in table}
    own = {each: value for each, value in table.items() if each not in _OF_EACH_BACKEND}
    options = _options(key, table.get("type"), own, findings)
    common |= {"name": name, "type": str(table.get("type")), "options": options}  # no type: `_options` said so
    return _section(BackendSettings, key, common, findings)


def _options(key: Key, type_name: object, table: Mapping[str, Any], findings: list[Finding]) -> Any:
    if not isinstance(type_name, str):
        got = "nothing" if type_name is None else shown(type_name)
        findings.append(Finding((*key, "type"), f"{expected_types()}, got {got}"))
        return None
    try:
        options_type = backend_type(type_name).options_type
    except OptionError as error:
        findings.append(_refusal((*key, "type"), error))
        return None
    try:
        return build(options_type, table, also_known=_OF_EACH_BACKEND)
    except OptionErrors as errors:
        findings += [_finding(key, problem) for problem in errors.problems]
    except OptionError as error:
        findings.append(_refusal((*key, error.option) if error.option else key, error))
    return None


def _within(longest: float, settings: S, key: str, set_keys: Mapping[str, Any]) -> S:
    """A deadline that the file leaves out is never longer than the request's."""
    if key in set_keys:
        return settings
    return replace(settings, **{key: min(longest, getattr(settings, key))})


def _refusal(key: Key, error: OptionError) -> Finding:
    """A backend's own text; where it begins with the option, as a library's has to, the key says that already."""
    return Finding(key, str(error).removeprefix(f"{key[-1]}: "))


def _finding(key: Key, problem: Problem) -> Finding:
    return Finding((*key, problem.key), f"expected {problem.expected}, got {problem.got}")
