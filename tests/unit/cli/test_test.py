"""The words and exit statuses were seen at Debian's testsaslauthd 2.1.28."""

import io
import socket
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from authd.cli import test as command
from authd.config import default

RIGHT = ("-u", "alice", "-p", "secret")
REQUEST = b"\0\5alice\0\6secret\0\4imap\0\0"
USAGE = (
    "authd test: usage: authd test -u username -p password\n"
    "              [-r realm] [-s servicename]\n"
    "              [-f socket path] [-R repeatnum]\n"
)


def status_of(*words: str) -> int:
    parser = ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args(words))


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "mux"))
        listener.listen()
        listener.settimeout(10)
        yield listener


@contextmanager
def daemon(listener: socket.socket, *answers: bytes) -> Iterator[Future[list[bytes]]]:
    """Answer as many connections as there are answers and close; gives what each client sent."""

    def serve() -> list[bytes]:
        questions = []
        for answer in answers:
            with listener.accept()[0] as connection:
                questions.append(connection.recv(70000))
                connection.sendall(answer)
        return questions

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(serve)


@pytest.mark.parametrize(
    ("answer", "status", "words", "complaint"),
    [
        (b"\0\2OK", 0, '0: OK "Success."\n', ""),
        (b"\0\7OK fine", 0, '0: OK "Success."\n', ""),
        (b"\0\2NO", 255, '0: NO "authentication failed"\n', ""),
        (b"\0\2ok", 255, '0: NO "authentication failed"\n', ""),
        (b"", 255, "0: ", "size read failed\n"),
        (b"\0", 255, "0: ", "size read failed\n"),
        (b"\0\0", 255, "0: ", "bad response from saslauthd\n"),
        (b"\0\1O", 255, "0: ", "bad response from saslauthd\n"),
        (b"\0\5OK", 255, "0: ", "read failed\n"),
        (b"\xff\xffOK" + b"k" * 1022, 0, '0: OK "Success."\n', ""),
    ],
)
def test_every_answer_is_told_in_the_words_of_testsaslauthd(
    listener: socket.socket,
    capsys: pytest.CaptureFixture[str],
    answer: bytes,
    status: int,
    words: str,
    complaint: str,
) -> None:
    with daemon(listener, answer):
        ended = status_of(*RIGHT, "-f", listener.getsockname())

    assert ended == status
    assert capsys.readouterr() == (words, complaint)


def test_what_is_sent_is_the_request_of_four_fields(listener: socket.socket) -> None:
    words = ("-u", "bob@a@b", "-p", "-päss", "-s", "smtp", "-r", "example.org", "-f", listener.getsockname())

    with daemon(listener, b"\0\2OK") as questions:
        status_of(*words)

    assert questions.result() == [b"\0\x07bob@a@b\0\x06-p\xc3\xa4ss\0\4smtp\0\x0bexample.org"]


def test_the_service_is_imap_and_the_realm_empty_unless_given(listener: socket.socket) -> None:
    with daemon(listener, b"\0\2OK") as questions:
        status_of(*RIGHT, "-f", listener.getsockname())

    assert questions.result() == [REQUEST]


def test_repeated_logins_are_counted_and_the_last_one_decides(
    listener: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    with daemon(listener, b"\0\2NO", b"\0\2NO", b"\0\2OK"):
        status = status_of(*RIGHT, "-f", listener.getsockname(), "-R", "3")

    assert status == 0
    assert capsys.readouterr().out == (
        '0: NO "authentication failed"\n1: NO "authentication failed"\n2: OK "Success."\n'
    )


@pytest.mark.parametrize("number", ["0", "-2", "many", "", "9" * 5000])
def test_a_number_of_repeats_that_means_nothing_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], number: str
) -> None:
    status_of(*RIGHT, "-f", str(tmp_path / "nobody"), "-R", number)

    assert capsys.readouterr().out == "0: "


def test_a_missing_socket_is_told_as_connect_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = status_of(*RIGHT, "-f", str(tmp_path / "nobody"))

    assert status == 255
    assert capsys.readouterr() == ("0: ", "connect() : No such file or directory\n")


def test_a_path_that_no_socket_can_have_is_never_cut_to_one_that_another_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = status_of(*RIGHT, "-f", str(tmp_path / ("x" * 200)))

    assert status == 255
    assert capsys.readouterr().err == "connect() : AF_UNIX path too long\n"


def test_a_daemon_that_hangs_ends_the_login_at_the_deadline(
    listener: socket.socket, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "DEADLINE", 0.05)

    status = status_of(*RIGHT, "-f", listener.getsockname())

    assert status == 255
    assert capsys.readouterr() == ("0: ", "size read failed\n")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], ""),
        (["-u", "alice"], ""),
        (["-p", "secret"], ""),
        ([*RIGHT, "-x"], "authd test: invalid option -- 'x'\n"),
        (["-p", "secret", "-u"], "authd test: option requires an argument -- 'u'\n"),
        (["-u", "alice", "-p", "x" * 65536], "authd test: a field: expected at most 65535 bytes, got 65536\n"),
    ],
)
def test_wrong_use_shows_the_usage_and_ends_with_1(
    capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    status = status_of(*words)

    assert status == 1
    assert capsys.readouterr() == ("", complaint + USAGE)


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_is_no_error(capsys: pytest.CaptureFixture[str], word: str) -> None:
    status = status_of(word)

    assert status == 0
    assert capsys.readouterr().out.startswith(USAGE)


def test_the_password_can_come_from_standard_input(
    listener: socket.socket, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"secret\n")))

    with daemon(listener, b"\0\2OK") as questions:
        status_of("-u", "alice", "-p", "-", "-f", listener.getsockname())

    assert questions.result() == [REQUEST]
    assert "secret" not in "".join(capsys.readouterr())


def test_without_f_it_asks_where_libsasl2_does_though_it_is_not_root(
    listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "authd.toml").touch(mode=0)
    monkeypatch.setattr(default, "CONFIG_FILE", tmp_path / "authd.toml")
    monkeypatch.setattr(default, "SYSTEM_SOCKET", Path(listener.getsockname()))
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    with daemon(listener, b"\0\2OK"):
        assert status_of(*RIGHT) == 0


def test_without_f_and_without_any_file_it_asks_the_socket_of_the_embedded_default(
    listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(default, "CONFIG_FILE", tmp_path / "absent")
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(Path(listener.getsockname()).parent))

    with daemon(listener, b"\0\2OK"):
        assert status_of(*RIGHT) == 0


def test_a_default_socket_that_cannot_be_named_is_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(default, "CONFIG_FILE", tmp_path / "absent")
    monkeypatch.setenv("RUNTIME_DIRECTORY", "run")

    assert status_of(*RIGHT) == 1
    assert "RUNTIME_DIRECTORY: expected an absolute path" in capsys.readouterr().err


def test_it_starts_without_what_only_the_daemon_needs(tmp_path: Path) -> None:
    program = "import sys; from authd.cli.main import main; main(sys.argv[1:]); print(*sys.modules)"
    words = ["test", *RIGHT, "-f", str(tmp_path / "nobody")]

    done = subprocess.run([sys.executable, "-c", program, *words], check=True, capture_output=True, text=True)

    imported = set(done.stdout.split())
    assert "authd.cli.test" in imported
    assert not imported & {"asyncio", "authd.config.settings", "authd.daemon", "authd_backends"}
