"""Base64 and hexadecimal as they stand in stored passwords. Damage is an error: it would end in "wrong password"."""

from base64 import b64decode, b64encode
from binascii import unhexlify

from authd_backends.errors import Unavailable


def from_base64(text: str) -> bytes:
    """Decode what an encoder made. Raises Unavailable, also for bits that would be thrown away."""
    try:
        decoded = b64decode(text, validate=True)
    except ValueError:
        decoded = b""
    if b64encode(decoded).decode() != text:
        raise Unavailable("hash: expected base64, got something else")
    return decoded


def from_hex(text: str) -> bytes:
    """Decode letters of either case. Raises Unavailable."""
    try:
        return unhexlify(text)
    except ValueError:
        raise Unavailable("hash: expected hexadecimal digits, got something else") from None


def to_base64(content: bytes) -> str:
    return b64encode(content).decode()
