"""Requests as real clients sent them (tests/corpus/README.md), through the codec that their first byte chooses."""

from pathlib import Path

import pytest

from authd.protocols.detect import codec_for
from authd_backends import Request, Secret

CORPUS = Path(__file__).parents[2] / "corpus"
ALICE = Request("alice", Secret(b"secret"), "example.org", "smtp")


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("testsaslauthd", ALICE),
        ("testsaslauthd-no-realm", Request("alice", Secret(b"secret"), "", "imap")),
        ("libsasl2", ALICE),
        ("libsasl2-no-realm", Request("alice", Secret(b"secret"), "", "smtp")),
        ("libsasl2-utf8", Request("älice", Secret("sécret€".encode()), "example.org", "smtp")),
        ("libsasl2-longest", Request("alice", Secret(b"x" * 8153), "", "smtp")),
        ("v1", Request("alice", Secret(b"secret"))),
    ],
)
def test_what_a_client_sent_is_the_request_it_meant(name: str, request_: Request) -> None:
    sent = (CORPUS / f"{name}.bin").read_bytes()

    assert codec_for(sent[0]).decode(memoryview(sent)) == request_


def test_exim_s_four_writes_are_a_request_with_the_last_of_them() -> None:
    writes = [(CORPUS / f"exim.{number}.bin").read_bytes() for number in range(1, 5)]
    codec = codec_for(writes[0][0])

    decoded = [codec.decode(memoryview(b"".join(writes[:count]))) for count in range(1, 5)]

    assert decoded == [None, None, None, ALICE]
