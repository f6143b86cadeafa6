from pathlib import Path

import pytest

from authd.config import pam_services
from authd.config.pam_services import USUAL
from authd_backends.pam import stacks


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("smtp", "webmail", "su", "other", "common-auth", "Upper", "old.dpkg-dist"):
        path = tmp_path / "pam.d" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    (tmp_path / "pam.d" / "own-su").write_text("auth sufficient pam_rootok.so\n")
    monkeypatch.setattr(pam_services, "DIRECTORY", tmp_path / "pam.d")
    monkeypatch.setattr(stacks, "_DIRECTORIES", (str(tmp_path / "pam.d"),))
    monkeypatch.setattr(pam_services, "PACKAGES", tmp_path / "info")
    return tmp_path


def test_what_an_administrator_wrote_may_be_named_but_nothing_that_lets_in_without_a_password(system: Path) -> None:
    (system / "info").mkdir()
    (system / "info" / "util-linux.conffiles").write_text(f"/etc/other\n{system}/pam.d/su\n")

    assert pam_services.pam_services() == [*USUAL, "webmail"]


def test_where_nobody_knows_whose_the_files_are_only_the_usual_may_be_named(system: Path) -> None:
    assert pam_services.pam_services() == list(USUAL)
