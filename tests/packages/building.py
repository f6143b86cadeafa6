"""Builds a wheel or an sdist with the build backend that is installed: no network."""

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def built(target: str, tree: Path, into: Path) -> Path:
    """Build one and give its file."""
    command: list[str | Path] = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", into]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)
    (file,) = into.iterdir()
    return file
