"""What has happened to connections since the start, as plain integers."""

from dataclasses import dataclass


@dataclass(slots=True)
class ConnectionCounters:
    accepted: int = 0
    ended_early: int = 0  # the client left before its request was whole
    too_slow: int = 0  # the request was not whole within read_deadline
    evicted: int = 0  # closed unanswered to make room for a newcomer
    turned_away: int = 0  # told a temporary failure since every slot was busy
    out_of_descriptors: int = 0  # times that accept met the limit of the process or the system
