import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

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
    RouteSettings,
    ServerSettings,
    Settings,
    ThrottleAnswer,
    ThrottleSettings,
)
from authd.config.show import show
from authd_backends import Secret
from authd_backends.passwd_file import PasswdFileOptions
from tests.unit.config.files import USERS, loaded
from tests.unit.config.test_sections import EVERYTHING


def shown_again(settings: Settings) -> Settings:
    return parse("F", show(settings, "F").encode()).settings


def test_every_key_stands_with_its_value_in_force(tmp_path: Path) -> None:
    settings = loaded(tmp_path, EVERYTHING).settings

    text = show(settings, "authd.toml")

    assert text.startswith('# in force: authd.toml\n\n[server]\nuser = "mail"\nrequest_deadline = "9s"\n')
    assert shown_again(settings) == settings


def test_what_has_no_value_stands_as_a_comment(tmp_path: Path) -> None:
    text = show(loaded(tmp_path, USERS).settings, "authd.toml")

    assert "\n[metrics]\n# listen is not set\n" in text
    assert "\n# no [[routes]]: all backends are asked, in this order\n" in text


def test_a_secret_is_hidden_wherever_it_stands() -> None:
    @dataclass(frozen=True)
    class Options:
        password: Secret
        bind_password: str = "hunter2"
        tls: Any = field(default_factory=lambda: {"key password": "x", "token": "hunter2", "ports": [1, 2.5, True]})

    vault = BackendSettings(name="vault", type="vault", options=Options(Secret(b"hunter2")))
    text = show(Settings(backends=(vault,), listeners=()), "F")

    assert "hunter2" not in text
    assert tomllib.loads(text)["backends"]["vault"]["tls"] == {
        "key password": "…",
        "token": "…",
        "ports": [1, 2.5, True],
    }


names = st.from_regex(r"[A-Za-z0-9_-]{1,9}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)
filled = texts.filter(bool)
several = st.lists(texts, min_size=1, max_size=3).map(tuple)
paths = texts.map(lambda text: Path("/", *text.split("/")))
sockets = names.map(lambda name: Path("/run", name))
deadlines = st.integers(1, 3000).map(lambda thousandths: thousandths / 1000)
spans = st.integers(0, 10**9).map(lambda thousandths: thousandths / 1000)
counts = st.integers(0, 10**9)
tries = st.integers(0, 1000)


@st.composite
def any_settings(draw: st.DrawFn) -> Settings:
    def sequence(elements: st.SearchStrategy[Any], least: int, unique_by: Any = None) -> tuple[Any, ...]:
        return tuple(draw(st.lists(elements, min_size=least, max_size=3, unique_by=unique_by)))

    options = st.builds(PasswdFileOptions, path=paths, weak_schemes=st.booleans())
    backends = st.builds(
        BackendSettings,
        name=names,
        type=st.just("passwd-file"),
        options=options,
        deadline=deadlines,
        max_concurrent=st.none() | st.integers(1, 99),
        max_queued=st.integers(0, 999),
    )
    listeners = st.builds(
        ListenerSettings,
        path=sockets,
        mode=st.integers(0, 0o777),
        owner=st.none() | filled,
        group=st.none() | filled,
        backlog=st.integers(1, 65535),
    )
    chosen_backends = sequence(backends, 1, lambda backend: backend.name)
    chosen_listeners = sequence(listeners, 1, lambda listener: listener.path)
    routes = st.builds(
        RouteSettings,
        backends=st.lists(st.sampled_from([each.name for each in chosen_backends]), min_size=1).map(tuple),
        name=texts,
        listeners=st.none()
        | st.lists(st.sampled_from([each.path for each in chosen_listeners]), min_size=1).map(tuple),
        services=st.none() | several,
        realms=st.none() | several,
        login=st.sampled_from(["{user}", "{user}@{realm}", '"{{{service}']),
        cache=st.booleans(),
        on_wrong_password=st.sampled_from(Following),
        on_unavailable=st.sampled_from(Following),
    )
    return Settings(
        backends=chosen_backends,
        listeners=chosen_listeners,
        routes=sequence(routes, 0),
        server=draw(
            st.builds(
                ServerSettings,
                user=filled,
                request_deadline=st.just(3.0),
                read_deadline=deadlines,
                shutdown_deadline=deadlines,
                max_connections=st.integers(1, 10**6),
                answer_texts=st.booleans(),
            )
        ),
        cache=draw(
            st.builds(
                CacheSettings,
                enabled=st.booleans(),
                ttl=spans,
                negative_ttl=spans,
                stale_ttl=spans,
                max_entries=counts,
            )
        ),
        throttle=draw(
            st.builds(
                ThrottleSettings,
                enabled=st.booleans(),
                per_user=tries,
                per_user_hard=tries,
                per_address=tries,
                window=spans,
                failure_delay=deadlines,
                answer=st.sampled_from(ThrottleAnswer),
                exempt=st.lists(st.sampled_from(["10.0.0.0/8", "::1"])).map(tuple),
            )
        ),
        helper=draw(
            st.builds(
                HelperSettings,
                path=sockets,
                check_deadline=deadlines,
                max_checks=st.integers(1, 10**9),
                max_memory=st.integers(1 << 20, 1 << 50),
                min_idle=st.integers(0, 10_000),
            )
        ),
        metrics=MetricsSettings(listen=draw(st.sampled_from([None, "[::1]:9479", "mail.example.org:1", "/run/m"]))),
        control=draw(st.builds(ControlSettings, path=sockets)),
        log=draw(
            st.builds(
                LogSettings,
                level=st.sampled_from(LogLevel),
                format=st.sampled_from(LogFormat),
                target=st.sampled_from(LogTarget),
            )
        ),
    )


@given(any_settings())
def test_whatever_is_in_force_loads_again_as_equal_settings(settings: Settings) -> None:
    assert shown_again(settings) == settings
