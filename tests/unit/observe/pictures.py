"""Pictures of a daemon that never was, for tests of the page."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from authd.observe.history import INTERVAL, SPANS
from authd.observe.picture import (
    BackendPicture,
    CachePicture,
    ListenerPicture,
    Picture,
    RoutePicture,
    ThrottlePicture,
    Traffic,
)

REST = [0.0] * SPANS
WORK = [float(number % 7) for number in range(SPANS)]


def backend(name: str, problem: str = "", series: Sequence[float] = WORK) -> BackendPicture:
    return BackendPicture(
        name=name,
        type="ldap",
        placement="loop",
        problem=problem,
        running=3,
        slots=32,
        queued=17,
        places=256,
        totals={"accepted": 1_234_567, "wrong_password": 0, "unavailable": 2},
        answered=series,
        unavailable=series,
        took=[None, *series[1:]],
    )


def picture(**changes: Any) -> Picture:
    traffic = Traffic(accepted=WORK, refused=WORK, throttled=REST, unavailable=REST, median=WORK, slowest=WORK)
    shown = Picture(
        version="1.2.3",
        pid=4711,
        taken=datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC),
        uptime=93_784.0,
        interval=INTERVAL,
        spans=SPANS,
        traffic=traffic,
        waiting=[*REST[1:], 5.0],
        requests={"saslauthd": {"accepted": 12_345, "no_route": 1}},
        backends=[backend("ldap"), backend("users")],
        routes=[
            RoutePicture(
                name="submission",
                takes={"services": ["smtp"]},
                backends=["ldap", "users"],
                login="{user}@{realm}",
                is_cached=True,
            )
        ],
        mute_routes=[],
        listeners=[ListenerPicture(path="/run/saslauthd/mux", protocol="saslauthd", mode=0o660)],
        cache=CachePicture(is_enabled=True, entries=17, lookups={"hit": 5}, found=WORK, missed=WORK, evictions=0),
        throttle=ThrottlePicture(is_enabled=True, users=14, addresses=3, throttled={"user": 5}),
        connections={"open": 2, "turned_away": 9},
        longest_lag=0.0123,
    )
    return replace(shown, **changes)
