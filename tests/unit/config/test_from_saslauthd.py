from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.config.from_saslauthd import Instance, OwnSockets, configuration
from authd.config.load import parse
from authd.config.saslauthd_flags import Flags, Mechanism
from authd.config.saslauthd_flags import parse as parse_flags
from authd.config.settings import CacheSettings, LogLevel, LogTarget, Settings

SERVICES = ["smtp", "webmail"]

mechanisms = st.sampled_from(Mechanism)
numbers = st.none() | st.integers(1, 10**18)
flag_sets = st.builds(
    Flags,
    mechanism=mechanisms,
    option=st.sampled_from([None, "/etc/a.conf", '/etc/"b'])  # of one that is no path the option's own error tells
    | st.text('ab/"\\é\n', max_size=5).map(lambda text: f"/{text}"),
    directory=st.sampled_from([Path("/run/saslauthd"), Path("/srv/mail/é run")]),
    processes=st.integers(0, 10**18),
    joins_realm=st.booleans(),
    caches=st.booleans(),
    cache_size=numbers,
    cache_ttl=numbers,
    stays=st.booleans(),
    is_verbose=st.booleans(),
    needless=st.lists(st.text(max_size=5), max_size=2).map(tuple),
)


def settings_of(*command_lines: str, own_sockets: OwnSockets | None = None) -> Settings:
    instances = [
        Instance("here", found) for line in command_lines if isinstance(found := parse_flags(line.split()), Flags)
    ]
    assert len(instances) == len(command_lines)
    text = configuration(instances, SERVICES, own_sockets)
    return parse("authd.toml", text.encode()).settings


@given(flag_sets, st.none() | st.just(OwnSockets(Path("/run/authd/x.control"), Path("/run/authd/x.helper"))))
def test_every_command_line_comes_to_a_configuration_that_is_right(flags: Flags, own: OwnSockets | None) -> None:
    text = configuration([Instance("here", flags)], SERVICES, own)

    settings = parse("authd.toml", text.encode()).settings

    (listener,), (backend,) = settings.listeners, settings.backends
    assert (listener.path, listener.mode) == (flags.directory / "mux", 0o777)
    assert backend.type == flags.mechanism.value
    assert settings.cache.enabled is flags.caches
    assert [route.login for route in settings.routes] == ["{user}@{realm}"] * flags.joins_realm


@given(st.lists(flag_sets, min_size=2, max_size=4))
def test_several_instances_come_to_one_listener_and_one_route_each(every: list[Flags]) -> None:
    every = [replace(flags, directory=Path(f"/run/{number}")) for number, flags in enumerate(every)]
    text = configuration([Instance("here", flags) for flags in every], SERVICES)

    settings = parse("authd.toml", text.encode()).settings

    types = {each.name: each.type for each in settings.backends}
    for flags, listener, route in zip(every, settings.listeners, settings.routes, strict=True):
        assert route.listeners == (listener.path,) == (flags.directory / "mux",)
        assert [types[name] for name in route.backends] == [flags.mechanism.value]
        assert (settings.cache.enabled and route.cache) is flags.caches


def test_pam_takes_the_services_and_as_many_checks_as_there_were_processes() -> None:
    (backend,) = settings_of("-a pam -n 7").backends

    assert (backend.max_concurrent, backend.deadline) == (7, 7.0)
    assert backend.options.services == ("smtp", "webmail")
    assert backend.options.default_service == "other"
    assert backend.options.min_uid == 1


def test_a_process_for_each_connection_is_a_bound_all_the_same() -> None:
    (backend,) = settings_of("-a pam -n 0").backends

    assert backend.max_concurrent == 32


@pytest.mark.parametrize(("option", "path"), [("", "/etc/saslauthd.conf"), ("-O /etc/own.conf", "/etc/own.conf")])
def test_ldap_reads_the_file_that_saslauthd_read(option: str, path: str) -> None:
    (backend,) = settings_of(f"-a ldap {option}").backends

    assert backend.options.saslauthd_conf == Path(path)


@pytest.mark.parametrize("mechanism", ["shadow", "getpwent"])
def test_system_users_come_in_as_before_but_root(mechanism: str) -> None:
    (backend,) = settings_of(f"-a {mechanism}").backends

    assert (backend.options.min_uid, backend.options.weak_schemes) == (1, True)


def test_size_and_time_of_the_cache_are_taken() -> None:
    cache = settings_of("-a pam -c -s 96 -t 60").cache

    assert (cache.enabled, cache.ttl, cache.max_entries) == (True, 60.0, 1024)


def test_without_them_the_cache_is_authd_s_own() -> None:
    assert settings_of("-a pam -c").cache == CacheSettings()


def test_of_several_caches_the_shortest_time_counts_and_sizes_are_added() -> None:
    cache = settings_of("-a pam -c -s 96 -t 60 -m /run/a", "-a pam -c -t 30 -m /run/b", "-a pam -t 5 -m /run/c").cache

    assert (cache.ttl, cache.max_entries) == (30.0, 1024)


def test_instances_that_ask_the_same_share_a_backend() -> None:
    settings = settings_of("-a pam -m /run/a", "-a pam -r -m /run/b", "-a pam -n 9 -m /run/c", "-a ldap -m /run/d")

    assert [each.name for each in settings.backends] == ["pam", "pam-2", "ldap"]
    assert [route.backends for route in settings.routes] == [("pam",), ("pam",), ("pam-2",), ("ldap",)]


@pytest.mark.parametrize(
    ("flags", "target", "level"),
    [
        ("", LogTarget.SYSLOG, LogLevel.INFO),
        ("-V", LogTarget.SYSLOG, LogLevel.DEBUG),
        ("-d", LogTarget.STDERR, LogLevel.DEBUG),
        ("-f", LogTarget.STDERR, LogLevel.INFO),
    ],
)
def test_the_log_goes_where_it_went(flags: str, target: LogTarget, level: LogLevel) -> None:
    log = settings_of(f"-a pam {flags}").log

    assert (log.target, log.level) == (target, level)


def test_sockets_of_its_own_keep_two_daemons_apart() -> None:
    settings = settings_of("-a pam", own_sockets=OwnSockets(Path("/run/x/c"), Path("/run/x/h")))

    assert (settings.control.path, settings.helper.path) == (Path("/run/x/c"), Path("/run/x/h"))


def test_comments_name_the_source_and_what_has_no_meaning() -> None:
    flags = parse_flags(["-a", "pam", "ldap\n[log]"])
    assert isinstance(flags, Flags)

    text = configuration([Instance("/etc/default/saslauthd", flags)], SERVICES)

    assert text.startswith(
        "# from /etc/default/saslauthd\n# without a meaning, to saslauthd as to authd: 'ldap\\n[log]'\n#\n"
    )


def test_a_realm_that_hides_everybody_from_sasldb_is_told() -> None:
    flags = Flags(mechanism=Mechanism.SASLDB, joins_realm=True)

    assert "is not found so: leave this line out" in configuration([Instance("here", flags)], SERVICES)
