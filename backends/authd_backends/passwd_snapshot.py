"""One generation of a passwd-file, open, and where in it a name stands.

Only offsets are kept in memory: the file is read with pread, and never mapped, since whoever truncates a mapped file
kills its readers. Until the index is there a name is found by reading the file through.

Measured with 1,000,000 rows in 101 MB on two cores: 2.0 s to index (0.9 s of work), in which a thread that wakes each
millisecond is kept waiting for at most 3 ms, and for 324 ms without the pauses; 16 MB of memory; 4 us to find a
name, and 85 ms to read all of it through.
"""

import os
import time
import weakref
from collections import Counter
from collections.abc import Hashable, Iterator
from pathlib import Path

from authd_backends import hashes
from authd_backends.errors import BackendError, Unavailable
from authd_backends.files import open_trusted, stamp_of
from authd_backends.passwd_index import NameIndex
from authd_backends.passwd_lines import Row, parse_line

MAX_LINE = 1 << 15  # bytes

_SCANNED = 1 << 20  # bytes read at once: 0.2 ms of bytes.find, which holds the GIL
_INDEXED = MAX_LINE  # bytes indexed at once: 0.2 ms
_SAMPLE = 1 << 14  # bytes from which the usual cost of a hash is told
_REPORTED = 10  # broken lines that are named one by one
_USUAL_LINE = 512  # bytes
_TICK = 0.02  # seconds; the kernel's clock of files moves every 1 to 10 ms
_BEING_WRITTEN = 1.0  # seconds since the last write in place, in which a missing name may be yet to come


class FileChanged(Unavailable):
    """The file is being written in place, and what was read of it may be of two minds."""


class PasswdSnapshot:
    """An open passwd-file. Raises Unavailable where it cannot be trusted or read."""

    def __init__(self, path: Path, former: "PasswdSnapshot | None" = None) -> None:
        """`former` is the generation before: the same inode with another content was written in place."""
        self._path = path
        self._descriptor = open_trusted(path)
        self._closing = weakref.finalize(self, os.close, self._descriptor)  # checks under way still read from it
        before = time.time()
        self.stamp = stamp_of(os.fstat(self._descriptor))
        # True: another change within the same tick may leave the same stamp, so that it has to be opened again
        self.is_provisional = -1 < before - self.stamp.ctime_ns / 1e9 < _TICK
        self.problems: list[str] = []  # for the operator's log
        self._written_in_place = former is not None and self._is_rewritten(former)
        self._index: NameIndex | None = None
        self.abandoned = False  # True: an `index` that is under way ends, since nobody needs it any more
        self._has_nul = False

    def find(self, name: bytes) -> bytes | None:
        """Give the first line of a name, without the newline; None where there is none.

        Raises Unavailable where a missing name proves nothing, since the file is or may be incomplete.
        """
        if not name or name[0] == ord("#") or not {*b":\n\0"}.isdisjoint(name):
            return None
        line = self._index.find(name, self._line_at) if self._index is not None else self._scanned(name)
        self._check_unchanged()
        if line is None and (doubt := self._doubt()):
            raise Unavailable(f"{self._path}: {doubt}")
        return line

    def usual_hash(self, policy: hashes.Policy) -> str | None:
        """Give a stored password that costs what most of the first rows do; None where no row can be read."""
        seen: Counter[Hashable] = Counter()
        example: dict[Hashable, str] = {}
        for raw in self._read(_SAMPLE, 0).split(b"\n")[:-1]:
            line = parse_line(raw)
            if isinstance(line, Row) and (kind := _kind(line.stored, policy)) is not None:
                seen[kind] += 1
                example.setdefault(kind, line.stored)
        return example[seen.most_common(1)[0][0]] if seen else None

    def index(self, pause: float = 0.0) -> None:
        """Learn where each name stands; `problems` then says which lines do not count.

        Sleeps `pause` seconds between pieces of 0.2 ms, so that other threads get the GIL. Raises Unavailable where
        the file is no passwd-file or changes meanwhile.
        """
        lines = sum(piece.count(b"\n") for _, piece in self._paced(_SCANNED, pause))
        index = NameIndex(lines)
        problems: list[str] = []
        number = 0
        for offset, piece in self._paced(_INDEXED, pause):
            for line in piece.split(b"\n")[:-1]:
                number += 1
                if number > lines:
                    raise FileChanged(f"{self._path}: written while it was read")
                if (problem := self._enter(index, line, offset)) and len(problems) <= _REPORTED:
                    problems.append(f"{self._path}:{number}: {problem}")
                offset += len(line) + 1
        self._check_unchanged()
        if len(problems) > _REPORTED:
            problems[_REPORTED:] = [f"{self._path}: more lines like these follow"]
        self.problems = problems
        self._index = index

    def _enter(self, index: NameIndex, line: bytes, offset: int) -> str:
        """Take a line into the index, and say what is wrong with it."""
        if line.startswith(b"#") or not line.strip():
            return ""
        name, colon, _ = line.partition(b":")
        if not name:
            return "expected name:hash, got no name"
        if not index.add(name if colon else name.removesuffix(b"\r"), offset, self._line_at):
            return "expected a name once, got it again: the first row counts"
        return "" if colon else "expected name:hash, got no colon"

    def _scanned(self, name: bytes) -> bytes | None:
        wanted = b"\n" + name
        for offset, piece in self._pieces(_SCANNED):
            window = b"\n" + piece
            found = window.find(wanted)
            while found >= 0:
                line = self._line_at(offset + found, name)
                if line is not None and line.strip():  # a blank line is nobody's, be the name blank too
                    return line
                found = window.find(wanted, found + 1)
        return None

    def _line_at(self, offset: int, name: bytes) -> bytes | None:
        """Give the line that begins at an offset, if its name is this one."""
        line = self._read(max(_USUAL_LINE, len(name) + 2), offset)
        behind = line[len(name) : len(name) + 2]
        if not line.startswith(name) or not (behind[:1] in (b":", b"\n") or behind == b"\r\n"):
            return None
        if b"\n" not in line:
            line = self._read(MAX_LINE, offset)
        whole, newline, _ = line.partition(b"\n")
        if not newline:  # it had one when it was found
            raise FileChanged(f"{self._path}: written while it was read")
        return whole

    def _paced(self, size: int, pause: float) -> Iterator[tuple[int, bytes]]:
        for piece in self._pieces(size):
            if self.abandoned:
                raise Unavailable(f"{self._path}: replaced while it was read")
            yield piece
            if pause:
                time.sleep(pause)

    def _pieces(self, size: int) -> Iterator[tuple[int, bytes]]:
        """Give the file as pieces of whole lines, each with its offset, but for a last line without a newline."""
        offset = 0
        while data := self._read(size, offset):
            end = data.rfind(b"\n") + 1
            if len(data) - end >= MAX_LINE:
                raise Unavailable(f"{self._path}: expected lines of less than {MAX_LINE} bytes, got a longer one")
            if not end:
                return
            self._has_nul = self._has_nul or b"\0" in data
            yield offset, data[:end]
            offset += end

    def _read(self, size: int, offset: int) -> bytes:
        try:
            return os.pread(self._descriptor, size, offset)
        except OSError as error:
            raise Unavailable(f"{self._path}: {error.strerror}") from error

    def _is_rewritten(self, former: "PasswdSnapshot") -> bool:
        if former.stamp[:2] != self.stamp[:2]:
            return False
        return former.stamp[2:4] != self.stamp[2:4] or former._written_in_place  # noqa: SLF001

    def _check_unchanged(self) -> None:
        now = stamp_of(os.fstat(self._descriptor))
        if now[2:4] != self.stamp[2:4]:  # size and mtime: the ctime differs once it is replaced, which does no harm
            raise FileChanged(f"{self._path}: written while it was read")

    def _doubt(self) -> str:
        """Say why a name may be missing that should be there; nothing where it is not."""
        if self.stamp.size == 0:
            return "expected at least a comment, got an empty file: truncated?"
        if self._read(1, self.stamp.size - 1) != b"\n":
            return "expected a newline at the end, got none: half-written?"
        if self._has_nul:
            return "expected text, got NULs: damaged, or no passwd-file?"
        if self._written_in_place and 0 <= time.time() - self.stamp.mtime_ns / 1e9 < _BEING_WRITTEN:
            return "being written in place"
        return ""


def _kind(stored: str, policy: hashes.Policy) -> Hashable:
    try:
        return hashes.kind(stored, policy)
    except BackendError:
        return None
