"""What a reload cannot change."""

from authd.config.errors import ConfigError
from authd.config.load import Loaded
from authd.config.settings import Settings


def check_settled(found: Loaded, settings: Settings) -> None:
    """Raises ConfigError for what is settled by the start."""
    problems = [
        f"{found.source}: {key}: expected {old} until authd is started anew, got {new}"
        for key, new, old in (
            ("server.user", found.settings.server.user, settings.server.user),
            ("helper.path", found.settings.helper.path, settings.helper.path),
        )
        if new != old
    ]
    if problems:
        raise ConfigError(problems)
