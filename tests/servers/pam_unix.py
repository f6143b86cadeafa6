"""Debian's pam_unix, asked through libpam: what it says of a system user is the truth that others are held to.

`python -m tests.servers.pam_unix`: each line of standard input is a JSON list `[login, password]`; for each of them the
codes of pam_authenticate and pam_acct_mgmt are printed as a JSON list.
"""

import ctypes
import json
import sys
from collections.abc import Sequence

from tests.servers.box import Box

SERVICE = "truth"
SUCCESS, AUTH_ERR, AUTHINFO_UNAVAIL, USER_UNKNOWN = 0, 7, 9, 10  # _pam_types.h
NEW_AUTHTOK_REQD, ACCT_EXPIRED, AUTHTOK_EXPIRED = 12, 13, 27
_CONFIGURATION = "auth required pam_unix.so nodelay\naccount required pam_unix.so\n"


def ask(box: Box, logins: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
    """Give the codes of pam_authenticate and pam_acct_mgmt for each login and password, as root."""
    box.write(f"/etc/pam.d/{SERVICE}", _CONFIGURATION)
    lines = "".join(f"{json.dumps(login)}\n" for login in logins)
    printed = box.python("tests.servers.pam_unix", input=lines).splitlines()
    return [(authenticate, acct_mgmt) for authenticate, acct_mgmt in map(json.loads, printed)]


class _Response(ctypes.Structure):
    _fields_ = (("text", ctypes.c_void_p), ("code", ctypes.c_int))


_Converse = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p
)


class _Conversation(ctypes.Structure):
    _fields_ = (("converse", _Converse), ("data", ctypes.c_void_p))


def _codes(login: bytes, password: bytes) -> tuple[int, int]:
    libc, libpam = ctypes.CDLL(None), ctypes.CDLL("libpam.so.0")
    libc.calloc.restype = libc.strdup.restype = ctypes.c_void_p

    def converse(number: int, _messages: int, answers: "ctypes._Pointer[ctypes.c_void_p]", _data: int) -> int:
        """Answer the password to whatever is asked; libpam frees it."""
        responses = libc.calloc(number, ctypes.sizeof(_Response))
        for each in (_Response * number).from_address(responses):
            each.text = libc.strdup(password)
        answers[0] = responses
        return SUCCESS

    conversation = _Conversation(_Converse(converse))
    handle = ctypes.c_void_p()
    libpam.pam_start(SERVICE.encode(), login, ctypes.byref(conversation), ctypes.byref(handle))
    codes = libpam.pam_authenticate(handle, 0), libpam.pam_acct_mgmt(handle, 0)
    libpam.pam_end(handle, codes[1])
    return codes


def main() -> None:
    for line in sys.stdin:
        login, password = json.loads(line)
        print(json.dumps(_codes(login.encode(), password.encode())), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
