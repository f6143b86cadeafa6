import asyncio
import gzip
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.decide.histogram import Histogram
from authd.observe import metrics
from authd.observe.counters import LogCounters, ReloadCounters
from authd.observe.families import durations
from authd.observe.health import Health
from authd.observe.http import Reply
from authd.observe.metrics import Metrics
from authd.observe.processes import NOBODY, collectors, helper_pid
from authd.observe.sections import Sources, sections
from tests.servers.scraping import Scrape
from tests.unit.observe.observed import pieces_of

OUTCOMES = {"accepted", "wrong_password", "unknown_user", "disabled", "expired", "unavailable"}
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


def sources(directory: Path, reloads: ReloadCounters | None = None) -> Sources:
    pieces = pieces_of(directory)
    health = Health(lambda: pieces)
    health.down = {"b": "gone"}
    reloads = reloads or ReloadCounters(loaded=1000.0)
    blocked = {"user": 3, "address": 0}
    return Sources(lambda: pieces, health, reloads, LogCounters(), blocked, collectors(lambda: pieces))


def page(directory: Path, headers: Mapping[str, str], reloads: ReloadCounters | None = None) -> tuple[Reply, int]:
    """Give the page, and in how many turns of the loop it was made."""

    async def live() -> tuple[Reply, int]:
        steps = Metrics(sources(directory, reloads)).page(headers)
        turns = 1
        while True:
            try:
                steps.send(None)
            except StopIteration as end:
                return end.value, turns
            turns += 1

    return asyncio.run(live())


def scraped(directory: Path, reloads: ReloadCounters | None = None) -> Scrape:
    return Scrape(page(directory, {}, reloads)[0].body.decode())


def test_every_label_that_is_known_is_there_from_the_start_with_0(tmp_path: Path) -> None:
    seen = scraped(tmp_path)

    assert seen.values("outcome") == {*OUTCOMES, "throttled", "no_route", "protocol_error"}
    assert seen.values("protocol") == {"saslauthd", "pwcheck"}
    assert seen.values("service_class") == {"smtp", "imap", "pop", "sieve", "lmtp", "ldap", "xmpp", "other"}
    assert seen.values("backend") == {"a", "b"}
    assert seen.values("result") == {"hit", "negative_hit", "miss", "stale_used", "success", "failure"}
    for protocol in seen.values("protocol"):
        for outcome in seen.values("outcome"):
            assert seen.total("authd_requests_total", protocol=protocol, outcome=outcome) == 0
    for backend in ("a", "b"):
        for outcome in OUTCOMES:
            assert seen.total("authd_backend_requests_total", backend=backend, outcome=outcome) == 0
        assert seen.total("authd_backend_duration_seconds_count", backend=backend) == 0


def test_what_is_known_is_shown(tmp_path: Path) -> None:
    seen = scraped(tmp_path)

    assert seen.total("authd_backend_up", backend="a") == 1
    assert seen.total("authd_backend_up", backend="b") == 0
    assert seen.total("authd_route_up", route="both") == 1
    assert seen.total("authd_route_up", route="one") == 0
    assert seen.total("authd_queue_places", backend="a") == 256
    assert seen.total("authd_throttle_active_sources", kind="user") == 3
    assert seen.total("process_resident_memory_bytes") > 0
    assert "authd_helper_up" not in seen.names()  # no backend needs one


def test_a_reload_that_failed_is_shown_until_one_succeeds(tmp_path: Path) -> None:
    reloads = ReloadCounters(loaded=1000.0)
    before = scraped(tmp_path, reloads)
    reloads.note_failure()
    failed = scraped(tmp_path, reloads)
    reloads.note_success(2000.0)
    after = scraped(tmp_path, reloads)

    success, when = "authd_config_last_reload_success", "authd_config_last_reload_success_timestamp_seconds"
    assert [(each.total(success), each.total(when)) for each in (before, failed, after)] == [
        (1, 1000),
        (0, 1000),
        (1, 2000),
    ]
    assert after.total("authd_config_reloads_total", result="failure") == 1


def test_a_page_is_made_in_as_many_turns_as_it_has_families(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "TURN", 0.0)

    async def live() -> int:
        return len(list(sections(sources(tmp_path))))

    _, turns = page(tmp_path, {})

    assert turns == asyncio.run(live()) + 1


@pytest.mark.parametrize("accept", ["", "*/*", OPENMETRICS, "text/plain;version=0.0.4"])
@pytest.mark.parametrize("encoding", ["", "gzip", "deflate, gzip"])
def test_the_format_is_the_one_that_is_accepted(tmp_path: Path, accept: str, encoding: str) -> None:
    reply, _ = page(tmp_path, {"accept": accept, "accept-encoding": encoding})

    is_packed = ("Content-Encoding", "gzip") in reply.headers
    body = gzip.decompress(reply.body) if is_packed else reply.body
    assert is_packed == ("gzip" in encoding)
    assert body.count(b"# EOF\n") == body.endswith(b"# EOF\n") == (accept == OPENMETRICS)
    assert ("openmetrics" in reply.content_type) == (accept == OPENMETRICS)
    assert body.startswith(b"# HELP authd_requests")


@pytest.mark.parametrize("version", ["1.x", "x", "", "99"])
def test_a_version_that_is_none_is_no_defect(tmp_path: Path, version: str) -> None:
    reply, _ = page(tmp_path, {"accept": f"application/openmetrics-text;version={version}"})

    assert reply.body.startswith(b"# HELP authd_requests")


@given(st.lists(st.floats(0, 20)))
def test_a_histogram_s_buckets_hold_all_below_them(taken: list[float]) -> None:
    histogram = Histogram()
    for each in taken:
        histogram.add(each)

    samples = durations("x_seconds", "X.", histogram).samples

    buckets = [sample.value for sample in samples if sample.name == "authd_x_seconds_bucket"]
    assert buckets == list(accumulate(histogram.counts))
    assert samples[-2].value == len(taken)
    assert samples[-1].value == pytest.approx(sum(taken))


def test_no_process_is_taken_for_a_helper_that_there_is_none_of(tmp_path: Path) -> None:
    async def live() -> int:
        return helper_pid(pieces_of(tmp_path))

    assert asyncio.run(live()) == NOBODY
