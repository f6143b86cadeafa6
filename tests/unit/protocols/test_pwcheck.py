from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.protocols.errors import Answer, ProtocolError
from authd.protocols.pwcheck import MAX_REQUEST, PwcheckCodec
from authd_backends import Request, Secret

CODEC = PwcheckCodec()

texts = st.binary(max_size=60).map(lambda value: value.replace(b"\0", b""))


def decode(data: bytes) -> Request | None:
    return CODEC.decode(memoryview(data))


def test_a_request_is_two_texts_each_with_its_nul() -> None:
    assert decode(b"alice\0secret\0") == Request("alice", Secret(b"secret"))


@given(texts.filter(bool), texts, st.lists(st.integers(0, 130)))
def test_every_way_of_cutting_a_request_gives_the_same_request(name: bytes, password: bytes, cuts: list[int]) -> None:
    sent = name + b"\0" + password + b"\0"
    edges = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]

    *before, last = [decode(sent[:end]) for _, end in pairwise(edges)]

    assert last == Request(name.decode("utf-8", "surrogateescape"), Secret(password))
    assert not any(before)


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise_anything_but_its_own_error(data: bytes) -> None:
    try:
        decode(data)
    except ProtocolError as error:
        assert error.answer in Answer


def test_a_name_of_nothing_is_refused() -> None:
    with pytest.raises(ProtocolError, match="login: expected a name, got nothing"):
        decode(b"\0secret\0")


@pytest.mark.parametrize("sent", [b"a" * MAX_REQUEST, b"alice\0" + b"x" * MAX_REQUEST])
def test_a_request_that_is_too_long_is_closed_without_a_byte(sent: bytes) -> None:
    with pytest.raises(ProtocolError, match="expected two NULs within 8192 bytes") as caught:
        decode(sent)

    assert CODEC.encode(caught.value.answer) == b""


def test_surplus_is_ignored() -> None:
    assert decode(b"alice\0secret\0surplus\0") == Request("alice", Secret(b"secret"))


def test_no_answer_holds_what_printf_would_take_for_a_format() -> None:
    assert CODEC.encode(Answer.OK) == b"OK"
    assert CODEC.encode(Answer.REFUSAL, "100% %s wrong") == b"NO 100 s wrong"
