"""Berkeley DB's files read without its library: the same answers, and an error where the library crashes."""

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from authd_backends.sasldb.berkeley_hash import HashFile, hash_of
from authd_backends.sasldb.database import DamagedError
from tests.unit.authd_backends.sasldb import databases
from tests.unit.authd_backends.sasldb.databases import PAGE

USERS = {databases.user_key(f"user{number}", "example.org"): b"secret%d" % number for number in range(300)}
LONG = {databases.user_key("l" * 3000, "example.org"): b"s" * 2000}

short = st.binary(min_size=1, max_size=12)
long = st.builds(bytes.__mul__, st.binary(min_size=1, max_size=1), st.integers(1000, 9000))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    databases.put(tmp_path / "sasldb2", USERS | LONG)
    return tmp_path / "sasldb2"


@contextmanager
def opened(path: Path) -> Iterator[HashFile]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield HashFile(descriptor, path.stat().st_size)
    finally:
        os.close(descriptor)


def got(path: Path, key: bytes) -> bytes | None:
    with opened(path) as database:
        return database.get(key)


def answer(path: Path, key: bytes) -> bytes | None:
    """The value, "damaged" in its place, or None."""
    try:
        return got(path, key)
    except DamagedError:
        return b"damaged"


def damage(path: Path, key: bytes) -> str:
    try:
        got(path, key)
    except DamagedError as error:
        return str(error)
    return ""


def wrong_answers(path: Path) -> list[bytes]:
    """The keys of users that are neither found nor said to be in a damaged file."""
    return [key for key, value in (USERS | LONG).items() if answer(path, key) not in (value, b"damaged")]


def change(path: Path, *, offset: int, to: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(to)


def test_the_hash_is_that_of_berkeley_db() -> None:
    """Its own touchstone, which stands in each file."""
    assert hash_of(b"%$sniglet^&\0") == 0x5E688DD1


def test_every_user_is_found_and_nobody_else(path: Path) -> None:
    with opened(path) as database:
        found = {key: database.get(key) for key in USERS | LONG}
        others = {database.get(key + b"x") for key in USERS | LONG}

    assert found == USERS | LONG
    assert others == {None}


@given(
    st.dictionaries(short | long, short | long, max_size=60),
    st.sets(short, max_size=10),
    st.sampled_from([512, 1024, 4096, 16384]),
    st.sampled_from([1234, 4321]),
)
@example({b"only": b""}, set(), 4096, 1234)
def test_it_answers_as_the_library_does(
    records: dict[bytes, bytes], deleted: set[bytes], page_size: int, byte_order: int
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "sasldb2")
        databases.put(path, {b"first": b"record"} | records, page_size=page_size, byte_order=byte_order)
        databases.delete(path, deleted & records.keys())

        with opened(path) as database:
            found = {key: database.get(key) for key in {b"first", *records, *deleted}}

    left = {key: value for key, value in ({b"first": b"record"} | records).items() if key not in deleted}
    assert found == {key: left.get(key) for key in found}


def test_a_database_without_users_is_whole(path: Path) -> None:
    databases.delete(path, USERS | LONG)

    assert {answer(path, key) for key in USERS | LONG} == {None}


@pytest.mark.parametrize("kept", [0, 1, 223, 512, PAGE - 1, *range(PAGE, 7 * PAGE, PAGE), -1])
def test_a_file_that_is_cut_off_is_damaged(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])

    assert {answer(path, key) for key in USERS} == {b"damaged"}


@pytest.mark.parametrize("content", [bytes(PAGE), b"\xff" * PAGE, b"\1" * PAGE, Random(1).randbytes(PAGE)])
def test_a_lost_page_hides_nobody(path: Path, content: bytes) -> None:
    whole = path.read_bytes()
    for number in range(len(whole) // PAGE):
        path.write_bytes(whole)
        change(path, offset=number * PAGE, to=content)

        assert wrong_answers(path) == [], f"page {number}"


def test_a_page_in_the_place_of_another_hides_nobody(path: Path) -> None:
    whole = path.read_bytes()
    pages = [whole[offset : offset + PAGE] for offset in range(0, len(whole), PAGE)]
    for number in range(len(pages)):
        for other in set(pages) - {pages[number]}:
            path.write_bytes(whole)
            change(path, offset=number * PAGE, to=other)

            assert wrong_answers(path) == [], f"page {number}"


def test_a_page_of_another_bucket_hides_nobody(path: Path) -> None:
    """Its number says that it is in its place: only its keys tell."""
    whole = path.read_bytes()
    one, other = [number for number in range(1, len(whole) // PAGE) if whole[number * PAGE + 25] == 13][:2]
    change(path, offset=one * PAGE + 20, to=whole[other * PAGE + 20 : other * PAGE + PAGE])

    assert wrong_answers(path) == []


def test_an_item_of_another_type_hides_nobody(path: Path) -> None:
    for item in (b"\1" + key for key in list(USERS)[:20]):
        change(path, offset=path.read_bytes().index(item), to=b"\2")

    assert wrong_answers(path) == []


def test_a_file_that_shrinks_while_it_is_open_hides_nobody(path: Path) -> None:
    with opened(path) as database:
        os.truncate(path, PAGE)

        with pytest.raises(DamagedError, match="expected 4096 bytes, got 0"):
            database.get(b"nobody")


def test_a_new_database_has_a_page_that_was_never_written(tmp_path: Path) -> None:
    databases.put(tmp_path / "sasldb2", {b"a": b"value"})

    assert bytes(PAGE) in {(tmp_path / "sasldb2").read_bytes()[at : at + PAGE] for at in (PAGE, 2 * PAGE)}
    assert {got(tmp_path / "sasldb2", key) for key in USERS} == {None}
    assert got(tmp_path / "sasldb2", b"a") == b"value"


@given(st.data())
def test_changed_bytes_do_no_further_harm(data: st.DataObject) -> None:
    """They may be those of a name or a password, which nothing tells: it ends, with an answer or as damage."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "sasldb2")
        databases.put(path, USERS | LONG)
        pages = path.stat().st_size // PAGE
        places = st.tuples(st.integers(0, pages - 1), st.integers(0, 60) | st.integers(0, PAGE - 1))
        for page, offset in data.draw(st.lists(places, min_size=1, max_size=8)):
            change(path, offset=page * PAGE + offset, to=data.draw(st.binary(min_size=1, max_size=2)))

        for key in [*list(USERS)[::10], *LONG, b"nobody"]:
            answer(path, key)


def page_number(number: int) -> bytes:
    return struct.pack("<I", number)


def test_pages_in_a_circle_are_damage(path: Path) -> None:
    for number in range(1, path.stat().st_size // PAGE):
        change(path, offset=number * PAGE + 12, to=page_number(number) * 2)

    assert wrong_answers(path) == []


def test_a_chain_without_an_end_is_damage(path: Path) -> None:
    """Each page is what the one before says, and the last would never come."""
    first = first_page(path)
    pages = path.stat().st_size // PAGE
    content = bytearray(path.read_bytes()[first * PAGE : first * PAGE + PAGE])
    change(path, offset=first * PAGE + 16, to=page_number(pages))
    for number in range(pages, pages + 100):
        content[8:20] = struct.pack("<III", number, number - 1 if number > pages else first, number + 1)
        change(path, offset=number * PAGE, to=bytes(content))
    change(path, offset=32, to=page_number(pages + 99))

    assert any("expected at most 32 pages, got more" in damage(path, b"nobody%d" % number) for number in range(100))


def first_page(path: Path) -> int:
    """A bucket's first page that has no second."""
    content = path.read_bytes()
    return next(
        number
        for number in range(1, len(content) // PAGE)
        if content[number * PAGE + 25] == 13 and content[number * PAGE + 12 : number * PAGE + 20] == bytes(8)
    )


@pytest.mark.parametrize(
    ("offset", "to", "expected"),
    [
        (0, b"\2", "type 1 or 3., got 02"),  # an item of duplicates
        (4, struct.pack("<I", 0), "page number: expected 1 to"),
        (4, struct.pack("<I", 0xFFFFFFFF), "page number: expected 1 to"),
        (4, struct.pack("<I", 1), "expected an overflow page"),
        (8, struct.pack("<I", 0xFFFFFFFF), "expected at most 16384 bytes"),
        (8, struct.pack("<I", 1), "expected 1 bytes, got"),
        (8, struct.pack("<I", 5000), "expected"),
    ],
)
def test_a_long_value_that_is_not_whole_is_damage(path: Path, offset: int, to: bytes, expected: str) -> None:
    databases.put(path, {b"key": b"v" * 3000})
    change(path, offset=item_behind(path, b"\1key") + offset, to=to)

    with pytest.raises(DamagedError, match=expected):
        got(path, b"key")


def item_behind(path: Path, key_item: bytes) -> int:
    """The value's item lies before that of its key."""
    return path.read_bytes().index(key_item) - 12


@pytest.mark.parametrize("reading", [lambda path: got(path, b"nobody"), lambda path: got(path, next(iter(USERS)))])
def test_a_directory_is_not_read(tmp_path: Path, reading: Callable[[Path], bytes | None]) -> None:
    with pytest.raises(IsADirectoryError):
        reading(tmp_path)
