"""HTML that text cannot get out of."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from authd.observe.markup import Markup, element, together


class Reader(HTMLParser):
    """Takes one paragraph apart."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.attributes: dict[str, str | None] = {}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag == "p"
        self.attributes = dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_elements() -> None:
    assert element("p", "a", element("b", "c"), class_="d", aria_label="e", role=None) == (
        '<p class="d" aria-label="e">a<b>c</b></p>'
    )
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'
    assert together("<", Markup("<br>")) == "&lt;<br>"


@given(st.text(), st.text())
def test_text_and_attributes_are_read_as_they_were_written(text: str, attribute: str) -> None:
    read = Reader(element("p", text, title=attribute))

    assert read.text == text
    assert read.attributes == {"title": attribute}
