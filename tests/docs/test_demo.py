"""`make demo`, behind its set-up."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.servers.process import wait_until
from tests.servers.processes import children

DEMO = Path(__file__).parents[2] / "tools" / "demo.sh"


@pytest.fixture
def place() -> Iterator[Path]:
    """Where the demo puts its directory: the path of a socket has to be short, and the demo may run as another user."""
    with TemporaryDirectory(prefix="authd-") as name:
        Path(name).chmod(0o1777)
        yield Path(name)


@pytest.fixture
def environment(place: Path) -> Mapping[str, str]:
    return {**os.environ, "TMPDIR": str(place)}


def test_it_shows_a_right_and_a_wrong_login_and_leaves_nothing(place: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run([DEMO], env=environment, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    answers = [line for line in done.stdout.splitlines() if line.startswith("0: ")]
    assert answers == ['0: OK "Success."', '0: NO "authentication failed"']
    assert list(place.iterdir()) == []


def test_an_interrupted_one_leaves_nothing(place: Path, environment: Mapping[str, str]) -> None:
    with subprocess.Popen([DEMO], env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "wrong horse" in line:
                # Its refusal is held back. Until it is asked for, dash may be in vfork(2), and lose the signal.
                wait_until(lambda: any(b"wrong horse" in each for each in commands_below(demo.pid)), "the wrong login")
                os.killpg(demo.pid, signal.SIGINT)
                break
        demo.communicate()

    assert demo.returncode == 130
    assert list(place.iterdir()) == []


def commands_below(pid: int) -> list[bytes]:
    """The command lines of a process's descendants."""
    found = []
    for child in children(pid):
        with suppress(FileNotFoundError):
            found += [Path(f"/proc/{child}/cmdline").read_bytes(), *commands_below(child)]
    return found
