"""The operator's page: one picture of the daemon as HTML, without scripts and with nothing from elsewhere."""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from authd.observe import charts, figures, tables
from authd.observe.markup import Markup, element
from authd.observe.picture import Picture, Series, last, last_minute

STYLE = Path(__file__).with_name("page.css").read_text("utf-8")
POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
LINKS = {"/metrics": "Metrics", "/healthz": "Health", "/readyz": "Readiness"}
OUTCOMES = {"accepted": "accepted", "refused": "refused", "throttled": "throttled", "failed": "temporary failure"}


def page(picture: Picture) -> bytes:
    """Give the page, to be sent as ``text/html; charset=utf-8`` under the Content-Security-Policy `POLICY`."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"authd: {_state(picture)[1]}"),
        element("style", Markup(STYLE)),
    )
    main = element("main", _tiles(picture), _charts(picture), *tables.all_tables(picture))
    html = element("html", head, element("body", _header(picture), main), lang="en")
    return f"<!doctype html>\n{html}\n".encode("utf-8", "replace")


def _header(picture: Picture) -> Markup:
    kind, told = _state(picture)
    about = f"{picture.version} · process {picture.pid} · up {figures.age(picture.uptime)} · "
    taken = element("time", f"{picture.taken:%Y-%m-%d %H:%M:%S} UTC", datetime=picture.taken.isoformat())
    links = [element("a", name, href=path) for path, name in LINKS.items()]
    return element(
        "header",
        element("h1", "authd"),
        element("p", told, class_=f"state {kind}"),
        element("p", about, taken, class_="about"),
        element("nav", *links, aria_label="Pages for programs"),
    )


def _state(picture: Picture) -> tuple[str, str]:
    down = [each.name for each in picture.backends if each.problem]
    if picture.mute_routes:
        return "down", f"no backend answers for {figures.words(picture.mute_routes)}"
    if down:
        return "degraded", f"no answer from {figures.words(down)}"
    return "up", "every route is served"


def _tiles(picture: Picture) -> Markup:
    traffic, cache = picture.traffic, picture.cache
    told = {name: last_minute(series) for name, series in _layers(picture).items()}
    everything, median = sum(told.values()), last(traffic.median)
    found, missed = last_minute(cache.found), last_minute(cache.missed)
    tiles = [
        _tile("Requests", figures.rate(everything), "a second"),
        _tile("Accepted", figures.share(told["accepted"], everything), f"{figures.rate(told['accepted'])} a second"),
        _tile(
            "Temporary failures",
            figures.share(told["failed"], everything),
            f"{figures.rate(told['failed'])} a second",
            alarming=told["failed"] > 0,
        ),
        _tile(
            "Time to decide",
            figures.time(last(traffic.slowest)),
            f"95 % are faster; half within {figures.time(median)}" if median is not None else "nothing was decided",
        ),
        _tile("Waiting", figures.count(last(picture.waiting) or 0), "for a turn at a backend"),
        _tile("Cache", figures.share(found, found + missed) if cache.is_enabled else "off", "of lookups answered"),
    ]
    return element("section", element("h2", "The last minute"), element("dl", *tiles, class_="tiles"))


def _tile(name: str, figure: str, about: str, *, alarming: bool = False) -> Markup:
    return element(
        "div",
        element("dt", name),
        element("dd", figure, class_="figure alarming" if alarming else "figure"),
        element("dd", about, class_="about"),
    )


def _charts(picture: Picture) -> Markup:
    minutes = f"{picture.spans * picture.interval / 60:.0f} minutes"
    layers = _layers(picture)
    top = charts.scale(charts.stacked(layers))
    told = ", ".join(f"{figures.rate(last_minute(layers[kind]))} {name}" for kind, name in OUTCOMES.items())
    requests = charts.columns(f"Requests a second, in the last minute: {told}", layers, picture.spans, top)
    times = {"median": picture.traffic.median, "slowest": picture.traffic.slowest}
    slowest = charts.scale(max((each for series in times.values() for each in series if each is not None), default=0.0))
    label = f"Time to decide, in the last minute: half within {figures.time(last(times['median']))}, "
    decided = charts.lines(f"{label}95 % within {figures.time(last(times['slowest']))}", times, picture.spans, slowest)
    return element(
        "section",
        element("h2", f"The last {minutes}"),
        _figure("Requests a second", OUTCOMES, requests, figures.count(top) if top >= 1 else f"{top:g}", minutes),
        _figure(
            "Time to decide",
            {"median": "half within", "slowest": "95 % within"},
            decided,
            figures.time(slowest),
            minutes,
        ),
        class_="charts",
    )


def _figure(title: str, legend: Mapping[str, str], chart: Markup, top: str, minutes: str) -> Markup:
    keys = [element("span", name, class_=f"key {kind}") for kind, name in legend.items()]
    return element(
        "figure",
        element("figcaption", element("h3", title), element("p", *keys, class_="keys")),
        element("div", element("span", top, class_="top"), chart, class_="plot"),
        element("p", element("span", f"{minutes} ago"), element("span", "now"), class_="span"),
    )


def _layers(picture: Picture) -> dict[str, Series]:
    traffic = picture.traffic
    return dict(zip(OUTCOMES, (traffic.accepted, traffic.refused, traffic.throttled, traffic.unavailable), strict=True))
