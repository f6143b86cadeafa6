"""The effective configuration as TOML: every key with its value in force, secrets hidden."""

from collections.abc import Iterator, Mapping
from typing import Any

from authd.config.settings import BackendSettings, Settings
from authd_backends.kinds import HIDDEN, quoted
from authd_backends.options import is_secret, written

_LAST = ("cache", "throttle", "helper", "metrics", "control", "log")
_NO_ROUTES = "# no [[routes]]: all backends are asked, in this order"


def show(settings: Settings, source: str) -> str:
    """Give a document that loads to equal settings but for hidden secrets; what has no value stands as a comment."""
    tables = [
        ("[server]", written(settings.server)),
        *(("[[listeners]]", written(each)) for each in settings.listeners),
        *((f"[backends.{each.name}]", _backend(each)) for each in settings.backends),
        *([("[[routes]]", written(each)) for each in settings.routes] or [(_NO_ROUTES, {})]),
        *((f"[{name}]", written(getattr(settings, name))) for name in _LAST),
    ]
    return f"# in force: {source}\n" + "".join(f"\n{header}\n{''.join(_lines(table))}" for header, table in tables)


def _backend(settings: BackendSettings) -> dict[str, object]:
    common = written(settings)
    del common["name"], common["options"]
    if settings.helper is None:  # most types cannot have one
        del common["helper"]
    return common | written(settings.options)


def _lines(table: Mapping[str, object]) -> Iterator[str]:
    for key, value in table.items():
        yield f"# {key} is not set\n" if value is None else f"{key} = {as_toml(value)}\n"


def as_toml(value: Any) -> str:
    """Give a value of TOML as it stands in a file, secrets hidden."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return quoted(value)
        case list() | tuple():
            return "[" + ", ".join(as_toml(each) for each in value) + "]"
        case Mapping():
            return (
                "{" + ", ".join(f"{quoted(name)} = {_unless_secret(name, each)}" for name, each in value.items()) + "}"
            )
        case _:
            return str(value)


def _unless_secret(key: str, value: object) -> str:
    return as_toml(HIDDEN if is_secret(key) else value)
