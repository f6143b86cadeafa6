"""One question to libpam: may this login come in with this password?

Through ctypes, as python-pam is too, whose `authenticate()` sets no PAM_RHOST and no PAM_FAIL_DELAY; what would be left
to take from it are ten lines of prototypes, and they are no reason for a dependency of a process that runs as root.

No credentials are set (pam_setcred) and no session is opened: nobody logs in here. PAM_SILENT is not given, for what
modules say goes to the operator alone, and pam_unix and pam_faillock say there why they refuse.
"""

import ctypes
from dataclasses import dataclass
from functools import cache
from typing import Any

from authd_backends.contract import Secret
from authd_backends.errors import MissingLibraryError
from authd_backends.pam.codes import Code, Step
from authd_backends.pam.dialogue import HOLD_BACK, Conversation, Dialogue, conversation

LIBRARY = "libpam.so.0"

_DISALLOW_NULL_AUTHTOK = 0x0001  # or pam_unix lets a user without a password in with any, as Debian configures it
_USER, _TTY, _RHOST, _FAIL_DELAY = 2, 3, 4, 10  # items

Handle = ctypes.c_void_p


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a service. No text may hold a NUL."""

    service: bytes
    login: bytes
    password: Secret
    rhost: bytes | None = None  # the client's address


@dataclass(frozen=True, slots=True)
class Answer:
    """Where the transaction ended and with which of PAM's codes."""

    step: Step
    status: int
    user: bytes  # PAM_USER at the end, which modules may change
    delay: float  # seconds
    messages: tuple[str, ...]


def ask(question: Question) -> Answer:
    """Go through pam_authenticate(3) and pam_acct_mgmt(3).

    Raises MissingLibraryError, and what was raised in a callback.
    """
    dialogue = Dialogue(question.login, question.password)
    handle, status = start(question.service, dialogue, question.login)
    step, user = Step.START, b""
    if status == Code.SUCCESS:
        try:
            step, status = _walk(handle, question)
            user = _user(handle)
        finally:
            end(handle, status)
    if dialogue.defect is not None:
        raise dialogue.defect
    return Answer(step, status, user, dialogue.delay, tuple(dialogue.messages))


def start(service: bytes, dialogue: Dialogue, login: bytes | None = None) -> tuple[Handle, int]:
    """Open a transaction: reads the service's files and loads its modules, which stay until `end`.

    The dialogue has to live as long. Raises MissingLibraryError.
    """
    handle = Handle()
    return handle, libpam().pam_start(service, login, ctypes.byref(conversation(dialogue)), ctypes.byref(handle))


def end(handle: Handle, status: int = Code.SUCCESS) -> None:
    """Close a transaction; the status is that of its last step, for modules that clean up by it."""
    libpam().pam_end(handle, status)


def _walk(handle: Handle, question: Question) -> tuple[Step, int]:
    if status := _set_items(handle, question):
        return Step.ITEMS, status
    if status := libpam().pam_authenticate(handle, _DISALLOW_NULL_AUTHTOK):
        return Step.AUTHENTICATE, status
    return Step.ACCOUNT, libpam().pam_acct_mgmt(handle, _DISALLOW_NULL_AUTHTOK)


def _set_items(handle: Handle, question: Question) -> int:
    """Tell modules who is there.

    PAM_TTY is the service's name: what pam_access and pam_faillock take where there is no terminal, so that an
    access.conf written for saslauthd keeps its meaning, while modules that insist on a terminal have one (sshd says
    "ssh", Dovecot "dovecot"); pam_securetty lists none such. PAM_RUSER stays unset, for nobody vouches for a name at
    the far end: pam_rhosts would let in whoever gives the right one, and pam_wheel would take it for the caller's.
    """
    items = [(_TTY, question.service), (_FAIL_DELAY, ctypes.cast(HOLD_BACK, ctypes.c_void_p))]
    if question.rhost is not None:
        items.append((_RHOST, question.rhost))
    for item, value in items:
        status: int = libpam().pam_set_item(handle, item, value)
        if status != Code.SUCCESS:
            return status
    return Code.SUCCESS


def _user(handle: Handle) -> bytes:
    user = ctypes.c_char_p()
    libpam().pam_get_item(handle, _USER, ctypes.byref(user))
    return user.value or b""


@cache
def libpam() -> Any:
    """Give the library with its prototypes (pam_appl.h). Raises MissingLibraryError."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise MissingLibraryError(f"backend pam needs {LIBRARY}, Debian's package libpam0g: {error}") from error
    handle = ctypes.POINTER(Handle)
    library.pam_start.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Conversation), handle)
    library.pam_end.argtypes = (Handle, ctypes.c_int)
    library.pam_set_item.argtypes = (Handle, ctypes.c_int, ctypes.c_void_p)
    library.pam_get_item.argtypes = (Handle, ctypes.c_int, ctypes.POINTER(ctypes.c_char_p))
    library.pam_authenticate.argtypes = (Handle, ctypes.c_int)
    library.pam_acct_mgmt.argtypes = (Handle, ctypes.c_int)
    return library
