import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.helper.frames import (
    MAX_FRAME,
    MAX_TEXT,
    Answer,
    Check,
    Death,
    Frame,
    FrameError,
    Hello,
    encode,
    split,
)
from authd_backends import Client, Outcome, Request, Secret, Verdict

texts = st.binary(max_size=50).map(lambda value: value.decode("utf-8", "surrogateescape"))
clients = st.none() | st.builds(Client, st.just("192.0.2.1") | st.just("2001:db8::1"), st.integers(0, 65535))
requests = st.builds(
    Request, texts.filter(bool), st.binary(max_size=50).map(Secret), texts, texts, texts.filter(bool), clients
)
verdicts = st.builds(
    Verdict, st.sampled_from(Outcome), texts, texts, st.integers(0, 3_600_000).map(lambda delay: delay / 1000)
)
frames = st.one_of(
    st.builds(Hello, texts, st.binary(max_size=64)),
    st.builds(Check, requests),
    st.builds(Answer, verdicts, st.booleans()),
    st.builds(Death, texts),
)


@given(frames)
def test_a_frame_comes_back_as_it_was(frame: Frame) -> None:
    buffer = bytearray(encode(frame))

    assert split(buffer) == frame
    assert buffer == b""


@given(st.lists(frames, max_size=4), st.integers(0, 200))
def test_frames_are_taken_one_by_one_and_only_when_they_are_whole(all_: list[Frame], cut: int) -> None:
    sent = b"".join(map(encode, all_))
    buffer = bytearray()
    received = []
    for piece in (sent[:cut], sent[cut:]):
        buffer += piece
        while (frame := split(buffer)) is not None:
            received.append(frame)

    assert received == all_


@given(st.binary(max_size=200) | st.builds(lambda body: len(body).to_bytes(2, "big") + body, st.binary(max_size=200)))
def test_no_bytes_make_it_raise_anything_but_its_own_error(data: bytes) -> None:
    buffer = bytearray(data)
    try:
        frame = split(buffer)
    except FrameError:
        return
    if frame is not None:
        assert split(bytearray(encode(frame))) == frame


@given(frames, st.data())
def test_a_frame_with_one_byte_more_or_less_inside_is_refused(frame: Frame, data: st.DataObject) -> None:
    body = encode(frame)[2:]
    position = data.draw(st.integers(1, len(body)))
    longer = body[:position] + b"\0" + body[position:]

    buffer = bytearray(len(longer).to_bytes(2, "big") + longer)

    try:
        changed = split(buffer)
    except FrameError:
        return
    assert changed != frame


@pytest.mark.parametrize(
    "data", [b"\0\0", (MAX_FRAME + 1).to_bytes(2, "big"), b"\0\1\0", b"\0\1\5", b"\0\1\1", b"\0\2\4\0"]
)
def test_what_is_no_frame_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(FrameError):
        split(bytearray(data))


def test_the_longest_request_fits_and_a_longer_one_is_refused() -> None:
    longest = Request("u" * 4000, Secret(b"p" * 162), "r" * 4000, "", f"{'u' * 4000}@{'r' * 4000}")

    assert split(bytearray(encode(Check(longest)))) == Check(longest)
    with pytest.raises(FrameError):
        encode(Check(Request("u", Secret(b"p" * MAX_FRAME))))


def test_what_goes_back_is_cut_to_a_bound() -> None:
    frame = split(bytearray(encode(Answer(Verdict(Outcome.UNAVAILABLE, "x" * 5000, delay=1e9)))))

    assert frame == Answer(Verdict(Outcome.UNAVAILABLE, "x" * MAX_TEXT, delay=3600.0))
