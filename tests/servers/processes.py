"""The processes of an authd that was started as root, as the host counts them."""

from pathlib import Path
from typing import NamedTuple

from tests.servers.authd import Authd


class Family(NamedTuple):
    parent: int
    helper: int
    front: int


def family(authd: Authd) -> Family:
    """Find the privileged parent's two children."""
    parent = authd.process.pid
    helper, front = sorted(children(parent), key=lambda pid: status(pid, "Uid").split()[0] != "0")
    return Family(parent, helper, front)


def children(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def descriptors(pid: int) -> int:
    """Count them."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def status(pid: int, name: str) -> str:
    """Give a line of proc(5)'s status."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(f"{name}:")]
    return line.partition(":")[2].strip()
