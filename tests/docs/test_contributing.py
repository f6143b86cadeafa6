"""The backend that CONTRIBUTING.md shows, found and built as the daemon does it."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from authd_backends import Backend, Outcome, Request, Secret, hashes
from authd_backends.options import build
from authd_backends.registry import backend_type

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", CONTRIBUTING.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def backend_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Backend]:
    """Install the example as a distribution of its own; gives the backend for a file of users."""
    (tmp_path / "authd_json.py").write_text("".join(blocks("python")))
    entry_points = blocks("toml")[0].replace("[project.entry-points.", "[").replace('"', "")
    distribution = tmp_path / "authd_json-1.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: authd-json\nVersion: 1\n")
    (distribution / "entry_points.txt").write_text(entry_points)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "authd_json", raising=False)

    def backend_of(users: Path) -> Backend:
        found = backend_type("json-file")
        backend: Backend = found(build(found.options_type, {"path": str(users)}))
        return backend

    return backend_of


def test_the_example_checks_passwords(backend_of: Callable[[Path], Backend], tmp_path: Path) -> None:
    users = tmp_path / "users.json"
    users.write_text(json.dumps({"alice": hashes.new_hash(Secret(b"right"))}))
    backend = backend_of(users)
    backend.start()

    outcomes = [
        backend.check(Request(user, Secret(password))).outcome
        for user, password in [("alice", b"right"), ("alice", b"wrong"), ("bob", b"right")]
    ]

    assert isinstance(backend, Backend)
    assert outcomes == [Outcome.ACCEPTED, Outcome.WRONG_PASSWORD, Outcome.UNKNOWN_USER]


@pytest.mark.parametrize("broken", [None, "", "[]", '{"alice": '])
def test_the_example_tells_an_outage_from_an_unknown_user(
    backend_of: Callable[[Path], Backend], tmp_path: Path, broken: str | None
) -> None:
    users = tmp_path / "users.json"
    if broken is not None:
        users.write_text(broken)

    verdict = backend_of(users).check(Request("alice", Secret(b"right")))

    assert verdict.outcome is Outcome.UNAVAILABLE
    assert str(users) in verdict.reason


def test_its_generation_changes_with_the_file(backend_of: Callable[[Path], Backend], tmp_path: Path) -> None:
    users = tmp_path / "users.json"
    backend = backend_of(users)
    before = backend.generation()

    users.write_text("{}")

    assert before is None
    assert backend.generation() != before


def test_it_names_every_folder_of_code_and_none_that_is_not_there() -> None:
    table = CONTRIBUTING.read_text().partition("## How we write")[0]

    named = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)

    folders = [folder for cell in named for folder in re.findall(r"`(.*?)`", cell)]
    root = CONTRIBUTING.parent
    of_code = [path.parent for pattern in ("authd/*/*.py", "tests/*/*.py") for path in root.glob(pattern)]
    assert {str(folder.relative_to(root)) for folder in of_code} - set(folders) == set()
    assert [folder for folder in folders if not (root / folder).is_dir()] == []
