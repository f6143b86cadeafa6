"""The tables and lists of the operator's page."""

from collections.abc import Iterator, Mapping, Sequence

from authd.observe import charts, figures
from authd.observe.markup import Markup, element
from authd.observe.picture import BackendPicture, ListenerPicture, Picture, RoutePicture, last, last_minute

ANY = "any"


def all_tables(picture: Picture) -> Iterator[Markup]:
    """Give the sections below the charts."""
    yield _table(
        "Backends",
        ("Name", "State", "Answers a second", "Time of a check", "At work", "Waiting", "Since the start"),
        [_backend(each, picture.spans) for each in picture.backends],
    )
    yield element("div", *_lists(picture), class_="lists")
    yield _table(
        "Routes",
        ("Name", "Services", "Realms", "Listeners", "Backends", "Login", "Cache"),
        [_route(each) for each in picture.routes],
    )
    yield _table("Listeners", ("Path", "Protocol", "Mode"), [_listener(each) for each in picture.listeners])


def _backend(backend: BackendPicture, spans: int) -> Sequence[str]:
    state = "down" if backend.problem else "up"
    about = f"{backend.type}, {backend.placement}"
    if backend.worker_deaths:
        about += f", {figures.count(backend.worker_deaths)} workers died"
    return (
        element("span", backend.name, element("small", about)),
        element("div", element("span", state, class_=f"state {state}"), element("small", backend.problem)),
        _answers(backend, spans),
        _checks(backend, spans),
        _of(backend.running, backend.slots),
        _of(backend.queued, backend.places),
        element("small", _counts(backend.totals) or "no answers yet"),
    )


def _of(number: int | None, most: int | None) -> Markup:
    return element("span", figures.NOTHING if most is None else f"{number} of {most}", class_="number")


def _answers(backend: BackendPicture, spans: int) -> Markup:
    layers = {"accepted": backend.answered, "failed": backend.unavailable}
    top = charts.scale(charts.stacked(layers))
    answered, failed = last_minute(backend.answered), last_minute(backend.unavailable)
    told = f"{figures.rate(answered)} answers and {figures.rate(failed)} failures a second"
    label = f"{backend.name}, in the last minute: {told}"
    return element(
        "span",
        charts.columns(label, layers, spans, top),
        element("span", figures.rate(answered + failed)),
        class_="spark",
    )


def _checks(backend: BackendPicture, spans: int) -> Markup:
    took = last(backend.took)
    top = charts.scale(max((each for each in backend.took if each is not None), default=0.0))
    label = f"{backend.name}, in the last minute: {figures.time(took)} a check"
    return element(
        "span",
        charts.lines(label, {"median": backend.took}, spans, top),
        element("span", figures.time(took)),
        class_="spark",
    )


def _route(route: RoutePicture) -> Sequence[str]:
    takes = [
        figures.words(route.takes[key]) if key in route.takes else ANY for key in ("services", "realms", "listeners")
    ]
    return (
        route.name or figures.NOTHING,
        *takes,
        " → ".join(route.backends),
        element("code", route.login),
        "yes" if route.is_cached else "no",
    )


def _listener(listener: ListenerPicture) -> Sequence[str]:
    return element("code", listener.path), listener.protocol, element("code", f"{listener.mode:04o}")


def _lists(picture: Picture) -> Iterator[Markup]:
    cache, throttle = picture.cache, picture.throttle
    for protocol, outcomes in picture.requests.items():
        yield _list(
            f"Requests since the start, {protocol}",
            {_words(name): figures.count(each) for name, each in outcomes.items()},
        )
    yield _list(
        "Cache" if cache.is_enabled else "Cache (off)",
        {"entries": figures.count(cache.entries)}
        | {_words(name): figures.count(each) for name, each in cache.lookups.items()}
        | {"evictions": figures.count(cache.evictions)},
    )
    yield _list(
        "Throttle" if throttle.is_enabled else "Throttle (off)",
        {"blocked users": figures.count(throttle.users), "blocked addresses": figures.count(throttle.addresses)}
        | {f"throttled, by {name}": figures.count(each) for name, each in throttle.throttled.items()},
    )
    process = {"longest stall of the loop": figures.time(picture.longest_lag)}
    if picture.helper_listens is not None:
        process["helper"] = "listens" if picture.helper_listens else "does not listen"
    yield _list(
        "Connections", {_words(name): figures.count(each) for name, each in picture.connections.items()} | process
    )


def _list(title: str, entries: Mapping[str, str]) -> Markup:
    rows = [element("div", element("dt", name), element("dd", value)) for name, value in entries.items()]
    return element("section", element("h2", title), element("dl", *rows))


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """A table that narrow screens show row by row; the roles keep it a table for who hears it."""
    head = [element("th", each, role="columnheader", scope="col") for each in heads]
    body = [element("tr", *_cells(heads, row), role="row") for row in rows]
    table = element(
        "table",
        element("thead", element("tr", *head, role="row"), role="rowgroup"),
        element("tbody", *body, role="rowgroup"),
        role="table",
        aria_label=title,
    )
    return element("section", element("h2", title), table)


def _cells(heads: Sequence[str], row: Sequence[str]) -> Iterator[Markup]:
    yield element("th", row[0], role="rowheader", scope="row")
    for head, value in zip(heads[1:], row[1:], strict=True):
        yield element("td", value, role="cell", data_head=head)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{_words(name)} {figures.count(each)}" for name, each in counts.items() if each)


def _words(name: str) -> str:
    return name.replace("_", " ")
