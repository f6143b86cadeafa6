import os
import resource
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from authd.unix.detaching import AlreadyRunningError, ForkError, PidFile, PidFileError, in_background

NOBODYS_UID = 1_879_048_192  # which no process has


def in_child(life: Callable[[], object]) -> int:
    """Call it in a child process, and give 0 or, where it raises, 1 or 2 for AlreadyRunningError."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            life()
            status = 0
        except AlreadyRunningError:
            status = 2
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_pid_file_holds_the_number_and_goes_with_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "saslauthd.pid"

    pid_file = PidFile(path)

    assert path.read_text() == f"{os.getpid()}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    pid_file.remove()
    assert not path.exists()


def test_another_process_cannot_have_it_meanwhile_and_can_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "saslauthd.pid"
    pid_file = PidFile(path)

    assert in_child(lambda: PidFile(path)) == 2
    assert path.read_text() == f"{os.getpid()}\n"
    pid_file.remove()
    assert in_child(lambda: PidFile(path)) == 0


def test_the_lock_is_not_lost_when_a_child_ends(tmp_path: Path) -> None:
    path = tmp_path / "saslauthd.pid"
    pid_file = PidFile(path)
    in_child(lambda: None)

    assert in_child(lambda: PidFile(path)) == 2
    pid_file.remove()


def test_the_number_of_a_dead_one_is_overwritten_whole(tmp_path: Path) -> None:
    path = tmp_path / "saslauthd.pid"
    path.write_text("4194303 and something longer\n")

    pid_file = PidFile(path)

    assert path.read_text() == f"{os.getpid()}\n"
    pid_file.remove()


def test_a_link_is_not_followed_to_another_file(tmp_path: Path) -> None:
    """The directory may be that of a chroot, whose owner would choose what root overwrites."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "saslauthd.pid").symlink_to(victim)

    with pytest.raises(PidFileError, match="expected to write it, got: "):
        PidFile(tmp_path / "saslauthd.pid")
    assert victim.read_text() == "precious"


def test_what_runs_in_the_background_says_what_it_has_to_and_its_status_is_its_own() -> None:
    def life() -> int:
        print("a reason", file=sys.stderr)  # noqa: T201
        return 7

    background = in_background(life)

    with os.fdopen(background.said) as said:
        assert said.read() == "a reason\n"
    assert os.waitstatus_to_exitcode(os.waitpid(background.pid, 0)[1]) == 7


def test_a_defect_is_said_too_and_is_status_1() -> None:
    background = in_background(lambda: 1 // 0)

    with os.fdopen(background.said) as said:
        assert said.read().endswith("ZeroDivisionError: integer division or modulo by zero\n")
    assert os.waitstatus_to_exitcode(os.waitpid(background.pid, 0)[1]) == 1


@pytest.mark.parametrize("most", [1, 2])
def test_where_no_process_can_be_had_that_is_told(most: int) -> None:
    """The first is the one between, the second that in the background."""
    if os.geteuid() != 0:
        pytest.fail("the limit is one of all processes of a user: run this test as root, who becomes one without any")

    def start() -> None:
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))  # this process is one of them
        os.setresuid(NOBODYS_UID, NOBODYS_UID, NOBODYS_UID)
        with pytest.raises(ForkError, match="expected to start a process, got: Resource temporarily unavailable"):
            in_background(lambda: 0)

    assert in_child(start) == 0
