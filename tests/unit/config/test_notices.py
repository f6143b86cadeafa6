import sys
from pathlib import Path

import pytest

from authd.config.load import load
from tests.unit.config.files import USERS, loaded, warnings

VAULT = """
from dataclasses import dataclass
from authd_backends import Secret


@dataclass(frozen=True)
class Options:
    password: Secret
    password_file: str = ""


class Backend:
    options_type = Options
"""


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A backend of somebody else that takes a password, and a configuration with it."""
    site = tmp_path / "site"
    info = site / "authd_vault-1.dist-info"
    info.mkdir(parents=True)
    (site / "authd_vault.py").write_text(VAULT)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: authd-vault\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[authd.backends]\nvault = authd_vault:Backend\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(sys.modules, "authd_vault", raising=False)
    return '[backends.vault]\ntype = "vault"\npassword = "hunter2"\npassword_file = "x"\n'


@pytest.mark.parametrize("target", ["stderr", "syslog", "journal"])
def test_what_is_in_force_brings_no_warning(tmp_path: Path, target: str) -> None:
    sections = '[cache]\n[control]\npath = "/x"\n[metrics]\nlisten = "[::1]:9479"\n'
    text = f'{USERS}{sections}[log]\ntarget = "{target}"\nformat = "json"\n[[routes]]\nbackends = ["users"]\n'

    assert warnings(tmp_path, text) == []


def test_a_password_in_a_file_that_everybody_may_read_is_warned_of(tmp_path: Path, vault: str) -> None:
    path = tmp_path / "authd.toml"
    path.write_text(vault)
    path.chmod(0o644)

    assert load(path).warnings == [
        (
            f"{path}:3: backends.vault.password: expected a file that only its owner and group may read, "
            "got one that everybody may"
        )
    ]


def test_a_password_in_a_private_file_brings_no_warning(tmp_path: Path, vault: str) -> None:
    assert warnings(tmp_path, vault) == []


def test_a_password_is_wrapped_from_the_file_on(tmp_path: Path, vault: str) -> None:
    settings = loaded(tmp_path, vault).settings

    assert settings.backends[0].options.password.reveal() == b"hunter2"
    assert "hunter2" not in repr(settings)
