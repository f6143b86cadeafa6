"""Names of types and what they lead to."""

import sys
from importlib import metadata

import pytest

from authd_backends.errors import MissingLibraryError, OptionError
from authd_backends.registry import backend_type, known_types


def test_a_built_in_type_is_its_class() -> None:
    assert backend_type("passwd-file").__name__ == "PasswdFileBackend"


def test_every_known_type_can_be_had() -> None:
    for name in known_types():
        assert isinstance(backend_type(name), type)


def test_a_misspelt_type_names_the_nearest() -> None:
    with pytest.raises(OptionError, match=r"got 'passwd_fiel' \(did you mean passwd-file\?\)"):
        backend_type("passwd_fiel")


def test_a_type_like_no_other_gets_no_hint() -> None:
    with pytest.raises(OptionError, match=r"expected passwd-file or sasldb, got '☎'$"):
        backend_type("☎")


@pytest.mark.parametrize("name", ["pam", "shadow", "getpwent", "ldap", "mysql", "postgresql", "sqlite"])
def test_a_type_of_a_later_version_is_not_an_unknown_one(name: str) -> None:
    with pytest.raises(OptionError, match="not yet"):
        backend_type(name)


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("berkeleydb", "bsddb3"):
        monkeypatch.setitem(sys.modules, library, None)
    for module in [each for each in sys.modules if each.startswith("authd_backends.sasldb")]:
        monkeypatch.delitem(sys.modules, module)

    with pytest.raises(MissingLibraryError, match=r"backend sasldb needs: pip install authd\[sasldb\]"):
        backend_type("sasldb")


def test_another_distribution_brings_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    brought = metadata.EntryPoint("theirs", "collections:OrderedDict", "authd.backends")
    monkeypatch.setattr(
        metadata, "entry_points", lambda *, group, name: [brought] if (group, name) == (brought.group, "theirs") else []
    )

    assert backend_type("theirs").__name__ == "OrderedDict"
