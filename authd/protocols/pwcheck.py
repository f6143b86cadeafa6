"""The protocol of SASL 1: its saslauthd and the older pwcheck daemon (cyrus-sasl lib/checkpw.c, pwcheck/pwcheck.c).

    request := login NUL password NUL
    answer  := "OK" or "NO", or either with a space and a text; it ends with the connection

The client takes the text for a printf format, so no answer holds a ``%``. A temporary failure has no bytes: the
connection is closed, which libsasl reports as SASL_FAIL.
"""

from authd.protocols.errors import Answer, ProtocolError
from authd_backends.contract import Request, Secret

MAX_REQUEST = 8192  # bytes


class PwcheckCodec:
    """Version 1: two texts, each with its NUL. Without state; `decode` looks at everything that has come so far."""

    name = "pwcheck"

    def decode(self, data: memoryview) -> Request | None:
        """Give the request when it is whole, None while bytes are missing.

        Raises ProtocolError as soon as no further bytes can make it a request.
        """
        login, *rest = bytes(data[:MAX_REQUEST]).split(b"\0", 2)
        if rest and not login:
            raise ProtocolError("login: expected a name, got nothing")
        if len(rest) == 2:
            return Request(login.decode("utf-8", "surrogateescape"), Secret(rest[0]))
        if len(data) >= MAX_REQUEST:
            raise ProtocolError(f"request: expected two NULs within {MAX_REQUEST} bytes", Answer.TEMPORARY_FAILURE)
        return None

    def encode(self, answer: Answer, text: str = "") -> bytes:
        """Give the answer's bytes; `text` (ASCII, a ``%`` is left out) goes behind OK or NO."""
        match answer:
            case Answer.TEMPORARY_FAILURE:
                return b""
            case Answer.OK | Answer.REFUSAL:
                return f"{answer.value} {text}".rstrip().replace("%", "").encode("ascii")
