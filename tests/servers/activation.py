"""`python -m tests.servers.activation PATH OWNER COMMAND…`: listens at a path and hands that over, as systemd does."""

import os
import shutil
import socket
import sys
from pathlib import Path


def main(path: str, owner: str, *command: str) -> None:
    listening = socket.socket(socket.AF_UNIX)
    Path(path).unlink(missing_ok=True)
    listening.bind(path)
    shutil.chown(path, owner)
    Path(path).chmod(0o600)
    listening.listen(1024)
    os.dup2(listening.fileno(), 3)
    os.set_inheritable(3, True)  # where it was that number already
    os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "authd-helper.socket"}
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
