"""Names of types and what they lead to."""

from importlib import metadata
from pathlib import Path

import pytest

from authd_backends import registry
from authd_backends.errors import MissingLibraryError, OptionError
from authd_backends.registry import backend_type, known_types


def test_a_built_in_type_is_its_class() -> None:
    assert backend_type("passwd-file").__name__ == "PasswdFileBackend"


def test_every_known_type_can_be_had() -> None:
    for name in known_types():
        assert isinstance(backend_type(name), type)


def test_a_misspelt_type_names_the_nearest() -> None:
    with pytest.raises(OptionError, match=r'expected a known type \(passwd-file\?\), got "passwd_fiel"'):
        backend_type("passwd_fiel")


def test_a_type_like_no_other_gets_no_hint() -> None:
    with pytest.raises(OptionError, match=f'{registry.expected_types()}, got "☎"$'):
        backend_type("☎")


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "their_backend.py").write_text("import a_library_that_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(registry._CLASSES, "theirs", "their_backend:TheirBackend")

    with pytest.raises(MissingLibraryError, match=r"backend theirs needs: pip install authd\[theirs\]"):
        backend_type("theirs")


def test_a_library_that_lacks_another_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As psycopg does where there is no libpq."""
    (tmp_path / "half_a_backend.py").write_text("raise ImportError('no pq wrapper available.\\nAttempts made:')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(registry._CLASSES, "half", "half_a_backend:HalfABackend")

    with pytest.raises(MissingLibraryError, match=r"backend half needs: .*: no pq wrapper available\.$"):
        backend_type("half")


def test_a_missing_module_of_our_own_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._CLASSES, "ours", "authd_backends.nowhere:Nothing")

    with pytest.raises(ModuleNotFoundError):
        backend_type("ours")


def test_another_distribution_brings_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    brought = metadata.EntryPoint("theirs", "collections:OrderedDict", "authd.backends")
    monkeypatch.setattr(
        metadata, "entry_points", lambda *, group, name: [brought] if (group, name) == (brought.group, "theirs") else []
    )

    assert backend_type("theirs").__name__ == "OrderedDict"
