"""Who may use the control socket, asked of the kernel. The callers are children that become somebody else."""

import os
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from authd.control.access import may_ask

ADMINS, OTHERS = 54321, 54322  # groups that no system has to know
SOMEBODY = 65534


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """A socket that everybody may connect to, by a name in the working directory: its path is root's alone."""
    if os.geteuid() != 0:
        pytest.fail("this test acts as several users: run it as root, or in the tests' box")
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind("control")
    Path("control").chmod(0o666)
    listening.listen()
    listening.settimeout(30)
    return listening


def is_heard(listener: socket.socket, uid: int, gid: int, groups: Sequence[int], admin_gid: int | None) -> bool:
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups(groups)
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            connection = socket.socket(socket.AF_UNIX)
            connection.connect("control")
            connection.recv(1)
        finally:
            os._exit(0)
    with listener:
        connection, _ = listener.accept()
        with connection:
            heard = may_ask(connection, admin_gid)
    os.waitpid(pid, 0)
    return heard


@pytest.mark.parametrize(
    ("uid", "gid", "groups", "admin_gid", "heard"),
    [
        (0, OTHERS, [], None, True),
        (SOMEBODY, OTHERS, [], ADMINS, False),
        (SOMEBODY, OTHERS, [], None, False),
        (SOMEBODY, OTHERS, [OTHERS, ADMINS], ADMINS, True),
        (SOMEBODY, OTHERS, [OTHERS, ADMINS], None, False),
        (SOMEBODY, ADMINS, [], ADMINS, True),
        (SOMEBODY, OTHERS, [OTHERS], ADMINS, False),
    ],
)
def test_root_and_the_group_of_administrators_are_heard(
    listener: socket.socket, uid: int, gid: int, groups: list[int], admin_gid: int | None, *, heard: bool
) -> None:
    assert is_heard(listener, uid, gid, groups, admin_gid) is heard


def test_the_daemon_s_own_user_is_heard(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: SOMEBODY)

    assert is_heard(listener, SOMEBODY, OTHERS, [], None)
