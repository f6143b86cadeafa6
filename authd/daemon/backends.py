"""Backends as configured: made, started, and how many checks of each run at once. For front and helper alike."""

import logging
import os
from hashlib import blake2b
from pathlib import Path
from typing import Any

from authd.config.errors import ConfigError
from authd.config.load import Loaded
from authd.config.location import Finding, located
from authd.config.settings import BackendSettings, Settings
from authd_backends.contract import Placement
from authd_backends.errors import OptionError, Unavailable
from authd_backends.registry import backend_type

log = logging.getLogger(__name__)

WAITING_AT_ONCE = 32  # max_concurrent of a backend that waits for its store


def of_helper(settings: Settings, path: Path | None = None) -> list[BackendSettings]:
    """Give the backends that run in a helper; with a `path` those of the helper that listens there."""
    found = [each for each in settings.backends if placement(each) is Placement.HELPER]
    return [each for each in found if path is None or path == helper_path(each, settings)]


def helper_path(backend: BackendSettings, settings: Settings) -> Path:
    """Where the helper listens that runs this backend."""
    return backend.helper or settings.helper.path


def helper_paths(settings: Settings) -> list[Path]:
    """Where the helpers listen, each once."""
    return list(dict.fromkeys(helper_path(each, settings) for each in of_helper(settings)))


def helper_digest(settings: Settings, path: Path) -> bytes:
    """The digest of all that the helper at `path` goes by: whether front and helper have read the same."""
    meaning = repr((settings.server.user, settings.helper, of_helper(settings, path)))
    return blake2b(meaning.encode("utf-8", "surrogateescape"), digest_size=32).digest()


def placement(settings: BackendSettings) -> Placement:
    """Where the checks of this backend run."""
    found: Placement = backend_type(settings.type).placement
    return found


def decides_by_client(settings: BackendSettings) -> bool:
    """Whether the client is part of what this backend is asked, so that one client's answer is not another's."""
    return bool(getattr(made(settings), "uses_client", False))  # some tell by their options


def made(settings: BackendSettings) -> Any:
    """Make a backend with its options, not started."""
    return backend_type(settings.type)(settings.options)


def started(settings: BackendSettings, loaded: Loaded) -> Any:
    """Make a backend and start it. One whose store is out is kept: it may come back.

    Raises ConfigError where it cannot work as configured in the file that was `loaded`.
    """
    try:
        backend = made(settings)
        backend.start()
    except OptionError as error:
        raise ConfigError(_located(settings, loaded, str(error))) from error
    except Unavailable as outage:
        log.warning("backend %s: unavailable: %s", settings.name, outage)
    return backend


def _located(settings: BackendSettings, loaded: Loaded, problem: str) -> list[str]:
    """Say where the option stands that the backend's own text begins with."""
    option, _, text = problem.partition(": ")
    if option.isidentifier() and text:
        finding = Finding(("backends", settings.name, option), text)
    else:
        finding = Finding(("backends", settings.name), problem)
    return located(loaded.source, loaded.content.decode(), [finding])


def checks_at_once(settings: BackendSettings) -> int:
    """How many checks of this backend may run at once: as set, or as many as there are cores where it hashes."""
    hashes = backend_type(settings.type).hashes_passwords
    return settings.max_concurrent or (len(os.sched_getaffinity(0)) if hashes else WAITING_AT_ONCE)
