"""What it costs to be scraped, and how long a scrape takes."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from bench.contenders import SCRAPED_BACKENDS, SYSTEM_USERS, Contenders
from bench.databases import PASSWORD
from bench.generator import load
from bench.report import Measured, Row
from tests.servers.scraping import get

PERIOD = 1.0  # seconds between two scrapes
_IDLE = 20  # scrapes
_PAUSE = 0.1  # seconds between those under load
_AS_PROMETHEUS = ("Accept: application/openmetrics-text;version=1.0.0", "Accept-Encoding: gzip")


@contextmanager
def scraping(contenders: Contenders) -> Iterator[None]:
    """Scrape every `PERIOD`, as a Prometheus does that asks more often than most."""
    metrics, stop = contenders.socket_of_authd("metrics"), Event()

    def go_on() -> None:
        while not stop.wait(PERIOD):
            _milliseconds(metrics)

    with ThreadPoolExecutor(1) as scraper:
        under_way = scraper.submit(go_on)
        try:
            yield
        finally:
            stop.set()
            under_way.result()


def rows_of_scrapes(contenders: Contenders, milliseconds: int) -> Iterator[Row]:
    """Time scrapes of a front that is idle, and of one that answers as fast as it can, for `milliseconds`."""
    with contenders.authd_scraped():
        metrics = contenders.socket_of_authd("metrics")
        idle = [_milliseconds(metrics) for _ in range(_IDLE)]
        busy = _under_load(contenders.socket_of_authd(), metrics, milliseconds)
    work = f"scrape, {SCRAPED_BACKENDS} backends"
    yield Measured(f"{work}, idle", "ms", idle, 20, 1)
    yield Measured(f"{work}, under full load", "ms", busy, 20, 1)


def _under_load(mux: Path, metrics: Path, milliseconds: int) -> list[float]:
    taken = []
    with ThreadPoolExecutor(1) as clients:
        at_work = clients.submit(
            load, mux, clients=16, milliseconds=milliseconds, users=SYSTEM_USERS, password=PASSWORD
        )
        while not at_work.done():
            time.sleep(_PAUSE)
            taken.append(_milliseconds(metrics))
        at_work.result()
    return taken


def _milliseconds(metrics: Path) -> float:
    client = socket.socket(socket.AF_UNIX)
    began = time.perf_counter()
    client.connect(str(metrics))
    got = get(client, "/metrics", *_AS_PROMETHEUS)
    assert got.status == 200, f"/metrics: expected 200, got {got.status}"
    return (time.perf_counter() - began) * 1000
