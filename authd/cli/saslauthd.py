"""``authd saslauthd``: takes the command line of Cyrus's saslauthd, and is authd in its place."""

import os
import select
import signal
import sys
import time
import traceback
from argparse import REMAINDER, ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from authd.config.load import Loaded
    from authd.config.saslauthd_flags import Flags
    from authd.unix.detaching import Background

HELP = "run the daemon with saslauthd's own command line"
USAGE = """\
usage: authd saslauthd [options]
       authd saslauthd --defaults FILE [further options]

  -a <mechanism>  pam, shadow, getpwent, sasldb or ldap
  -c              remember passwords
  -d              stay in the foreground, and log everything to standard error
  -f              stay in the foreground
  -h              this help
  -l              no effect: there is no accept() lock
  -m <directory>  of the socket mux and of saslauthd.pid, absolute (/run/saslauthd)
  -n <number>     checks of PAM at once (5)
  -O <file>       for ldap: instead of /etc/saslauthd.conf
  -r              ask for login@realm where there is a realm
  -s <kilobytes>  what is remembered, at most
  -t <seconds>    how long it is remembered
  -T              no effect: PAM's account modules decide about times
  -v              version and mechanisms
  -V              log everything
  --defaults FILE take the options from /etc/default/saslauthd, or another file like it

Exit status: 0 once the socket answers, 1 it could not be started, 2 another one runs in this directory.
"""
OPEN_TO_ALL = "every user of this system may try passwords here; close it: chgrp sasl, chmod 0710"
PID_FILE = "saslauthd.pid"
PATIENCE = 60.0  # seconds for the socket to answer
STEP = 0.02  # seconds between two looks


def configure(parser: ArgumentParser) -> None:
    """Leave every word to `run`: getopt(3) takes combined flags and values that begin with a dash."""
    parser.prefix_chars = "\0"  # no word can begin with it, so argparse sees no options
    parser.add_argument("words", nargs=REMAINDER)


def run(arguments: Namespace) -> int:
    """Start in the background, or run in the foreground to the end."""
    from authd.config.errors import ConfigError
    from authd.config.saslauthd_flags import Asked, FlagsError, UsageError, parse
    from authd.unix.detaching import AlreadyRunningError, ForkError, PidFileError

    try:
        source, words = _command_line(arguments.words)
        flags = parse(words)
        if flags is Asked.USAGE:
            print(USAGE, end="", file=sys.stderr)
            return 0
        if flags is Asked.VERSION:
            print(_version(), file=sys.stderr)
            return 0
        return _start(source, flags)
    except UsageError as error:
        print(f"authd saslauthd: {error}\n{USAGE}", end="", file=sys.stderr)
    except ConfigError as error:
        print(error, file=sys.stderr)
    except AlreadyRunningError as error:
        return _tell_of_another(error)
    except (FlagsError, ForkError, PidFileError) as error:
        print(f"authd saslauthd: {error}", file=sys.stderr)
    return 1


def _command_line(words: Sequence[str]) -> tuple[str, list[str]]:
    """Give where the flags stand, and the flags; those that follow ``--defaults FILE`` come after those of the file."""
    from authd.config.saslauthd_defaults import command_line, read
    from authd.config.saslauthd_flags import UsageError

    if words[:1] != ["--defaults"]:
        return "the command line", list(words)
    if len(words) < 2:
        raise UsageError("--defaults: expected a file, got none")
    return words[1], [*command_line(read(Path(words[1]))), *words[2:]]


def _version() -> str:
    from authd import __version__
    from authd.config.saslauthd_flags import Mechanism

    return f"authd {__version__}\nauthentication mechanisms: {' '.join(each.value for each in Mechanism)}"


def _start(source: str, flags: "Flags") -> int:
    from authd.config.from_saslauthd import Instance
    from authd.daemon.drop_in import is_open_to_all, prepared
    from authd.unix.detaching import check_free, in_background

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # inherited as ignored, no end of a child could be waited for
    check_free(flags.directory / PID_FILE)  # or the configuration of the one that runs would be overwritten
    loaded = prepared(Instance(source, flags))
    if is_open_to_all(flags.directory):
        print(f"authd saslauthd: {flags.directory}: {OPEN_TO_ALL}", file=sys.stderr)
    if not _rehearsed(loaded):
        return 1
    if flags.stays:
        os._exit(_served(loaded))
    daemon = in_background(lambda: _served_with_pid_file(loaded, flags.directory))
    return _awaited(daemon, flags.directory / "mux")


def _rehearsed(loaded: "Loaded") -> bool:
    """Find in a child process what would keep the daemon from serving, where it can still be told."""
    from authd.config.errors import ConfigError
    from authd.daemon.drop_in import rehearse
    from authd.unix.detaching import forked
    from authd.unix.privileges import PrivilegeError
    from authd_backends.errors import BackendError

    child = forked()
    if child:
        return os.waitpid(child, 0)[1] == 0
    status = 1
    try:
        rehearse(loaded)
        status = 0
    except (ConfigError, PrivilegeError, BackendError) as error:
        print(f"authd saslauthd: {error}", file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _served(loaded: "Loaded") -> int:
    """Serve to the end, and give saslauthd's exit status: 1 where it cannot be started."""
    from authd.cli.starting import started
    from authd.daemon.start import start

    return min(1, started(start, loaded.path))


def _served_with_pid_file(loaded: "Loaded", directory: Path) -> int:
    from authd.unix.detaching import AlreadyRunningError, PidFile, PidFileError

    try:
        pid_file = PidFile(directory / PID_FILE)
    except AlreadyRunningError as error:
        return _tell_of_another(error)
    except PidFileError as error:
        print(f"authd saslauthd: {error}", file=sys.stderr)
        return 1
    try:
        return _served(loaded)
    finally:
        pid_file.remove()


def _tell_of_another(error: Exception) -> int:
    print(f"authd saslauthd: another instance of saslauthd is running: {error}", file=sys.stderr)
    return 2


def _awaited(daemon: "Background", mux: Path) -> int:
    """Wait until the daemon answers or has ended; pass on what it says until then."""
    from authd.daemon.drop_in import answers

    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        ended, status = os.waitpid(daemon.pid, os.WNOHANG)
        said = _pass_on(daemon.said)
        if ended:
            if not said:
                print(f"authd saslauthd: {mux}: the daemon ended before it answered; its log says why", file=sys.stderr)
            return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) and status else 1
        if answers(mux, daemon.pid):
            return 0
        time.sleep(STEP)
    print(f"authd saslauthd: {mux}: expected an answer within {PATIENCE:g} s, got none", file=sys.stderr)
    os.kill(daemon.pid, signal.SIGTERM)
    return 1


def _pass_on(said: int) -> bool:
    """Print what has come."""
    passed = False
    while select.select([said], [], [], 0)[0] and (data := os.read(said, 4096)):
        os.write(2, data)
        passed = True
    return passed
