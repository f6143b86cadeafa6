"""A server process that checks passwords with Debian's libsasl2, as Postfix's smtpd does.

`python -m tests.servers.libsasl`: each line of standard input is a JSON list `[login, password, times]`; for each of
them a line `{"codes": {code: times}, "descriptors": open ones}` is printed. libsasl2 reads /etc/sasl2/peer.conf.
"""

import ctypes
import json
import os
import sys
from collections import Counter

from tests.servers.box import Box

CONFIGURATION = "/etc/sasl2/peer.conf"
OK, FAIL, BADAUTH = 0, -1, -13  # sasl.h


def check(box: Box, *rows: tuple[str, str, int]) -> list[tuple[dict[int, int], int]]:
    """Check each (login, password) so often, all in one process of the box.

    Gives for each row how often each code of sasl_checkpass came, and the descriptors that are open behind it.
    """
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    printed = map(json.loads, box.python("tests.servers.libsasl", input=lines).splitlines())
    return [({int(code): n for code, n in each["codes"].items()}, each["descriptors"]) for each in printed]


class _Server:
    def __init__(self) -> None:
        self._library = ctypes.CDLL("libsasl2.so.2")
        _expect_ok(self._library.sasl_server_init(None, b"peer"))

    def check(self, login: bytes, password: bytes) -> int:
        connection = ctypes.c_void_p()
        texts = (b"smtp", None, None, None, b"192.0.2.1;4711", None)
        _expect_ok(self._library.sasl_server_new(*texts, 0, ctypes.byref(connection)))
        code: int = self._library.sasl_checkpass(connection, login, len(login), password, len(password))
        self._library.sasl_dispose(ctypes.byref(connection))
        return code


def _expect_ok(code: int) -> None:
    if code != OK:
        raise RuntimeError(f"libsasl2: expected 0, got {code}")


def main() -> None:
    server = _Server()
    for line in sys.stdin:
        login, password, times = json.loads(line)
        codes = Counter(server.check(login.encode(), password.encode()) for _ in range(times))
        print(json.dumps({"codes": codes, "descriptors": len(os.listdir("/proc/self/fd"))}))  # noqa: T201, PTH208


if __name__ == "__main__":
    main()
