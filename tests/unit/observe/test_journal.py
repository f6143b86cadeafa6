import os
from struct import unpack_from
from syslog import LOG_INFO

from hypothesis import given
from hypothesis import strategies as st

from authd.observe.journal import JournalEntries

PID = os.getpid()

sent = st.binary(max_size=60).map(lambda value: value.decode("utf-8", "surrogateescape"))
names = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=20)


def parsed(datagram: bytes) -> list[tuple[str, bytes]]:
    """Read an entry as systemd does (journald-native.c): either NAME=VALUE, or NAME and a counted value."""
    fields = []
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (length,) = unpack_from("<Q", rest)
            value, end, rest = rest[8 : 8 + length], rest[8 + length : 9 + length], rest[9 + length :]
            assert end == b"\n"
        fields.append((name.decode(), value))
        datagram = rest
    return fields


@given(sent, st.dictionaries(names, sent))
def test_every_field_is_read_back_as_it_was_sent(text: str, fields: dict[str, str]) -> None:
    datagram = JournalEntries().encode(text, "authd", LOG_INFO, fields)

    expected = [
        ("SYSLOG_IDENTIFIER", b"authd"),
        ("MESSAGE", text.encode("utf-8", "surrogateescape")),
        ("PRIORITY", b"6"),
        ("SYSLOG_FACILITY", b"4"),
        ("SYSLOG_PID", str(PID).encode()),
    ]
    own = [(f"AUTHD_{name.upper()}", value.encode("utf-8", "surrogateescape")) for name, value in fields.items()]
    assert parsed(datagram) == expected + own


def test_a_value_with_a_field_in_it_is_a_value() -> None:
    datagram = JournalEntries().encode("x", "authd", LOG_INFO, {"user": "a\nPRIORITY=0\n_UID=0\nMESSAGE=forged"})

    assert dict(parsed(datagram))["AUTHD_USER"] == b"a\nPRIORITY=0\n_UID=0\nMESSAGE=forged"
    assert [name for name, _ in parsed(datagram)].count("MESSAGE") == 1


def test_what_no_bytes_decode_to_is_escaped() -> None:
    assert (
        dict(parsed(JournalEntries().encode("x", "authd", LOG_INFO, {"reason": "\ud800"})))["AUTHD_REASON"]
        == b"\\ud800"
    )


@given(sent.filter(lambda text: "\n" not in text))
def test_for_people_it_is_the_line_of_standard_error(text: str) -> None:
    encoding = JournalEntries()

    line = encoding.line_of(encoding.encode(text, "saslauthd", LOG_INFO, {"user": "alice"}))

    assert line == f"saslauthd[{PID}]: {text}\n".encode("utf-8", "surrogateescape")
