"""What a test may rely on in a box, and the machine around it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tests.servers import packages
from tests.servers.box import CHECKOUT, Box
from tests.servers.process import BoxError, wait_until

PACKAGES = ("sasl2-bin",)
LEFT_OPEN = """
from tests.servers.box import Box

box = Box().__enter__()
print(box.start(["sleep", "1000"]).pid, flush=True)
input()
"""
WITHOUT_A_BOX = """
from tests.servers.box import Box

with Box():
    print("a box")
"""


def test_nothing_that_is_written_in_a_box_reaches_the_machine() -> None:
    names = [f"{folder}/authd-test-{os.getpid()}" for folder in ("/etc", "/usr/bin", "/dev", "/run", "/var/spool")]
    users = Path("/etc/passwd").read_bytes()

    with Box() as box:
        for name in names:
            box.write(name, "x")
        box.add_user("postfix")
        assert "postfix" in box.read("/etc/passwd")

    assert not [name for name in names if Path(name).exists()]
    assert Path("/etc/passwd").read_bytes() == users


def test_a_box_has_processes_network_and_name_of_its_own(box: Box) -> None:
    numbers = box.run(["sh", "-c", "echo /proc/[0-9]*"]).stdout.split()
    devices = box.run(["cat", "/proc/net/dev"]).stdout.splitlines()[2:]

    assert len(numbers) < 6
    assert [device.split(":")[0].strip() for device in devices] == ["lo"]
    assert box.run(["hostname"]).stdout == "mail\n"


def test_the_programs_of_a_package_are_there(box: Box) -> None:
    assert box.run(["saslauthd", "-v"]).stderr.startswith("saslauthd 2.")


def test_a_socket_of_this_process_can_be_in_the_network_of_the_box(box: Box) -> None:
    with box.network(), socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert box.listens(port)
    with socket.socket() as outside:
        assert outside.connect_ex(("127.0.0.1", port)) != 0


def test_links_are_followed_inside(box: Box) -> None:
    box.run(["ln", "-s", "/etc/hostname", "/run/link"])
    box.write("/etc/hostname", "mail\n")

    assert box.read("/run/link") == "mail\n"


def test_a_program_runs_as_the_user_that_is_named(box: Box) -> None:
    box.add_user("authd", groups=["sasl"])

    assert box.run(["id", "-nu"], user="authd").stdout == "authd\n"
    assert box.run(["id", "-nG"], user="authd").stdout == "authd sasl\n"
    assert box.run(["id", "-nG"], user="nobody").stdout == "nogroup\n"


def test_a_status_that_was_not_expected_is_an_error_that_shows_what_was_said(box: Box) -> None:
    with pytest.raises(BoxError, match=r"sh: expected 0, got 3: out\nerr"):
        box.run(["sh", "-c", "echo out; echo err >&2; exit 3"])


def test_all_that_was_started_ends_with_the_box() -> None:
    daemon = f"sleep {100_000 + os.getpid()}"
    with Box() as box:
        numbers = [box.start(["sleep", "1000"]).pid]
        box.run(["setsid", "--fork", "sh", "-c", f"exec {daemon} >/dev/null 2>&1"])
        wait_until(lambda: bool(_running(daemon)), "a daemon")
        numbers += _running(daemon)

    assert not any(map(_alive, numbers))


def test_a_killed_test_leaves_nothing_running() -> None:
    test = subprocess.Popen(
        [sys.executable, "-c", LEFT_OPEN], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert test.stdout is not None
    number = int(test.stdout.readline())
    test.send_signal(signal.SIGKILL)
    test.communicate()

    wait_until(lambda: not _alive(number), "the end of what was started in the box")


@pytest.mark.parametrize(
    ("limits", "complaint"),
    [
        (["--reuid=nobody", "--clear-groups"], "a box needs root"),
        (["--bounding-set=-sys_admin"], "namespaces: expected a box, got: unshare: "),
    ],
    ids=["no root", "no namespaces"],
)
def test_a_machine_that_gives_no_box_is_told_why(box: Box, limits: Sequence[str], complaint: str) -> None:
    command = ["setpriv", *limits, sys.executable, "-c", WITHOUT_A_BOX]

    done = box.run(command, expect=1)

    assert f"BoxError: {complaint}" in done.stderr


def test_what_an_interrupted_run_has_left_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "CACHE", tmp_path)
    [tree] = packages.unpack("db-util")
    [deb] = (tmp_path / "debs").glob("db-util_*.deb")
    tree.rename(tmp_path / "db-util.partial")  # as if the end had come before the last step
    deb.write_bytes(deb.read_bytes()[:1000])

    [tree] = packages.unpack("db-util")

    assert (tree / "usr/bin/db_dump").is_symlink() or (tree / "usr/bin/db_dump").exists()
    assert not (tmp_path / "db-util.partial").exists()


def test_a_package_that_cannot_be_had_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "CACHE", tmp_path)
    monkeypatch.setattr(packages, "_UPDATE", ["true"])

    with pytest.raises(packages.PackageError, match="no-such-package"):
        packages.unpack("no-such-package")


def _alive(number: int) -> bool:
    return Path(f"/proc/{number}").exists()


def _running(command: str) -> list[int]:
    """Give the numbers of the processes of this machine, those of all boxes among them, with this command."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            if entry.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip() == command:
                found.append(int(entry.parent.name))
    return found
