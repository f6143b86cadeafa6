"""``python -m tests.fuzz [--seconds N] [--jobs N] [--keep] [HARNESS…]``: hostile bytes for every parser.

Each begins with the corpus that is kept and with what earlier runs have found, in .cache/fuzz. `--keep` puts those
finds of at most `_KEPT` bytes that reach further than the corpus into it. Exit status 1 when a harness failed; what it
failed with stays in .cache/fuzz.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.harnesses import HARNESSES

CORPUS = Path(__file__).with_name("corpus")
_FOUND = Path(__file__).parents[2] / ".cache" / "fuzz"
_KEPT = 100  # bytes
_LIMITS = ["-timeout=10", "-rss_limit_mb=1024"]  # seconds for one input, megabytes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="of each harness (60)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="at once (the cores)")
    parser.add_argument("--keep", action="store_true", help="take what earlier runs found into the corpus, and end")
    parser.add_argument("harnesses", nargs="*", metavar="HARNESS", help="of " + ", ".join(HARNESSES))
    arguments = parser.parse_args()
    names = arguments.harnesses or list(HARNESSES)
    if unknown := set(names) - HARNESSES.keys():
        parser.error(f"expected harnesses of {', '.join(HARNESSES)}, got {', '.join(sorted(unknown))}")
    if arguments.keep:
        for name in names:
            _keep(name)
        return 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        held = list(pool.map(lambda name: _fuzz(name, arguments.seconds), names))
    return 0 if all(held) else 1


def _fuzz(name: str, seconds: int) -> bool:
    """Run one, and say how it went."""
    found, kept = _FOUND / name, CORPUS / name
    found.mkdir(parents=True, exist_ok=True)
    limits = [f"-max_total_time={seconds}", f"-artifact_prefix={found}-", "-print_final_stats=1"]
    done = _one(name, *limits, str(found), str(kept))
    lines = (done.stdout + done.stderr).splitlines()  # atheris's tracebacks, libFuzzer's figures
    runs = next((line.split()[-1] for line in lines if line.startswith("stat::number_of_executed_units")), "no")
    print(f"{name}: {runs} inputs, {'FAILED' if done.returncode else 'all well'}", flush=True)  # noqa: T201
    if done.returncode:
        told = [line for line in lines if not line.startswith(("#", "INFO", "[INFO]", "WARNING"))]
        print(*told, f"Again: python -m tests.fuzz.one {name} FILE", sep="\n", flush=True)  # noqa: T201
    return not done.returncode


def _keep(name: str) -> None:
    small = _FOUND / f"{name}.small"
    small.mkdir(parents=True, exist_ok=True)
    for each in (_FOUND / name).iterdir():
        if each.stat().st_size <= _KEPT:
            (small / each.name).write_bytes(each.read_bytes())
    _one(name, "-merge=1", str(CORPUS / name), str(small)).check_returncode()


def _one(name: str, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.fuzz.one", name, *_LIMITS, *options]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)


if __name__ == "__main__":
    sys.exit(main())
