import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.control.messages import (
    MAX_ANSWER,
    ClearThrottled,
    Command,
    Explain,
    Flush,
    ListThrottled,
    MessageError,
    Status,
    decode_answer,
    decode_command,
    encode_answer,
    encode_command,
)
from authd.control.status import MAX_LISTED
from authd.decide.throttle import LONGEST_NAME, name_of
from authd_backends import Secret

names = (
    st.binary(max_size=50)
    .filter(lambda name: b"\0" not in name)
    .map(lambda name: name.decode("utf-8", "surrogateescape"))
)
passwords = st.binary(max_size=50).filter(lambda password: b"\0" not in password).map(Secret)
commands: st.SearchStrategy[Command] = st.one_of(
    st.just(Status()),
    st.just(ListThrottled()),
    st.builds(Flush, st.none() | names),
    st.builds(ClearThrottled, st.none() | names),
    st.builds(Explain, names, names, names, st.none() | names, st.none() | names, st.none() | passwords),
)


@given(commands)
def test_every_command_comes_back_as_it_was_whatever_its_bytes(command: Command) -> None:
    line = encode_command(command)

    assert line.isascii()
    assert line.count(b"\n") == 1
    assert decode_command(line) == command


@given(st.binary(max_size=200))
def test_whatever_comes_is_a_command_or_an_error(line: bytes) -> None:
    with suppress(MessageError):
        decode_command(line)


values = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5)
keys = st.sampled_from(["command", "user", "realm", "password", "name", "other"])


@given(st.dictionaries(keys, values | st.sampled_from(["status", "flush", "explain", "throttle-clear"])))
def test_any_object_is_a_command_or_an_error(message: dict[str, object]) -> None:
    try:
        command = decode_command(json.dumps(message).encode())
    except MessageError:
        return

    assert decode_command(encode_command(command)) == command


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"", "expected a line of JSON"),
        (b"status\n", "expected a line of JSON"),
        (b"\xff\xfe\xfd", "expected a line of JSON"),
        (b"[" * 60_000, "expected a line of JSON"),
        (b'["status"]', "expected a JSON object"),
        (b"{}", "command: expected one of status, flush, throttle-list, throttle-clear, explain, reload, drain"),
        (
            b'{"command": ["status"]}',
            "command: expected one of status, flush, throttle-list, throttle-clear, explain, reload, drain",
        ),
        (b'{"command": "status", "user": "alice"}', "status: expected no field, got another field"),
        (b'{"command": "flush", "name": "alice"}', "flush: expected user, got another field"),
        (b'{"command": "flush", "user": null}', "flush: user: expected a text"),
        (b'{"command": "explain"}', "explain: user: expected a text, got nothing"),
        (b'{"command": "explain", "user": "a\\u0000b"}', "explain: user: expected a text without NUL"),
        (b'{"command": "explain", "user": "\\ud800"}', "explain: user: expected UTF-8"),
    ],
)
def test_what_is_wrong_is_told(line: bytes, problem: str) -> None:
    with pytest.raises(MessageError) as caught:
        decode_command(line)

    assert str(caught.value) == problem


@pytest.mark.parametrize("password", ['"hunter2\\u0000"', '["hunter2"]', '"hunter2\\ud800"', '"hunter2", "other": 1'])
def test_no_error_and_no_repr_shows_a_password(password: str) -> None:
    with pytest.raises(MessageError) as caught:
        decode_command(f'{{"command": "explain", "user": "alice", "password": {password}}}'.encode())

    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(Explain("alice", password=Secret(b"hunter2")))


def test_an_answer_comes_back_as_it_was() -> None:
    answer = {"users": {"caf\udce9": 3}, "cache": None}

    assert decode_answer(encode_answer(answer)) == answer


def test_who_is_throttled_can_be_listed_however_long_the_names_are_that_guessers_make_up() -> None:
    longest = ["\U0001f600" * (LONGEST_NAME - 4) + f"{number:04}" for number in range(MAX_LISTED)]
    addresses = [f"2001:db8:1111:{number:04}::/64" for number in range(MAX_LISTED)]
    throttled = {"users": dict.fromkeys(longest, 10), "addresses": dict.fromkeys(addresses, 30)}

    assert {name_of(name) for name in longest} == set(longest)
    assert len(encode_answer(throttled)) < MAX_ANSWER
