"""The pieces of a small configuration, at work on the running loop, with whatever probes a test gives its backends."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from authd.config.load import load
from authd.daemon.assembly import assemble
from authd.daemon.at_work import backends_at_work
from authd.server.loop_lag import LagCounters
from authd.server.pieces import Pieces

CONFIGURATION = """
[backends.a]
type = "passwd-file"
path = "/nowhere/users"

[backends.b]
type = "sasldb"
path = "/nowhere/sasldb2"

[[routes]]
name = "both"
services = ["xmpp"]
backends = ["a", "b"]

[[routes]]
name = "one"
backends = ["b"]
"""

Probe = Callable[[], Awaitable[str]]


def pieces_of(directory: Path, **probes: Probe | None) -> Pieces:
    """Give the pieces, with the probes of the backends that are named replaced."""
    file = directory / "authd.toml"
    file.write_text(CONFIGURATION)
    loaded = load(file)
    pieces = assemble(loaded.settings, backends_at_work(loaded), lambda _: None, 100, LagCounters())
    backends = [replace(each, probe=probes.get(each.settings.name, each.probe)) for each in pieces.backends]
    return replace(pieces, backends=backends)
