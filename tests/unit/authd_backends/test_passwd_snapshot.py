"""One generation of a passwd-file: what is found in it, indexed or read through."""

import os
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authd_backends import hashes, passwd_snapshot
from authd_backends.errors import Unavailable
from authd_backends.passwd_index import NameIndex
from authd_backends.passwd_lines import row_of, split
from authd_backends.passwd_snapshot import MAX_LINE, FileChanged, PasswdSnapshot

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: bytes) -> Path:
        path = tmp_path / "users"
        path.write_bytes(content)
        path.chmod(0o600)
        os.utime(path, (1e9, 1e9))  # long ago
        return path

    return written


def both(path: Path) -> tuple[PasswdSnapshot, PasswdSnapshot]:
    """One that reads the file through, and one with an index."""
    indexed = PasswdSnapshot(path)
    indexed.index()
    return PasswdSnapshot(path), indexed


def test_a_name_is_found_and_a_part_of_one_is_not(write: Write) -> None:
    path = write(b"# alice:x\nbob:1\nbob@example.org:2:1000::\nlong-bob:3\nb:4\n")

    for snapshot in both(path):
        assert snapshot.find(b"bob") == b"bob:1"
        assert snapshot.find(b"bob@example.org") == b"bob@example.org:2:1000::"
        assert snapshot.find(b"b") == b"b:4"
        for absent in (
            b"",
            b"bo",
            b"ob",
            b"alice",
            b"# alice",
            b"1",
            b"bob:1",
            b"bob\nlong-bob",
            b"bob\0",
            b"x" * 8000,
        ):
            assert snapshot.find(absent) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([b"alice:1", b"alice:2", b"bob:x:y", b"#c", b"", b"al", b":", b"carl"])))
def test_reading_through_and_the_index_find_what_the_lines_say(write: Write, lines: list[bytes]) -> None:
    content = b"".join(line + b"\n" for line in [b"# users", *lines])
    rows = split(content)

    for snapshot in both(write(content)):
        for name in ("alice", "bob", "nobody"):
            row, found = row_of(rows, name), snapshot.find(name.encode())
            assert found == (row.raw if row is not None else None)


def test_a_name_without_a_hash_is_all_of_its_line(write: Write) -> None:
    for snapshot in both(write(b"alice\rb\nbob\r\r\n")):
        assert snapshot.find(b"alice") is None
        assert snapshot.find(b"bob") is None
        assert snapshot.find(b"alice\rb") == b"alice\rb"


def test_a_blank_line_is_nobody_s_be_the_name_as_blank(write: Write) -> None:
    for snapshot in both(write(b"alice:x\n \n\x0b\r\n\t:y\n")):
        assert snapshot.find(b" ") is None
        assert snapshot.find(b"\x0b") is None
        assert snapshot.find(b"\t") == b"\t:y"


@pytest.mark.parametrize("size", [1, 20, 33, 100, 1000])
def test_names_are_found_wherever_the_pieces_end(write: Write, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    names = [b"user%d" % number for number in range(300)]
    path = write(b"".join(name + b":" + b"x" * (number % 13) + b"\n" for number, name in enumerate(names)))
    monkeypatch.setattr(passwd_snapshot, "_SCANNED", 20 + size)
    monkeypatch.setattr(passwd_snapshot, "_INDEXED", 20 + size)

    for snapshot in both(path):
        assert all((snapshot.find(name) or b"").startswith(name + b":") for name in names)


def test_broken_lines_are_reported_with_their_numbers_and_the_rest_goes_on(write: Write) -> None:
    path = write(b"alice:1\nno colon\n:no name\n\n# fine\nalice:2\nbob:1\n")
    snapshot = PasswdSnapshot(path)

    snapshot.index()

    assert snapshot.problems == [
        f"{path}:2: expected name:hash, got no colon",
        f"{path}:3: expected name:hash, got no name",
        f"{path}:6: expected a name once, got it again: the first row counts",
    ]
    assert snapshot.find(b"bob") == b"bob:1"


def test_a_foreign_file_is_not_reported_line_by_line(write: Write) -> None:
    path = write(b"no colon\nhere\n" * 1000)
    snapshot = PasswdSnapshot(path)

    snapshot.index()

    assert len(snapshot.problems) == 11
    assert snapshot.problems[-1] == f"{path}: more lines like these follow"


@pytest.mark.parametrize("line", [b"alice\n", b"alice\r\n"])
def test_a_name_without_a_hash_is_found_so_that_nobody_takes_it_for_unknown(write: Write, line: bytes) -> None:
    for snapshot in both(write(b"bob:1\n" + line)):
        assert snapshot.find(b"alice") == line.rstrip(b"\n")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "expected at least a comment, got an empty file"),
        (b"alice:1\nbob", "expected a newline at the end, got none"),
        (b"alice:1\nbob:123", "expected a newline at the end, got none"),
        (b"alice:1\n\0\0\0\0\n", "expected text, got NULs"),
    ],
)
def test_in_a_damaged_file_a_missing_name_proves_nothing(write: Write, content: bytes, reason: str) -> None:
    for snapshot in both(write(content)):
        with pytest.raises(Unavailable, match=reason):
            snapshot.find(b"bob")
        if b"alice" in content:
            assert snapshot.find(b"alice") == b"alice:1"


def test_a_file_without_line_breaks_is_no_passwd_file(write: Write) -> None:
    path = write(b"x" * MAX_LINE)

    with pytest.raises(Unavailable, match="expected lines of less than"):
        PasswdSnapshot(path).index()
    with pytest.raises(Unavailable, match="expected lines of less than"):
        PasswdSnapshot(path).find(b"bob")


def test_a_name_that_is_missing_while_the_file_is_written_in_place_may_be_yet_to_come(write: Write) -> None:
    path = write(b"alice:1\nbob:1\n")
    former = PasswdSnapshot(path)
    path.write_bytes(b"alice:2\n")  # an editor that is half-way
    halfway = PasswdSnapshot(path, former)
    again = PasswdSnapshot(path, halfway)

    for snapshot in (halfway, again):
        assert snapshot.find(b"alice") == b"alice:2"
        with pytest.raises(Unavailable, match="being written in place"):
            snapshot.find(b"bob")


def test_a_name_that_is_missing_in_a_file_written_long_ago_is_unknown(write: Write) -> None:
    path = write(b"alice:1\nbob:1\n")
    former = PasswdSnapshot(path)
    write(b"alice:2\n")

    assert PasswdSnapshot(path, former).find(b"bob") is None


def test_what_changes_while_it_is_read_is_not_believed(write: Write) -> None:
    path = write(b"alice:1\n")
    snapshot = PasswdSnapshot(path)
    path.write_bytes(b"alice:22\n")

    with pytest.raises(FileChanged):
        snapshot.index()
    with pytest.raises(FileChanged):
        snapshot.find(b"alice")


def test_a_file_that_grows_while_it_is_indexed_is_not_believed(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index has room for the lines that were counted, and no more."""
    path = write(b"alice:1\n")

    def grow(lines: int) -> NameIndex:
        path.write_bytes(b"".join(b"user%d:1\n" % number for number in range(100)))
        return NameIndex(lines)

    monkeypatch.setattr(passwd_snapshot, "NameIndex", grow)

    with pytest.raises(FileChanged):
        PasswdSnapshot(path).index()


def test_a_row_that_was_whole_when_it_was_found_is_not_believed_when_it_is_cut(write: Write) -> None:
    """Its mtime alone would not tell: the kernel's clock of files moves in ticks."""
    path = write(b"bob:x\nalice:{PLAIN}secret\n")
    snapshot = PasswdSnapshot(path)
    snapshot.index()
    path.write_bytes(b"bob:x\nalice:")

    with pytest.raises(FileChanged):
        snapshot.find(b"alice")


def test_a_replaced_file_is_read_to_its_end(write: Write) -> None:
    path = write(b"alice:1\n")
    snapshot = PasswdSnapshot(path)
    other = path.with_name("other")
    other.write_bytes(b"alice:2\n")
    other.rename(path)

    assert snapshot.find(b"alice") == b"alice:1"


def test_an_index_that_nobody_needs_any_more_ends(write: Write) -> None:
    snapshot = PasswdSnapshot(write(b"alice:1\n"))
    snapshot.abandoned = True

    with pytest.raises(Unavailable, match="replaced while it was read"):
        snapshot.index()


def test_the_usual_hash_is_of_the_most_common_cost(write: Write) -> None:
    cheap, dear = (
        f"$2a${cost}$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW".encode() for cost in ("05", "10")
    )
    path = write(b"a:" + cheap + b"\nb:" + dear + b"\nc:broken\nd:" + dear + b"\n")

    assert PasswdSnapshot(path).usual_hash(hashes.Policy()) == dear.decode()
    assert PasswdSnapshot(write(b"a:broken\n")).usual_hash(hashes.Policy()) is None


def test_the_descriptor_is_closed_with_the_last_use(write: Write) -> None:
    path = write(b"alice:1\n")
    before = len(list(Path("/proc/self/fd").iterdir()))
    snapshot = PasswdSnapshot(path)
    snapshot.index()
    assert len(list(Path("/proc/self/fd").iterdir())) == before + 1

    del snapshot

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_other_threads_run_while_a_large_file_is_indexed(write: Write) -> None:
    """The bound is generous: an index that held the GIL would stand in the way for its whole time."""
    snapshot = PasswdSnapshot(write(b"".join(b"user%d:$y$j9T$x\n" % number for number in range(100_000))))
    indexing = threading.Thread(target=snapshot.index, args=(0.0003,))
    indexing.start()
    turns = [time.monotonic()]
    while indexing.is_alive():
        time.sleep(0.001)
        turns.append(time.monotonic())
    indexing.join()

    longest = max(after - before for before, after in pairwise(turns))
    assert longest < (turns[-1] - turns[0]) / 2
    assert snapshot.find(b"user99999") == b"user99999:$y$j9T$x"


def test_a_file_written_within_this_tick_of_the_clock_is_to_be_opened_again(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another change in the same tick may leave it the same stamp."""
    path = write(b"alice:1\n")
    written = path.stat().st_ctime

    for later, provisional in (0.0, True), (0.019, True), (0.021, False), (-0.9, True), (-1.1, False):
        monkeypatch.setattr(time, "time", lambda later=later: written + later)
        assert PasswdSnapshot(path).is_provisional is provisional
