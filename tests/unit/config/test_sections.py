import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.config.default import default_listener
from authd.config.errors import ConfigError
from authd.config.load import parse
from authd.config.settings import (
    BackendSettings,
    CacheSettings,
    ControlSettings,
    Following,
    HelperSettings,
    ListenerSettings,
    LogFormat,
    LogLevel,
    LogSettings,
    LogTarget,
    MetricsSettings,
    Protocol,
    RouteSettings,
    ServerSettings,
    Settings,
    ThrottleAnswer,
    ThrottleSettings,
)
from authd.config.show import as_toml
from authd_backends.kinds import quoted
from authd_backends.passwd_file import PasswdFileOptions
from tests.unit.config.files import USERS, loaded, problems

EVERYTHING = """
[server]
user = "mail"
request_deadline = "9s"
read_deadline = "4s"
shutdown_deadline = "1m"
max_connections = 1
answer_texts = true

[[listeners]]
path = "/run/saslauthd/mux"
protocol = "saslauthd"
mode = "0777"
owner = "root"
group = "sasl"
backlog = 10

[[listeners]]
path = "/var/spool/postfix/var/run/saslauthd/mux"

[backends.users]
type = "passwd-file"
path = "/etc/authd/users"
deadline = "250ms"
max_concurrent = 2
max_queued = 0

[[routes]]
name = "submission"
listeners = ["/run/saslauthd/mux"]
services = ["smtp", "*"]
realms = ["*.example.org", ""]
backends = ["users"]
login = "{user}@{realm}"
cache = false
on_wrong_password = "continue"
on_unavailable = "stop"

[cache]
enabled = false
ttl = "1d"
negative_ttl = "0s"
stale_ttl = "8h"
max_entries = 0

[throttle]
enabled = false
per_user = 1
per_user_hard = 2
per_address = 3
window = "1h"
failure_delay = "0s"
answer = "no"
exempt = ["10.0.0.0/8", "fe80::1"]

[helper]
path = "/run/helper"
check_deadline = "1s"
max_checks = 1
max_memory = "1G"
min_idle = 0

[metrics]
listen = "[::1]:9479"

[control]
path = "/run/control"

[log]
level = "debug"
format = "json"
target = "journal"
"""

TYPES = "expected passwd-file, sasldb, pam, shadow, getpwent, ldap, mysql, postgresql or sqlite"


def test_every_key_has_its_setting(tmp_path: Path) -> None:
    options = PasswdFileOptions(path=Path("/etc/authd/users"))
    assert loaded(tmp_path, EVERYTHING).settings == Settings(
        server=ServerSettings(
            user="mail",
            request_deadline=9.0,
            read_deadline=4.0,
            shutdown_deadline=60.0,
            max_connections=1,
            answer_texts=True,
        ),
        listeners=(
            ListenerSettings(
                path=Path("/run/saslauthd/mux"),
                protocol=Protocol.SASLAUTHD,
                mode=0o777,
                owner="root",
                group="sasl",
                backlog=10,
            ),
            ListenerSettings(path=Path("/var/spool/postfix/var/run/saslauthd/mux")),
        ),
        backends=(
            BackendSettings(
                name="users", type="passwd-file", options=options, deadline=0.25, max_concurrent=2, max_queued=0
            ),
        ),
        routes=(
            RouteSettings(
                name="submission",
                listeners=(Path("/run/saslauthd/mux"),),
                services=("smtp", "*"),
                realms=("*.example.org", ""),
                backends=("users",),
                login="{user}@{realm}",
                cache=False,
                on_wrong_password=Following.CONTINUE,
                on_unavailable=Following.STOP,
            ),
        ),
        cache=CacheSettings(enabled=False, ttl=86400.0, negative_ttl=0.0, stale_ttl=28800.0, max_entries=0),
        throttle=ThrottleSettings(
            enabled=False,
            per_user=1,
            per_user_hard=2,
            per_address=3,
            window=3600.0,
            failure_delay=0.0,
            answer=ThrottleAnswer.NO,
            exempt=("10.0.0.0/8", "fe80::1"),
        ),
        helper=HelperSettings(
            path=Path("/run/helper"), check_deadline=1.0, max_checks=1, max_memory=1 << 30, min_idle=0
        ),
        metrics=MetricsSettings(listen="[::1]:9479"),
        control=ControlSettings(path=Path("/run/control")),
        log=LogSettings(level=LogLevel.DEBUG, format=LogFormat.JSON, target=LogTarget.JOURNAL),
    )


def test_what_the_file_leaves_out_has_its_default(tmp_path: Path) -> None:
    backend = BackendSettings(
        name="users", type="passwd-file", options=PasswdFileOptions(path=Path("/etc/authd/users"))
    )

    expected = Settings(backends=(backend,), listeners=(default_listener(),))
    assert loaded(tmp_path, USERS).settings == expected


def test_backends_keep_the_order_of_the_file(tmp_path: Path) -> None:
    text = "".join(f'[backends.{name}]\ntype = "passwd-file"\npath = "/x"\n' for name in ("z", "a", "m"))

    assert [backend.name for backend in loaded(tmp_path, text).settings.backends] == ["z", "a", "m"]


def test_a_deadline_that_is_left_out_is_never_longer_than_the_requests(tmp_path: Path) -> None:
    settings = loaded(tmp_path, f'server.request_deadline = "2s"\n{USERS}').settings

    assert settings.server.read_deadline == 2.0
    assert settings.backends[0].deadline == 2.0


def test_a_route_for_any_listener_is_one_that_names_none(tmp_path: Path) -> None:
    (route,) = loaded(tmp_path, f'{USERS}[[routes]]\nbackends = ["users"]\nlisteners = ["*"]\n').settings.routes

    assert route.listeners is None


WRONG: dict[str, tuple[str, list[str]]] = {
    "an unknown section": (
        USERS + "[sever]\nuser = 1\n",
        ["4: sever: expected a known key (server?), got an unknown one"],
    ),
    "a key above all sections": (
        'usr = "mail"\n' + USERS,
        [
            (
                "1: usr: expected a known key (server, listeners, backends, routes, cache, throttle, helper, metrics, "
                "control, log), got an unknown one"
            )
        ],
    ),
    "a misspelt key": (
        USERS + "[server]\n\n# one\nmax_conections = 3\n",
        ["7: server.max_conections: expected a known key (max_connections?), got an unknown one"],
    ),
    "a section that is none": ('server = "mail"\n' + USERS, ['1: server: expected a table, got "mail"']),
    "one table where several belong": (
        USERS + '[listeners]\npath = "/x"\n',
        ["4: listeners: expected tables headed [[listeners]], got a table"],
    ),
    "a listener that is no table": (
        'listeners = [{ path = "/run/a" },\n "/run/b"]\n' + USERS,
        ['2: listeners[2]: expected a table, got "/run/b"'],
    ),
    "a listener without a path": (
        USERS + "[[listeners]]\nbacklog = 0\n",
        [
            "4: listeners[1].path: expected an absolute path of at most 107 bytes, got nothing",
            "5: listeners[1].backlog: expected a whole number from 1 to 65535, got 0",
        ],
    ),
    "a listener whose path the kernel would cut": (
        USERS + f'[[listeners]]\npath = "/{"é" * 54}"\n',
        [f'5: listeners[1].path: expected an absolute path of at most 107 bytes, got "/{"é" * 54}"'],
    ),
    "a mode that is a number": (
        USERS + '[[listeners]]\npath = "/run/a"\nmode = 0o660\n',
        ['6: listeners[1].mode: expected octal permissions like "0660", got 432'],
    ),
    "a mode that sets the user": (
        USERS + '[[listeners]]\npath = "/run/a"\nmode = "4660"\n',
        ['6: listeners[1].mode: expected octal permissions like "0660", got "4660"'],
    ),
    "a protocol that nobody speaks": (
        USERS + '[[listeners]]\npath = "/run/a"\nprotocol = "dovecot"\n',
        ['6: listeners[1].protocol: expected "saslauthd", got "dovecot"'],
    ),
    "no backend": ("\n", ["1: backends: expected at least one table headed [backends.NAME], got none"]),
    "backends without names": (
        '[[backends]]\ntype = "sasldb"\n',
        ["1: backends: expected at least one table headed [backends.NAME], got a list"],
    ),
    "a backend that is no table": (
        '[backends]\ntype = "sasldb"\n',
        ['2: backends.type: expected a table, got "sasldb"'],
    ),
    "a backend without a type": (
        '[backends.users]\npath = "/x"\n',
        [f"1: backends.users.type: {TYPES}, got nothing"],
    ),
    "a type that is no word": (
        "[backends.users]\ntype = 5\n",
        [f"2: backends.users.type: {TYPES}, got 5"],
    ),
    "a type that is misspelt": (
        '[backends.users]\ntype = "sasldb2"\ndeadline = 5\n',
        [
            '2: backends.users.type: expected a known type (sasldb?), got "sasldb2"',
            '3: backends.users.deadline: expected a duration like "8s" ("1ms" to "1h"), got 5',
        ],
    ),
    "a backend's name with a space": (
        '[backends."my users"]\ntype = "passwd-file"\npath = "/x"\n',
        ['1: backends."my users": expected a name of at most 64 letters, digits, - and _, got "my users"'],
    ),
    "an option that its backend needs": (
        '# the users\n[backends.users]\ntype = "passwd-file"\n',
        ["2: backends.users.path: expected an absolute path, got nothing"],
    ),
    "options that are misspelt": (
        USERS + 'shceme = "x"\nmax_queud = 2\nname = "y"\n',
        [
            "4: backends.users.shceme: expected a known key (scheme?), got an unknown one",
            "5: backends.users.max_queud: expected a known key (max_queued?), got an unknown one",
            (
                "6: backends.users.name: expected a known key (path, scheme, default_scheme, weak_schemes, type, "
                "deadline, max_concurrent, max_queued, helper), got an unknown one"
            ),
        ],
    ),
    "a route with a name that no request has": (
        USERS + '[[routes]]\nbackends = ["users"]\nlogin = "{mail}"\n',
        ['6: routes[1].login: expected a template of {user}, {realm}, {service}, got "{mail}"'],
    ),
    "a route with a login made of the login": (
        USERS + '[[routes]]\nbackends = ["users"]\nlogin = "{login}"\n',
        ['6: routes[1].login: expected a template of {user}, {realm}, {service}, got "{login}"'],
    ),
    "a route whose template does not end": (
        USERS + '[[routes]]\nbackends = ["users"]\nlogin = "{user"\n',
        ['6: routes[1].login: expected a template of {user}, {realm}, {service}, got "{user"'],
    ),
    "a route that matches nothing": (
        USERS + '[[routes]]\nbackends = []\nservices = []\nlisteners = ["a"]\n',
        [
            "5: routes[1].backends: expected a list of at least 1 (each a string), got an empty list",
            "6: routes[1].services: expected a list of at least 1 (each a string), got an empty list",
            (
                '7: routes[1].listeners: expected a list of at least 1 (each the path of a listener or "*"), '
                'got one with "a"'
            ),
        ],
    ),
    "a route that knows not what to do": (
        USERS + '[[routes]]\nbackends = ["users"]\non_wrong_password = "go on"\n',
        ['6: routes[1].on_wrong_password: expected "continue" or "stop", got "go on"'],
    ),
    "a number that is a word": (
        USERS + '[server]\nmax_connections = "many"\n',
        ['5: server.max_connections: expected a whole number from 1 to 1000000, got "many"'],
    ),
    "no connections": (
        USERS + "[server]\nmax_connections = 0\n",
        ["5: server.max_connections: expected a whole number from 1 to 1000000, got 0"],
    ),
    "networks that are none": (
        USERS + '[throttle]\nexempt = ["::1", "localhost"]\n',
        [
            (
                '5: throttle.exempt: expected a list (each an address or network like "10.0.0.0/8"), '
                'got one with "localhost"'
            ),
        ],
    ),
    "a network with host bits": (
        USERS + '[throttle]\nexempt = ["10.0.0.1/8"]\n',
        [
            (
                '5: throttle.exempt: expected a list (each an address or network like "10.0.0.0/8"), '
                'got one with "10.0.0.1/8", which has host bits set'
            ),
        ],
    ),
    "an address without a port": (
        USERS + '[metrics]\nlisten = "127.0.0.1"\n',
        ['5: metrics.listen: expected an address like "127.0.0.1:9479" or an absolute path, got "127.0.0.1"'],
    ),
    "a port that is none": (
        USERS + '[metrics]\nlisten = "127.0.0.1:65536"\n',
        ['5: metrics.listen: expected an address like "127.0.0.1:9479" or an absolute path, got "127.0.0.1:65536"'],
    ),
}


@pytest.mark.parametrize(("text", "lines"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_told_by_line_key_and_what_was_expected(tmp_path: Path, text: str, lines: list[str]) -> None:
    assert problems(tmp_path, text) == [f"authd.toml:{line}" for line in lines]


def test_all_errors_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = f"""[[routes]]
backends = ["usrs"]
login = "{{x}}"
[server]
read_deadline = "20s"
request_deadline = 8
{USERS}[log]
levl = "info"
[[listeners]]
path = "/run/a"
mode = 660
[[listeners]]
path = "/run/a"
"""

    keys = [line.split(": ")[0:2] for line in problems(tmp_path, text)]

    assert keys == [
        ["authd.toml:2", "routes[1].backends"],
        ["authd.toml:3", "routes[1].login"],
        ["authd.toml:6", "server.request_deadline"],
        ["authd.toml:11", "log.levl"],
        ["authd.toml:14", "listeners[1].mode"],
        ["authd.toml:16", "listeners[2].path"],
    ]


def test_what_an_options_class_refuses_is_told_at_its_key(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, f'{USERS}scheme = "ROT13"\n')

    assert problem.startswith("authd.toml:4: backends.users.scheme: expected ")


SETTINGS_BY_SECTION: list[tuple[str, Any]] = [
    ("server", ServerSettings()),
    ("cache", CacheSettings()),
    ("throttle", ThrottleSettings()),
    ("helper", HelperSettings()),
    ("metrics", MetricsSettings()),
    ("control", ControlSettings()),
    ("log", LogSettings()),
]


@pytest.mark.parametrize(("name", "defaults"), SETTINGS_BY_SECTION)
def test_an_empty_section_is_its_defaults(tmp_path: Path, name: str, defaults: Any) -> None:
    assert getattr(loaded(tmp_path, f"[{name}]\n{USERS}").settings, name) == defaults


texts = st.text(max_size=9) | st.sampled_from(["8s", "64M", "0660", "/x", "{user}", "users", "sasldb", "passwd-file"])
values = st.recursive(
    st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
keys = st.sampled_from(sorted(set(re.findall(r"[a-z_]+(?= =)", EVERYTHING)))) | st.text(max_size=5)
sections = st.sampled_from(sorted(set(re.findall(r"(?<=\[)[a-z]+", EVERYTHING)))) | st.text(max_size=5)
entries = st.dictionaries(keys, values)
named = st.dictionaries(st.text(max_size=5) | st.just("users"), entries)
tables = st.dictionaries(sections, st.one_of(entries, st.lists(entries, max_size=3), named, values))


@given(tables)
def test_no_values_at_all_make_it_raise_anything_but_its_own_error(table: dict[str, Any]) -> None:
    text = "".join(f"{quoted(key)} = {as_toml(value)}\n" for key, value in table.items())
    try:
        parse("F", text.encode(), os.stat_result((0o100604, *[0] * 9)))
    except ConfigError as error:
        assert all(re.match(r"F:[0-9]+: ", line) and line.isprintable() for line in error.problems)
