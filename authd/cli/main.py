"""The command ``authd``: finds the command that was named, and imports no other."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import NoReturn

from authd import __version__

# modules of this package, in the order of the help
COMMANDS = (
    "serve",
    "helper",
    "check",
    "test",
    "user",
    "migrate",
    "saslauthd",
    "status",
    "reload",
    "drain",
    "flush",
    "throttle",
    "explain",
    "doctor",
)

_FIRST_STEPS = """\
first steps:
  authd user add alice       keep a user in the embedded default's passwd-file
  authd serve                run the daemon, on /etc/authd/authd.toml or the embedded default
  authd test -u alice -p -   ask it for a login

exit status: 0 yes, 1 no or failed, 2 wrong use or configuration, 75 temporary failure
"""


def run() -> NoReturn:
    """Run the command line of this process and end it."""
    _open_standard_streams()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # not every terminal can show every name
    try:
        status = main(sys.argv[1:])
        print(end="", flush=True)
    except KeyboardInterrupt:
        _end_by("SIGINT")
    except BrokenPipeError:
        _end_by("SIGPIPE")
    except EOFError:
        print("authd: expected a password, got the end of the input", file=sys.stderr)
        status = 1
    sys.exit(status)


def _open_standard_streams() -> None:
    """Put something behind 0, 1 and 2, or what is opened next gets the number: a client would be sent our log."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


def main(words: Sequence[str]) -> int:
    """Run the command that `words` name and give its exit status. Raises SystemExit for help and wrong use."""
    named = [name for name in COMMANDS if name in words[:1]]
    arguments = parser_of(named or COMMANDS).parse_args(words)
    status: int = arguments.run(arguments)
    return status


def parser_of(commands: Sequence[str]) -> argparse.ArgumentParser:
    """Make the command line's parser, with these commands alone; the manual and the completion are made of all."""
    parser = argparse.ArgumentParser(
        prog="authd",
        description="A login daemon that speaks the saslauthd protocol.",
        epilog=_FIRST_STEPS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"authd {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    for name in commands:
        command = import_module(f"authd.cli.{name}")
        subparser = subparsers.add_parser(name, help=command.HELP, description=command.HELP, allow_abbrev=False)
        command.configure(subparser)
        subparser.set_defaults(run=command.run)
    return parser


def _end_by(name: str) -> NoReturn:
    """End as the signal would have ended us: a shell has to see that, or its loop over us goes on."""
    import signal  # 2 ms

    number = signal.Signals[name]
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)
