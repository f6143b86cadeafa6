"""Asks the running daemon on its control socket, for the commands that do so."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from authd.control.messages import Command

Answer = dict[str, Any]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which daemon is asked, and how its answer is printed."""
    parser.add_argument("--control", type=Path, metavar="PATH", help="the daemon's control socket")
    parser.add_argument("--config", type=Path, metavar="FILE", help="ask the daemon that runs on FILE")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def asked(
    arguments: argparse.Namespace,
    command: "Command",
    lines: "Callable[[Answer], Iterable[str]]",
    status: "Callable[[Answer], int]" = lambda _: 0,
) -> int:
    """Ask, print the answer as JSON or in `lines`, and give the exit status: its `status`, or that of the failure."""
    from authd.config.errors import ConfigError
    from authd.control.client import ControlError, ask
    from authd.control.messages import Failure

    try:
        answer = ask(arguments.control or _configured(arguments.config), command)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except ControlError as error:
        print(f"authd: {error}", file=sys.stderr)
        match error.failure:
            case Failure.MALFORMED | Failure.UNUSABLE:
                return 2
            case Failure.BUSY | Failure.ABSENT:
                return 75
            case Failure.REFUSED | Failure.DEFECT:
                return 1
    if arguments.json:
        print(json.dumps(answer, indent=2))
    else:
        for line in lines(answer):
            print(line)
    return status(answer)


def shown(name: str) -> str:
    """A name for the terminal: what cannot be shown is escaped."""
    return name if name.isprintable() else ascii(name)[1:-1]


def duration(seconds: float) -> str:
    """Seconds in the unit that suits."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _configured(config: Path | None) -> Path:
    """Where the daemon listens for us: by its file, which not every administrator of it may read."""
    from authd.config.default import CONFIG_FILE, is_there
    from authd.config.load import load
    from authd.config.settings import ControlSettings

    if config is None and is_there(CONFIG_FILE) and not os.access(CONFIG_FILE, os.R_OK):
        return ControlSettings().path
    return load(config).settings.control.path
