"""The wheel: what is in it, what it says of itself, and that it runs where there is nothing else."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import pytest
from packaging.metadata import Metadata

import authd
from tests.daemon.running import NO, OK, ask, running, unprivileged
from tests.packages.building import CHECKOUT, built

FOLDERS = {"authd": CHECKOUT / "authd", "authd_backends": CHECKOUT / "backends" / "authd_backends"}
DIST_INFO = f"authd-{authd.__version__}.dist-info"
CONFIGURATION = """
[[listeners]]
path = "DIR/mux"

[backends.users]
type = "passwd-file"
path = "DIR/users"
"""


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Metadata:
    with ZipFile(wheel) as archive:
        return Metadata.from_email(archive.read(f"{DIST_INFO}/METADATA"), validate=True)  # raises for what PyPI refuses


def test_nothing_but_the_two_packages_lands_in_site_packages(names: list[str]) -> None:
    assert {name.partition("/")[0] for name in names} == {*FOLDERS, DIST_INFO}


@pytest.mark.parametrize("package", FOLDERS)
def test_every_file_of_a_package_is_there_and_no_other(names: list[str], package: str) -> None:
    folder = FOLDERS[package]
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]

    assert {name for name in names if name.startswith(f"{package}/")} == {
        f"{package}/{path.relative_to(folder)}" for path in files
    }
    assert f"{package}/py.typed" in names


def test_it_says_what_it_is(metadata: Metadata) -> None:
    assert metadata.name == "authd"
    assert str(metadata.version) == authd.__version__
    assert metadata.summary
    assert str(metadata.requires_python) == ">=3.11"
    assert metadata.description_content_type == "text/markdown"
    assert metadata.description == (CHECKOUT / "README.md").read_text()


def test_its_licence_is_named_and_there(wheel: Path, metadata: Metadata) -> None:
    assert metadata.license_expression == "MIT"
    assert metadata.license_files == ["LICENSE"]
    with ZipFile(wheel) as archive:
        assert archive.read(f"{DIST_INFO}/licenses/LICENSE") == (CHECKOUT / "LICENSE").read_bytes()


def test_it_needs_nothing_unless_an_extra_is_asked_for(metadata: Metadata) -> None:
    required = metadata.requires_dist or []

    assert [each for each in required if not each.marker or each.marker.evaluate({"extra": ""})] == []
    assert "all" in (metadata.provides_extra or [])


def test_what_the_containerfile_copies_is_all_it_is_built_from(names: list[str], tmp_path: Path) -> None:
    containerfile = (CHECKOUT / "contrib/container/Containerfile").read_text()
    copied = " ".join(re.findall("^COPY (.+) /src/", containerfile, re.MULTILINE)).split()
    (tree := tmp_path / "src").mkdir()
    subprocess.run(["cp", "--recursive", "--parents", *copied, tree], cwd=CHECKOUT, check=True)

    with ZipFile(built("wheel", tree, tmp_path / "wheel")) as archive:
        assert archive.namelist() == names


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """Without the checkout, which the tests' own Python finds."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


@pytest.fixture(scope="module")
def installed(wheel: Path, environment: dict[str, str]) -> Iterator[Path]:
    """The command of a fresh environment that holds this wheel alone, installed without a network."""
    with TemporaryDirectory(prefix="authd-") as folder:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        python = Path(folder, "bin", "python")
        pip: list[str | Path] = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
        subprocess.run([*pip, "install", "--quiet", "--no-index", wheel], check=True, env=environment)
        yield python.with_name("authd")


@pytest.fixture
def place() -> Iterator[Path]:
    """Short: the path of a socket has little room."""
    with TemporaryDirectory(prefix="authd-") as folder:
        yield Path(folder)


def test_installed_it_tells_its_version(installed: Path, environment: dict[str, str]) -> None:
    done = subprocess.run([installed, "--version"], env=environment, check=True, capture_output=True, text=True)

    assert done.stdout == f"authd {authd.__version__}\n"


def test_installed_it_is_all_its_own(installed: Path, environment: dict[str, str], place: Path) -> None:
    asked = "import authd, authd_backends; print(authd.__file__, authd_backends.__file__)"
    command: list[str | Path] = [installed.with_name("python"), "-c", asked]
    done = subprocess.run(command, env=environment, cwd=place, check=True, capture_output=True, text=True)

    assert all(path.startswith(str(installed.parents[1])) for path in done.stdout.split())


def test_installed_it_checks_the_embedded_default(installed: Path, environment: dict[str, str], place: Path) -> None:
    placed = {**environment, "STATE_DIRECTORY": str(place), "RUNTIME_DIRECTORY": str(place)}
    done = subprocess.run([installed, "check"], env=placed, check=True, capture_output=True, text=True)

    assert done.stdout.startswith("# in force: embedded default\n")


def test_installed_it_serves(
    installed: Path, environment: dict[str, str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in os.environ.keys() - environment.keys():
        monkeypatch.delenv(name)
    add = [str(installed), "user", "add", "--file", str(place / "users"), "alice"]
    subprocess.run(unprivileged(add), input=b"right", check=True, capture_output=True)

    with running(place, CONFIGURATION, command=[str(installed)]) as served:
        assert ask(served.socket, "alice", "right") == OK
        assert ask(served.socket, "alice", "wrong") == NO
        assert served.stop() == 0
