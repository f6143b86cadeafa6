"""``authd user`` as an administrator runs it."""

import grp
import os
import pty
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from authd.unix.privileges import may_drop
from authd_backends import hashes, passwd_lines
from authd_backends.contract import Secret
from tests.daemon.running import AUTHD, ENOUGH, NO, OK, ask, running, unprivileged

CONFIGURATION = """
[[listeners]]
path = "DIR/mux"

[backends.users]
type = "passwd-file"
path = "DIR/users"
scheme = "sha512-crypt"
"""

as_root = pytest.mark.skipif(not may_drop(), reason="root's files are readable by the account of the daemon")


@pytest.fixture
def users(tmp_path: Path) -> Path:
    return tmp_path / "users"


def user(*words: object, password: bytes = b"") -> tuple[int, str, str]:
    """Run the command. Gives exit status, standard output and standard error."""
    command = [*AUTHD, "user", *map(str, words)]
    done = subprocess.run(command, input=password, capture_output=True, timeout=ENOUGH, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def accepts(users: Path, name: str, password: bytes) -> bool:
    row = passwd_lines.row_of(passwd_lines.split(users.read_bytes()), name)
    return row is not None and hashes.matches(row.stored, Secret(password))


def test_a_running_daemon_sees_every_change_at_once(tmp_path: Path) -> None:
    users, config = tmp_path / "users", tmp_path / "authd.toml"
    with running(tmp_path, CONFIGURATION) as authd:
        assert user("add", "alice", "--config", config, password=b"first\n")[0] == 0
        assert ask(authd.socket, "alice", "first") == OK

        assert user("passwd", "alice", "--config", config, password=b"second\n")[0] == 0
        assert ask(authd.socket, "alice", "first") == NO
        assert ask(authd.socket, "alice", "second") == OK

        assert user("lock", "alice", "--config", config)[0] == 0
        assert ask(authd.socket, "alice", "second") == NO
        assert user("unlock", "alice", "--config", config)[0] == 0
        assert ask(authd.socket, "alice", "second") == OK

        assert user("delete", "alice", "--config", config)[0] == 0
        assert ask(authd.socket, "alice", "second") == NO
    assert users.read_text() == "# user[@realm]:hash, kept by authd user\n"


def test_a_new_user_stands_in_a_new_file_and_the_next_step_is_named(users: Path) -> None:
    status, output, errors = user("add", "bob@example.org", "--file", users, password=b"correct horse\n")

    assert (status, errors) == (0, "")
    assert output == (
        f"added bob@example.org to {users}; while authd serve runs, try: authd test -u bob -r example.org -p -\n"
    )
    assert accepts(users, "bob@example.org", b"correct horse")
    assert "horse" not in users.read_text()


def test_the_scheme_is_the_one_of_the_configuration_or_the_one_that_was_named(tmp_path: Path, users: Path) -> None:
    config = tmp_path / "authd.toml"
    config.write_text(CONFIGURATION.replace("DIR", str(tmp_path)))
    user("add", "alice", "--config", config, password=b"x\n")
    user("add", "bob", "--config", config, "--scheme", "bcrypt", password=b"x\n")

    assert user("list", "--config", config)[1] == "alice\tsha512crypt\nbob\tbcrypt\n"
    assert [line[:20] for line in users.read_bytes().splitlines()[1:]] == [
        b"alice:{SHA512-CRYPT}",
        b"bob:{BLF-CRYPT}$2y$1",
    ]


def test_an_existing_user_is_not_added_and_an_absent_one_not_changed(users: Path) -> None:
    user("add", "alice", "--file", users, password=b"x\n")
    before = users.read_bytes()

    assert user("add", "alice", "--file", users, password=b"y\n") == (
        1, "", "authd user: alice: exists already: authd user passwd changes the password\n"
    )  # fmt: skip
    for action in ("passwd", "delete", "lock", "unlock"):
        assert user(action, "nobody", "--file", users, password=b"y\n") == (
            1, "", "authd user: nobody: no such user\n"
        )  # fmt: skip
    assert users.read_bytes() == before


def test_without_a_file_there_is_nobody_to_change(users: Path) -> None:
    for action in (["list"], ["passwd", "alice"], ["delete", "alice"], ["lock", "alice"]):
        assert user(*action, "--file", users) == (1, "", f"authd user: {users}: No such file or directory\n")


@pytest.mark.parametrize("words", [["list"], ["add", "alice"], ["lock", "alice"]], ids=" ".join)
@pytest.mark.parametrize("kind", ["a pipe", "a directory", "a huge file", "a loop of links"])
def test_what_is_no_passwd_file_is_told_at_once(users: Path, words: list[str], kind: str) -> None:
    match kind:
        case "a pipe":
            os.mkfifo(users)
        case "a directory":
            users.mkdir()
        case "a huge file":
            users.touch()
            os.truncate(users, 1 << 40)
        case _:
            users.symlink_to(users)
    before = users.lstat()

    status, out, error = user(*words, "--file", users, password=b"secret\n")

    assert (status, out) == (1, "")
    assert error.startswith(f"authd user: {users}: ")
    assert error.count("\n") == 1
    assert users.lstat().st_ino == before.st_ino


def test_a_password_without_an_end_is_refused(users: Path) -> None:
    command = [*AUTHD, "user", "add", "alice", "--file", str(users)]
    with Path("/dev/zero").open("rb") as zeros:
        done = subprocess.run(command, stdin=zeros, capture_output=True, text=True, timeout=ENOUGH, check=False)

    assert (done.returncode, users.exists()) == (1, False)
    assert done.stderr == "authd user: password: expected 1 to 511 bytes without NUL\n"


@pytest.mark.parametrize("name", ["", "a:b", "a\nb", "#a", " a"])
def test_a_name_that_cannot_stand_in_a_file_is_wrong_use(users: Path, name: str) -> None:
    status, _, errors = user("add", name, "--file", users, password=b"x\n")

    assert (status, users.exists()) == (2, False)
    assert errors.startswith("authd user: NAME: expected no colon, line break or NUL")


@pytest.mark.parametrize("password", [b"", b"\n", b"a\0b\n", b"x" * 512])
def test_what_can_be_no_password_is_refused(users: Path, password: bytes) -> None:
    status, _, errors = user("add", "alice", "--file", users, password=password)

    assert (status, users.exists()) == (1, False)
    assert errors == "authd user: password: expected 1 to 511 bytes without NUL\n"


def test_everything_that_is_no_row_of_this_user_stays_as_it_was(users: Path) -> None:
    kept = b"# note\r\n\nbroken\n:x\n\xff\xfe:{PLAIN}y:1000::\ncarl:*\n"
    users.write_bytes(kept + b"alice:{PLAIN}x:1000:1000::/home/alice")

    user("passwd", "alice", "--file", users, password=b"new\n")
    user("add", "bob", "--file", users, password=b"x\n")

    content = users.read_bytes()
    assert content.startswith(kept + b"alice:{")
    assert b":1000:1000::/home/alice\nbob:{" in content
    assert accepts(users, "alice", b"new")


def test_a_locked_user_keeps_his_hash_and_stays_locked_with_a_new_password(users: Path) -> None:
    user("add", "alice", "--file", users, password=b"old\n")
    before = users.read_bytes()
    user("lock", "alice", "--file", users)
    user("lock", "alice", "--file", users)
    assert user("list", "--file", users)[1] == "alice\tlocked\n"
    user("unlock", "alice", "--file", users)
    assert users.read_bytes() == before

    user("lock", "alice", "--file", users)
    assert user("passwd", "alice", "--file", users, password=b"new\n")[1].endswith("stays locked\n")
    assert not accepts(users, "alice", b"new")
    user("unlock", "alice", "--file", users)
    assert accepts(users, "alice", b"new")


@pytest.mark.parametrize("stored", ["!", "*", ""])
def test_a_user_without_a_hash_cannot_be_unlocked(users: Path, stored: str) -> None:
    users.write_text(f"alice:{stored}\n")

    status, _, errors = user("unlock", "alice", "--file", users)

    assert (status, errors) == (1, "authd user: alice: has no password to unlock: authd user passwd sets one\n")


def test_the_list_says_which_hashes_cannot_be_verified(users: Path) -> None:
    users.write_text("alice:x\nbob\x1b[31m:{FROBNICATE}x\n")

    alice, bob = user("list", "--file", users)[1].splitlines()

    assert alice == "alice\thash: expected {SCHEME}hash or a whole crypt(3) string, got something else"
    assert bob.startswith("bob\\x1b[31m\thash: expected a scheme of CRYPT, BLF-CRYPT, ")
    assert bob.endswith(", got {FROBNICATE}")


def test_a_file_that_the_daemon_would_refuse_is_pointed_out(users: Path) -> None:
    users.write_text("# users\n")
    users.chmod(0o666)

    status, _, errors = user("add", "alice", "--file", users, password=b"x\n")

    assert status == 0
    assert errors == (
        f"authd user: {users}: the daemon refuses it: expected a file that only its owner may write, got mode 0666\n"
    )


@as_root
def test_a_new_file_of_roots_can_be_read_by_the_daemons_group_alone(tmp_path: Path) -> None:
    users = tmp_path / "new" / "users"

    user("add", "alice", "--file", users, password=b"x\n")

    for path, mode in ((users, 0o640), (users.parent, 0o750)):
        status = path.stat()
        assert stat.S_IMODE(status.st_mode) == mode
        assert grp.getgrgid(status.st_gid).gr_name in ("authd", "nogroup")


def test_a_new_file_of_anybody_elses_is_his_alone(users: Path) -> None:
    command = unprivileged([*AUTHD, "user", "add", "alice", "--file", str(users)])

    subprocess.run(command, input=b"x\n", check=True, capture_output=True, timeout=ENOUGH)

    assert stat.S_IMODE(users.stat().st_mode) == 0o600


def test_several_passwd_files_have_to_be_told_apart(tmp_path: Path) -> None:
    config = tmp_path / "authd.toml"
    config.write_text(
        '[backends.one]\ntype = "passwd-file"\npath = "/a"\n[backends.two]\ntype = "passwd-file"\npath = "/b"\n'
    )

    status, _, errors = user("list", "--config", config)

    assert (status, errors) == (
        2, "authd user: expected one backend of type passwd-file, got one, two: say which file with --file\n"
    )  # fmt: skip


def test_a_wrong_configuration_is_exit_status_2(tmp_path: Path) -> None:
    status, _, errors = user("list", "--config", tmp_path / "nothing")

    assert status == 2
    assert "nothing: expected a file to read" in errors


def test_many_at_once_lose_nobody(users: Path) -> None:
    names = [f"user{number}" for number in range(6)]
    threads = [
        threading.Thread(target=user, args=("add", name, "--file", users), kwargs={"password": b"x\n"})
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(line.partition("\t")[0] for line in user("list", "--file", users)[1].splitlines()) == names


class Terminal:
    """The command at a terminal of its own."""

    def __init__(self, *words: str) -> None:
        self._ours, theirs = pty.openpty()
        command = ["setsid", "--ctty", "--wait", *AUTHD, "user", *words]
        self._process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self.output = b""

    def answer(self, prompt: bytes, text: bytes) -> None:
        while not self.output.endswith(prompt):
            self.output += os.read(self._ours, 1)
        os.write(self._ours, text + b"\n")

    def end(self) -> int:
        try:
            while data := os.read(self._ours, 1000):
                self.output += data
        except OSError:
            pass  # EIO: the other side is closed
        os.close(self._ours)
        return self._process.wait(ENOUGH)


@pytest.fixture
def terminal(users: Path) -> Iterator[Terminal]:
    terminal = Terminal("add", "alice", "--file", str(users))
    yield terminal
    terminal._process.kill()
    terminal._process.wait()


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(users: Path, terminal: Terminal) -> None:
    terminal.answer(b"Password of alice: ", b"correct horse")
    terminal.answer(b"Again: ", b"correct horse")

    assert terminal.end() == 0
    assert b"horse" not in terminal.output
    assert accepts(users, "alice", b"correct horse")


def test_two_different_passwords_at_a_terminal_change_nothing(users: Path, terminal: Terminal) -> None:
    terminal.answer(b"Password of alice: ", b"correct horse")
    terminal.answer(b"Again: ", b"correct hose")

    assert terminal.end() == 1
    assert b"password: expected the same twice" in terminal.output
    assert not users.exists()


def test_the_end_of_the_input_at_a_terminal_is_no_password(users: Path, terminal: Terminal) -> None:
    terminal.answer(b"Password of alice: ", b"\4")

    assert terminal.end() == 1
    assert b"expected a password, got the end of the input" in terminal.output
    assert b"Traceback" not in terminal.output
    assert not users.exists()
