import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.protocols.errors import Answer, ProtocolError
from authd.protocols.saslauthd import MAX_FIELDS, SaslauthdCodec
from authd_backends import Client, Request, Secret

CODEC = SaslauthdCodec()

texts = st.binary(max_size=60).map(lambda value: value.replace(b"\0", b""))
names = texts.filter(bool)


def counted(*fields: bytes) -> bytes:
    return b"".join(struct.pack(">H", len(field)) + field for field in fields)


def decode(data: bytes) -> Request | None:
    return CODEC.decode(memoryview(data))


def request(user: bytes, password: bytes, service: bytes, realm: bytes) -> Request:
    def text(value: bytes) -> str:
        return value.decode("utf-8", "surrogateescape")

    return Request(text(user), Secret(password), realm=text(realm), service=text(service))


def test_a_request_has_four_counted_fields() -> None:
    sent = b"\0\5alice\0\6secret\0\4smtp\0\0"

    assert decode(sent) == Request("alice", Secret(b"secret"), realm="", service="smtp")


def test_raw_eight_bit_bytes_survive() -> None:
    decoded = decode(counted(b"caf\xe9", b"\xff\xfe", b"imap", b"\xc3\xa9.example"))

    assert decoded is not None
    assert decoded.user.encode("utf-8", "surrogateescape") == b"caf\xe9"
    assert decoded.password.reveal() == b"\xff\xfe"
    assert decoded.realm == "é.example"


def test_an_empty_password_service_and_realm_are_a_request() -> None:
    assert decode(counted(b"alice", b"", b"", b"")) == Request("alice", Secret(b""))


@given(names, texts, texts, texts, st.lists(st.integers(0, 250)))
def test_every_way_of_cutting_a_request_gives_the_same_request(
    user: bytes, password: bytes, service: bytes, realm: bytes, cuts: list[int]
) -> None:
    sent = counted(user, password, service, realm)
    edges = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]

    *before, last = [decode(sent[:end]) for _, end in pairwise(edges)]

    assert last == request(user, password, service, realm)
    assert not any(before)


@given(st.binary(max_size=400) | st.lists(st.binary(max_size=80), max_size=6).map(lambda all_: counted(*all_)))
def test_no_bytes_make_it_raise_anything_but_its_own_error(data: bytes) -> None:
    try:
        decoded = decode(data)
    except ProtocolError as error:
        assert error.answer is Answer.REFUSAL
    else:
        assert decoded is None or (decoded.user and "\0" not in decoded.user)


@given(st.lists(st.binary(max_size=80), max_size=6).map(lambda all_: counted(*all_)), st.integers(0, 400))
def test_what_is_refused_stays_refused_whatever_follows(data: bytes, size: int) -> None:
    try:
        decode(data[:size])
    except ProtocolError as error:
        with pytest.raises(ProtocolError, match=str(error).partition(":")[0]):
            decode(data)


def test_all_fields_together_may_be_as_long_as_libsasl_sends() -> None:
    longest = b"x" * (MAX_FIELDS - len(b"alice") - len(b"smtp"))

    decoded = decode(counted(b"alice", longest, b"smtp", b""))

    assert decoded is not None
    assert decoded.password.reveal() == longest


@pytest.mark.parametrize(
    ("sent", "refusal"),
    [
        (b"\x1f\xff", "login: expected at most 8162 bytes in all fields, got 8191"),
        (counted(b"alice") + b"\xff\xff", "password: expected at most 8162 bytes in all fields, got 65540"),
        (counted(b"a" * 8000, b"b" * 100, b"c" * 60) + b"\0\3", "realm: .*, got 8163"),
        (b"\0\0", "login: expected a name, got nothing"),
        (counted(b"good\0zzz"), "login: expected no NUL, got one"),
        (counted(b"alice", b"\0secret"), "password: expected no NUL, got one"),
        (counted(b"alice", b"secret", b"smtp\0"), "service: expected no NUL, got one"),
        (counted(b"alice", b"secret", b"smtp", b"a\0b"), "realm: expected no NUL, got one"),
    ],
)
def test_what_can_become_no_request_is_refused_at_once(sent: bytes, refusal: str) -> None:
    with pytest.raises(ProtocolError, match=refusal) as caught:
        decode(sent)

    assert caught.value.answer is Answer.REFUSAL


@pytest.mark.parametrize(
    ("field", "client"),
    [
        (b"192.0.2.1;4711", Client("192.0.2.1", 4711)),
        (b"2001:DB8::1;25", Client("2001:db8::1", 25)),
        (b"::ffff:192.0.2.1;25", Client("192.0.2.1", 25)),
        (b"192.0.2.1", Client("192.0.2.1")),
        (b"192.0.2.1;99999", Client("192.0.2.1")),
        (b"192.0.2.1;x", Client("192.0.2.1")),
        (b"fe80::1%eth0;25", Client("fe80::1", 25)),
        (b"fe80::1%eth0 user=root;25", Client("fe80::1", 25)),
        (b"", None),
        (b"localhost;25", None),
        (b"\xff\xfe;25", None),
        (b"192.0.2.1\n;25", None),
    ],
)
def test_a_fifth_field_names_the_client(field: bytes, client: Client | None) -> None:
    decoded = decode(counted(b"alice", b"secret", b"smtp", b"", field))

    assert decoded == Request("alice", Secret(b"secret"), service="smtp", client=client)


@given(st.binary(max_size=100))
def test_surplus_never_changes_the_four_fields(surplus: bytes) -> None:
    decoded = decode(counted(b"alice", b"secret", b"smtp", b"example.org") + surplus)

    assert decoded is not None
    assert (decoded.user, decoded.service, decoded.realm) == ("alice", "smtp", "example.org")
    assert decoded.password == Secret(b"secret")


def test_the_answers_are_the_bytes_that_every_client_understands() -> None:
    assert CODEC.encode(Answer.OK) == b"\0\2OK"
    assert CODEC.encode(Answer.REFUSAL) == b"\0\2NO"
    assert CODEC.encode(Answer.TEMPORARY_FAILURE) == b"\0\0"
    assert CODEC.encode(Answer.REFUSAL, "Incorrect password") == b"\0\x15NO Incorrect password"
    assert CODEC.encode(Answer.TEMPORARY_FAILURE, "never told") == b"\0\0"
