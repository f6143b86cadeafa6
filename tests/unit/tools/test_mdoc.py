"""Text in manual pages, as groff shows it."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.documents.mdoc import WIDTH, folded, prose

PAGE = ".Dd November 25, 2026\n.Dt TEXT 1\n.Os\n.Sh NAME\n.Nm text\n.Nd what is said\n.Sh DESCRIPTION\n"
AWKWARD = [
    ".Sh what begins with a dot",
    "'quoted' from the first letter on",
    r"a \fB backslash \n",
    "-u, --user and - alone",
]
texts = st.text(st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters="`"), min_size=1)


def shown(markdown: str) -> str:
    """Give what a reader sees below the heading, without the breaks of lines."""
    page = PAGE + "\n".join(folded(prose(markdown).splitlines())) + "\n"
    formatted = subprocess.run(
        ["groff", "-mdoc", "-Tascii", "-P-cbou", "-ww", "-rLL=2000n"],
        input=page,
        capture_output=True,
        text=True,
        check=True,
    )
    assert formatted.stderr == ""
    body = formatted.stdout.partition("DESCRIPTION\n")[2].partition("BSD  ")[0]
    return " ".join(body.split())


@pytest.mark.parametrize("text", AWKWARD)
def test_what_looks_like_an_instruction_is_shown_as_it_is(text: str) -> None:
    assert text in shown(text)


def test_code_is_shown_without_its_marks() -> None:
    assert "say authd user add `x`" not in shown("say `authd user add`, twice")
    assert "say authd user add, twice" in shown("say `authd user add`, twice")


@settings(max_examples=25, deadline=None)
@given(texts)
def test_any_text_is_shown_letter_by_letter(text: str) -> None:
    assert "".join(text.split()) in "".join(shown(f"begin {text} end").split())


@given(st.lists(texts))
def test_no_line_of_running_text_is_empty_or_wider_than_a_screen(lines: list[str]) -> None:
    for line in folded(prose(each) for each in lines):
        assert line
        assert len(line) <= WIDTH + len("\\&") or " " not in line
