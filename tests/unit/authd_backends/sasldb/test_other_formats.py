"""GDBM and LMDB read without their libraries: the same answers, and an error where a file is not whole."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authd_backends.sasldb.database import DamagedError, Database
from authd_backends.sasldb.gdbm_file import GdbmFile
from authd_backends.sasldb.lmdb_file import LmdbFile
from tests.unit.authd_backends.sasldb import databases, gdbm, lmdb_databases

PAGE = 4096
USERS = {databases.user_key(f"user{number}", "example.org"): b"secret%d" % number for number in range(500)}
LONG = {databases.user_key("long", "example.org"): b"s" * 3000}


class Kind(NamedTuple):
    """A format: the library that writes it, and what reads it here."""

    name: str
    put: Callable[[Path, Mapping[bytes, bytes]], None]
    delete: Callable[[Path, list[bytes]], None]
    reader: Callable[[int], Database]
    longest: int  # bytes of a key


KINDS = (
    Kind("gdbm", gdbm.put, gdbm.delete, GdbmFile, 9000),
    Kind("lmdb", lmdb_databases.put, lmdb_databases.delete, LmdbFile, 511),
)
kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@pytest.fixture
def path(kind: Kind, tmp_path: Path) -> Path:
    kind.put(tmp_path / "sasldb2", USERS | LONG)
    return tmp_path / "sasldb2"


@contextmanager
def opened(kind: Kind, path: Path) -> Iterator[Database]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        database = kind.reader(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    try:
        yield database
    finally:
        database.close()


def answers(kind: Kind, path: Path, keys: list[bytes]) -> list[bytes | None]:
    """The values, "damaged" in their place, or None."""

    def answer(database: Database, key: bytes) -> bytes | None:
        try:
            return database.get(key)
        except DamagedError:
            return b"damaged"

    try:
        with opened(kind, path) as database:
            return [answer(database, key) for key in keys]
    except DamagedError:
        return [b"damaged"] * len(keys)


def wrong_answers(kind: Kind, path: Path) -> list[bytes]:
    """The keys of users that are neither found nor said to be in a damaged file."""
    found = zip(USERS, answers(kind, path, [*USERS]), strict=True)
    return [key for key, value in found if value not in (USERS[key], b"damaged")]


@kinds
def test_every_user_is_found_and_nobody_else(kind: Kind, path: Path) -> None:
    with opened(kind, path) as database:
        assert {key: database.get(key) for key in USERS | LONG} == USERS | LONG
        assert {database.get(key + b"x") for key in USERS} == {None}


@kinds
@settings(max_examples=60)
@given(data=st.data())
def test_it_answers_as_the_library_does(kind: Kind, data: st.DataObject) -> None:
    keys = st.binary(min_size=1, max_size=12) | st.integers(200, kind.longest).map(lambda size: b"k" * size)
    values = st.binary(max_size=12) | st.integers(1000, 9000).map(lambda size: b"v" * size)
    records = data.draw(st.dictionaries(keys, values, max_size=40))
    many = {b"%d" % number: b"%d" % number for number in range(data.draw(st.sampled_from([0, 10, 400])))}
    deleted = data.draw(st.lists(st.sampled_from([*records]), unique=True) if records else st.just([]))
    others = data.draw(st.lists(keys))
    with TemporaryDirectory() as folder:
        path = Path(folder, "sasldb2")
        kind.put(path, {b"first": b"record"} | records | many)
        kind.delete(path, deleted)

        with opened(kind, path) as database:
            found = {key: database.get(key) for key in {b"first", *records, *many, *others}}

    left = {key: value for key, value in ({b"first": b"record"} | records | many).items() if key not in deleted}
    assert found == {key: left.get(key) for key in found}


@kinds
def test_a_database_without_users_is_whole(kind: Kind, path: Path) -> None:
    kind.delete(path, [*USERS, *LONG])

    assert {*answers(kind, path, [*USERS])} == {None}


@kinds
def test_a_new_database_is_whole(kind: Kind, tmp_path: Path) -> None:
    kind.put(tmp_path / "sasldb2", {})

    assert answers(kind, tmp_path / "sasldb2", [b"nobody", b"\xff"]) == [None, None]


@kinds
@pytest.mark.parametrize("kept", [0, 1, 63, 512, PAGE - 1, PAGE, 2 * PAGE, 5 * PAGE, 9 * PAGE])
def test_a_file_that_is_cut_off_hides_nobody(kind: Kind, path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])

    assert wrong_answers(kind, path) == []
    assert b"damaged" in answers(kind, path, [*USERS, *LONG])


@kinds
@pytest.mark.parametrize("content", [bytes(PAGE), b"\xff" * PAGE, b"\1" * PAGE, Random(1).randbytes(PAGE)])
def test_a_lost_page_hides_nobody(kind: Kind, path: Path, content: bytes) -> None:
    """Where passwords alone were on it they are others now, which nothing tells."""
    whole = path.read_bytes()
    for number in range(len(whole) // PAGE):
        path.write_bytes(whole[: number * PAGE] + content + whole[number * PAGE + PAGE :])

        lost = wrong_answers(kind, path)
        if kind.name == "gdbm" and lost:
            assert None not in answers(kind, path, lost), f"page {number}"
        else:
            assert lost == [], f"page {number}"


@kinds
def test_a_page_in_the_place_of_another_hides_nobody(kind: Kind, path: Path) -> None:
    whole = path.read_bytes()
    pages = {number: whole[number * PAGE : number * PAGE + PAGE] for number in range(len(whole) // PAGE)}
    tables = [number for number in pages if kind.name == "lmdb" or is_bucket_or_directory(whole, number)]
    for number in tables:
        for other in tables[:: max(1, len(tables) // 6)]:
            path.write_bytes(whole[: number * PAGE] + pages[other] + whole[number * PAGE + PAGE :])

            assert wrong_answers(kind, path) == [], f"page {other} in the place of {number}"


def is_bucket_or_directory(whole: bytes, number: int) -> bool:
    """What the directory of a GDBM file leads to, and itself; the other pages have the names and passwords."""
    directory, size = (int.from_bytes(whole[at : at + 8], "little") for at in (8, 16))
    size &= 0xFFFFFFFF
    buckets = {int.from_bytes(whole[at : at + 8], "little") for at in range(directory, directory + size, 8)}
    return number * PAGE in {0, directory, *buckets}


@kinds
@settings(max_examples=150)
@given(data=st.data())
def test_changed_bytes_do_no_further_harm(kind: Kind, data: st.DataObject) -> None:
    """They may be those of a name or a password, which nothing tells: it ends, with an answer or as damage."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "sasldb2")
        kind.put(path, USERS | LONG)
        content = bytearray(path.read_bytes())
        places = st.tuples(st.integers(0, len(content) // PAGE - 1), st.integers(0, 160) | st.integers(0, PAGE - 2))
        for page, offset in data.draw(st.lists(places, min_size=1, max_size=8)):
            content[page * PAGE + offset : page * PAGE + offset + 1] = data.draw(st.binary(min_size=1, max_size=1))
        path.write_bytes(content)

        answers(kind, path, [*[*USERS][::10], *LONG, b"nobody", b"", b"\xff" * 30])


@kinds
def test_thousands_of_damaged_files_hide_nobody_but_by_his_name(kind: Kind, path: Path) -> None:
    """The same damage as the libraries were given: see the modules' first lines."""
    whole, random = path.read_bytes(), Random(7)
    for _ in range(1000):
        content = bytearray(whole)
        page = random.randrange(len(whole) // PAGE) * PAGE
        match random.randrange(3):
            case 0:
                del content[random.randrange(1, len(content)) :]
            case 1 if kind.name == "lmdb" or is_bucket_or_directory(whole, page // PAGE):
                content[page : page + PAGE] = random.choice([bytes(PAGE), b"\xff" * PAGE, random.randbytes(PAGE)])
            case _:
                for _ in range(4):
                    content[page + random.randrange(24)] = random.randrange(256)
        path.write_bytes(content)
        keys = random.sample([*USERS], 20)

        found = answers(kind, path, keys)

        hidden = [key for key, value in zip(keys, found, strict=True) if value is None and key in content]
        assert hidden == []


@kinds
def test_what_is_written_is_seen_at_once_and_hides_nobody(kind: Kind, path: Path) -> None:
    """A look that finds nobody counts only if nothing was written meanwhile, which the backend makes sure of."""
    written = threading.Event()
    problems: list[BaseException] = []

    def write() -> None:
        try:
            for number in range(300):
                kind.put(path, {databases.user_key(f"new{number}", "example.org"): b"x" * (number % 200)})
        except BaseException as error:  # told by the test
            problems.append(error)
        written.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    with opened(kind, path) as database:
        while not written.is_set():
            for key in [*USERS][::7]:
                try:
                    value = database.get(key)
                except DamagedError:
                    value = b"damaged"
                seen.add("right" if value == USERS[key] else "damaged" if value == b"damaged" else "hidden")
        writer.join()
        last = database.get(databases.user_key("new299", "example.org"))

    assert not problems
    assert "right" in seen
    assert kind.name == "gdbm" or seen == {"right"}
    assert last == b"x" * 99
