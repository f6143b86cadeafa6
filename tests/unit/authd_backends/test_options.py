from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd_backends import OptionError, Secret
from authd_backends.options import Duration, FilePath, ListOf, OptionErrors, Range, Size, Text, build, written


class Method(Enum):
    SEARCH = "search"
    BIND = "bind"


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    path: Path
    realm: str = ""
    retries: int = 3
    port: Annotated[int, Range(1, 65535)] = 389
    factor: float = 1.5
    start_tls: bool = False
    deadline: Annotated[float, Duration(minimum=0.001, maximum=60)] = 5.0
    memory: Annotated[int, Size(minimum=1024)] = 1 << 20
    method: Method = Method.SEARCH
    uris: tuple[str, ...] = ()
    hosts: Annotated[tuple[str, ...], ListOf(Text(), minimum=1)] = ("localhost",)
    ca_file: Path | None = None
    relative: Annotated[Path, FilePath(absolute=False)] | None = None
    password: Secret | None = None
    extra: Any = None
    cached: dict[str, str] = field(default_factory=dict, init=False)


def problems(**table: object) -> list[str]:
    with pytest.raises(OptionErrors) as caught:
        build(Options, {"path": "/x", **table})
    return [str(problem) for problem in caught.value.problems]


def test_every_annotation_is_read_as_it_says() -> None:
    options = build(
        Options,
        {
            "path": "/etc/users",
            "realm": "example.org",
            "retries": 0,
            "port": 636,
            "factor": 2,
            "start_tls": True,
            "deadline": "250ms",
            "memory": "64M",
            "method": "bind",
            "uris": ["ldaps://a", "ldaps://b"],
            "ca_file": "/etc/ca",
            "relative": "a/b",
            "password": "hunter2",
            "extra": [1, {"two": 3}],
        },
    )

    assert options == Options(
        path=Path("/etc/users"),
        realm="example.org",
        retries=0,
        port=636,
        factor=2.0,
        start_tls=True,
        deadline=0.25,
        memory=64 * 1024 * 1024,
        method=Method.BIND,
        uris=("ldaps://a", "ldaps://b"),
        ca_file=Path("/etc/ca"),
        relative=Path("a/b"),
        password=Secret(b"hunter2"),
        extra=[1, {"two": 3}],
    )


def test_what_is_absent_has_its_default() -> None:
    assert build(Options, {"path": "/x"}) == Options(path=Path("/x"))


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("path", "users", 'path: expected an absolute path, got "users"'),
        ("path", "", 'path: expected an absolute path, got ""'),
        ("path", "/a\0b", r'path: expected an absolute path, got a NUL in "/a\u0000b"'),
        ("path", ["/a"], "path: expected an absolute path, got a list"),
        ("realm", 5, "realm: expected a string, got 5"),
        ("realm", "a\0", r'realm: expected a string, got a NUL in "a\u0000"'),
        ("retries", True, "retries: expected a whole number, got true"),
        ("retries", 1.0, "retries: expected a whole number, got 1.0"),
        ("retries", "3", 'retries: expected a whole number, got "3"'),
        ("retries", 2**64, "retries: expected a whole number, got 18446744073709551616"),
        ("port", 0, "port: expected a whole number from 1 to 65535, got 0"),
        ("port", 65536, "port: expected a whole number from 1 to 65535, got 65536"),
        ("factor", True, "factor: expected a number, got true"),
        ("factor", float("nan"), "factor: expected a number, got nan"),
        ("factor", float("-inf"), "factor: expected a number, got -inf"),
        ("factor", 2**200, "factor: expected a number, got a number of more than 128 bits"),
        ("start_tls", 1, "start_tls: expected true or false, got 1"),
        ("start_tls", "yes", 'start_tls: expected true or false, got "yes"'),
        ("deadline", 5, 'deadline: expected a duration like "8s" ("1ms" to "1m"), got 5'),
        ("deadline", "5", 'deadline: expected a duration like "8s" ("1ms" to "1m"), got "5"'),
        ("deadline", "5 s", 'deadline: expected a duration like "8s" ("1ms" to "1m"), got "5 s"'),
        ("deadline", "-5s", 'deadline: expected a duration like "8s" ("1ms" to "1m"), got "-5s"'),
        ("deadline", "\u0665s", 'deadline: expected a duration like "8s" ("1ms" to "1m"), got "\u0665s"'),
        ("deadline", "0s", 'deadline: expected a duration like "8s" ("1ms" to "1m"), got "0s"'),
        ("deadline", "61s", 'deadline: expected a duration like "8s" ("1ms" to "1m"), got "61s"'),
        ("memory", 64, 'memory: expected a size like "64M" ("1K" to "1024T"), got 64'),
        ("memory", "64MB", 'memory: expected a size like "64M" ("1K" to "1024T"), got "64MB"'),
        ("memory", "1023", 'memory: expected a size like "64M" ("1K" to "1024T"), got "1023"'),
        ("method", "compare", 'method: expected "search" or "bind", got "compare"'),
        ("method", 1, 'method: expected "search" or "bind", got 1'),
        ("uris", "ldap://a", 'uris: expected a list (each a string), got "ldap://a"'),
        ("uris", ["a", 2], "uris: expected a list (each a string), got one with 2"),
        ("hosts", [], "hosts: expected a list of at least 1 (each a string), got an empty list"),
        ("relative", "", 'relative: expected a path, got ""'),
        ("realm", {"a": 1}, "realm: expected a string, got a table"),
        ("realm", date(2026, 1, 1), "realm: expected a string, got a date"),
        ("methd", "bind", "methd: expected a known key (method?), got an unknown one"),
    ],
)
def test_a_wrong_value_is_told_with_what_was_expected(key: str, value: object, problem: str) -> None:
    assert problems(**{key: value}) == [problem]


def test_a_number_that_python_itself_would_not_print_is_told() -> None:
    """tomllib reads hexadecimal numbers of any length."""
    assert problems(retries=16**5000) == ["retries: expected a whole number, got a number of more than 128 bits"]


def test_an_unknown_key_that_resembles_none_is_told_all_that_there_are() -> None:
    @dataclass(frozen=True)
    class Two:
        path: Path = Path("/x")
        realm: str = ""

    with pytest.raises(OptionErrors) as caught:
        build(Two, {"user": "me"}, also_known=("deadline",))

    assert str(caught.value) == "user: expected a known key (path, realm, deadline), got an unknown one"


def test_a_misspelt_key_may_mean_one_that_somebody_else_takes() -> None:
    with pytest.raises(OptionErrors, match=r"max_queud: expected a known key \(max_queued\?\), got an unknown one"):
        build(Options, {"path": "/x", "max_queud": 3}, also_known=("max_queued",))


def test_all_problems_of_a_table_come_at_once() -> None:
    with pytest.raises(OptionErrors) as caught:
        build(Options, {"prt": 1, "port": "a", "method": "b"})

    assert [problem.key for problem in caught.value.problems] == ["prt", "port", "method", "path"]
    assert str(caught.value.problems[-1]) == "path: expected an absolute path, got nothing"


def test_what_a_class_itself_refuses_goes_through() -> None:
    @dataclass(frozen=True)
    class Either:
        base: str = ""

        def __post_init__(self) -> None:
            raise OptionError("expected base or dn, got neither", option="base")

    with pytest.raises(OptionError, match="expected base or dn, got neither"):
        build(Either, {})


def test_an_annotation_that_nobody_can_read_is_a_defect_of_the_class() -> None:
    @dataclass(frozen=True)
    class Odd:
        when: bytes = b""

    with pytest.raises(
        TypeError, match=r"expected an annotation that authd_backends\.options knows, got <class 'bytes'>"
    ):
        build(Odd, {})


@given(st.text())
def test_a_wrong_value_is_shown_on_one_printable_line(value: str) -> None:
    (problem,) = problems(port=value)

    assert problem.isprintable()
    assert len(problem) < 800


def test_a_list_of_secrets_is_as_well_hidden() -> None:
    @dataclass(frozen=True)
    class Keys:
        shared: tuple[Secret, ...]

    assert written(build(Keys, {"shared": ["hunter2"]})) == {"shared": ["…"]}
    with pytest.raises(OptionErrors) as caught:
        build(Keys, {"shared": ["hunter2\0"]})
    assert str(caught.value) == "shared: expected a list (each a string), got one with a value that is not shown"


@pytest.mark.parametrize("value", [5, ["hunter2"], {"a": "hunter2"}, "hunter2\0"])
def test_the_value_of_a_secret_is_in_no_error(value: object) -> None:
    assert problems(password=value) == ["password: expected a string, got a value that is not shown"]


def test_a_key_that_sounds_secret_is_hidden_whatever_its_type() -> None:
    @dataclass(frozen=True)
    class Plain:
        bind_password: str = "hunter2"
        password_file: Path = Path("/etc/secret")
        on_wrong_password: Method = Method.BIND

    assert written(Plain()) == {
        "bind_password": "…",
        "password_file": "/etc/secret",
        "on_wrong_password": "bind",
    }
    with pytest.raises(OptionErrors, match="bind_password: expected a string, got a value that is not shown"):
        build(Plain, {"bind_password": 1234})
    with pytest.raises(OptionErrors, match='on_wrong_password: expected "search" or "bind", got "stop"'):
        build(Plain, {"on_wrong_password": "stop"})


durations = st.integers(1, 60_000).map(lambda thousandths: thousandths / 1000)
texts = st.text().filter(lambda text: "\0" not in text)
every_options = st.builds(
    Options,
    path=st.just(Path("/x")),
    realm=texts,
    retries=st.integers(-(2**63), 2**63 - 1),
    port=st.integers(1, 65535),
    factor=st.floats(-1e15, 1e15),
    start_tls=st.booleans(),
    deadline=durations,
    memory=st.integers(1024, 1 << 50),
    method=st.sampled_from(Method),
    uris=st.lists(texts).map(tuple),
    hosts=st.lists(texts, min_size=1).map(tuple),
    ca_file=st.none() | st.just(Path("/ca")),
    relative=st.none() | st.just(Path("a")),
)


@given(every_options)
def test_what_is_written_is_read_as_equal_options(options: Options) -> None:
    table = {key: value for key, value in written(options).items() if value is not None}

    assert build(Options, table) == options


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0s"), (0.25, "250ms"), (1.5, "1500ms"), (8.0, "8s"), (300.0, "5m"), (28_800.0, "8h"), (172_800.0, "2d")],
)
def test_a_duration_is_written_in_its_largest_whole_unit(seconds: float, text: str) -> None:
    assert Duration().write(seconds) == text
    assert Duration().read(text) == seconds


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0"), (1000, "1000"), (1 << 26, "64M"), (3 << 30, "3G"), (1 << 40, "1T")]
)
def test_a_size_is_written_in_its_largest_whole_unit(size: int, text: str) -> None:
    assert Size().write(size) == text
    assert Size().read(text) == size
