"""Debian's Prometheus scrapes a running authd, and its promtool finds nothing to say about what it gets."""

import gzip
import json
import os
import socket
from collections.abc import Iterator
from signal import SIGCONT, SIGSTOP
from typing import Any
from urllib.parse import quote

import pytest
from prometheus_client.parser import text_string_to_metric_families

from authd_backends.hashes.libcrypt import hashed
from tests.servers.authd import SOCKET, Authd
from tests.servers.box import CHECKOUT, Box
from tests.servers.client import NO, OK, ask
from tests.servers.process import wait_until
from tests.servers.processes import family
from tests.servers.scraping import Got, Scrape, get

PACKAGES = ("prometheus",)
PORT = 947  # one that only root may listen at
PROMETHEUS_PORT = 9090
CONFIGURATION = f"""
[[listeners]]
path = "{SOCKET}"
group = "sasl"

[backends.users]
type = "passwd-file"
path = "/etc/authd/users"

[backends.shadow]
type = "shadow"

[[routes]]
services = ["pop"]
backends = ["shadow"]

[[routes]]
backends = ["users"]

[metrics]
listen = "127.0.0.1:{PORT}"
"""
PROMETHEUS = f"""
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: authd
    static_configs:
      - targets: ["127.0.0.1:{PORT}"]
"""


@pytest.fixture(scope="module")
def authd(box: Box) -> Iterator[Authd]:
    authd = Authd(box, CONFIGURATION)
    stored = hashed(b"right", "$6$rounds=1000$saltsalt")
    box.write("/etc/authd/users", f"alice:{stored}\n", mode=0o640, group="authd")
    box.write("/etc/passwd", f"{box.read('/etc/passwd')}bob:x:5000:5000::/:/bin/sh\n")
    box.write("/etc/shadow", f"{box.read('/etc/shadow')}bob:{stored}:20000::::::\n", mode=0o640, group="shadow")
    box.make_directory("/run/authd")
    authd.start()
    yield authd
    assert authd.stop() == 0


@pytest.fixture(scope="module")
def prometheus(box: Box, authd: Authd) -> None:
    box.write("/etc/prometheus/prometheus.yml", PROMETHEUS)
    storage = "/run/prometheus"
    box.make_directory(storage)
    web = f"--web.listen-address=127.0.0.1:{PROMETHEUS_PORT}"
    box.start(["prometheus", "--config.file=/etc/prometheus/prometheus.yml", f"--storage.tsdb.path={storage}", web])
    wait_until(lambda: box.listens(PROMETHEUS_PORT), "Prometheus")


def fetch(box: Box, target: str, *fields: str, port: int = PORT) -> Got:
    with box.network():
        client = socket.create_connection(("127.0.0.1", port), 30.0)
    return get(client, target, *fields)


def query(box: Box, expression: str) -> list[dict[str, Any]]:
    got = fetch(box, f"/api/v1/query?query={quote(expression)}", port=PROMETHEUS_PORT)
    result: list[dict[str, Any]] = json.loads(got.body)["data"]["result"] if got.status == 200 else []
    return result


def value(box: Box, expression: str) -> float | None:
    found = query(box, expression)
    return float(found[0]["value"][1]) if found else None


def test_promtool_has_nothing_to_say(box: Box, authd: Authd) -> None:
    page = fetch(box, "/metrics").body.decode()

    checked = box.run(["promtool", "check", "metrics"], input=page, expect=None)

    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_what_is_exported_is_what_is_documented(box: Box, authd: Authd) -> None:
    exported = {}
    for each in text_string_to_metric_families(fetch(box, "/metrics").body.decode()):
        name = f"{each.name}_total" if each.type == "counter" else each.name
        if name.startswith("authd_") and "_process_" not in name:
            exported[name] = (each.type, {label for sample in each.samples for label in sample.labels} - {"le"})

    documented: dict[str, tuple[str, set[str]]] = {}
    for line in (CHECKOUT / "docs" / "prometheus.md").read_text().splitlines():
        if line.startswith("| `authd_"):
            names, type_, labels, *_ = [cell.strip() for cell in line.strip("|").split("|")]
            documented |= {name.strip("`"): (type_, set(labels.split(", ")) - {""}) for name in names.split(", ")}

    assert documented == exported


def test_a_scrape_is_what_was_accepted(box: Box, authd: Authd) -> None:
    plain = fetch(box, "/metrics")
    packed = fetch(box, "/metrics", "Accept-Encoding: gzip", "Accept: application/openmetrics-text;version=1.0.0")

    assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert packed.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    text = gzip.decompress(packed.body).decode()
    assert text.endswith("# EOF\n")
    assert text.count("# EOF") == 1


def test_prometheus_has_the_very_counts(box: Box, prometheus: None) -> None:
    path = box.path(SOCKET)
    assert [ask(path, "alice", "right") for _ in range(7)] == [OK] * 7
    assert [ask(path, "alice", f"wrong{number}") for number in range(5)] == [NO] * 5

    for outcome, count in (("accepted", 7), ("wrong_password", 5), ("unknown_user", 0)):
        labels = f'protocol="saslauthd",service_class="smtp",outcome="{outcome}"'
        expression = f"authd_requests_total{{{labels}}}"
        wait_until(lambda: value(box, expression) == count, f"{expression} {count}")  # noqa: B023  # waited for here
    assert value(box, "up") == 1
    rate = "histogram_quantile(0.5, authd_request_duration_seconds_bucket)"
    wait_until(lambda: (value(box, rate) or 0) > 0, rate)


def test_the_helper_and_its_process_are_seen(box: Box, authd: Authd) -> None:
    def seen() -> Scrape:
        return Scrape(fetch(box, "/metrics").body.decode())

    helper = family(authd).helper
    os.kill(helper, SIGSTOP)
    wait_until(lambda: seen().total("authd_helper_up") == 0, "a helper that does nothing")
    assert fetch(box, "/readyz")[::2] == (503, b"route 1: no backend answers: shadow\n")
    os.kill(helper, SIGCONT)
    wait_until(lambda: seen().total("authd_helper_up") == 1, "its return")
    assert fetch(box, "/readyz").status == 200

    assert ask(box.path(SOCKET), "bob", "right", service="pop") == OK
    assert seen().total("authd_workers_started_total", backend="shadow") == 1
    assert seen().total("authd_workers", backend="shadow", state="idle") == 1
    assert seen().total("authd_worker_deaths_total", backend="shadow") == 0
    assert seen().total("authd_helper_process_resident_memory_bytes") > 0
