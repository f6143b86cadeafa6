"""Text in manual pages: what becomes of it before a formatter sees it."""

from hypothesis import given
from hypothesis import strategies as st

from tools.documents.mdoc import WIDTH, folded, prose

lines_of_text = st.lists(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1))


def test_code_is_bold_and_its_hyphens_are_those_that_can_be_copied() -> None:
    assert prose("say `authd test -p -`") == r"say \fBauthd test \-p \-\fP"


def test_a_sentence_begins_a_line() -> None:
    assert prose("One thing. Another.") == "One thing.\nAnother."


@given(lines_of_text)
def test_no_line_of_running_text_is_a_request_empty_or_wider_than_a_screen(lines: list[str]) -> None:
    for line in folded(text for each in lines for text in prose(each).splitlines()):
        assert line
        assert line[0] not in ".'"
        assert len(line) <= WIDTH + len(r"\&") or " " not in line
