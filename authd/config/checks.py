"""What only several sections together can show to be wrong. A section that is wrong by itself comes as None."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from authd.config.location import Finding, Key, dotted
from authd.config.settings import BackendSettings, ListenerSettings, MetricsSettings, RouteSettings, ServerSettings
from authd_backends.contract import Placement
from authd_backends.kinds import SHOWN, Duration, quoted, shown
from authd_backends.registry import backend_type


def deadlines(server: ServerSettings, backends: Mapping[str, BackendSettings | None]) -> Iterator[Finding]:
    """A part may not take longer than the whole: its deadline would never come."""
    parts: dict[Key, float] = {("server", "read_deadline"): server.read_deadline}
    parts |= {("backends", name, "deadline"): backend.deadline for name, backend in backends.items() if backend}
    for key, deadline in parts.items():
        if deadline > server.request_deadline:
            longest, got = (Duration().write(each) for each in (server.request_deadline, deadline))
            yield Finding(key, f"expected at most server.request_deadline ({quoted(longest)}), got {quoted(got)}")


def helpers(backends: Mapping[str, BackendSettings | None]) -> Iterator[Finding]:
    """Only what runs in a helper can be served by one."""
    for name, backend in backends.items():
        if backend is None or backend.helper is None or backend.options is None:
            continue
        if backend_type(backend.type).placement is not Placement.HELPER:
            got = shown(str(backend.helper))
            yield Finding(
                ("backends", name, "helper"), f"expected none, since {backend.type} runs without one, got {got}"
            )


def listeners(entries: Sequence[ListenerSettings | None]) -> Iterator[Finding]:
    """Two listeners cannot have one path, whatever the spelling."""
    first: dict[str, int] = {}
    for number, listener in enumerate(entries, 1):
        if listener is None:
            continue
        earlier = first.setdefault(os.path.normpath(listener.path), number)
        if earlier != number:
            text = f"expected a path of its own, got that of {dotted(('listeners', earlier))}"
            yield Finding(("listeners", number, "path"), text)


def routes(
    entries: Sequence[RouteSettings | None], backends: Collection[str], known: Sequence[ListenerSettings | None]
) -> Iterator[Finding]:
    """A route names backends and listeners that there are."""
    paths = [str(listener.path) for listener in known if listener]
    for number, route in enumerate(entries, 1):
        if route is None:
            continue
        for name in route.backends:
            if name not in backends:
                yield Finding(("routes", number, "backends"), _unknown("backend", name, backends))
        for path in route.listeners or ():
            if str(path) not in paths and None not in known:
                yield Finding(("routes", number, "listeners"), _unknown("listener", path, paths))


def libraries(metrics: MetricsSettings | None) -> Iterator[Finding]:
    """What is asked for can be done with what is installed."""
    if metrics is None or metrics.listen is None:
        return
    from importlib.util import find_spec  # 2 ms that most configurations need not spend

    if find_spec("prometheus_client") is None:
        yield Finding(("metrics", "listen"), "needs: pip install authd[metrics]")


def _unknown(what: str, name: str | Path, known: Collection[str]) -> str:
    meant = get_close_matches(str(name)[:SHOWN], known, n=1)
    return f"expected a known {what} ({f'{meant[0]}?' if meant else ', '.join(known)}), got {shown(str(name))}"
