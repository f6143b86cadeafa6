"""The callbacks, called as libpam calls them."""

import ctypes
from ctypes import POINTER, byref, c_void_p, pointer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd_backends.contract import Secret
from authd_backends.pam.codes import Code
from authd_backends.pam.dialogue import (
    HOLD_BACK,
    MAX_KEPT,
    MAX_MESSAGES,
    MAX_TEXT,
    Dialogue,
    Message,
    Response,
    Style,
    conversation,
)

LOGIN, PASSWORD = b"alice", b"open sesame"
RADIO = 5  # PAM_RADIO_TYPE

libc = ctypes.CDLL(None)
libc.free.argtypes = (c_void_p,)


@pytest.fixture
def dialogue() -> Dialogue:
    return Dialogue(LOGIN, Secret(PASSWORD))


def converse(dialogue: Dialogue, *messages: tuple[int, bytes | None]) -> tuple[int, list[bytes | None]]:
    """Ask as a module does: give the code, and the answers, whose memory is freed."""
    asked = [Message(style, text) for style, text in messages]
    array = (POINTER(Message) * max(1, len(asked)))(*map(pointer, asked))
    responses = c_void_p()
    code = conversation(dialogue).converse(len(asked), array, byref(responses), dialogue)
    if responses.value is None:
        return code, []
    answers = list((Response * len(asked)).from_address(responses.value))
    texts = [None if answer.text is None else ctypes.string_at(answer.text) for answer in answers]
    for memory in (*(answer.text for answer in answers), responses):
        libc.free(memory)
    return code, texts


def test_a_prompt_gets_the_password_or_with_echo_the_login(dialogue: Dialogue) -> None:
    code, answers = converse(
        dialogue,
        (Style.PROMPT_ECHO_OFF, b"Password: "),
        (Style.TEXT_INFO, b"Welcome"),
        (Style.PROMPT_ECHO_ON, None),
        (Style.ERROR_MSG, b"Oh"),
    )

    assert code == Code.SUCCESS
    assert answers == [PASSWORD, None, LOGIN, None]
    assert dialogue.messages == ["Welcome", "Oh"]


@pytest.mark.parametrize("style", [0, RADIO, 7, -1])
def test_a_message_of_another_style_is_refused_with_all_others(dialogue: Dialogue, style: int) -> None:
    code, answers = converse(dialogue, (Style.PROMPT_ECHO_OFF, b"Password: "), (style, b"yes or no?"))

    assert (code, answers) == (Code.CONV_ERR, [])
    assert dialogue.defect is None


@pytest.mark.parametrize("count", [0, MAX_MESSAGES + 1])
def test_a_call_has_one_to_32_messages(dialogue: Dialogue, count: int) -> None:
    assert converse(dialogue, *count * [(Style.TEXT_INFO, b"hi")]) == (Code.CONV_ERR, [])


def test_what_is_raised_in_a_callback_is_kept_for_the_caller(dialogue: Dialogue) -> None:
    responses = c_void_p()
    nothing = (POINTER(Message) * 1)()  # a NULL

    code = conversation(dialogue).converse(1, nothing, byref(responses), dialogue)

    assert code == Code.CONV_ERR
    assert isinstance(dialogue.defect, ValueError)


@given(st.lists(st.binary(max_size=2 * MAX_TEXT).filter(lambda text: b"\0" not in text), max_size=MAX_MESSAGES))
def test_whatever_modules_say_little_is_kept_and_it_is_one_line_each(texts: list[bytes]) -> None:
    dialogue = Dialogue(LOGIN, Secret(PASSWORD))

    converse(dialogue, *((Style.TEXT_INFO, text) for text in texts))

    assert len(dialogue.messages) == min(len(texts), MAX_KEPT)
    assert all(len(message) <= MAX_TEXT and "\n" not in message for message in dialogue.messages)


@pytest.mark.parametrize("text", [PASSWORD, b"You said: " + PASSWORD + b".", b"x" * (MAX_TEXT - 3) + PASSWORD])
def test_a_message_that_holds_the_password_is_not_kept(dialogue: Dialogue, text: bytes) -> None:
    converse(dialogue, (Style.TEXT_INFO, text))

    assert dialogue.messages == []


def test_an_empty_password_hides_no_message() -> None:
    dialogue = Dialogue(LOGIN, Secret(b""))

    converse(dialogue, (Style.ERROR_MSG, b"Empty passwords are not allowed"))

    assert dialogue.messages == ["Empty passwords are not allowed"]


def test_the_delay_of_a_refusal_is_noted_in_seconds(dialogue: Dialogue) -> None:
    HOLD_BACK(Code.AUTH_ERR, 2_500_000, dialogue)

    assert dialogue.delay == 2.5


def test_a_success_has_no_delay(dialogue: Dialogue) -> None:
    HOLD_BACK(Code.SUCCESS, 2_500_000, dialogue)

    assert dialogue.delay == 0
