"""passwd-file: users in a text file, ``user[@realm]:hash``."""

import logging
import threading
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from authd_backends import files, hashes
from authd_backends.contract import Outcome, Placement, Request, Verdict
from authd_backends.errors import BackendError, Unavailable
from authd_backends.hashes.making import check_new_scheme
from authd_backends.passwd_lines import Row, parse_line
from authd_backends.passwd_snapshot import FileChanged, PasswdSnapshot

log = logging.getLogger(__name__)

_SMALL = 1 << 17  # bytes, up to which a check waits for the index: 1300 rows, about 1 ms
_PAUSE = 0.0003  # seconds, see PasswdSnapshot.index
_ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class PasswdFileOptions:
    path: Path
    """The file, of rows `name@domain:hash` and `name:hash`."""
    scheme: str | None = None
    """Of the hashes that `authd user` makes. Not set: the best that the machine has."""
    default_scheme: str | None = None
    """Of values that name no scheme and have the form of none."""
    weak_schemes: bool = False
    """Accept hashes that are computed in no time: unsalted MD5 and SHA, SMD5, md5crypt, DES, MySQL's."""

    def __post_init__(self) -> None:
        """Raises OptionError for an unknown scheme."""
        if self.scheme is not None:
            check_new_scheme(self.scheme)
        hashes.Policy(self.default_scheme, self.weak_schemes)


class PasswdFileBackend:
    """Looks up the row ``login@realm``, then the row ``login``, which means any realm; the first row of a name counts.

    A changed file is taken up by the next check: a small one is indexed there and then, a large one beside the checks,
    which read it through until the index is there. A file that is missing, may be written by others, or is cut short is
    UNAVAILABLE, and so is a user whose hash cannot be verified: none of them is an unknown user. In a file without its
    final newline only the whole rows count, and every other name is UNAVAILABLE: its row may be yet to come.
    """

    options_type: ClassVar[type] = PasswdFileOptions
    placement: ClassVar[Placement] = Placement.THREAD
    hashes_passwords: ClassVar[bool] = True

    def __init__(self, options: PasswdFileOptions) -> None:
        self._options = options
        self._policy = hashes.Policy(options.default_scheme, options.weak_schemes)
        self._opening = threading.Lock()
        self._snapshot: PasswdSnapshot | None = None
        self._usual_hash: str | None = None
        self._indexing: threading.Thread | None = None
        self._reported: files.Stamp | None = None

    def start(self) -> None:
        """Open the file. Raises Unavailable where it cannot be read yet."""
        self._current()

    def check(self, request: Request) -> Verdict:
        try:
            row = self._row(request)
            if row is None:
                self._spend(request)
                return Verdict(Outcome.UNKNOWN_USER)
            return self._verdict(row, request)
        except BackendError as outage:
            return Verdict(Outcome.UNAVAILABLE, str(outage))

    def close(self) -> None:
        """Close the file, and end an index that is under way."""
        with self._opening:
            snapshot, self._snapshot = self._snapshot, None
        if snapshot is not None:
            snapshot.abandoned = True
        if self._indexing is not None:
            self._indexing.join()

    def probe(self) -> None:
        """See whether the file can be read. Raises Unavailable."""
        with suppress(FileChanged):
            self._current()

    def generation(self) -> Hashable:
        try:
            return files.stamp(self._options.path)
        except Unavailable as outage:
            return str(outage)

    def _verdict(self, row: Row, request: Request) -> Verdict:
        if hashes.is_locked(row.stored):
            self._spend(request)
            return Verdict(Outcome.DISABLED, "locked", user=row.name)
        try:
            accepted = hashes.matches(row.stored, request.password, self._policy)
        except BackendError as error:
            raise Unavailable(f"{self._options.path}: {row.name}: {error}") from error
        return Verdict(Outcome.ACCEPTED if accepted else Outcome.WRONG_PASSWORD, user=row.name)

    def _spend(self, request: Request) -> None:
        hashes.spend(request.password, self._usual_hash, self._policy)

    def _row(self, request: Request) -> Row | None:
        names = [f"{request.login}@{request.realm}", request.login] if request.realm else [request.login]
        found = self._line([name.encode("utf-8", "surrogateescape") for name in names])
        if found is None:
            return None
        line = parse_line(found)
        if not isinstance(line, Row):
            raise Unavailable(f"{self._options.path}: {request.login}: expected name:hash, got no colon")
        return line

    def _line(self, names: list[bytes]) -> bytes | None:
        """Give the first line that has one of the names, in their order. Raises Unavailable."""
        for _ in range(_ATTEMPTS - 1):
            with suppress(FileChanged):
                return self._current_line(names)
        return self._current_line(names)

    def _current_line(self, names: list[bytes]) -> bytes | None:
        snapshot = self._current()
        lines = (snapshot.find(name) for name in names)
        return next((line for line in lines if line is not None), None)

    def _current(self) -> PasswdSnapshot:
        """Give the file as it is now. Raises Unavailable."""
        with self._opening:
            former = self._snapshot
            now = files.stamp(self._options.path)
            if former is not None and former.stamp == now and not former.is_provisional:
                return former
            if former is not None:
                former.abandoned = True
            self._snapshot = self._opened(former)
            return self._snapshot

    def _opened(self, former: PasswdSnapshot | None) -> PasswdSnapshot:
        snapshot = PasswdSnapshot(self._options.path, former)
        self._usual_hash = snapshot.usual_hash(self._policy)
        if snapshot.stamp.size <= _SMALL:
            snapshot.index()
            self._report(snapshot)
        else:
            self._indexing = threading.Thread(target=self._index_beside, args=(snapshot,), daemon=True)
            self._indexing.start()
        return snapshot

    def _index_beside(self, snapshot: PasswdSnapshot) -> None:
        try:
            snapshot.index(_PAUSE)
        except FileChanged:
            return  # the next check opens it anew
        except Unavailable as error:
            if not snapshot.abandoned:
                log.warning("not indexed, so that each check reads all of it: %s", error)
            return
        self._report(snapshot)

    def _report(self, snapshot: PasswdSnapshot) -> None:
        """Once a generation, which may have to be opened more than once."""
        if snapshot.stamp != self._reported:
            self._reported = snapshot.stamp
            for problem in snapshot.problems:
                log.warning("%s", problem)
