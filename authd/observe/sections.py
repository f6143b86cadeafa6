"""All families of /metrics, section by section, each family made when the one before has been taken."""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector

from authd import __version__
from authd.decide.decision import NotAsked
from authd.observe.counters import LogCounters, Reason, ReloadCounters
from authd.observe.families import count, counter, durations, gauge, histogram, number
from authd.observe.health import Health
from authd.server.pieces import BackendAtWork, Pieces
from authd_backends.contract import Outcome


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the numbers are. `pieces` gives those at work now; `blocked` is by ``user`` and ``address``."""

    pieces: Callable[[], Pieces]
    health: Health
    reloads: ReloadCounters
    lines: LogCounters
    blocked: Mapping[str, int]
    processes: tuple[ProcessCollector, ...] = ()


def sections(sources: Sources) -> Iterator[Metric]:
    """Give every family, whether anything of it has happened or not."""
    pieces = sources.pieces()
    yield from _requests(pieces)
    yield from _backends(pieces.backends, sources.health)
    yield from _routes(pieces, sources.health)
    yield from _queues(pieces.backends)
    yield from _helper(pieces.backends, sources.health)
    yield from _cache(pieces)
    yield from _throttle(pieces, sources.blocked)
    yield from _connections(pieces)
    yield from _daemon(sources)
    for process in sources.processes:
        yield from process.collect()


def _requests(pieces: Pieces) -> Iterator[Metric]:
    counters = pieces.counters
    labels = ("protocol", "service_class", "outcome")
    decided = [((protocol, class_, outcome.value), n) for (protocol, class_, outcome), n in counters.requests.items()]
    yield counter("requests_total", "Requests that were decided.", labels, decided)
    text = "Seconds from accept to the decision; the delay of a refusal comes on top."
    yield histogram("request_duration_seconds", text, "protocol", counters.durations)


def _backends(backends: Iterable[BackendAtWork], health: Health) -> Iterator[Metric]:
    by_name = {each.settings.name: each for each in backends}
    counters = {name: each.member.counters for name, each in by_name.items()}
    answers = [((name, outcome.value), n) for name, each in counters.items() for outcome, n in each.answers.items()]
    yield counter("backend_requests_total", "What backends answered.", ("backend", "outcome"), answers)
    text = "Seconds that the checks of a backend took, without the wait before them."
    took = {name: each.durations for name, each in by_name.items()}
    yield histogram("backend_duration_seconds", text, "backend", took)
    up = [((name,), float(name not in health.down)) for name in by_name]
    yield gauge("backend_up", "Whether a backend answers.", ("backend",), up)
    text = "When a backend last gave an answer that was no outage; 0 is never."
    last = [((name,), each.last_answered) for name, each in counters.items()]
    yield gauge("backend_last_success_timestamp_seconds", text, ("backend",), last)
    text = "Requests that found the queue of a backend full, or too slow for them."
    dropped = [((name,), each.dropped) for name, each in counters.items()]
    yield counter("backend_dropped_total", text, ("backend",), dropped)


def _routes(pieces: Pieces, health: Health) -> Iterator[Metric]:
    mute = health.mute_routes()
    up = [((route.name,), float(route.name not in mute)) for _, route in pieces.routes]
    yield gauge("route_up", "Whether some backend of a route answers.", ("route",), up)


def _queues(backends: Iterable[BackendAtWork]) -> Iterator[Metric]:
    queues = {each.settings.name: (each, each.queue) for each in backends if each.queue is not None}
    waiting = [((name,), queue.queued) for name, (_, queue) in queues.items()]
    yield gauge("queue_depth", "Requests that wait for a check of a backend.", ("backend",), waiting)
    places = [((name,), each.settings.max_queued) for name, (each, _) in queues.items()]
    yield gauge("queue_places", "How many may wait at most.", ("backend",), places)
    text = "Seconds that requests waited for their check to begin."
    yield histogram("queue_wait_seconds", text, "backend", {name: queue.waits for name, (_, queue) in queues.items()})
    running = [((name,), queue.running) for name, (_, queue) in queues.items()]
    yield gauge("backend_running", "Checks of a backend that are under way.", ("backend",), running)
    slots = [((name,), each.slots) for name, (each, _) in queues.items()]
    yield gauge("backend_slots", "Checks of a backend that may be under way at once.", ("backend",), slots)


def _helper(backends: Iterable[BackendAtWork], health: Health) -> Iterator[Metric]:
    helped = {each.settings.name: (each.helper, each.queue) for each in backends if each.helper and each.queue}
    if not helped:
        return
    yield number("helper_up", "Whether the helper listens.", float(not helped.keys() & health.unreachable))
    workers = [
        ((name, state), value)
        for name, (client, queue) in helped.items()
        for state, value in (("busy", queue.running), ("idle", client.idle))
    ]
    yield gauge("workers", "The helper's workers.", ("backend", "state"), workers)
    started = [((name,), client.counters.started) for name, (client, _) in helped.items()]
    yield counter("workers_started_total", "Workers that were begun with.", ("backend",), started)
    deaths = [
        ((name, cause), value)
        for name, (client, _) in helped.items()
        for cause, value in client.counters.deaths.items()
    ]
    text = "Workers that died over a check: killed at their deadline, crashed, or exited by what they ran."
    yield counter("worker_deaths_total", text, ("backend", "cause"), deaths)


def _cache(pieces: Pieces) -> Iterator[Metric]:
    cache = pieces.steps.cache
    lookups = [((lookup.value,), value) for lookup, value in cache.lookups.items()]
    yield counter("cache_lookups_total", "How looks into the cache ended.", ("result",), lookups)
    yield number("cache_entries", "Passwords that are remembered, right ones and wrong ones.", len(cache))
    yield count("cache_evictions_total", "What was forgotten to make room.", cache.evictions)


def _throttle(pieces: Pieces, blocked: Mapping[str, int]) -> Iterator[Metric]:
    throttle = pieces.steps.throttle
    throttled = [((kind,), value) for kind, value in throttle.throttled.items()]
    yield counter("throttled_total", "Requests that were throttled, by what for.", ("kind",), throttled)
    active = [((kind,), value) for kind, value in blocked.items()]
    yield gauge("throttle_active_sources", "Users and addresses that are blocked now.", ("kind",), active)
    counted = [(("user",), len(throttle.users)), (("address",), len(throttle.addresses))]
    yield gauge("throttle_counted_sources", "Users and addresses with wrong passwords.", ("kind",), counted)


def _connections(pieces: Pieces) -> Iterator[Metric]:
    counters = pieces.connections.counters
    yield number("connections", "Clients that wait, for their answer or to say all.", len(pieces.connections))
    yield count("connections_accepted_total", "Clients that were accepted.", counters.accepted)
    rejected = [
        ((reason,), getattr(counters, reason)) for reason in ("ended_early", "too_slow", "evicted", "turned_away")
    ]
    text = "Clients without a decision: gone early, too slow, closed for a newcomer, or told that there is no room."
    yield counter("connections_rejected_total", text, ("reason",), rejected)
    text = "Times that no descriptor was left to accept with."
    yield count("out_of_descriptors_total", text, counters.out_of_descriptors)


def _log(lines: LogCounters) -> Iterator[Metric]:
    yield count("log_decisions_written_total", "Decisions that have their lines in the log.", lines.written)
    every = product(Reason, (*Outcome, *NotAsked))
    left_out = [((why.value, outcome.value), lines.left_out[why, outcome.value]) for why, outcome in every]
    text = "Decisions without a line: too many of one source or at once, or nobody read them in time."
    yield counter("log_decisions_left_out_total", text, ("reason", "outcome"), left_out)


def _daemon(sources: Sources) -> Iterator[Metric]:
    reloads, lag = sources.reloads, sources.pieces().lag
    results = [(("success",), reloads.succeeded), (("failure",), reloads.failed)]
    yield counter("config_reloads_total", "Reloads of the configuration.", ("result",), results)
    text = "Whether the last reload was taken up; 1 before the first."
    yield number("config_last_reload_success", text, float(reloads.last_succeeded))
    text = "When the configuration in force was read."
    yield number("config_last_reload_success_timestamp_seconds", text, reloads.loaded)
    yield from _log(sources.lines)
    yield durations("loop_lag_seconds", "Seconds that the loop fell behind its timers.", lag.lateness)
    yield number("loop_lag_longest_seconds", "The longest of them since the start.", lag.longest)
    build = [((__version__, platform.python_version()), 1)]
    yield gauge("build_info", "What runs here.", ("version", "python"), build)
