"""``authd status``: what the running daemon is doing."""

import argparse
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from authd.cli.asking import add_options, asked, duration, shown

HELP = "show what the running daemon is doing"


def configure(parser: argparse.ArgumentParser) -> None:
    add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the state of the daemon."""
    from authd.control.messages import Status

    return asked(arguments, Status(), _lines)


def _lines(state: dict[str, Any]) -> Iterator[str]:
    yield f"authd {state['version']}, pid {state['pid']}, up {timedelta(seconds=int(state['uptime']))}"
    yield f"listeners: {', '.join(state['listeners'])}"
    yield f"connections: {_counts(state['connections'])}"
    loop = state["loop"]
    yield f"event loop: {duration(loop['longest_lag'])} late at most, {loop['too_late']} times too late"
    for protocol, outcomes in state["requests"].items():
        yield f"requests, {protocol}: {_counts(outcomes)}"
    for route in state["routes"]:
        yield f"route {shown(route['name'])}: {', '.join(route['backends'])}"
    for backend in state["backends"]:
        yield f"backend {backend['name']} ({backend['type']}, {backend['placement']}): {_work(backend)}"
    yield f"cache: {_cache(state['cache'])}"
    yield f"throttle: {_throttle(state['throttle'])}"
    if helper := state["helper"]:
        yield f"helper: {helper['path']} {'is there' if helper['is_there'] else 'is not there'}"
    if refused := state["most_refused"]:
        yield f"different wrong passwords: {_counts({shown(name): count for name, count in refused.items()})}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _work(backend: dict[str, Any]) -> str:
    parts = []
    answers = {outcome: count for outcome, count in backend["answers"].items() if count}
    if "slots" in backend:
        parts.append(f"running {backend['running']} of {backend['slots']}")
        parts.append(f"queued {backend['queued']} of {backend['places']}")
    if backend.get("last_duration") is not None:
        parts.append(f"last check {duration(backend['last_duration'])}")
    if "worker_deaths" in backend:
        parts.append(f"dead workers {backend['worker_deaths']}")
    return "; ".join(filter(None, (", ".join(parts), _counts(answers) or "no answers yet")))


def _cache(cache: dict[str, Any]) -> str:
    state = "" if cache["enabled"] else "off; "
    return f"{state}entries {cache['entries']}, evictions {cache['evictions']}; {_counts(cache['lookups'])}"


def _throttle(throttle: dict[str, Any]) -> str:
    if not throttle["enabled"]:
        return "off"
    blocked = f"blocked users {throttle['blocked_users']}, addresses {throttle['blocked_addresses']}"
    return f"{blocked}; throttled requests by {_counts(throttle['requests'])}"
