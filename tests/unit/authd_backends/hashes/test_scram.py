"""The two keys that SCRAM's servers keep."""

import pytest

from authd_backends import hashes
from authd_backends.contract import Secret
from authd_backends.errors import Unavailable

# RFC 7677, section 3: the exchange of user "user" with password "pencil"; PostgreSQL's form of it
RFC_7677 = (
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
    ":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
)


def test_the_keys_of_rfc_7677_are_verified() -> None:
    assert hashes.matches(RFC_7677, Secret(b"pencil"))
    assert not hashes.matches(RFC_7677, Secret(b"pencils"))


def test_dovecots_form_is_the_same_with_commas() -> None:
    dovecots = "{SCRAM-SHA-256}" + RFC_7677.removeprefix("SCRAM-SHA-256$").replace(":", ",").replace("$", ",")

    assert hashes.matches(dovecots, Secret(b"pencil"))


@pytest.mark.parametrize("key", ["WG5d", "wfPL"])
def test_keys_of_two_passwords_are_damage(key: str) -> None:
    with pytest.raises(Unavailable, match="expected two keys of one password"):
        hashes.matches(RFC_7677.replace(key, "AAAA"), Secret(b"pencil"))
