"""The operator's page in a real browser, on a narrow and on a wide screen."""

import socket
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from authd.observe.page import page
from authd.observe.picture import ListenerPicture, RoutePicture
from tests.servers.authd import SOCKET, Authd
from tests.servers.box import Box
from tests.servers.chromium import PACKAGE, Browser
from tests.servers.client import ask
from tests.servers.process import wait_until
from tests.servers.scraping import get
from tests.unit.observe.pictures import REST, WORK, backend, picture

PACKAGES = (PACKAGE,)
PORT = 9479
ADDRESS = f"http://127.0.0.1:{PORT}/"
LONGEST = "the-name-of-a-backend-may-be-as-long-as-this-".ljust(64, "x")
CONFIGURATION = f"""
[[listeners]]
path = "{SOCKET}"

[backends.users]
type = "passwd-file"
path = "/etc/authd/users"

[backends.{LONGEST}]
type = "sasldb"
path = "/etc/no-such-file"

[[routes]]
name = "<script>alert(1)</script>"
services = ["smtp"]
backends = ["users"]
login = "{{user}}@{{realm}}"

[[routes]]
backends = ["{LONGEST}"]

[metrics]
listen = "127.0.0.1:{PORT}"
"""
CHARTS = 2  # and two for each backend
WIDTHS = pytest.mark.parametrize("width", [360, 1280])

# Elements that reach beyond the window, or whose content reaches beyond them; those drawn and those hidden apart.
TOO_WIDE = """
[...document.querySelectorAll('body, body *:not(thead, thead *, svg, svg *)')].filter(each => {
    const inline = getComputedStyle(each).display === 'inline';
    const hides = getComputedStyle(each).overflowX !== 'visible';
    return each.getBoundingClientRect().right > innerWidth + 0.5
        || !inline && !hides && each.scrollWidth > each.clientWidth + 1;
}).map(each => each.outerHTML.slice(0, 100))
"""
CHARTS_DRAWN = """
[...document.querySelectorAll('svg')].map(each => {
    const box = each.getBoundingClientRect();
    const drawn = [...each.querySelectorAll('path')].some(path => path.getAttribute('d'));
    return {x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: box.height, drawn: drawn};
})
"""
COLOR = "getComputedStyle(document.querySelector('{}')).{}.match(/[0-9]+/g).map(Number)"


@pytest.fixture(scope="module")
def browser(box: Box) -> Iterator[Browser]:
    with Browser(box) as browser:
        yield browser


@pytest.fixture(scope="module")
def authd(box: Box) -> Iterator[Authd]:
    """It has taken in a user, refused one and failed one, and a look at its counters is past."""
    authd = Authd(box, CONFIGURATION)
    box.write("/etc/authd/users", "alice@example.org:{PLAIN}secret\n", mode=0o640, group="authd")
    authd.start()
    wait_until(lambda: box.listens(PORT), "authd: its pages")
    for password, service in (("secret", "smtp"), ("guess", "smtp"), ("secret", "imap")):
        ask(box.path(SOCKET), "alice", password, service, "example.org")
    wait_until(lambda: b'class="accepted" d="M' in served(box), "authd: a look at its counters")
    yield authd
    authd.stop()


def served(box: Box) -> bytes:
    with box.network():
        client = socket.create_connection(("127.0.0.1", PORT))
    return get(client, "/").body


@WIDTHS
def test_a_running_authd_is_shown(authd: Authd, browser: Browser, width: int) -> None:
    window = browser.open(ADDRESS, width=width)

    assert window.requests() == [ADDRESS]
    assert window.complaints() == []
    assert window.evaluate("document.title") == "authd: no backend answers for 2"
    assert window.evaluate(TOO_WIDE) == []
    assert window.evaluate("document.querySelectorAll('script').length") == 0
    assert "<script>alert(1)</script>" in window.evaluate("document.body.innerText")
    charts = window.evaluate(CHARTS_DRAWN)
    assert len(charts) == CHARTS + 2 * 2
    assert all(chart["width"] > 50 and chart["height"] > 20 for chart in charts)
    assert all(chart["drawn"] for chart in charts)


def test_its_policy_lets_nothing_be_slipped_in(authd: Authd, browser: Browser) -> None:
    window = browser.open(ADDRESS, width=1280)

    window.evaluate("document.body.innerHTML += '<img src=/x><p style=color:red id=styled>'")
    window.wait_for("Network.loadingFailed")
    window.evaluate("document.head.append(Object.assign(document.createElement('script'), {text: 'done = 1'}))")

    assert window.evaluate("typeof done") == "undefined"
    assert window.evaluate(COLOR.format("#styled", "color")) != [255, 0, 0]
    assert window.requests() == [ADDRESS]


@WIDTHS
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_is_drawn_in_its_colours_at_either_width(
    box: Box,
    browser: Browser,
    width: int,
    dark: bool,
) -> None:
    show(box, page(picture(backends=[backend(f"ldap{number}") for number in range(20)])))
    window = browser.open("file:///run/page.html", width=width, dark=dark)

    whole = window.screenshot()
    chart = window.evaluate(CHARTS_DRAWN)[0]
    area = {name: chart[name] for name in ("x", "y", "width", "height")}
    seen = colours(window.screenshot(**area))
    wanted = {name: tuple(window.evaluate(COLOR.format(f"path.{name}", "fill"))) for name in ("accepted", "refused")}
    ground = window.evaluate(COLOR.format("body", "backgroundColor"))

    assert size(whole)[0] == width
    assert size(whole)[1] == window.evaluate("document.documentElement.scrollHeight")
    assert (sum(ground) < 3 * 64) == dark
    assert {*wanted.values()} <= seen
    assert window.evaluate(TOO_WIDE) == []


@pytest.mark.parametrize("width", [320, 360, 760, 761, 1180, 1181, 1280, 2560])
def test_long_names_and_large_numbers_have_room(box: Box, browser: Browser, width: int) -> None:
    name, path = "n" * 64, "/run" + "/very-long" * 10
    crowded = replace(
        backend(name, f"{path}: " + "no such thing " * 5, [each * 12_345.67 for each in WORK]),
        type="postgresql",
        totals=dict.fromkeys(("accepted", "wrong_password", "unknown_user", "unavailable"), 10**12),
        running=10_000,
        slots=10_000,
        queued=10_000,
        places=10_000,
        took=[1234.5] * len(WORK),
    )
    route = RoutePicture(
        name=name,
        takes={"listeners": [path] * 3, "realms": ["*." + "x" * 200]},
        backends=[name] * 4,
        login="{user}" * 30,
        is_cached=True,
    )
    shown = picture(
        backends=[crowded, backend("b", series=REST), backend("c", series=[])],
        routes=[route, replace(route, name="", takes={})],
        listeners=[ListenerPicture(path=path, protocol="saslauthd", mode=0o600)],
        requests={"saslauthd": {"accepted": 10**15}, "pwcheck": {"protocol_error": 1}},
    )
    show(box, page(shown))

    window = browser.open("file:///run/page.html", width=width)

    assert window.evaluate(TOO_WIDE) == []


@WIDTHS
def test_who_hears_it_hears_tables_with_their_heads_and_what_the_charts_show(
    box: Box, browser: Browser, width: int
) -> None:
    show(box, page(picture()))

    heard = browser.open("file:///run/page.html", width=width).heard()

    tables = [name for role, name in heard if role == "table"]
    assert tables == ["Backends", "Routes", "Listeners"]
    assert {"Name", "State", "Login", "Mode"} <= {name for role, name in heard if role == "columnheader"}
    assert {"ldap up", "submission"} & {name.split(" ", 1)[0] for role, name in heard if role == "rowheader"}
    images = [name for role, name in heard if role == "image"]
    assert len(images) == CHARTS + 2 * 2
    assert images[0].startswith("Requests a second, in the last minute: ")
    assert images[2].startswith("ldap, in the last minute: ")
    assert [name for role, name in heard if role == "link"] == ["Metrics", "Health", "Readiness"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_stands_out_from_its_ground(box: Box, browser: Browser, dark: bool) -> None:
    """At least 4.5 to 1, as WCAG 2.2 asks (1.4.3); what is drawn 3 to 1 (1.4.11)."""
    show(box, page(picture(backends=[backend("ldap", "gone"), backend("users")])))
    window = browser.open("file:///run/page.html", width=1280, dark=dark)
    card = window.evaluate(COLOR.format(".tiles div", "backgroundColor"))
    ground = window.evaluate(COLOR.format("body", "backgroundColor"))

    for element, behind in {
        "body": ground,
        "h2": ground,
        "th": card,
        "small": card,
        "td .down": card,
        "dt": card,
    }.items():
        assert contrast(window.evaluate(COLOR.format(element, "color")), behind) >= 4.5, element
    for drawn in ("accepted", "refused", "throttled", "failed"):
        assert contrast(window.evaluate(COLOR.format(f"path.{drawn}", "fill")), card) >= 3, drawn


def show(box: Box, html: bytes) -> None:
    box.write("/run/page.html", html)


def contrast(one: list[int], other: list[int]) -> float:
    """As WCAG defines it."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: list[int]) -> float:
    parts = [each / 255 for each in colour[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def size(png: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", png, 16)
    return width, height


def colours(png: bytes) -> set[tuple[int, ...]]:
    """Give all colours of a PNG without a palette, eight bits a channel (RFC 2083, section 6)."""
    width, height = size(png)
    step = {2: 3, 6: 4}[png[25]]
    data, place = b"", 8
    while place < len(png):
        length, kind = struct.unpack_from(">I4s", png, place)
        data += png[place + 8 : place + 8 + length] if kind == b"IDAT" else b""
        place += length + 12
    raw, row = zlib.decompress(data), bytearray(width * step)
    found: set[tuple[int, ...]] = set()
    for number in range(height):
        start = number * (width * step + 1)
        row = unfiltered(raw[start], raw[start + 1 : start + 1 + width * step], row, step)
        found |= {tuple(row[at : at + 3]) for at in range(0, len(row), step)}
    return found


def unfiltered(kind: int, line: bytes, above: bytearray, step: int) -> bytearray:
    row = bytearray(line)
    for at, value in enumerate(line):
        left, up, corner = (row[at - step], above[at], above[at - step]) if at >= step else (0, above[at], 0)
        guess = left + up - corner
        paeth = min((left, up, corner), key=lambda each: abs(guess - each))
        row[at] = (value + (0, left, up, (left + up) // 2, paeth)[kind]) & 0xFF
    return row
