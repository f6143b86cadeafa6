"""What a helper goes by: its backends as a file has them, which may have changed since it was read."""

import logging
from collections.abc import Callable, Hashable
from pathlib import Path

from authd.config.errors import ConfigError
from authd.config.load import Loaded
from authd.config.settings import Settings
from authd.daemon.backends import checks_at_once, helper_digest, of_helper, started
from authd.daemon.settled import check_settled
from authd.helper.worker import Configuration, WorkerLimits
from authd_backends import files

WORKERS_PER_CHECK = 4  # the front may give a check up before its worker is killed, and begin the next
KEPT = 2  # configurations: while the front reloads, it is the former one that it still asks by

log = logging.getLogger(__name__)


class Configurations:
    """What the front may ask by: the file as it was read last, and for the front's own reload as it was before."""

    def __init__(self, loaded: Loaded, path: Path, load_again: Callable[[], Loaded]) -> None:
        """Raises ConfigError where a backend cannot work as configured."""
        self._loaded = loaded  # at the start
        self._path = path
        self._load_again = load_again
        self._read = _stamp(loaded)
        self.by_digest = {helper_digest(loaded.settings, path): _configuration(loaded, path)}
        self.max_workers = _max_workers(loaded.settings, path)

    def are_outdated(self) -> bool:
        return _stamp(self._loaded) != self._read

    def renew(self) -> None:
        """Go by what the file says now; where that cannot be used, say so and go on as before."""
        self._read = _stamp(self._loaded)
        try:
            found = self._load_again()
            check_writers(found)
            check_settled(found, self._loaded.settings)
            digest = helper_digest(found.settings, self._path)
            newest = self.by_digest.pop(digest, None) or _configuration(found, self._path)
        except ConfigError as error:
            log.error("the helper goes on as before: %s", error)  # noqa: TRY400
            return
        self.by_digest[digest] = newest
        for outdated in list(self.by_digest)[:-KEPT]:
            del self.by_digest[outdated]
        self.max_workers = _max_workers(found.settings, self._path)
        log.info("the helper serves %s", ", ".join(newest.backends))


def check_writers(loaded: Loaded) -> None:
    """Raises ConfigError where somebody else may write what the helper takes its options from."""
    if loaded.written_by_others:
        expected = "expected a file that nobody but root may write, since the helper takes its options from it"
        raise ConfigError([f"{loaded.source}: {expected}, got one for {loaded.written_by_others}"])


def _stamp(loaded: Loaded) -> Hashable:
    """What tells whether the file is still the one that was read."""
    return None if loaded.path is None else files.stamp_or_none(loaded.path)


def _configuration(loaded: Loaded, path: Path) -> Configuration:
    settings = loaded.settings
    limits = WorkerLimits(settings.helper.check_deadline, settings.helper.max_checks, settings.helper.max_memory)
    return Configuration({each.name: started(each, loaded) for each in of_helper(settings, path)}, limits)


def _max_workers(settings: Settings, path: Path) -> int:
    return WORKERS_PER_CHECK * sum(map(checks_at_once, of_helper(settings, path)))
