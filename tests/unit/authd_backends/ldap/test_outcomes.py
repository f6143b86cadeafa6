from typing import Any

import ldap
import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd_backends.contract import Outcome
from authd_backends.ldap.outcomes import ppolicy_error, verdict_of_refusal

PPOLICY = "1.3.6.1.4.1.42.2.27.8.5.1"


def refusal(kind: type[ldap.LDAPError] = ldap.INVALID_CREDENTIALS, info: str = "", control: bytes | None = None) -> Any:
    controls = [] if control is None else [(PPOLICY, False, control)]
    return kind({"msgid": 1, "result": 49, "desc": "Invalid credentials", "info": info, "ctrls": controls})


# https://learn.microsoft.com/windows/win32/debug/system-error-codes: 1317, 1326 to 1331, 1793, 1907, 1909
ACTIVE_DIRECTORY = {
    "525": Outcome.UNKNOWN_USER,
    "52e": Outcome.WRONG_PASSWORD,
    "530": Outcome.DISABLED,
    "531": Outcome.DISABLED,
    "532": Outcome.EXPIRED,
    "533": Outcome.DISABLED,
    "701": Outcome.EXPIRED,
    "773": Outcome.EXPIRED,
    "775": Outcome.DISABLED,
    "57": Outcome.WRONG_PASSWORD,
}


@pytest.mark.parametrize(("code", "outcome"), ACTIVE_DIRECTORY.items())
def test_active_directory_tells_why_in_its_text(code: str, outcome: Outcome) -> None:
    text = f"80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data {code}, v2580"
    assert verdict_of_refusal(refusal(info=text)).outcome is outcome


@pytest.mark.parametrize(
    ("control", "outcome"),
    [
        (b"0\x03\x81\x01\x00", Outcome.EXPIRED),
        (b"0\x03\x81\x01\x01", Outcome.DISABLED),
        (b"0\x03\x81\x01\x02", Outcome.EXPIRED),
        (b"0\x03\x81\x01\x05", Outcome.WRONG_PASSWORD),
        (b"0\x08\xa0\x03\x80\x01\x05\x81\x01\x01", Outcome.DISABLED),
        (b"0\x00", Outcome.WRONG_PASSWORD),
        (b"", Outcome.WRONG_PASSWORD),
    ],
)
def test_the_password_policy_tells_why_in_its_control(control: bytes, outcome: Outcome) -> None:
    assert verdict_of_refusal(refusal(control=control)).outcome is outcome


@pytest.mark.parametrize(
    ("kind", "info", "outcome"),
    [
        (ldap.INVALID_CREDENTIALS, "", Outcome.WRONG_PASSWORD),
        (ldap.INAPPROPRIATE_AUTH, "", Outcome.WRONG_PASSWORD),
        (ldap.NO_SUCH_OBJECT, "", Outcome.UNKNOWN_USER),
        (ldap.INVALID_DN_SYNTAX, "", Outcome.UNKNOWN_USER),
        (ldap.CONSTRAINT_VIOLATION, "Exceed password retry limit. Please try later.", Outcome.DISABLED),
        (ldap.UNWILLING_TO_PERFORM, "Account inactivated. Contact system administrator.", Outcome.DISABLED),
        (ldap.UNWILLING_TO_PERFORM, "", Outcome.UNAVAILABLE),
        (ldap.CONFIDENTIALITY_REQUIRED, "TLS confidentiality required", Outcome.UNAVAILABLE),
        (ldap.STRONG_AUTH_REQUIRED, "", Outcome.UNAVAILABLE),
        (ldap.BUSY, "", Outcome.UNAVAILABLE),
        (ldap.UNAVAILABLE, "", Outcome.UNAVAILABLE),
        (ldap.TIMELIMIT_EXCEEDED, "", Outcome.UNAVAILABLE),
        (ldap.REFERRAL, "", Outcome.UNAVAILABLE),
        (ldap.OTHER, "", Outcome.UNAVAILABLE),
    ],
)
def test_only_codes_that_refuse_the_user_refuse_him(kind: type[ldap.LDAPError], info: str, outcome: Outcome) -> None:
    assert verdict_of_refusal(refusal(kind, info)).outcome is outcome


@given(st.binary(max_size=40))
def test_any_control_is_read_or_left(value: bytes) -> None:
    assert ppolicy_error(value) is None or 0 <= (ppolicy_error(value) or 0) < 256
