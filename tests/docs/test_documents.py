"""All of docs/: links lead somewhere, configurations can be read, nothing is left out of the index."""

import re
from pathlib import Path

import pytest

from authd.cli.main import main

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENTS = {path.relative_to(DOCS).as_posix(): path for path in sorted(DOCS.rglob("*.md"))}
INDEX = (DOCS / "index.md").read_text()
CONFIGURATIONS = [
    pytest.param(text, id=f"{name}-{number}")
    for name, path in DOCUMENTS.items()
    for number, text in enumerate(
        re.findall(
            r"^```toml\n(# /etc/authd/authd\.toml\n[^`]*?^\[backends\..*?)^```$",
            path.read_text(),
            re.MULTILINE | re.DOTALL,
        ),
        1,
    )
]


def anchors(text: str) -> set[str]:
    """Give the anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file_and_a_heading_of_it(document: str) -> None:
    path = DOCUMENTS[document]
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", path.read_text())

    broken = [
        (file, heading)
        for file, heading in links
        if not (path.parent / file).is_file() or (heading and heading not in anchors((path.parent / file).read_text()))
    ]

    assert broken == []


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_every_configuration_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], configuration: str
) -> None:
    file = tmp_path / "authd.toml"
    file.write_text(configuration)
    file.chmod(0o640)

    assert (main(["check", "--config", str(file)]), capsys.readouterr().err) == (0, "")


def test_every_test_that_the_laws_name_is_there() -> None:
    named = re.findall(r"`([a-z]+/(?:\w+\.py|(?:\w+/)?))`", (DOCS / "explanation-laws.md").read_text())

    assert len(named) > 10
    assert [name for name in named if not (DOCS.parent / "tests" / name).exists()] == []


def test_every_document_is_in_the_index() -> None:
    linked = set(re.findall(r"\]\(([^)#]+)", INDEX))

    assert [name for name in DOCUMENTS if name not in {*linked, "index.md"}] == []
