"""The command line as a process: what it prints where, and how it ends."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from authd import __version__
from authd.cli.main import COMMANDS
from tests.daemon.running import AUTHD, ENOUGH, OK, ask, unprivileged, until

USERS = '[backends.users]\ntype = "passwd-file"\npath = "/etc/authd/users"\n'


def authd(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, **variables}
    return subprocess.run([*AUTHD, *words], capture_output=True, text=True, timeout=ENOUGH, env=environment)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "authd.toml"
    path.write_text(USERS)
    return path


def test_help_names_every_command_and_the_first_steps() -> None:
    ended = authd("--help")

    assert ended.returncode == 0
    for command in COMMANDS:
        assert re.search(rf"^    {command}\b", ended.stdout, re.MULTILINE)
    assert "first steps:\n  authd user add alice" in ended.stdout


def test_version_is_one_line() -> None:
    ended = authd("--version")

    assert (ended.returncode, ended.stdout) == (0, f"authd {__version__}\n")


@pytest.mark.parametrize("words", [(), ("chek",), ("--confg",), ("check", "--confg", "F"), ("check", "F"), ("--vers",)])
def test_wrong_use_is_exit_2_with_the_usage_on_stderr(words: tuple[str, ...]) -> None:
    ended = authd(*words)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("usage: authd")


def test_check_prints_what_is_in_force(config: Path) -> None:
    ended = authd("check", "--config", str(config))

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f'# in force: {config}\n\n[server]\nuser = "authd"\n')


def test_what_check_prints_is_a_configuration_that_is_printed_alike(config: Path, tmp_path: Path) -> None:
    first = authd("check", "--config", str(config)).stdout
    again = tmp_path / "again.toml"
    again.write_text(first)

    second = authd("check", "--config", str(again)).stdout

    assert second.splitlines()[1:] == first.splitlines()[1:]


def test_check_prints_what_is_set_and_is_content(config: Path) -> None:
    config.write_text(USERS + "[metrics]\nlisten = '127.0.0.1:9479'\n")

    ended = authd("check", "--config", str(config))

    assert (ended.returncode, ended.stderr) == (0, "")
    assert 'listen = "127.0.0.1:9479"\n' in ended.stdout


def test_check_prints_every_error_and_nothing_else(config: Path) -> None:
    config.write_text(USERS + "[log]\nlevl = 'info'\nformat = 'xml'\n")

    ended = authd("check", "--config", str(config))

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines() == [
        f"{config}:5: log.levl: expected a known key (level?), got an unknown one",
        f'{config}:6: log.format: expected "logfmt" or "json", got "xml"',
    ]


@pytest.mark.parametrize(
    ("name", "got"),
    [("absent.toml", "No such file or directory"), ("", "Is a directory"), ("authd.toml/x", "Not a dir")],
)
def test_a_file_that_cannot_be_read_is_exit_2(config: Path, name: str, got: str) -> None:
    path = config.parent / name

    ended = authd("check", "--config", str(path))

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"{path}: expected a file to read, got: {got}")


def test_a_file_name_that_is_no_text_is_told_all_the_same(config: Path) -> None:
    name = os.fsdecode(b"caf\xe9\x1b")

    ended = authd("check", "--config", name, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")

    assert ended.returncode == 2
    assert ended.stderr == '"caf\\udce9\\u001b": expected a file to read, got: No such file or directory\n'


def test_an_output_that_is_no_utf8_does_not_stop_check(config: Path) -> None:
    config.write_text(USERS + '[[routes]]\nbackends = ["users"]\nrealms = ["bücher.example"]\n')

    ended = authd("check", "--config", str(config), PYTHONIOENCODING="ascii")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert 'realms = ["b\\xfccher.example"]\n' in ended.stdout


def test_a_reader_that_goes_away_ends_it_by_sigpipe(config: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as output:
        ended = subprocess.run(
            [*AUTHD, "check", "--config", str(config)], stdout=output, stderr=subprocess.PIPE, timeout=ENOUGH
        )

    assert (ended.returncode, ended.stderr) == (-signal.SIGPIPE, b"")


def test_ctrl_c_ends_it_by_sigint(tmp_path: Path) -> None:
    """A shell that sees an exit status instead goes on with its loop."""
    fifo = tmp_path / "authd.toml"
    os.mkfifo(fifo)
    not_ignored = ("env", "--default-signal=INT")  # as it is below a shell's job in the background
    process = subprocess.Popen([*not_ignored, *AUTHD, "check", "--config", str(fifo)], stderr=subprocess.PIPE)
    with fifo.open("wb"):  # opens when the other end is being opened: it reads now
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=ENOUGH)

    assert (process.returncode, errors) == (-signal.SIGINT, b"")


def test_a_directory_that_cannot_be_made_is_exit_2() -> None:
    ended = authd("serve", STATE_DIRECTORY="/proc/none/authd")

    assert (ended.returncode, ended.stdout) == (2, "")
    expected = "/proc/none/authd: expected to make this directory, got: No such file or directory"
    assert ended.stderr.splitlines()[-1] == expected


def test_standard_streams_that_are_closed_are_taken_by_nothing_that_is_opened(tmp_path: Path) -> None:
    """Or a client with the number of standard error would be sent the log."""
    (tmp_path / "users").write_text("alice:{PLAIN}right\n")
    config = tmp_path / "authd.toml"
    control = f'[control]\npath = "{tmp_path}/control"\n'
    config.write_text(f'{control}[[listeners]]\npath = "{tmp_path}/mux"\n' + USERS.replace("/etc/authd", str(tmp_path)))
    serve = [*AUTHD, "serve", "--config", str(config)]

    process = subprocess.Popen(unprivileged(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *serve]))
    try:
        until((tmp_path / "mux").exists, "the socket")
        assert ask(tmp_path / "mux", "alice", "right") == OK
        streams = [str(Path(f"/proc/{process.pid}/fd/{number}").readlink()) for number in range(3)]
    finally:
        process.terminate()
        status = process.wait(ENOUGH)

    assert status == 0
    assert streams == [os.devnull] * 3


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_imports_no_other(command: str) -> None:
    imported = modules_after(command, "-h")

    assert [name for name in COMMANDS if f"authd.cli.{name}" in imported] == [command]


def test_a_login_imports_nothing_slow(tmp_path: Path) -> None:
    """Scripts that know testsaslauthd start it for each login."""
    imported = modules_after("test", "-u", "alice", "-p", "x", "-f", str(tmp_path / "mux"))

    assert not imported & {"asyncio", "dataclasses", "importlib.metadata", "tomllib", "authd.config.load"}


def modules_after(*words: str) -> set[str]:
    """What is imported when a command has ended, but for what measures coverage."""
    code = (
        "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
        "from authd.cli.main import main; main(sys.argv[1:])"
    )
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    ended = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=ENOUGH, env=unmeasured
    )
    return set(ended.stderr.split())
