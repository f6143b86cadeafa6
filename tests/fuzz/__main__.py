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
    limits = [*_LIMITS, f"-max_total_time={seconds}", f"-artifact_prefix={found.with_suffix('')}-"]
    done = _one(name, *limits, "-print_final_stats=1", str(found), str(kept))
    figures = dict(line.removeprefix("stat::").split(":") for line in done.splitlines() if line.startswith("stat::"))
    runs = figures.get("number_of_executed_units", "0").strip()
    failure = next((line for line in done.splitlines() if "Test unit written to" in line), "")
    print(f"{name}: {runs} inputs, {'FAILED' if failure else 'all well'}", flush=True)  # noqa: T201
    if failure:
        told = [line for line in done.splitlines() if not line.startswith(("#", "INFO", "[INFO]", "WARNING"))]
        print(*told, f"Again: python -m tests.fuzz.one {name} {failure.rpartition(' ')[2]}", sep="\n", flush=True)  # noqa: T201
    return not failure


def _keep(name: str) -> None:
    limits = [*_LIMITS, f"-max_len={_KEPT}"]
    small = _FOUND / f"{name}.small"
    small.mkdir(parents=True, exist_ok=True)
    for each in (_FOUND / name).iterdir():
        if each.stat().st_size <= _KEPT:
            (small / each.name).write_bytes(each.read_bytes())
    _one(name, *limits, "-merge=1", str(CORPUS / name), str(small))


def _one(name: str, *options: str) -> str:
    command = [sys.executable, "-m", "tests.fuzz.one", name, *options]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout + done.stderr  # atheris's tracebacks, libFuzzer's figures


if __name__ == "__main__":
    sys.exit(main())
