"""What the servers' answers to a user's bind mean."""

import re
from typing import Any

import ldap
from ldap.controls import RequestControl, ResponseControl

from authd_backends.contract import Outcome, Verdict

_PPOLICY = "1.3.6.1.4.1.42.2.27.8.5.1"  # draft-behera-ldap-password-policy-11, section 6
_PPOLICY_ERRORS = {
    0: (Outcome.EXPIRED, "password expired"),
    1: (Outcome.DISABLED, "account locked"),
    2: (Outcome.EXPIRED, "password must be changed"),
}

# "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 52e, v2580": Win32's codes, in hex
_AD_CODE = re.compile(r"AcceptSecurityContext error, data ([0-9a-f]+)\b", re.IGNORECASE)
_AD_OUTCOMES = {
    "525": (Outcome.UNKNOWN_USER, "no such user"),
    "52e": (Outcome.WRONG_PASSWORD, "wrong password"),
    "530": (Outcome.DISABLED, "no logon at this time"),
    "531": (Outcome.DISABLED, "no logon from this machine"),
    "532": (Outcome.EXPIRED, "password expired"),
    "533": (Outcome.DISABLED, "account disabled"),
    "701": (Outcome.EXPIRED, "account expired"),
    "773": (Outcome.EXPIRED, "password must be changed"),
    "775": (Outcome.DISABLED, "account locked"),
}

# Result codes that refuse the user, and not the service. All others are the server's state: an outage.
_REFUSALS = {
    ldap.INVALID_CREDENTIALS: Outcome.WRONG_PASSWORD,
    ldap.INAPPROPRIATE_AUTH: Outcome.WRONG_PASSWORD,  # the entry has no password
    ldap.NO_SUCH_OBJECT: Outcome.UNKNOWN_USER,
    ldap.INVALID_DN_SYNTAX: Outcome.UNKNOWN_USER,  # of a DN made of the login
    ldap.INSUFFICIENT_ACCESS: Outcome.DISABLED,  # this entry may not bind
    ldap.CONSTRAINT_VIOLATION: Outcome.DISABLED,  # 389 Directory Server: "Exceed password retry limit."
}
_INACTIVATED = "account inactivated"  # 389 Directory Server, with UNWILLING_TO_PERFORM


class PasswordPolicyRequest(RequestControl):  # type: ignore[misc]  # python-ldap has no types
    """Asks for the password policy's word; a server that knows none ignores it."""

    def __init__(self) -> None:
        super().__init__(_PPOLICY, criticality=False)

    def encodeControlValue(self) -> None:  # noqa: N802  # python-ldap's name
        return None


class PasswordPolicyResponse(ResponseControl):  # type: ignore[misc]
    """The password policy's word: `error` is None where nothing stands against the login."""

    error: int | None = None

    def decodeControlValue(self, encodedControlValue: bytes) -> None:  # noqa: N802, N803
        self.error = ppolicy_error(encodedControlValue or b"")


RESPONSE_CONTROLS = {_PPOLICY: PasswordPolicyResponse}


def verdict_of_success(controls: list[Any]) -> Verdict:
    """Judge a bind that succeeded: a password that has to be changed first lets nobody in."""
    for control in controls:
        if isinstance(control, PasswordPolicyResponse) and control.error in _PPOLICY_ERRORS:
            return Verdict(*_PPOLICY_ERRORS[control.error])
    return Verdict(Outcome.ACCEPTED)


def verdict_of_refusal(error: ldap.LDAPError) -> Verdict:
    """Judge a bind to which the server answered with an error."""
    details = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    text = str(details.get("info", ""))
    if found := _AD_CODE.search(text):
        return Verdict(*_AD_OUTCOMES.get(found[1].lower(), (_plain(error, text), text)))
    for oid, _, value in details.get("ctrls") or ():
        if oid == _PPOLICY and (code := ppolicy_error(value or b"")) in _PPOLICY_ERRORS:
            return Verdict(*_PPOLICY_ERRORS[code])
    return Verdict(_plain(error, text), described(error))


def described(error: ldap.LDAPError) -> str:
    """Say in one line what libldap or a server complained of."""
    details = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    texts = [str(details[key]) for key in ("desc", "info") if details.get(key)]
    return ": ".join(texts) or type(error).__name__


def ppolicy_error(value: bytes) -> int | None:
    """Give the error in ``SEQUENCE { [0] warning OPTIONAL, [1] ENUMERATED error OPTIONAL }``; None for all else."""
    if len(value) < 2 or value[0] != 0x30 or value[1] != len(value) - 2:
        return None
    rest = value[2:]
    while len(rest) >= 2 and rest[1] <= len(rest) - 2:
        tag, content, rest = rest[0], rest[2 : 2 + rest[1]], rest[2 + rest[1] :]
        if tag == 0x81 and len(content) == 1:
            return content[0]
    return None


def _plain(error: ldap.LDAPError, text: str) -> Outcome:
    if isinstance(error, ldap.UNWILLING_TO_PERFORM) and _INACTIVATED in text.lower():
        return Outcome.DISABLED
    return next((outcome for kind, outcome in _REFUSALS.items() if isinstance(error, kind)), Outcome.UNAVAILABLE)
