from pathlib import Path
from typing import Any

import pytest

from authd.config.values import SOCKET_PATH, Listen, ListenerPaths, LoginTemplate, Mode, Network
from authd_backends.kinds import Kind, Mismatch


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Mode(), "0660", 0o660),
        (Mode(), "0000", 0),
        (Network(), "192.0.2.1", "192.0.2.1"),
        (Network(), "2001:db8::/32", "2001:db8::/32"),
        (LoginTemplate(), "{user}+{service}@{realm}", "{user}+{service}@{realm}"),
        (LoginTemplate(), "{{{user}}}", "{{{user}}}"),
        (Listen(), "localhost:1", "localhost:1"),
        (Listen(), "[2001:db8::1]:65535", "[2001:db8::1]:65535"),
        (Listen(), "/run/authd/metrics", "/run/authd/metrics"),
        (SOCKET_PATH, "/" + "a" * 106, Path("/" + "a" * 106)),
        (ListenerPaths(), ["/a", "/b"], (Path("/a"), Path("/b"))),
    ],
)
def test_what_is_read_is_written_alike(kind: Kind, text: object, value: Any) -> None:
    assert kind.read(text) == value
    assert kind.write(value) == text


def test_three_octal_digits_are_a_mode_too() -> None:
    assert Mode().read("660") == 0o660


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Mode(), "1660"),
        (Mode(), "08"),
        (Mode(), "0660\n"),
        (Network(), ""),
        (Network(), "10.0.0.0/33"),
        (Network(), "mail.example.org"),
        (LoginTemplate(), ""),
        (LoginTemplate(), "{user!r}"),
        (LoginTemplate(), "{user:>9}"),
        (LoginTemplate(), "{user.__class__}"),
        (LoginTemplate(), "{0}"),
        (Listen(), ":9479"),
        (Listen(), "::1:9479"),
        (Listen(), "localhost:0"),
        (Listen(), "localhost:९"),
        (Listen(), "run/metrics"),
        (SOCKET_PATH, "/" + "a" * 107),
        (ListenerPaths(), "/a"),
        (ListenerPaths(), []),
        (ListenerPaths(), ["a"]),
    ],
)
def test_what_nobody_could_use_is_refused(kind: Kind, value: object) -> None:
    with pytest.raises(Mismatch):
        kind.read(value)
