"""Logins that only ask whether anybody answers: the watchdog's, and those of the doctor that root runs."""

import os
from socket import SocketType

from authd.protocols.saslauthd import PROBE
from authd.unix.sockets import peer_credentials


def is_probe(sock: SocketType, data: memoryview) -> bool:
    """Whether it is no client who has sent this: then it is neither counted nor told of.

    It is this very process or root, which the kernel alone says: nobody else can hide as that.
    """
    if data != PROBE:
        return False
    caller = peer_credentials(sock)
    return caller.pid == os.getpid() or caller.uid == 0
