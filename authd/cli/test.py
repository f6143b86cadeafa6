"""``authd test``: one login through the socket, as testsaslauthd does it.

Flags, output and exit status are those of cyrus-sasl 2.1.28, saslauthd/testsaslauthd.c, because scripts read them. Ours
differs where the original hangs or overflows, and ``-p -`` asks for the password.
"""

import os
import socket
import struct
import sys
import time
from argparse import REMAINDER, ArgumentParser, Namespace
from collections.abc import Sequence
from getopt import GetoptError, gnu_getopt

from authd.cli.password import piped

HELP = "try a login through the socket, in testsaslauthd's words"
USAGE = """\
authd test: usage: authd test -u username -p password
              [-r realm] [-s servicename]
              [-f socket path] [-R repeatnum]
"""
NOTE = """
  -u <user>      the name, as a mail program would give it; without a domain where -r has it
  -p <password>  or - to be asked for it, or to read it from standard input: a command line is for all to see
  -r <realm>     the domain (none)
  -s <service>   as the mail server would name it (imap)
  -f <socket>    path of the daemon's socket (/run/saslauthd/mux)
  -R <number>    log in so many times (1)
  -h             this help

Exit status: 0 accepted, 255 refused or no answer, 1 wrong use.
"""
DEADLINE = 30.0  # seconds for one login; the daemon's own is far below
MAX_FIELD = 0xFFFF  # bytes: what a field's count can say
MAX_ANSWER = 1024  # bytes


class UsageError(Exception):
    """The command line cannot be used; the text is getopt(3)'s."""


class NoAnswerError(Exception):
    """The daemon gave no answer; the text is testsaslauthd's."""


def configure(parser: ArgumentParser) -> None:
    """Leave every word to `run`: getopt(3) takes a password that begins with a dash, argparse does not."""
    parser.prefix_chars = "\0"  # no word can begin with it, so argparse sees no options
    parser.add_argument("words", nargs=REMAINDER)


def run(arguments: Namespace) -> int:
    """Log in as often as was asked for; the exit status is the last login's."""
    try:
        options = _options(arguments.words)
        if "-h" in options:
            print(f"{USAGE}{NOTE}", end="")
            return 0
        path = options["-f"] if "-f" in options else _default_socket()
        question = _question(options)
    except UsageError as error:
        print(f"{error}{USAGE}", end="", file=sys.stderr)
        return 1
    status = 0
    for attempt in range(_repeat(options.get("-R", ""))):
        print(f"{attempt}: ", end="", flush=True)
        status = _log_in(path, question)
    return status


def _options(words: Sequence[str]) -> dict[str, str]:
    """Read the flags; of one that comes twice the last counts."""
    try:
        options = dict(gnu_getopt(words, "hu:p:r:s:f:R:", ["help"])[0])
    except GetoptError as error:
        complaint = "option requires an argument" if error.opt in "uprsfR" else "invalid option"
        raise UsageError(f"authd test: {complaint} -- '{error.opt}'\n") from None
    if "--help" in options:
        options["-h"] = ""
    if "-h" not in options and not {"-u", "-p"} <= options.keys():
        raise UsageError
    return options


def _question(options: dict[str, str]) -> bytes:
    password = _ask() if options["-p"] == "-" else os.fsencode(options["-p"])
    user, service, realm = (
        os.fsencode(text) for text in (options["-u"], options.get("-s", "imap"), options.get("-r", ""))
    )
    return b"".join(_counted(field) for field in (user, password, service, realm))


def _ask() -> bytes:
    """Read the password without echo, or a line of standard input where that is no terminal."""
    if not sys.stdin.isatty():
        return piped()
    from getpass import getpass

    return os.fsencode(getpass())


def _counted(field: bytes) -> bytes:
    if len(field) > MAX_FIELD:
        raise UsageError(f"authd test: a field: expected at most {MAX_FIELD} bytes, got {len(field)}\n")
    return struct.pack("!H", len(field)) + field


def _default_socket() -> str:
    """Name the system's socket, or the embedded default's where that counts for a start without --config.

    Raises UsageError where the environment names no usable directory.
    """
    from authd.config.default import CONFIG_FILE, SYSTEM_SOCKET, default_socket, is_there
    from authd.config.errors import ConfigError

    try:
        return str(SYSTEM_SOCKET if is_there(CONFIG_FILE) else default_socket())
    except ConfigError as error:
        raise UsageError(f"authd test: {error}\n") from None


def _repeat(number: str) -> int:
    """Read the number as atoi(3) does; nothing usable, and zero, mean once."""
    return max(1, int(number)) if number.isdecimal() and len(number) < 10 else 1


def _log_in(path: str, question: bytes) -> int:
    try:
        answer = _exchange(path, question, time.monotonic() + DEADLINE)
    except NoAnswerError as error:
        print(error, file=sys.stderr)
        return 255
    accepted = answer.startswith(b"OK")
    print('OK "Success."' if accepted else 'NO "authentication failed"')
    return 0 if accepted else 255


def _exchange(path: str, question: bytes, deadline: float) -> bytes:
    """Send the question, give the answer's text, at most `MAX_ANSWER` bytes of it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        _connect(connection, path)
        try:
            connection.sendall(question)
        except OSError:
            raise NoAnswerError("write failed") from None
        count = int.from_bytes(_receive(connection, 2, deadline, "size read failed"))
        if count < len("OK"):
            raise NoAnswerError("bad response from saslauthd")
        return _receive(connection, min(count, MAX_ANSWER), deadline, "read failed")


def _connect(connection: socket.socket, path: str) -> None:
    """Connect, waiting in a full backlog for as long as `DEADLINE`: only a blocking socket waits there (unix(7))."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(DEADLINE), 0))
    try:
        connection.connect(path)
    except OSError as error:
        raise NoAnswerError(f"connect() : {error.strerror or error}") from None


def _receive(connection: socket.socket, size: int, deadline: float, complaint: str) -> bytes:
    received = b""
    while len(received) < size:
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            piece = connection.recv(size - len(received))
        except OSError:
            raise NoAnswerError(complaint) from None
        if not piece:
            raise NoAnswerError(complaint)
        received += piece
    return received
