"""The operator's page: what it says, and that nothing in it can be anything but text."""

from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.observe.page import POLICY, page
from authd.observe.picture import ListenerPicture, RoutePicture, Traffic
from tests.unit.observe.pictures import REST, WORK, backend, picture

VOID = {"meta", "link"}


class Reader(HTMLParser):
    """Reads a page strictly: each element is closed, in order."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.style = ""
        self._open: list[str] = []
        self.feed(html.decode())
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["style"]:
            self.style += data
        else:
            self.text += f"{data}\n"

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_it_says_what_runs_and_for_how_long() -> None:
    text = Reader(page(picture())).text

    assert "1.2.3 · process 4711 · up 1 d 2 h · " in text
    assert "2026-03-01 12:30:15 UTC" in text
    assert "every route is served" in text
    assert "1,234,567" in text
    assert "/run/saslauthd/mux" in text
    assert "0660" in text
    assert "{user}@{realm}" in text
    assert "ldap → users" in text
    assert "3 of 32" in text
    assert "17 of 256" in text


@pytest.mark.parametrize(
    ("down", "mute", "told", "kind"),
    [
        (set(), [], "every route is served", "up"),
        ({"ldap"}, [], "no answer from ldap", "degraded"),
        ({"ldap", "users"}, ["submission", "imap"], "no backend answers for submission, imap", "down"),
    ],
)
def test_the_first_line_is_how_it_stands(down: set[str], mute: list[str], told: str, kind: str) -> None:
    backends = [backend(name, "out of reach" if name in down else "") for name in ("ldap", "users")]

    reader = Reader(page(picture(backends=backends, mute_routes=mute)))

    assert told in reader.text
    assert reader.all("p")[0]["class"] == f"state {kind}"
    assert ("out of reach" in reader.text.splitlines()) == bool(down)


def test_the_title_of_the_window_says_it_too() -> None:
    assert (
        "<title>authd: no answer from users</title>"
        in page(picture(backends=[backend("ldap"), backend("users", "gone")])).decode()
    )


@pytest.mark.parametrize("series", [[], [0.0], [3.0], REST, WORK], ids=["none", "one", "one more", "rest", "work"])
def test_all_charts_are_there_from_the_first_second_on(series: list[float]) -> None:
    traffic = Traffic(
        accepted=series, refused=series, throttled=series, unavailable=series, median=series, slowest=series
    )
    cache = replace(picture().cache, found=series, missed=series)
    shown = picture(traffic=traffic, waiting=series, cache=cache, backends=[backend("ldap", series=series)])

    charts = Reader(page(shown)).all("svg")

    assert len(charts) == 4
    assert all(chart["role"] == "img" for chart in charts)
    assert all(chart["aria-label"] for chart in charts)


def test_tables_have_headers_of_rows_and_columns_and_stay_tables_where_they_are_laid_out_otherwise() -> None:
    reader = Reader(page(picture()))

    assert len(reader.all("table")) == 3
    assert {head["scope"] for head in reader.all("th")} == {"col", "row"}
    for tag, role in {"table": "table", "tr": "row", "td": "cell", "thead": "rowgroup", "tbody": "rowgroup"}.items():
        assert {each["role"] for each in reader.all(tag)} == {role}


def test_nothing_comes_from_elsewhere_and_nothing_runs() -> None:
    reader = Reader(page(picture()))

    assert {tag for tag, _ in reader.elements} & {"script", "link", "img", "iframe", "form", "object", "use"} == set()
    assert [link["href"] for link in reader.all("a")] == ["/metrics", "/healthz", "/readyz"]
    assert not [name for _, attributes in reader.elements for name in attributes if name.startswith("on")]
    assert not [attributes for _, attributes in reader.elements if {"src", "style"} & attributes.keys()]
    assert "url(" not in reader.style
    assert "@import" not in reader.style


def test_the_policy_allows_this_style_and_no_other() -> None:
    digest = b64encode(sha256(Reader(page(picture())).style.encode()).digest()).decode()

    assert POLICY.split("; ")[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]


@given(st.text())
def test_whatever_a_name_is_it_is_text(name: str) -> None:
    hostile = f"<script>\"'&{name}</style></title>"
    route = RoutePicture(name=hostile, takes={"realms": [hostile]}, backends=[hostile], login=hostile, is_cached=False)
    shown = picture(
        version=hostile,
        backends=[backend(hostile, hostile)],
        routes=[route],
        mute_routes=[hostile],
        listeners=[ListenerPicture(path=hostile, protocol=hostile, mode=0)],
        requests={hostile: {hostile: 1}},
    )
    plain = picture(backends=[backend("x", "x")], routes=[replace(route, name="x")], requests={"x": {"x": 1}})

    reader, expected = Reader(page(shown)), Reader(page(plain))

    assert [tag for tag, _ in reader.elements] == [tag for tag, _ in expected.elements]
    assert [attributes.keys() for _, attributes in reader.elements] == [each.keys() for _, each in expected.elements]


def test_a_name_that_is_no_unicode_is_shown_all_the_same() -> None:
    assert b"/run/?mux" in page(
        picture(listeners=[ListenerPicture(path="/run/\udcffmux", protocol="saslauthd", mode=0)])
    )


def test_what_is_off_is_said_to_be() -> None:
    off = picture(
        cache=replace(picture().cache, is_enabled=False), throttle=replace(picture().throttle, is_enabled=False)
    )

    text = Reader(page(off)).text

    assert "Cache (off)" in text
    assert "Throttle (off)" in text


@pytest.mark.parametrize(("listens", "told"), [(None, None), (True, "listens"), (False, "does not listen")])
def test_the_helper_is_shown_where_one_is_needed(listens: bool | None, told: str | None) -> None:
    lines = Reader(page(picture(helper_listens=listens))).text.splitlines()

    assert ("helper" in lines) == (told is not None)
    assert told is None or told in lines


def test_a_temporary_failure_in_the_last_minute_stands_out() -> None:
    calm, traffic = picture(), picture().traffic
    failing = picture(traffic=replace(traffic, unavailable=[*REST[1:], 0.1]))

    assert b"figure alarming" not in page(calm)
    assert b"figure alarming" in page(failing)
