"""Bars that say what the figures say."""

from xml.etree import ElementTree

from bench.charts import WIDTH, Group, bars, shown

SVG = "{http://www.w3.org/2000/svg}"


def drawn(chart: str) -> ElementTree.Element:
    return ElementTree.fromstring(chart)


def widths(chart: str) -> list[int]:
    """Of the bars: what lies right of the labels and is no key."""
    found = [each.attrib for each in drawn(chart).iter(f"{SVG}rect")]
    return [int(each["width"]) for each in found if each.get("x") == "300" and each["height"] != "10"]


def test_bars_are_as_long_as_their_figures() -> None:
    chart = bars("Rates", "logins/s", ["authd", "saslauthd"], [Group("1", [200, 100]), Group("4", [400, 200])])

    one, other, third, fourth = widths(chart)
    assert (one, other, third, fourth) == (third // 2, fourth // 2, third, one)
    assert max(widths(chart)) < WIDTH - 300


def test_labels_and_figures_stand_as_text_and_hostile_ones_as_themselves() -> None:
    chart = bars("<b>&", "µs", ["authd"], [Group('"x"', [12345.6])])

    texts = [each.text for each in drawn(chart).iter(f"{SVG}text")]
    assert texts == ["<b>& (µs)", "authd", '"x"', "12,346"]


def test_who_loses_is_marked_in_words_and_not_in_colour_alone() -> None:
    assert "0.5 (loses)" in bars("x", "s", ["authd", "saslauthd"], [Group("x", [0.5, 1], loses=True)])


def test_what_has_no_figure_has_no_bar() -> None:
    assert len(widths(bars("x", "s", ["authd", "other"], [Group("x", [0.5, None])]))) == 1


def test_nothing_at_all_can_be_drawn() -> None:
    assert drawn(bars("x", "s", [], [])).tag == f"{SVG}svg"
    assert widths(bars("x", "s", ["authd"], [Group("x", [0.0])])) == [1]


def test_figures_have_the_digits_that_tell_something() -> None:
    assert [shown(value) for value in (0.1234, 12.345, 123.45, 12345)] == ["0.123", "12.3", "123", "12,345"]
