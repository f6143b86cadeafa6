"""The table of names and offsets against a plain dictionary."""

from hypothesis import given
from hypothesis import strategies as st

from authd_backends.passwd_index import LineAt, NameIndex


def reading(names: list[bytes]) -> LineAt:
    return lambda offset, name: name if names[offset] == name else None


@given(st.lists(st.binary(max_size=2)))
def test_it_finds_what_a_dictionary_finds_and_keeps_the_first(names: list[bytes]) -> None:
    index = NameIndex(len(names))
    model: dict[bytes, int] = {}

    for offset, name in enumerate(names):
        assert index.add(name, offset, reading(names)) == (name not in model)
        model.setdefault(name, offset)

    for name in {*names, b"absent"}:
        assert index.find(name, reading(names)) == (name if name in model else None)


def test_names_that_fall_on_one_place_are_told_apart() -> None:
    """With two to four places for each name, some of a thousand share one."""
    names = [b"user%d" % number for number in range(1000)]
    index = NameIndex(len(names))

    assert all(index.add(name, offset, reading(names)) for offset, name in enumerate(names))

    assert [index.find(name, reading(names)) for name in names] == names
