"""The manual pages under both formatters, and any text in them as groff shows it."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers.box import CHECKOUT, Box
from tools.documents.mdoc import folded, prose

PACKAGES = ("groff-base", "man-db", "mandoc")

PAGES = sorted((CHECKOUT / "docs" / "man").iterdir())
HEAD = ".Dd November 25, 2026\n.Dt TEXT 1\n.Os\n.Sh NAME\n.Nm text\n.Nd what is said\n.Sh DESCRIPTION\n"
AWKWARD = [
    ".Sh what begins with a dot",
    "'quoted' from the first letter on",
    r"a \fB backslash \n",
    "-u, --user and - alone",
]

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
texts = st.text(st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters="`"), min_size=1)


@pages
def test_groff_warns_of_nothing_in_a_page(box: Box, page: Path) -> None:
    formatted = box.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page])

    assert formatted.stderr == ""
    assert formatted.stdout


@pages
def test_mandoc_finds_nothing_wrong_in_a_page(box: Box, page: Path) -> None:
    found = box.run(["mandoc", "-T", "lint", "-W", "warning", page], expect=None)

    assert (found.stdout, found.returncode) == ("", 0)


@pytest.mark.parametrize("text", AWKWARD)
def test_what_looks_like_an_instruction_is_shown_as_it_is(box: Box, text: str) -> None:
    assert text in shown(box, text)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts)
def test_any_text_is_shown_letter_by_letter(box: Box, text: str) -> None:
    assert "".join(text.split()) in "".join(shown(box, f"begin {text} end").split())


def shown(box: Box, markdown: str) -> str:
    """Give what a reader sees below the heading, without the breaks of lines."""
    page = HEAD + "\n".join(folded(prose(markdown).splitlines())) + "\n"
    formatted = box.run(["groff", "-mdoc", "-Tascii", "-P-cbou", "-ww", "-rLL=2000n"], input=page)
    assert formatted.stderr == ""
    return " ".join(formatted.stdout.partition("DESCRIPTION\n")[2].partition("BSD  ")[0].split())
