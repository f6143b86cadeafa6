"""What guessers are told apart by: their addresses."""

from collections.abc import Sequence
from functools import lru_cache, partial
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

MAX_REMEMBERED = 65_536  # addresses
IPV6_HOST_BITS = 64  # one customer has them all


class Sources:
    """Tells what an address is counted as: itself, or the /64 of an IPv6 one; None where it is exempt.

    Raises ValueError for what is no address.
    """

    def __init__(self, exempt: Sequence[str]) -> None:
        """`exempt` are addresses and networks of hosts that many users come from."""
        networks = [ip_network(network, strict=False) for network in exempt]
        self._find = lru_cache(MAX_REMEMBERED)(partial(_found, networks))

    def __call__(self, address: str) -> str | None:
        return self._find(address)


def _found(exempt: Sequence[IPv4Network | IPv6Network], address: str) -> str | None:
    parsed = ip_address(address)
    if any(parsed in network for network in exempt):
        return None
    if parsed.version == 4:
        return str(parsed)
    return str(ip_network((parsed, 128 - IPV6_HOST_BITS), strict=False))
