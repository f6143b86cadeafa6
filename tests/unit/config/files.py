"""Configuration files for tests, and what is said about them."""

from pathlib import Path

import pytest

from authd.config.errors import ConfigError
from authd.config.load import Loaded, load

USERS = '[backends.users]\ntype = "passwd-file"\npath = "/etc/authd/users"\n'


def loaded(directory: Path, text: str) -> Loaded:
    path = directory / "authd.toml"
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    return load(path)


def warnings(directory: Path, text: str) -> list[str]:
    """What is warned of, without the directory."""
    return [line.removeprefix(f"{directory}/") for line in loaded(directory, text).warnings]


def problems(directory: Path, text: str) -> list[str]:
    """What stops the start, without the directory."""
    with pytest.raises(ConfigError) as caught:
        loaded(directory, text)
    return [line.removeprefix(f"{directory}/") for line in caught.value.problems]
