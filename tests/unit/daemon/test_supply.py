"""A front that asks its parent."""

import asyncio

import pytest

from authd.config.errors import ConfigError
from authd.config.load import parse
from authd.daemon import channel, supply
from authd.daemon.channel import Word
from authd.daemon.given import NONE
from authd.daemon.supply import ParentSupply

CONFIGURATION = b'[backends.users]\ntype = "passwd-file"\npath = "/etc/authd/users"\n'


def test_what_a_parent_prepares_too_late_it_takes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it would listen at places where nobody accepts."""
    monkeypatch.setattr(supply, "PATIENCE", 0.01)
    parent, front = channel.pair()
    with parent, front:
        with pytest.raises(ConfigError, match="expected the parent to answer, got: timed out"):
            asyncio.run(ParentSupply(NONE, front).another(parse("authd.toml", CONFIGURATION), {}))

        assert [channel.word_of(parent) for _ in range(3)] == [Word.PREPARE, Word.ROLL_BACK, None]
