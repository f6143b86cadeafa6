"""What needs no PAM; the rest is in tests/peers/test_pam.py."""

from collections.abc import Iterator

import pytest

from authd_backends.contract import Backend, Outcome, Placement, Request, Secret
from authd_backends.errors import MissingLibraryError
from authd_backends.options import OptionErrors, build, written
from authd_backends.pam import transaction
from authd_backends.pam.backend import PamBackend, PamOptions


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(transaction, "LIBRARY", "libpam-is-not-here.so.0")
    transaction.libpam.cache_clear()
    yield
    transaction.libpam.cache_clear()


def test_it_keeps_the_contract_of_a_backend_in_the_helper() -> None:
    backend = PamBackend(PamOptions())

    assert isinstance(backend, Backend)
    assert backend.placement is Placement.HELPER
    assert backend.generation() is None


def test_the_options_are_read_from_a_table() -> None:
    options = build(PamOptions, {"services": ["smtp", "imap-näh"], "default_service": "mail", "min_uid": 500})

    assert options == PamOptions(services=("smtp", "imap-näh"), default_service="mail", min_uid=500)
    assert written(options) == {"services": ["smtp", "imap-näh"], "default_service": "mail", "min_uid": 500}


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "/etc/pam.d/smtp", "s\0", "SMTP", "x" * 256, 5])
def test_a_service_is_named_as_its_file(name: object) -> None:
    with pytest.raises(OptionErrors, match=r"services: expected a list .*the name of a PAM service: lower case, no"):
        build(PamOptions, {"services": ["smtp", name]})
    with pytest.raises(OptionErrors, match="default_service: expected the name of a PAM service"):
        build(PamOptions, {"default_service": name})


@pytest.mark.usefixtures("no_library")
def test_without_libpam_the_start_says_which_package_has_it() -> None:
    with pytest.raises(MissingLibraryError, match=r"libpam-is-not-here\.so\.0, Debian's package libpam0g"):
        PamBackend(PamOptions()).start()


@pytest.mark.usefixtures("no_library")
def test_a_service_that_is_not_listed_never_reaches_pam() -> None:
    verdict = PamBackend(PamOptions()).check(Request("alice", Secret(b"whatever"), service="chat"))

    assert (verdict.outcome, verdict.reason) == (Outcome.UNKNOWN_USER, "service_not_allowed")


def test_closing_one_that_was_never_asked_is_nothing() -> None:
    PamBackend(PamOptions()).close()
