"""Which protocol a client speaks, told by the first byte of its request."""

from typing import Protocol

from authd.protocols.errors import Answer
from authd.protocols.pwcheck import PwcheckCodec
from authd.protocols.saslauthd import SaslauthdCodec
from authd_backends.contract import Request


class Codec(Protocol):
    """One protocol: requests out of bytes, bytes out of answers."""

    name: str

    def decode(self, data: memoryview) -> Request | None: ...

    def encode(self, answer: Answer, text: str = "") -> bytes: ...


SASLAUTHD: Codec = SaslauthdCodec()
PWCHECK: Codec = PwcheckCodec()
CODECS = {codec.name: codec for codec in (SASLAUTHD, PWCHECK)}


def codec_for(first_byte: int) -> Codec:
    """Version 2 starts with the high byte of a count, which is below 0x20; version 1 with a letter of the login."""
    return SASLAUTHD if first_byte < 0x20 else PWCHECK
