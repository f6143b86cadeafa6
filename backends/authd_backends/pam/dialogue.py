"""What modules ask and say during a transaction: PAM's conversation and its failure delay, as C calls them.

libpam hands both callbacks the transaction's own `Dialogue`, so they are made once for the process and nothing here
refers to a password when the transaction has ended.
"""

import ctypes
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from authd_backends.contract import Secret
from authd_backends.pam.codes import Code

MAX_MESSAGES = 32  # of one call, PAM_MAX_NUM_MSG
MAX_TEXT = 512  # bytes of one message that are kept, PAM_MAX_MSG_SIZE
MAX_KEPT = 8  # messages


class Style(IntEnum):
    """What kind of message it is. Others (PAM_RADIO_TYPE, PAM_BINARY_PROMPT) have no answer here."""

    PROMPT_ECHO_OFF = 1
    PROMPT_ECHO_ON = 2
    ERROR_MSG = 3
    TEXT_INFO = 4


class Message(ctypes.Structure):
    """``struct pam_message``."""

    _fields_ = (("style", ctypes.c_int), ("text", ctypes.c_char_p))


class Response(ctypes.Structure):
    """``struct pam_response``; the text is a pointer, for the module frees it."""

    _fields_ = (("text", ctypes.c_void_p), ("code", ctypes.c_int))


_CONVERSE = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(Message)),
    ctypes.POINTER(ctypes.c_void_p),
    ctypes.py_object,
)
_DELAY = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_uint, ctypes.py_object)


class Conversation(ctypes.Structure):
    """``struct pam_conv``. libpam copies it, and so not the reference to the dialogue: its maker keeps that alive."""

    _fields_ = (("converse", _CONVERSE), ("dialogue", ctypes.py_object))


class Dialogue:
    """Answers the modules of one transaction with its login and password, and keeps what they say.

    A prompt without echo gets the password, one with echo the login: nobody is there to be asked more.
    """

    def __init__(self, login: bytes, password: Secret) -> None:
        self._login = login
        self._password = password
        self.messages: list[str] = []  # for the operator, at most MAX_KEPT
        self.delay = 0.0  # seconds that the modules want a refusal to be held back
        self.defect: BaseException | None = None  # raised in a callback, which C cannot be told

    def answer(self, style: Style, text: bytes) -> bytes | None:
        """Give the answer to a message, None to one that wants none."""
        match style:
            case Style.PROMPT_ECHO_OFF:
                return self._password.reveal()
            case Style.PROMPT_ECHO_ON:
                return self._login
            case Style.ERROR_MSG | Style.TEXT_INFO:
                self._keep(text)
                return None

    def _keep(self, text: bytes) -> None:
        """Keep a message; one that repeats the password (pam_exec can) is dropped whole: what is left would tell it."""
        password = self._password.reveal()
        if len(self.messages) < MAX_KEPT and not (password and password in text):
            self.messages.append(" ".join(text[:MAX_TEXT].decode("utf-8", "replace").split()))


def conversation(dialogue: Dialogue) -> Conversation:
    """Make what pam_start(3) takes; the dialogue has to live until pam_end(3)."""
    return Conversation(_CONVERSATION, dialogue)


def _converse(count: int, messages: Any, responses: Any, dialogue: Dialogue) -> int:
    try:
        if not 0 < count <= MAX_MESSAGES:
            return Code.CONV_ERR
        asked = [messages[number].contents for number in range(count)]
        if any(message.style not in _STYLES for message in asked):
            return Code.CONV_ERR
        _respond([dialogue.answer(Style(each.style), each.text or b"") for each in asked], responses)
    except BaseException as defect:  # ctypes would print it and report success
        dialogue.defect = defect
        return Code.CONV_ERR
    return Code.SUCCESS


def _hold_back(status: int, microseconds: int, dialogue: Dialogue) -> None:
    """Take note of a delay instead of sleeping (pam_fail_delay(3)): called after a success too, varied by half."""
    if status != Code.SUCCESS:
        dialogue.delay = microseconds / 1_000_000


def _respond(answers: Sequence[bytes | None], responses: Any) -> None:
    """Hand copies over in memory of malloc(3), which the module wipes and frees; Python makes no copy of its own."""
    array = _allocated(_libc.calloc(len(answers), ctypes.sizeof(Response)))
    filled = (Response * len(answers)).from_address(array)
    for response, answer in zip(filled, answers, strict=True):
        if answer is not None:
            response.text = _allocated(_libc.strdup(answer))
    responses[0] = array


def _allocated(pointer: int | None) -> int:
    if pointer is None:
        raise MemoryError
    return pointer


def _libc_functions() -> Any:
    libc = ctypes.CDLL(None)
    libc.calloc.argtypes, libc.calloc.restype = (ctypes.c_size_t, ctypes.c_size_t), ctypes.c_void_p
    libc.strdup.argtypes, libc.strdup.restype = (ctypes.c_char_p,), ctypes.c_void_p
    return libc


_CONVERSATION = _CONVERSE(_converse)
HOLD_BACK = _DELAY(_hold_back)  # for PAM_FAIL_DELAY
_libc = _libc_functions()
_STYLES = frozenset(Style)
