"""The metrics and the health of a running authd, over HTTP."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from authd.observe.exporter import MAX_CALLERS
from authd.observe.http import MAX_HEAD
from bench.databases import write_passwd_file, write_sasldb
from bench.generator import REALM, build
from tests.daemon.crowd import Crowd
from tests.daemon.moody import install, set_mood
from tests.daemon.running import AUTHD, ENOUGH, NO, OK, TEMPORARY, Authd, ask, connect, running, unprivileged, until
from tests.servers.scraping import Scrape, get, said

USERS = 100
SERVICE_CLASSES = {"smtp", "imap", "pop", "sieve", "lmtp", "ldap", "xmpp", "other"}

# imap: sasldb, which answers at once. smtp: a file, cached. xmpp: a backend with moods. sieve: one without places.
CONFIGURATION = """
[server]
request_deadline = "5s"

[[listeners]]
path = "DIR/mux"

[backends.sasldb]
type = "sasldb"
path = "DIR/sasldb2"

[backends.users]
type = "passwd-file"
path = "DIR/users"
max_queued = 10000

[backends.moody]
type = "moody-loop"
mood = "DIR/mood"

[backends.narrow]
type = "moody-loop"
mood = "DIR/mood"
max_concurrent = 1
max_queued = 2

[[routes]]
name = "imap"
services = ["imap"]
backends = ["sasldb"]

[[routes]]
name = "smtp"
services = ["smtp"]
backends = ["users"]

[[routes]]
name = "xmpp"
services = ["XMPP"]
backends = ["moody"]

[[routes]]
name = "sieve"
services = ["sieve"]
backends = ["narrow"]

[metrics]
listen = "DIR/metrics"

[log]
level = "error"
"""


LITTLE = """
[[listeners]]
path = "DIR/mux"

[backends.users]
type = "passwd-file"
path = "DIR/users"

"""


@pytest.fixture
def mood(tmp_path: Path) -> Path:
    mood = tmp_path / "mood"
    mood.write_text("well")
    return mood


@pytest.fixture
def authd(tmp_path: Path, mood: Path) -> Iterator[Authd]:
    with serving(tmp_path) as authd:
        yield authd


@contextmanager
def serving(directory: Path) -> Iterator[Authd]:
    write_sasldb(directory / "sasldb2", USERS)
    write_passwd_file(directory / "users", USERS)
    sockets, environment = ("mux", "metrics"), install(directory / "site")
    with running(directory, CONFIGURATION, sockets=sockets, environment=environment, is_silent=True) as authd:
        yield authd


@pytest.fixture(scope="module")
def shared_metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of an authd that is asked for its metrics only."""
    with serving(tmp_path_factory.mktemp("shared")) as authd:
        yield authd.socket.with_name("metrics")


@pytest.fixture
def metrics(authd: Authd) -> Path:
    return authd.socket.with_name("metrics")


def scrape(metrics: Path) -> Scrape:
    return Scrape(get(connect(metrics), "/metrics").body.decode())


def load(authd: Authd, service: str, expected: str, count: int, password: str = "secret%d") -> None:
    """Have so many requests made; each of them gets the answer that is expected."""
    who = ["-u", "user%d", "-p", password, "-r", REALM, "-N", str(USERS), "-S", service]
    command = [str(build("load")), "-s", str(authd.socket), "-c", "8", "-n", str(count), "-e", expected, *who]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"errors": 0' in done.stdout, done.stdout


def test_a_hundred_thousand_mixed_requests_are_counted_to_the_last_one(authd: Authd, metrics: Path) -> None:
    work = [
        ("imap", "OK", 30_000, "secret%d"),
        ("imap", "NO", 20_000, "wrong"),
        ("smtp", "OK", 30_000, "secret%d"),
        ("smtp", "NO", 10_000, "wrong"),
        ('ev\til{}"\\', "NO", 10_000, "secret%d"),
    ]
    build("load")
    with ThreadPoolExecutor() as clients:
        list(clients.map(lambda each: load(authd, *each), work))

    seen = scrape(metrics)
    requests = "authd_requests_total"
    assert seen.total(requests) == 100_000
    assert seen.total(requests, service_class="imap", outcome="accepted") == 30_000
    assert seen.total(requests, service_class="imap", outcome="wrong_password") == 20_000
    assert seen.total(requests, service_class="smtp", outcome="accepted") == 30_000
    assert seen.total(requests, service_class="smtp", outcome="wrong_password") == 10_000
    assert seen.total(requests, service_class="other", outcome="no_route") == 10_000
    assert seen.total("authd_request_duration_seconds_count", protocol="saslauthd") == 100_000
    assert seen.total("authd_connections_accepted_total") == 100_000
    assert seen.total("authd_backend_requests_total", backend="sasldb") == 50_000
    assert seen.total("authd_backend_duration_seconds_count", backend="sasldb") == 50_000
    assert seen.total("authd_cache_lookups_total") == 40_000
    missed = seen.total("authd_cache_lookups_total", result="miss")
    asked = seen.total("authd_backend_requests_total", backend="users")
    assert 0 < asked <= missed
    assert asked == seen.total("authd_backend_duration_seconds_count", backend="users")
    assert asked == seen.total("authd_queue_wait_seconds_count", backend="users")


def test_a_flood_and_an_outage_are_counted_to_the_last_one(authd: Authd, metrics: Path, mood: Path) -> None:
    set_mood(mood, "late 0.2")
    crowd = Crowd(authd.socket)
    flood = [crowd.ask(f"nobody{number}", "guess", service="sieve") for number in range(100)]
    answers = crowd.wait(*flood)
    assert set(answers) == {NO, TEMPORARY}
    set_mood(mood, "unavailable")
    assert [ask(authd.socket, "alice", f"right{number}", "xmpp") for number in range(50)] == [TEMPORARY] * 50
    for request in (b"\0\0\0\1\0\0\0\0\0", b"\1\1\xff", b"\xff\xff\0"):
        connect_and_leave(authd.socket, request)

    seen = scrape(metrics)
    unknown, dropped = answers.count(NO), answers.count(TEMPORARY)
    assert seen.total("authd_requests_total", service_class="sieve", outcome="unknown_user") == unknown
    assert seen.total("authd_requests_total", service_class="sieve", outcome="unavailable") == dropped
    assert seen.total("authd_backend_dropped_total", backend="narrow") == dropped
    assert seen.total("authd_queue_wait_seconds_count", backend="narrow") == unknown
    assert seen.total("authd_requests_total", service_class="xmpp", outcome="unavailable") == 50
    assert seen.total("authd_backend_requests_total", backend="moody", outcome="unavailable") == 50
    assert seen.total("authd_backend_dropped_total", backend="moody") == 0
    assert seen.total("authd_requests_total", outcome="protocol_error") == 1
    assert seen.total("authd_connections_rejected_total", reason="ended_early") == 2
    assert seen.total("authd_connections_accepted_total") == 153
    until(lambda: scrape(metrics).total("authd_connections") == 0, "nobody to wait")


def connect_and_leave(path: Path, request: bytes) -> None:
    client = connect(path)
    with client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):
            pass


def test_no_label_holds_what_a_client_sent(authd: Authd, metrics: Path) -> None:
    hostile = ['smtp"} 1\n', "SMTP", "ﬁmap", "\\", "x" * 2000, "{}", "imap ", "ev]il [service=x"]
    for text in hostile:
        ask(authd.socket, f"user-{text}", "password-of-nobody", service=text, realm=text)

    page = get(connect(metrics), "/metrics").body.decode()

    assert Scrape(page).values("service_class") == SERVICE_CLASSES
    assert Scrape(page).total("authd_requests_total", service_class="other") == len(hostile) - 1
    assert not [word for word in ("user-", "password-of-nobody", "xxxx", "ev]il") if word in page]


def test_readiness_turns_with_a_store_that_nobody_asks(authd: Authd, metrics: Path, tmp_path: Path) -> None:
    assert get(connect(metrics), "/healthz")[::2] == (200, b"alive\n")
    assert get(connect(metrics), "/readyz")[::2] == (200, b"ready\n")

    (tmp_path / "users").rename(tmp_path / "gone")
    until(lambda: get(connect(metrics), "/readyz").status == 503, "a route that nobody can answer")
    assert get(connect(metrics), "/readyz").body == b"route smtp: no backend answers: users\n"
    assert scrape(metrics).total("authd_backend_up", backend="users") == 0
    assert scrape(metrics).total("authd_backend_up", backend="sasldb") == 1
    assert scrape(metrics).total("authd_route_up", route="smtp") == 0
    assert get(connect(metrics), "/healthz").status == 200

    (tmp_path / "gone").rename(tmp_path / "users")
    until(lambda: get(connect(metrics), "/readyz").status == 200, "its return")


def test_a_backend_without_a_probe_is_down_while_all_it_answers_are_outages(
    authd: Authd, metrics: Path, mood: Path
) -> None:
    set_mood(mood, "unavailable")

    def is_down() -> bool:
        assert ask(authd.socket, "alice", "right", "xmpp") == TEMPORARY
        return scrape(metrics).total("authd_backend_up", backend="moody") == 0

    until(is_down, "the outage")
    set_mood(mood, "well")
    until(lambda: scrape(metrics).total("authd_backend_up", backend="moody") == 1, "its end, with nobody asking")
    assert ask(authd.socket, "alice", "right", "xmpp") == OK
    until(lambda: scrape(metrics).total("authd_backend_last_success_timestamp_seconds", backend="moody") > 0, "a time")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /nothing HTTP/1.1\r\n\r\n", 404),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\n", 405),
        (b"BREW /metrics HTTP/1.1\r\n\r\n", 405),
        (b"GET metrics HTTP/1.1\r\n\r\n", 400),
        (b"GET /metrics HTTP/2.0\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"y" * MAX_HEAD + b"\r\n\r\n", 431),
        (b"GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text;version=1.x\r\n\r\n", 200),
        (b"GET /metrics?name[]=x HTTP/1.0\r\n\r\n", 200),
    ],
)
def test_what_is_no_scrape_is_told_so(shared_metrics: Path, request_: bytes, status: int) -> None:
    assert said(connect(shared_metrics), request_).status == status


def test_who_says_nothing_keeps_nobody_from_scraping(authd: Authd, metrics: Path) -> None:
    silent = [connect(metrics) for _ in range(MAX_CALLERS + 20)]
    for client in silent[::2]:
        client.sendall(b"GET /met")

    assert get(connect(metrics), "/healthz").status == 200

    for client in silent[:20]:
        with suppress(ConnectionResetError):
            assert client.recv(1) == b""  # they came first and made room
    for client in silent:
        client.close()


def test_without_the_section_nothing_of_it_is_imported(tmp_path: Path) -> None:
    command = (sys.executable, "-X", "importtime", *AUTHD[1:])
    with running(tmp_path, LITTLE, command=command) as authd:
        assert "asyncio" in authd.log
        assert "prometheus_client" not in authd.log
        assert "authd.observe.exporter" not in authd.log


def test_without_the_library_the_start_says_how_to_get_it(tmp_path: Path) -> None:
    checkout = Path(__file__).parents[2]
    file = written(tmp_path, "[::1]:9479")

    ended = started(file, "-S", PYTHONPATH=f"{checkout}:{checkout / 'backends'}")  # -S: no site-packages

    assert (ended.returncode, ended.stderr) == (2, f"{file}:10: metrics.listen: needs: pip install authd[metrics]\n")


def test_a_port_that_is_taken_stops_the_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        where = f"127.0.0.1:{other.getsockname()[1]}"

        ended = started(written(tmp_path, where), PATH=os.environ["PATH"])

    assert ended.returncode == 2
    assert ended.stderr.endswith(f"authd: {where}: expected to listen there, got: Address already in use\n")
    assert not (tmp_path / "mux").exists()


def written(directory: Path, listen: str) -> Path:
    file = directory / "authd.toml"
    file.write_text(
        f'{LITTLE}[metrics]\nlisten = "{listen}"\n[control]\npath = "DIR/control"\n'.replace("DIR", str(directory))
    )
    return file


def started(file: Path, *options: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Start it where it cannot be started."""
    command = unprivileged([sys.executable, *options, "-m", "authd", "serve", "--config", str(file)])
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=ENOUGH)
