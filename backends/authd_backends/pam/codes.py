"""PAM's return codes, and which outcome each of them is.

| code                | outcome        | why                                                                        |
|---------------------|----------------|----------------------------------------------------------------------------|
| SUCCESS             | ACCEPTED       | of pam_acct_mgmt: both steps let the user in                               |
| AUTH_ERR            | WRONG_PASSWORD | pam_unix for a locked user too; pam_deny, pam_faillock, pam_nologin        |
| AUTH_ERR (account)  | DISABLED       | the password was right: pam_deny behind Debian's common-account            |
| MAXTRIES            | WRONG_PASSWORD | guessers brought it about: DISABLED would drop the owner's cached password |
| MAXTRIES (account)  | DISABLED       | the password was right                                                     |
| USER_UNKNOWN        | UNKNOWN_USER   |                                                                            |
| PERM_DENIED         | DISABLED       | pam_access, pam_time; a stack in which no module decided                   |
| NEW_AUTHTOK_REQD    | EXPIRED        | the password has to be changed first                                       |
| ACCT_EXPIRED        | EXPIRED        |                                                                            |
| AUTHTOK_EXPIRED     | EXPIRED        | too old to be changed                                                      |
| AUTHINFO_UNAVAIL    | UNAVAILABLE    | the store behind a module is gone                                          |
| OPEN_ERR, SYMBOL_ERR, MODULE_UNKNOWN | UNAVAILABLE | a module is missing or broken                                |
| SERVICE_ERR, SYSTEM_ERR, BUF_ERR, ABORT | UNAVAILABLE | a module, the system, memory, no service file             |
| CONV_ERR, CONV_AGAIN, INCOMPLETE     | UNAVAILABLE | a module asked what cannot be answered here                  |
| CRED_INSUFFICIENT, CRED_UNAVAIL, CRED_EXPIRED, CRED_ERR | UNAVAILABLE | of the means of a module, not the user's  |
| SESSION_ERR, NO_MODULE_DATA, AUTHTOK_ERR, AUTHTOK_RECOVERY_ERR, AUTHTOK_LOCK_BUSY, AUTHTOK_DISABLE_AGING,
  TRY_AGAIN, IGNORE, BAD_ITEM          | UNAVAILABLE | of calls that are not made here: a defect of a module        |
| any other           | UNAVAILABLE    | of a later Linux-PAM                                                       |

Codes: security/_pam_types.h of Linux-PAM 1.5.2, the same in 1.7.2. Meanings: pam_authenticate(3), pam_acct_mgmt(3)
and the modules' own sources. A stack may hide a code from its application: Debian's common-auth ends in pam_deny
whatever went wrong before, so that an outage of LDAP becomes AUTH_ERR there.
"""

from enum import Enum, IntEnum

from authd_backends.contract import Outcome


class Step(Enum):
    """The calls of a transaction; the value is the function's name."""

    START = "pam_start"
    ITEMS = "pam_set_item"
    AUTHENTICATE = "pam_authenticate"
    ACCOUNT = "pam_acct_mgmt"


class Code(IntEnum):
    """What libpam's functions return, without PAM_ in front."""

    SUCCESS = 0
    OPEN_ERR = 1
    SYMBOL_ERR = 2
    SERVICE_ERR = 3
    SYSTEM_ERR = 4
    BUF_ERR = 5
    PERM_DENIED = 6
    AUTH_ERR = 7
    CRED_INSUFFICIENT = 8
    AUTHINFO_UNAVAIL = 9
    USER_UNKNOWN = 10
    MAXTRIES = 11
    NEW_AUTHTOK_REQD = 12
    ACCT_EXPIRED = 13
    SESSION_ERR = 14
    CRED_UNAVAIL = 15
    CRED_EXPIRED = 16
    CRED_ERR = 17
    NO_MODULE_DATA = 18
    CONV_ERR = 19
    AUTHTOK_ERR = 20
    AUTHTOK_RECOVERY_ERR = 21
    AUTHTOK_LOCK_BUSY = 22
    AUTHTOK_DISABLE_AGING = 23
    TRY_AGAIN = 24
    IGNORE = 25
    ABORT = 26
    AUTHTOK_EXPIRED = 27
    MODULE_UNKNOWN = 28
    BAD_ITEM = 29
    CONV_AGAIN = 30
    INCOMPLETE = 31


def outcome(step: Step, status: int) -> Outcome:
    """Say what a transaction that ended at this step with this status means."""
    try:
        code = Code(status)
    except ValueError:
        return Outcome.UNAVAILABLE
    match code:
        case Code.SUCCESS:
            return Outcome.ACCEPTED
        case Code.AUTH_ERR | Code.MAXTRIES:
            return Outcome.DISABLED if step is Step.ACCOUNT else Outcome.WRONG_PASSWORD
        case Code.USER_UNKNOWN:
            return Outcome.UNKNOWN_USER
        case Code.PERM_DENIED:
            return Outcome.DISABLED
        case Code.NEW_AUTHTOK_REQD | Code.ACCT_EXPIRED | Code.AUTHTOK_EXPIRED:
            return Outcome.EXPIRED
        case (
            Code.OPEN_ERR
            | Code.SYMBOL_ERR
            | Code.SERVICE_ERR
            | Code.SYSTEM_ERR
            | Code.BUF_ERR
            | Code.CRED_INSUFFICIENT
            | Code.AUTHINFO_UNAVAIL
            | Code.SESSION_ERR
            | Code.CRED_UNAVAIL
            | Code.CRED_EXPIRED
            | Code.CRED_ERR
            | Code.NO_MODULE_DATA
            | Code.CONV_ERR
            | Code.AUTHTOK_ERR
            | Code.AUTHTOK_RECOVERY_ERR
            | Code.AUTHTOK_LOCK_BUSY
            | Code.AUTHTOK_DISABLE_AGING
            | Code.TRY_AGAIN
            | Code.IGNORE
            | Code.ABORT
            | Code.MODULE_UNKNOWN
            | Code.BAD_ITEM
            | Code.CONV_AGAIN
            | Code.INCOMPLETE
        ):
            return Outcome.UNAVAILABLE


def named(status: int) -> str:
    """Give a code's name in the header, which stays the same in every language.

    >>> named(7), named(99)
    ('PAM_AUTH_ERR', 'PAM code 99')
    """
    try:
        return f"PAM_{Code(status).name}"
    except ValueError:
        return f"PAM code {status}"
