from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.observe.http import MAX_HEAD, TEXT, HttpError, HttpRequest, Reply, decode, encode, reply_to

heads = st.builds(
    lambda lines: b"\r\n".join([b"GET / HTTP/1.1", *lines]), st.lists(st.binary(max_size=40) | st.just(b"Host: x"))
)


def test_a_request_has_a_path_and_headers_without_case() -> None:
    head = b"GET /metrics?x=/y HTTP/1.1\r\nHost: a\r\naccept:  text/plain\t\r\nAccept: */*\r\nEmpty:"

    assert decode(head) == HttpRequest("GET", "/metrics", {"host": "a", "accept": "text/plain, */*", "empty": ""})


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"", HTTPStatus.BAD_REQUEST),
        (b"GET /", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1 ", HTTPStatus.BAD_REQUEST),
        (b"GET  / HTTP/1.1", HTTPStatus.BAD_REQUEST),
        (b"GET http://x/ HTTP/1.1", HTTPStatus.BAD_REQUEST),
        (b"GET /\xff HTTP/1.1", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\nHost: x", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\nHost", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\n: x", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\nHost : x", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\nA: b\r\n folded", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\nAccept: x\nSet-Cookie: y", HTTPStatus.BAD_REQUEST),
        (b"DELETE / HTTP/1.1", HTTPStatus.METHOD_NOT_ALLOWED),
    ],
)
def test_what_is_no_request_is_refused(head: bytes, status: HTTPStatus) -> None:
    with pytest.raises(HttpError) as error:
        decode(head)

    assert error.value.status is status
    assert encode(reply_to(error.value)).startswith(f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode())


@given(st.binary(max_size=MAX_HEAD) | heads)
def test_any_bytes_are_a_request_or_an_error(head: bytes) -> None:
    try:
        request = decode(head)
    except HttpError:
        return
    assert request.path.startswith("/")
    assert not any(char in value for value in request.headers.values() for char in "\r\n\0")


def test_a_reply_says_its_length_and_that_it_is_the_last() -> None:
    reply = Reply(HTTPStatus.OK, TEXT, b"ready\n", (("X-Own", "1"),))

    head, _, body = encode(reply).partition(b"\r\n\r\n")

    assert body == b"ready\n"
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 200 OK"
    assert {"Content-Length: 6", f"Content-Type: {TEXT}", "Connection: close", "X-Own: 1"} <= set(lines)
    assert encode(reply, with_body=False) == head + b"\r\n\r\n"
