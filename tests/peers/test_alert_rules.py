"""The alert rules and the dashboard: valid to Prometheus's own promtool, and about nothing but what authd exports."""

import json
import re
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.servers.authd import Authd
from tests.servers.box import CHECKOUT, Box
from tests.servers.process import wait_until
from tests.servers.scraping import get

PACKAGES = ("prometheus",)
RULES = CHECKOUT / "contrib/prometheus/authd.rules.yml"
RULE_TESTS = CHECKOUT / "contrib/prometheus/authd.rules.test.yml"
DASHBOARD = CHECKOUT / "contrib/grafana/authd.json"
PORT = 9479
CONFIGURATION = f"""
[[listeners]]
path = "/run/saslauthd/mux"

[backends.users]
type = "passwd-file"
path = "/etc/authd/users"

[backends.system]
type = "shadow"

[metrics]
listen = "127.0.0.1:{PORT}"
"""
OF_TARGETS = {"job", "instance"}  # labels that Prometheus adds
VARIABLES = {"$job": "authd", "$instance": ".*", "$__rate_interval": "5m", "$__interval": "1m"}

_SELECTOR = re.compile(r"\b((?:authd|process)_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)(=|!=|=~|!~)"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|on) \(([^)]*)\)")


class Labels(NamedTuple):
    """What the samples of one name carry."""

    names: set[str]
    values: dict[str, set[str]]


def expressions_of_rules() -> list[str]:
    """Each alert's text as it stands: neither the words around the expression nor its indentation look like one."""
    return re.split(r"\n +- alert: ", RULES.read_text())[1:]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def expressions_of_dashboard() -> list[str]:
    dashboard = json.loads(DASHBOARD.read_text())
    shown = [target["expr"] for panel in panels() for target in panel.get("targets", ())]
    noted = [each["expr"] for each in dashboard["annotations"]["list"] if "expr" in each]
    return [_without_variables(each) for each in shown + noted]


def _without_variables(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


@pytest.fixture(scope="module")
def exported(box: Box) -> Iterator[dict[str, Labels]]:
    """What a running authd exports that has a backend of each sort, the helper's too: the labels by sample name."""
    authd = Authd(box, CONFIGURATION)
    box.write("/etc/authd/users", "alice:{PLAIN}secret\n", mode=0o640, group="authd")
    authd.start()
    wait_until(lambda: box.listens(PORT), "authd: its metrics")
    found: dict[str, Labels] = {}
    with box.network():
        client = socket.create_connection(("127.0.0.1", PORT))
    page = get(client, "/metrics").body.decode()
    for sample in (each for family in text_string_to_metric_families(page) for each in family.samples):
        labels = found.setdefault(sample.name, Labels(set(), {}))
        labels.names.update(sample.labels)
        for name, value in sample.labels.items():
            labels.values.setdefault(name, set()).add(value)
    yield found
    authd.stop()


def test_promtool_takes_the_rules(box: Box) -> None:
    checked = box.run(["promtool", "check", "rules", RULES]).stdout

    assert f"SUCCESS: {len(expressions_of_rules())} rules found" in checked


def test_each_rule_fires_where_it_has_to_and_nowhere_else(box: Box) -> None:
    box.run(["promtool", "test", "rules", RULE_TESTS])


def test_each_rule_has_such_a_test() -> None:
    names = re.findall(r"- alert: (\w+)", RULES.read_text())
    tested = re.findall(r'alertname(?:: |=")(\w+)', RULE_TESTS.read_text())

    assert sorted(names) == sorted(set(names))
    assert set(tested) == set(names)
    assert all(re.fullmatch(r"(?:[A-Z][a-z]+){2,}", name) for name in names)


@pytest.mark.parametrize("rule", expressions_of_rules(), ids=lambda rule: str(rule).partition("\n")[0])
def test_whoever_is_woken_reads_what_to_do_first(rule: str) -> None:
    assert re.search(r"\blabels: \{severity: (critical|warning|info)\}", rule)
    assert re.search(r"\n +summary: .*\{\{ \$labels\.(instance|backend) \}\}", rule)
    assert re.search(r"\bFirst:\s", rule)


def test_promtool_takes_every_expression_of_the_dashboard(box: Box) -> None:
    rules = [{"record": f"panel:{number}", "expr": each} for number, each in enumerate(expressions_of_dashboard())]
    box.write("/run/dashboard.yml", json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))

    checked = box.run(["promtool", "check", "rules", "/run/dashboard.yml"]).stdout

    assert f"SUCCESS: {len(rules)} rules found" in checked


def test_nothing_is_asked_for_that_authd_does_not_export(exported: dict[str, Labels]) -> None:
    missing = [
        f"{name}: {wrong}"
        for expression in expressions_of_rules() + expressions_of_dashboard()
        for name, wrong in not_exported(expression, exported)
    ]

    assert missing == []


def not_exported(expression: str, exported: dict[str, Labels]) -> Iterator[tuple[str, str]]:
    """Give each sample's name, label or value that the expression selects or groups by, and nobody exports."""
    known = set(OF_TARGETS)
    for name, matchers in _SELECTOR.findall(expression):
        labels = exported.get(name, Labels(set(), {}))
        known |= labels.names
        if name not in exported:
            yield name, "no such sample"
        for label, operator, value in _MATCHER.findall(matchers):
            values = value.split("|") if operator in ("=~", "!~") else [value]
            if label not in OF_TARGETS and not labels.values.get(label, set()).issuperset(values):
                yield name, f"{label}{operator}{value}"
    for grouping in _GROUPING.findall(expression):
        for label in set(grouping.split(", ")) - known:
            yield label, "no such label"


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("rate(authd_logins_total[5m])", ("authd_logins_total", "no such sample")),
        ('authd_requests_total{outcome="bad"}', ("authd_requests_total", "outcome=bad")),
        ('authd_requests_total{outcome=~"accepted|bad"}', ("authd_requests_total", "outcome=~accepted|bad")),
        ('authd_requests_total{result="accepted"}', ("authd_requests_total", "result=accepted")),
        ("sum by (job, user) (authd_requests_total)", ("user", "no such label")),
    ],
)
def test_what_is_not_exported_would_be_found(
    exported: dict[str, Labels], expression: str, wrong: tuple[str, str]
) -> None:
    assert list(not_exported(expression, exported)) == [wrong]


def test_the_dashboard_is_laid_out_without_gaps_and_overlaps() -> None:
    places = [panel["gridPos"] for panel in panels()]
    covered = [
        (place["x"] + right, place["y"] + down)
        for place in places
        for right in range(place["w"])
        for down in range(place["h"])
    ]

    assert len(covered) == len(set(covered)) == 24 * max(place["y"] + place["h"] for place in places)
    assert len({panel["id"] for panel in panels()}) == len(panels())


def test_every_panel_says_what_it_shows_and_asks_the_chosen_data_source() -> None:
    for panel in panels():
        if panel["type"] != "row":
            assert panel["description"], panel["title"]
            assert panel["fieldConfig"]["defaults"].get("unit") or panel["type"] == "heatmap", panel["title"]
            assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}, panel["title"]


def test_the_dashboard_has_a_row_for_each_part() -> None:
    rows = [panel["title"] for panel in panels() if panel["type"] == "row"]

    assert rows == [
        "At a glance",
        "Logins",
        "Outcomes",
        "Time to decide",
        "Backends",
        "Queue",
        "Cache",
        "Throttle",
        "Connections",
        "Helper",
        "Process",
    ]
