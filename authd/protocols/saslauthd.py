"""The saslauthd protocol of SASL 2 (cyrus-sasl saslauthd/ipc_unix.c, lib/checkpw.c).

    request := str(login) str(password) str(service) str(realm) [ str(client) ]
    answer  := str("OK" or "NO", or either with a space and a text), or str("") for a temporary failure
    str(x)  := 16-bit count, big-endian, then the bytes

The client field, ``address;port``, is sent by cyrus-sasl's unreleased master alone. It is taken when it has already
come and is never waited for: released clients wait for the answer after four fields.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import Struct

from authd.protocols.errors import Answer, ProtocolError
from authd_backends.contract import Client, Request, Secret

MAX_FIELDS = 8162  # bytes in all fields together: what libsasl sends at most (lib/checkpw.c)
PROBE = bytes(8)  # four empty fields, which no client of cyrus-sasl sends: refused, and no backend is asked

_COUNT = Struct(">H")
_FIELDS = ("login", "password", "service", "realm")


class SaslauthdCodec:
    """Version 2: counted fields. Without state; `decode` looks at everything that has come so far."""

    name = "saslauthd"

    def decode(self, data: memoryview) -> Request | None:
        """Give the request when it is whole, None while bytes are missing.

        Raises ProtocolError as soon as no further bytes can make it a request.
        """
        whole = data.tobytes()
        arrived = len(whole)
        position = total = 0
        fields = []
        for field in _FIELDS:
            start = position + 2
            if start > arrived:
                return None
            (count,) = _COUNT.unpack_from(whole, position)
            total += count
            if total > MAX_FIELDS:
                raise ProtocolError(f"{field}: expected at most {MAX_FIELDS} bytes in all fields, got {total}")
            if not count and field == "login":
                raise ProtocolError("login: expected a name, got nothing")
            position = start + count
            if position > arrived:
                return None
            value = whole[start:position]
            if b"\0" in value:
                raise ProtocolError(f"{field}: expected no NUL, got one")
            fields.append(value)
        login, password, service, realm = fields
        return Request(
            login.decode("utf-8", "surrogateescape"),
            Secret(password),
            realm.decode("utf-8", "surrogateescape"),
            service.decode("utf-8", "surrogateescape"),
            "",
            None if position == arrived else _client(whole, position),
        )

    def encode(self, answer: Answer, text: str = "") -> bytes:
        """Give the answer's bytes; `text` (ASCII) goes behind OK or NO."""
        match answer:
            case Answer.TEMPORARY_FAILURE:
                return b"\0\0"
            case Answer.OK | Answer.REFUSAL:
                body = f"{answer.value} {text}".rstrip().encode("ascii")
                return _COUNT.pack(len(body)) + body


def _client(data: bytes, position: int) -> Client | None:
    """The fifth field if it is whole and an address; anything else is surplus, which is ignored."""
    start = position + 2
    if start > len(data):
        return None
    (count,) = _COUNT.unpack_from(data, position)
    if start + count > len(data):
        return None
    address, _, port = data[start : start + count].partition(b";")
    try:
        without_zone = address.decode("ascii").partition("%")[0]  # a zone may be any text, and means nothing elsewhere
        return Client(str(_plain(ip_address(without_zone))), _port(port))
    except ValueError:
        return None


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Of ``::ffff:192.0.2.1`` the IPv4 address it is: as IPv6, all the world's would be one customer's /64."""
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _port(digits: bytes) -> int:
    """A port, or 0 for what is none."""
    return int(digits) if digits.isdigit() and len(digits) <= 5 and int(digits) <= 65535 else 0
