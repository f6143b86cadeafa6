"""A front of a few lines below the real parent: its clients tell it what to do.

small_front.py SOCKET USER SHUTDOWN_DEADLINE [the first command of every front]
"""

import ctypes
import json
import logging
import os
import resource
import select
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType

from authd.config.load import parse
from authd.daemon import parent
from authd.daemon.holdings import Holdings
from authd.daemon.openings import exchange
from authd.unix.listening import Listening
from authd.unix.privileges import account

CONFIGURATION = """
[server]
user = "{user}"
shutdown_deadline = "{deadline}s"
[[listeners]]
path = "{path}"
mode = "0666"
[backends.users]
type = "passwd-file"
path = "{path}-users"
[control]
path = "{path}-control"
"""

log = logging.getLogger(__name__)


class Stop(Exception):  # noqa: N818  # no error
    """SIGTERM came."""


def main(path: str, user: str, shutdown_deadline: str, first: str = "") -> int:
    logging.basicConfig(format="%(message)s", level="INFO")
    loaded = parse(
        "small", CONFIGURATION.format(path=path, deadline=f"{float(shutdown_deadline):g}", user=user).encode()
    )
    sockets = exchange({}, loaded.settings, is_root=True).sockets
    bound = sockets[f"listener {path}"]
    secret = os.open("/etc/shadow", os.O_RDONLY)
    os.dup2(secret, 300)
    os.set_inheritable(300, True)
    return parent.Parent(
        Holdings(loaded, sockets, account(user)),
        lambda lifeline, _: serve(bound, lifeline, first),
        lambda _path, _lifeline: 1,
    ).run()


def serve(bound: Listening, lifeline: int, first: str) -> int:
    signal.signal(signal.SIGTERM, stop)
    try:
        log.info("starting")
        status = obey(first, bound)
        signal.signal(signal.SIGHUP, reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        log.info("serving")
        while status is None:
            ready, _, _ = select.select([bound.socket.fileno(), lifeline], [], [])
            if lifeline in ready:
                log.info("the parent has gone")
                return 0
            status = answer(bound)
    except Stop:
        while select.select([bound.socket], [], [], 0)[0]:
            answer(bound)
        status = 0
    return status


def stop(number: int, frame: FrameType | None) -> None:
    raise Stop


def reload(number: int, frame: FrameType | None) -> None:
    log.info("told to reload")


def answer(bound: Listening) -> int | None:
    connection, _ = bound.socket.accept()
    with connection:
        connection.setblocking(True)
        command = connection.recv(100).decode()
        if command == "report":
            connection.sendall(json.dumps(report()).encode())
            return None
        status = obey(command, bound)
        connection.sendall(b"done")
    return status


def obey(command: str, bound: Listening) -> int | None:
    match command.split():
        case ["end", status]:
            return int(status)
        case ["die", number]:
            os.kill(os.getpid(), int(number))
        case ["raise"]:
            raise RuntimeError("a defect")
        case ["be", "deaf"]:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        case ["unlink"]:
            bound.unlink()
        case ["sleep"]:
            time.sleep(60)
        case ["miss", "SIGHUP"]:
            while signal.SIGHUP not in signal.sigpending():
                time.sleep(0.01)
        case _:
            pass
    return None


def report() -> dict[str, object]:
    status = dict(line.split(":\t") for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "uids": os.getresuid(),
        "gids": os.getresgid(),
        "capabilities": [int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")],
        "blocked signals": int(status["SigBlk"], 16),
        "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
        "core limit": resource.getrlimit(resource.RLIMIT_CORE),
        "oom score": int(Path("/proc/self/oom_score_adj").read_text()),
        "descriptors": sorted(kind(number) for number in range(3, 1000) if is_open(number)),
        "asyncio": "asyncio" in sys.modules,
    }


def is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def kind(number: int) -> str:
    target = str(Path(f"/proc/self/fd/{number}").readlink()).partition(":")[0]
    if target != "socket":
        return target
    with socket.socket(fileno=os.dup(number)) as found:
        return "listener" if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) else "connection"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
