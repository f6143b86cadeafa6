"""The load generator: builds load.c and reads what it measured."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

BUILD = Path(__file__).with_name("build")
_SOURCE = Path(__file__).with_name("load.c")
_COMPILE = ["cc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-pthread"]

REALM = "example.org"


class LoadError(Exception):
    """A wrong answer, or no answer at all; the text says which."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of the generator. Times to the answer are microseconds."""

    answers: int
    errors: int  # connections without an answer
    seconds: float
    rate: float  # answers a second
    p50: float
    p99: float
    p999: float
    max: float


def build() -> Path:
    """Compile the generator where it is missing or older than its source."""
    program = BUILD / "load"
    BUILD.mkdir(exist_ok=True)
    if not program.exists() or program.stat().st_mtime < _SOURCE.stat().st_mtime:
        subprocess.run([*_COMPILE, "-o", program, _SOURCE], check=True)
    return program


def load(socket: Path, *, clients: int, users: int, milliseconds: int = 0, requests: int = 0) -> Sample:
    """Log in as ``user0`` to ``user{users - 1}`` in random order, for a time or a number of requests.

    Raises LoadError at any answer but OK, and at any connection without an answer.
    """
    amount = ["-n", str(requests)] if requests else ["-t", str(milliseconds)]
    who = ["-u", "user%d", "-p", "secret%d", "-r", REALM, "-N", str(users)]
    command = [str(build()), "-s", str(socket), "-c", str(clients), *amount, *who]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LoadError(done.stderr.strip())
    sample = Sample(**json.loads(done.stdout))
    if sample.errors:
        raise LoadError(f"{socket.name}: expected an answer each time, got none {sample.errors} times")
    return sample
