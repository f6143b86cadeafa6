"""The programs in C: builds load.c and crypt_limit.c and reads what they measured."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

BUILD = Path(__file__).with_name("build")
_COMPILE = ["cc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-pthread"]
_WITHOUT_END = ["-t", "86400000"]  # milliseconds, a day
_DISTINCT = ["-N", "1000000000"]  # numbers for %d: hardly one comes twice

REALM = "example.org"


class LoadError(Exception):
    """A wrong answer, or no answer at all; the text says which."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of the generator. Times to the answer are microseconds."""

    answers: int
    errors: int  # connections without an answer
    temporary: int  # of the answers
    seconds: float
    rate: float  # answers a second
    p50: float
    p99: float
    p999: float
    max: float


def build(name: str) -> Path:
    """Compile a program where it is missing or older than its source."""
    program, source = BUILD / name, Path(__file__).with_name(f"{name}.c")
    BUILD.mkdir(exist_ok=True)
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run([*_COMPILE, "-o", program, source, "-lcrypt"], check=True)
    return program


def load(
    socket: Path,
    *,
    clients: int,
    users: int,
    milliseconds: int = 0,
    requests: int = 0,
    service: str = "smtp",
    password: str = "secret%d",
    expected: str = "OK",
    rate: int = 0,
    tolerant: bool = False,
    in_order: bool = False,
) -> Sample:
    """Log in as ``user0`` to ``user{users - 1}``, in random order or in theirs, for a time or a number of requests.

    `rate` is requests a second, 0: as many as there can be. Raises LoadError at any answer but `expected` and, where
    it is `tolerant`, a temporary failure; and at any connection without an answer.
    """
    amount = ["-n", str(requests)] if requests else ["-t", str(milliseconds)]
    amount += ["-e", expected, *(["-R", str(rate)] if rate else []), *(["-T"] if tolerant else [])]
    amount += ["-O"] if in_order else []
    who = ["-u", "user%d", "-p", password, "-r", REALM, "-S", service, "-N", str(users)]
    command = [str(build("load")), "-s", str(socket), "-c", str(clients), *amount, *who]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LoadError(done.stderr.strip())
    sample = Sample(**json.loads(done.stdout))
    if sample.errors:
        raise LoadError(f"{socket.name}: expected an answer each time, got none {sample.errors} times")
    if sample.answers or requests:
        return sample
    return load(  # in so short a time, on so busy a machine, nobody was answered: there is no rate yet
        socket,
        clients=clients,
        users=users,
        milliseconds=4 * milliseconds,
        service=service,
        password=password,
        expected=expected,
        rate=rate,
        tolerant=tolerant,
        in_order=in_order,
    )


@contextmanager
def guessing(socket: Path, users: Sequence[str], clients: int, service: str) -> Iterator[None]:
    """So many clients guess at these users, hardly ever twice the same, whatever they are told."""
    who = ["-c", str(max(1, clients // len(users))), "-p", "guess%d", "-e", "", "-r", REALM, "-S", service, *_DISTINCT]
    command = [str(build("load")), "-s", str(socket), *who, *_WITHOUT_END]
    with ExitStack() as stack:
        for user in users:
            guesser = stack.enter_context(subprocess.Popen([*command, "-u", user]))
            stack.callback(guesser.kill)
        yield


def hashes_a_second(password: str, stored: str, milliseconds: int) -> float:
    """Tell what crypt_r reaches on all cores together."""
    command = [str(build("crypt_limit")), password, stored, str(milliseconds)]
    rate: float = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["rate"]
    return rate
