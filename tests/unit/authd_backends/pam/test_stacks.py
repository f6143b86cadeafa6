from pathlib import Path

import pytest

from authd_backends.pam import stacks
from authd_backends.pam.stacks import auth_modules


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for services, behind one that is not there."""
    monkeypatch.setattr(stacks, "_DIRECTORIES", (str(tmp_path / "missing"), str(tmp_path)))
    return tmp_path


def test_only_the_modules_that_decide_about_a_password_count(folder: Path) -> None:
    (folder / "smtp").write_text(
        "# auth required pam_comment.so\n"
        "auth required pam_unix.so nullok # auth required pam_remark.so\n"
        "-auth [success=1 default=ignore] /lib/security/pam_ldap.so use_first_pass\n"
        "AUTH sufficient \\\n pam_continued.so\n"
        "account required pam_account.so\n"
        "session required pam_session.so\n"
    )

    assert auth_modules("smtp") == frozenset({"pam_unix", "pam_ldap", "pam_continued"})


def test_included_files_count(folder: Path) -> None:
    (folder / "smtp").write_text("@include common\nauth include one\nauth substack two\naccount include three\n")
    for name in ("common", "one", "two", "three"):
        (folder / name).write_text(f"auth required pam_{name}.so\n")

    assert auth_modules("smtp") == frozenset({"pam_common", "pam_one", "pam_two"})


def test_files_that_include_one_another_come_to_an_end(folder: Path) -> None:
    (folder / "smtp").write_text("auth required pam_unix.so\n@include smtp\n")

    assert auth_modules("smtp") == frozenset({"pam_unix"})


def test_other_counts_for_a_service_that_says_nothing_about_passwords(folder: Path) -> None:
    (folder / "other").write_text("auth required pam_deny.so\n")
    (folder / "smtp").write_text("account required pam_permit.so\n")
    (folder / "imap").write_text("auth required pam_unix.so\n")

    assert auth_modules("smtp") == auth_modules("nowhere") == frozenset({"pam_deny"})
    assert auth_modules("imap") == frozenset({"pam_unix"})


def test_a_service_without_any_file_is_none() -> None:
    assert auth_modules("smtp") is None


def test_an_empty_service_has_no_modules(folder: Path) -> None:
    (folder / "smtp").write_bytes(b"\xff\n")

    assert auth_modules("smtp") == frozenset()
