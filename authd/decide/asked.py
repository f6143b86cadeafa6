"""A request on its route."""

from typing import NamedTuple

from authd.decide.decision import Arrival
from authd.decide.digest import Identity
from authd.decide.route import Route
from authd_backends.contract import Request


class Asked(NamedTuple):
    """A request on its route, and what is known of it before anybody is asked."""

    arrival: Arrival
    request: Request  # with the login that the route made
    route: Route
    name: str  # what all spellings of the login count as
    identity: Identity
    digest: bytes
