"""As much of HTTP/1.1 as a scrape and a page need: one GET or HEAD a connection. Pure: bytes in, bytes out."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

MAX_HEAD = 8192  # bytes of a request, which has no body
TEXT = "text/plain; charset=utf-8"

_REQUEST_LINE = re.compile(r"([A-Z]{1,16}) (/[!-~]*) HTTP/1\.[01]").fullmatch
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search
_USUAL = {
    "Connection": "close",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'",
}


class HttpError(Exception):
    """A request that gets no page; its client is told the status."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class HttpRequest(NamedTuple):
    method: str  # GET or HEAD
    path: str  # without what follows a question mark
    headers: Mapping[str, str]  # names in lower case; several of one name are one list


class Reply(NamedTuple):
    status: HTTPStatus
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()  # besides the usual ones, or in their place


def decode(head: bytes) -> HttpRequest:
    """Read a request up to its empty line, without that. Raises HttpError."""
    first, *lines = head.decode("latin-1").split("\r\n")
    found = _REQUEST_LINE(first)
    if found is None:
        raise HttpError(HTTPStatus.BAD_REQUEST)
    method, target = found.groups()
    if method not in ("GET", "HEAD"):
        raise HttpError(HTTPStatus.METHOD_NOT_ALLOWED)
    headers: dict[str, str] = {}
    for name, value in map(_field, lines):
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return HttpRequest(method, target.partition("?")[0], headers)


def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not _TOKEN(name) or _CONTROL(value):
        raise HttpError(HTTPStatus.BAD_REQUEST)
    return name.lower(), value.strip(" \t")


def encode(reply: Reply, *, with_body: bool = True) -> bytes:
    """Give the bytes of a reply, to HEAD without the body."""
    own = {"Content-Type": reply.content_type, "Content-Length": str(len(reply.body))}
    headers = own | _USUAL | dict(reply.headers)
    lines = [
        f"HTTP/1.1 {reply.status.value} {reply.status.phrase}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    head = "".join(f"{line}\r\n" for line in lines) + "\r\n"
    return head.encode("latin-1") + (reply.body if with_body else b"")


def reply_to(error: HttpError) -> Reply:
    """Tell a client what was wrong with its request."""
    allowed = (("Allow", "GET, HEAD"),) if error.status is HTTPStatus.METHOD_NOT_ALLOWED else ()
    return Reply(error.status, TEXT, f"{error.status.value} {error.status.phrase}\n".encode(), allowed)
