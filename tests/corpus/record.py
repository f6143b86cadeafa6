"""Records what real clients send: `python -m tests.corpus.record`, as root, writes the *.bin files beside it anew."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.servers import libsasl, sasl
from tests.servers.box import Box
from tests.servers.saslauthd import Saslauthd

SOCKET = "/var/run/saslauthd/mux"  # as Debian's clients have it
LOGIN, PASSWORD, SERVICE, REALM = "alice", "secret", "smtp", "example.org"
STRACE = ["strace", "-f", "-qq", "-xx", "-s", "16384", "-e", "trace=connect,write,writev,sendto", "-o", "/run/trace"]
EXIM_TEST = f"${{if saslauthd{{{{{LOGIN}}}{{{PASSWORD}}}{{{SERVICE}}}{{{REALM}}}}}{{yes}}{{no}}}}"
CLIENTS: dict[str, tuple[list[str], str]] = {  # command, standard input
    "testsaslauthd": (["testsaslauthd", "-u", LOGIN, "-p", PASSWORD, "-s", SERVICE, "-r", REALM], ""),
    "testsaslauthd-no-realm": (["testsaslauthd", "-u", LOGIN, "-p", PASSWORD], ""),
    "libsasl2": ([sys.executable, "-m", libsasl.__name__], f'["{LOGIN}@{REALM}", "{PASSWORD}", 1]\n'),
    "libsasl2-no-realm": ([sys.executable, "-m", libsasl.__name__], f'["{LOGIN}", "{PASSWORD}", 1]\n'),
    "libsasl2-utf8": ([sys.executable, "-m", libsasl.__name__], f'["älice@{REALM}", "sécret€", 1]\n'),
    "libsasl2-longest": ([sys.executable, "-m", libsasl.__name__], f'["{LOGIN}", "{"x" * (8162 - 9)}", 1]\n'),
    "exim": (["exim4", "-be", EXIM_TEST], ""),
    "v1": ([sys.executable, "-m", "tests.servers.old_client", SOCKET, LOGIN, PASSWORD], ""),
}


def record(box: Box, command: Sequence[str], standard_input: str) -> list[bytes]:
    """Give what the command writes to the socket, write by write."""
    box.run([*STRACE, *command], input=standard_input, expect=None)  # a refusal is as good
    to_socket = r"\d+ +connect\((\d+), \{sa_family=AF_UNIX, sun_path=\"([^\"]*)\"\}, \d+\) = 0"
    writes: list[bytes] = []
    descriptor = None
    for line in box.read("/run/trace").splitlines():
        if (found := re.match(to_socket, line)) and _bytes(found[2]) == SOCKET.encode():
            descriptor = found[1]
        elif descriptor and re.match(rf"\d+ +(?:write|writev|sendto)\({descriptor},", line):
            writes.append(b"".join(_bytes(text) for text in re.findall(r'"([^"]*)"', line)))
    return writes


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def main() -> None:
    folder = Path(__file__).parent
    with Box("sasl2-bin", "exim4-daemon-heavy", "strace") as box:
        box.add_group("sasl")
        box.add_user("Debian-exim", groups=["sasl"])
        box.write("/etc/exim4/exim4.conf", "")
        box.write(libsasl.CONFIGURATION, "pwcheck_method: saslauthd\n")
        sasl.set_password(box, LOGIN, REALM, PASSWORD)
        Saslauthd(box).start()
        for name, (command, standard_input) in CLIENTS.items():
            writes = record(box, command, standard_input)
            for number, write in enumerate(writes, 1):
                part = f".{number}" if len(writes) > 1 else ""
                (folder / f"{name}{part}.bin").write_bytes(write)


if __name__ == "__main__":
    main()
