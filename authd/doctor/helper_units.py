"""Whether systemd listens for a helper where each backend that needs one looks for it."""

from collections.abc import Iterator

from authd.config.load import Loaded
from authd.config.location import lines_of_keys
from authd.config.settings import BackendSettings
from authd.daemon.backends import helper_path, of_helper
from authd.doctor.finding import Check, Finding, word
from authd.doctor.own import Own
from authd.doctor.sight import Sight
from authd.doctor.units import SERVICE, is_booted, is_enabled, streams_of, unit_files
from authd_backends.kinds import quoted

_PAM, _SHADOW = "authd-pam", "authd-shadow"


def check_helper_units(sight: Sight, own: Own) -> Iterator[Finding]:
    """Look at the unit that each of these backends needs, where systemd starts authd."""
    if own.loaded is not None and is_booted(sight) and unit_files(sight, SERVICE):
        for backend in of_helper(own.loaded.settings):
            yield from _unit(sight, own.loaded, backend)


def _unit(sight: Sight, loaded: Loaded, backend: BackendSettings) -> Iterator[Finding]:
    path = helper_path(backend, loaded.settings)
    fitting = _PAM if backend.type == "pam" else _SHADOW
    streams = {unit: streams_of(sight, f"{unit}.socket") for unit in (_PAM, _SHADOW)}
    unit = next((unit for unit in (fitting, _PAM) if path in streams[unit]), None)
    why = f"the backend {backend.name} is asked through it: each of its logins is a temporary failure"
    if unit is None and streams[fitting] and loaded.path is not None:
        there = streams[fitting][0]
        text = f"{loaded.path}: backends.{backend.name}.helper: expected {there}, where {fitting}.socket listens"
        command = f"{_set_helper(loaded, backend, str(there))} && systemctl enable --now {fitting}.service"
        yield Finding(Check.HELPER_UNIT, f"{text}, got {path}", why, f"{command} && systemctl restart {SERVICE}")
    elif unit is not None and not any(is_enabled(sight, f"{unit}.{kind}") for kind in ("socket", "service")):
        text = f"{unit}.service: expected to be enabled, got disabled"
        yield Finding(Check.HELPER_UNIT, text, why, f"systemctl enable --now {unit}.service")


def _set_helper(loaded: Loaded, backend: BackendSettings, path: str) -> str:
    lines, table = lines_of_keys(loaded.content.decode()), ("backends", backend.name)
    at = (*table, "helper")
    step = f"{lines[at]}c" if at in lines else f"{lines[table]}a"
    return f"sed -i {word(f'{step} helper = {quoted(path)}')} {word(loaded.path)}"
