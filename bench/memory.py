"""What the front needs, and what its tables need when they are full.

`python -m bench.memory ADDRESSES` prints the megabytes of a throttle at which so many addresses have guessed.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from authd.config.settings import ThrottleSettings
from authd.decide.distinct import MAX_RECORDS
from authd.decide.throttle import Throttle
from bench.contenders import FEW, Contenders, front_of, resident_kilobytes
from bench.generator import load
from bench.measurements import Plan
from bench.report import Measured, Row


def rows_of_memory(contenders: Contenders, plan: Plan) -> Iterator[Row]:
    with contenders.authd() as daemon:
        load(contenders.socket_of_authd(), clients=16, users=FEW, requests=plan.requests)
        yield _front(f"after {plan.requests:,} logins", resident_kilobytes(front_of(daemon)), 60)
    with contenders.authd_with_cache_for(plan.cached) as daemon:
        mux = contenders.socket_of_authd()
        load(mux, clients=16, users=plan.cached, requests=plan.cached, in_order=True)
        yield _front(f"with {plan.cached:,} users in its cache", resident_kilobytes(front_of(daemon)), None)
    command = [sys.executable, "-m", "bench.memory", str(plan.addresses)]
    megabytes = float(subprocess.run(command, capture_output=True, check=True, cwd=Path(__file__).parents[1]).stdout)
    work = f"its throttle after guesses from {plan.addresses:,} addresses"
    yield Measured(work, "MB", [megabytes])


def _front(when: str, kilobytes: int, at_most: float | None) -> Row:
    return Measured(f"resident memory of the front {when}", "MB", [kilobytes / 1024], at_most)


def _megabytes_of_throttle(addresses: int) -> float:
    """Fill it: those that it holds have guessed up to the limit, as have as many users; the others once each."""
    throttle = Throttle(ThrottleSettings(), time.monotonic)
    own = Path("/proc/self/statm")
    before = int(own.read_text().split()[1])
    for number in range(addresses):
        address, guesses = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", range(throttle.address_limit)
        for guess in guesses if number < MAX_RECORDS else guesses[:1]:
            throttle.addresses.add(address, hash((number, guess)).to_bytes(8, "big", signed=True))
        for guess in range(throttle.user_limit if number < MAX_RECORDS else 0):
            throttle.users.add(f"user{number}", hash((number, guess)).to_bytes(8, "big", signed=True))
    return (int(own.read_text().split()[1]) - before) * 4 / 1024


if __name__ == "__main__":
    print(f"{_megabytes_of_throttle(int(sys.argv[1])):.1f}")
