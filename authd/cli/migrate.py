"""``authd migrate``: writes the authd.toml that does what saslauthd was set up to do."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from authd.config.from_saslauthd import Instance
    from authd.config.saslauthd_flags import Flags

HELP = "write the authd.toml that does what a saslauthd was set up to do"
GIVEN = "the command line"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.usage = "authd migrate [-h] [--output FILE] [--force] [FILE ...] [-- FLAGS ...]"
    parser.description = (
        f"{HELP}: by the files of its instances, /etc/default/saslauthd* or /etc/sysconfig/saslauthd unless they are "
        "named, or by its flags behind --"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to FILE instead of standard output")
    parser.add_argument("--force", action="store_true", help="replace FILE if it is there")
    parser.add_argument("words", nargs="*", metavar="FILE", help="read FILE")


def run(arguments: argparse.Namespace) -> int:
    """Write it; what cannot be had in authd, or not be read without a shell, is told with status 2."""
    from authd.config.errors import ConfigError
    from authd.config.from_saslauthd import configuration
    from authd.config.load import parse
    from authd.config.pam_services import pam_services
    from authd.config.saslauthd_flags import FlagsError

    try:
        instances = list(_instances(arguments.words))
        text = configuration(instances, pam_services()).encode("utf-8", "surrogateescape")
        parse(str(arguments.output or "authd.toml"), text)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except FlagsError as error:
        print(f"authd migrate: {error}", file=sys.stderr)
        return 2
    if arguments.output is None:
        print(text.decode(), end="")
        return 0
    return _write(arguments.output, text, replaces=arguments.force)


def _instances(words: list[str]) -> Iterator["Instance"]:
    from authd.config.errors import ConfigError
    from authd.config.from_saslauthd import Instance
    from authd.config.saslauthd_defaults import command_line, installed, is_switched_off, read

    files, flags = _split(words)
    given = [Path(file) for file in files]
    variables = {path: read(path) for path in given or ([] if flags else installed())}
    switched_off = [path for path, each in variables.items() if not given and is_switched_off(each)]
    for path in switched_off:
        print(f"authd migrate: {path}: left out, since START is not yes", file=sys.stderr)
        del variables[path]
    if not variables and not flags:
        raise ConfigError(
            ["/etc/default/saslauthd*: expected one to start from, got none; name FILE, or give the flags behind --"]
        )
    for path, each in variables.items():
        yield Instance(ascii(str(path))[1:-1], _parsed(str(path), command_line(each)))
    if flags:
        yield Instance(GIVEN, _parsed(GIVEN, flags))


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Tell files from flags, which begin with a dash; not every version of argparse takes the -- between them away."""
    begin = next((number for number, word in enumerate(words) if word.startswith("-")), len(words))
    return words[:begin], words[begin + (words[begin : begin + 1] == ["--"]) :]


def _parsed(source: str, flags: list[str]) -> "Flags":
    from authd.config.saslauthd_flags import Asked, FlagsError, parse

    try:
        found = parse(flags)
    except FlagsError as error:
        raise FlagsError(f"{source}: {error}") from error
    if isinstance(found, Asked):
        raise FlagsError(f"{source}: expected the flags of a daemon, got {found.value}")
    return found


def _write(output: Path, text: bytes, *, replaces: bool) -> int:
    """Write the file whole or not at all, for root and the front's group."""
    from authd.config.settings import ServerSettings
    from authd.daemon.openings import group_id
    from authd_backends import files

    group = group_id(ServerSettings().user) if os.geteuid() == 0 else -1
    # `files` refuses what has no name
    whole = output if replaces or not output.name else output.with_name(f".{output.name}.{os.getpid()}")
    try:
        files.replace(whole, text, mode=0o640, group=group)
        if not replaces:
            _give_name(whole, output)
    except FileExistsError:
        print(f"authd migrate: {output}: expected no such file, got one; --force replaces it", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"authd migrate: {output}: expected to write it, got: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _give_name(whole: Path, output: Path) -> None:
    """Let the file appear under its name. Raises OSError, FileExistsError where something has it."""
    try:
        output.hardlink_to(whole)
    finally:
        with suppress(OSError):
            whole.unlink()
