"""What the reader is told."""

from bench.report import Compared, Measured, Section, markdown


def test_a_target_that_was_reached_is_said_to_be() -> None:
    row = Compared("sasldb", "logins/s", [19000, 20000, 21000], [10000, 10000, 10000], at_least=1.5)

    assert row.cells() == (
        "sasldb",
        "20,000 logins/s",
        "10,000 logins/s",
        "2.00 times (1.90 to 2.10)",
        "at least 1.5 times",
        "reached",
    )
    assert row.loss == ""


def test_a_target_that_was_missed_is_said_to_be() -> None:
    assert Compared("p99", "µs", [110], [100], at_most=1.0).cells()[-1] == (
        "**loses: asked for at most 1 times, got 1.10**"
    )
    assert Measured("memory", "MB", [61], 60).cells()[-1] == "**loses: asked for at most 60 MB, got 61**"


def test_being_behind_saslauthd_is_said_though_nobody_asked() -> None:
    assert Compared("p99", "µs", [110], [100], less_is_better=True).cells()[-1] == "**loses: 1.10 times saslauthd's**"
    assert Compared("rate", "logins/s", [96], [100], at_least=0.95).loss == "0.96 times saslauthd's"
    assert Compared("rate", "logins/s", [96], [100], at_least=0.95, other="crypt_r").loss == ""


def test_what_nobody_asked_for_is_not_judged() -> None:
    assert Compared("more", "logins/s", [1], [1]).cells()[-2:] == ("", "")
    assert Measured("memory", "MB", [61]).cells()[-2:] == ("", "")


def test_one_figure_stands_alone_with_its_spread() -> None:
    row = Measured("start to ready", "s", [0.3, 0.1, 0.2], 0.4, digits=2)

    assert row.cells() == ("start to ready", "0.20 s", "", "0.10 to 0.30", "at most 0.4 s", "reached")


def test_the_report_says_first_where_authd_loses() -> None:
    start = Section("Start", [Measured("start", "s", [0.25], 0.4, digits=2), Measured("memory", "MB", [61], 60)])

    assert markdown("Title", ["two cores"], [start], "charts").splitlines() == [
        "# Title",
        "",
        "- two cores",
        "",
        "## Where authd loses",
        "",
        "- memory: asked for at most 60 MB, got 61",
        "",
        "## Start",
        "",
        "| work | authd | beside it | ratio (lowest to highest) | asked |  |",
        "| --- | --- | --- | --- | --- | --- |",
        "| start | 0.25 s |  |  | at most 0.4 s | reached |",
        "| memory | 61 MB |  |  | at most 60 MB | **loses: asked for at most 60 MB, got 61** |",
        "",
        "![Start](charts/start-s.svg)",
        "",
        "![Start](charts/start-mb.svg)",
    ]


def test_a_report_without_losses_says_so() -> None:
    assert "\nNowhere in this run.\n" in markdown("Title", [], [Section("Start", [Measured("start", "s", [1])])])


def test_each_unit_has_a_chart_of_its_own() -> None:
    rows = [
        Compared("1 client", "logins/s", [2], [1]),
        Compared("1 client: p99", "µs", [2], [1], less_is_better=True),
        Compared("hashes", "logins/s", [2], [1], other="crypt_r"),
    ]

    charts = Section("PAM, uncached", rows).charts()

    assert list(charts) == ["pam-uncached-logins-s.svg", "pam-uncached-us.svg"]
    assert ">saslauthd or crypt_r<" in charts["pam-uncached-logins-s.svg"]
    assert "2 (loses)" in charts["pam-uncached-us.svg"]
