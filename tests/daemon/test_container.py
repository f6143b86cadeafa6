"""authd as process 1 of a container that has no init and gives no privileges, as contrib/container/ has it."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from authd_backends.hashes.libcrypt import hashed
from tests.daemon.running import AUTHD, ENOUGH, OK, WITHOUT_DELAY, ask, unprivileged, until
from tests.daemon.test_helper import children

CONTAINER = Path(__file__).resolve().parents[2] / "contrib/container"
NAMESPACE = ["unshare", "--pid", "--mount-proc", "--fork", "--kill-child"]


def words(instruction: str) -> list[str]:
    """The arguments for authd of an instruction of the Containerfile."""
    found = re.search(rf"^{instruction} (\[.+\])$", (CONTAINER / "Containerfile").read_text(), re.MULTILINE)
    assert found is not None
    name, *arguments = json.loads(found[1])
    assert name == "authd"
    return [str(each) for each in arguments]


def health(directory: Path) -> int:
    check = [*AUTHD, *words("HEALTHCHECK .* CMD"), "--config", str(directory / "authd.toml")]
    return subprocess.run(check, capture_output=True, check=False).returncode


@contextmanager
def process_1(directory: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """Give unshare(1), which ends as authd does, and authd's pid as it is outside."""
    (directory / "users").write_text(f"alice:{hashed(b'secret', '$6$rounds=1000$saltsalt')}\n")
    file = directory / "authd.toml"
    settings = (CONTAINER / "authd.toml").read_text() + WITHOUT_DELAY + '[control]\npath = "/run/authd/control"\n'
    file.write_text(re.sub("/(run/saslauthd|run/authd|var/lib/authd)/", f"{directory}/", settings))
    file.chmod(0o600)
    command = [*NAMESPACE, *unprivileged([*AUTHD, *words("CMD"), "--config", str(file)])]
    with (directory / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as outside:
        try:
            until(lambda: "listening on" in (directory / "log").read_text(), "the listener")
            yield outside, children(outside.pid)[0]
        finally:
            outside.kill()
            print((directory / "log").read_text())  # noqa: T201  # pytest shows it with a failure


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a pid namespace")
def test_process_1_reaps_orphans_and_ends_at_sigterm(tmp_path: Path) -> None:
    with process_1(tmp_path) as (outside, authd):
        orphaned = ["nsenter", f"--target={authd}", "--pid", "--", "sh", "-c", "sleep 600 >&- 2>&- &"]
        subprocess.run(orphaned, check=True)
        until(lambda: len(children(authd)) == 1, "the orphan to be adopted")

        os.kill(children(authd)[0], signal.SIGKILL)

        until(lambda: not children(authd), "the orphan to be reaped")
        assert ask(tmp_path / "mux", "alice", "secret") == OK
        assert health(tmp_path) == 0
        os.kill(authd, signal.SIGTERM)
        assert outside.wait(ENOUGH) == 0
        assert not (tmp_path / "mux").exists()
        assert health(tmp_path) != 0
