"""The sdist: all that builds, tests and packages authd, and nothing that only lies about in a checkout."""

import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest

import authd
from tests.packages.building import CHECKOUT, built

TOP = f"authd-{authd.__version__}"
FOLDERS = {"authd", "backends", "bench", "contrib", "debian", "docs", "systemd", "tests", "tools"}
FILES = {
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "PKG-INFO",
    "README.md",
    "SECURITY.md",
    "pyproject.toml",
}


@pytest.fixture(scope="module")
def tree(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What comes out of it."""
    folder = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["tar", "-xzf", sdist, "-C", folder], check=True)
    (top,) = folder.iterdir()
    assert top.name == TOP
    return top


def test_it_has_the_folders_and_files_of_the_tree(tree: Path) -> None:
    assert {path.name for path in tree.iterdir() if path.is_dir()} == FOLDERS
    assert {path.name for path in tree.iterdir() if path.is_file()} == FILES


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_each_folder_is_whole(tree: Path, folder: str) -> None:
    def files(top: Path) -> set[Path]:
        return {path.relative_to(top) for path in (top / folder).rglob("*") if path.is_file()}

    ours = {
        path for path in files(CHECKOUT) if "__pycache__" not in path.parts and path.parts[:2] != ("bench", "build")
    }
    assert files(tree) == ours


def test_it_has_what_no_module_imports(tree: Path) -> None:
    for name in ("debian/control", "systemd/authd.service", "contrib/fail2ban/filter.d/authd.conf", "tools/setup.sh"):
        assert (tree / name).read_bytes() == (CHECKOUT / name).read_bytes()


def test_its_wheel_is_the_wheel_of_the_tree(tree: Path, wheel: Path, tmp_path: Path) -> None:
    assert _content(built("wheel", tree, tmp_path)) == _content(wheel)


def _files(top: Path, folder: str) -> set[Path]:
    return {path.relative_to(top) for path in (top / folder).rglob("*") if path.is_file()}


def _content(wheel: Path) -> dict[str, bytes]:
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
