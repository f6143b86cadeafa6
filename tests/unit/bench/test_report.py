"""What the reader is told."""

from bench.report import Compared, Measured, markdown


def test_a_target_that_was_reached_is_said_to_be() -> None:
    row = Compared("sasldb", "logins/s", [19000, 20000, 21000], [10000, 10000, 10000], at_least=1.5)

    assert row.cells() == (
        "sasldb",
        "20,000 logins/s",
        "10,000 logins/s",
        "2.00 times (1.90 to 2.10)",
        "at least 1.5 times",
        "reached: 2.000 times",
    )


def test_a_target_that_was_missed_is_said_to_be() -> None:
    assert Compared("p99", "µs", [110], [100], at_most=1.0).cells()[-1] == "NOT reached: 1.100 times"
    assert Measured("memory", "MB", [61], 60).cells()[-1] == "NOT reached: 61 MB"


def test_what_nobody_asked_for_is_not_judged() -> None:
    assert Compared("more", "logins/s", [1], [1]).cells()[-2:] == ("", "")


def test_one_figure_stands_alone() -> None:
    row = Measured("start to ready", "s", [0.3, 0.1, 0.2], 0.4, digits=2)

    assert row.cells() == ("start to ready", "0.20 s", "", "", "at most 0.4 s", "reached: 0.20 s")


def test_the_report_is_a_table_below_its_conditions() -> None:
    report = markdown("Title", ["two cores"], [Measured("start", "s", [0.25], 0.4, digits=2)])

    assert report.splitlines() == [
        "# Title",
        "",
        "- two cores",
        "",
        "| work | authd | beside it | ratio (lowest to highest) | asked |  |",
        "| --- | --- | --- | --- | --- | --- |",
        "| start | 0.25 s |  |  | at most 0.4 s | reached: 0.25 s |",
    ]
