"""Lines of a passwd-file: nothing of them is lost."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from authd_backends import passwd_lines
from authd_backends.passwd_lines import Broken, Comment, Row

FILE = b"# users\n\nalice:$y$1:1000:1000::/home/alice::userdb_quota=1G\nbob@example.org:{PLAIN}x\r\nbroken\n:x\n"

names = st.from_regex(passwd_lines._NAME, fullmatch=True)
fields = st.text(st.characters(exclude_characters=":\n\r\0", exclude_categories=["Cs"]))


@given(st.binary())
@example(FILE)
def test_every_byte_can_be_put_back(content: bytes) -> None:
    lines = passwd_lines.split(content)

    assert passwd_lines.join(lines) == content
    assert [passwd_lines.parse_line(line).raw for line in lines] == lines


def test_a_line_is_a_row_a_comment_or_broken() -> None:
    assert [passwd_lines.parse_line(line) for line in passwd_lines.split(FILE)] == [
        Comment(b"# users"),
        Comment(b""),
        Row("alice", "$y$1", ":1000:1000::/home/alice::userdb_quota=1G"),
        Row("bob@example.org", "{PLAIN}x", "\r"),
        Broken(b"broken"),
        Broken(b":x"),
        Comment(b""),
    ]


@given(names, fields)
def test_a_name_that_may_stand_in_a_file_is_found_there_again(name: str, stored: str) -> None:
    lines = passwd_lines.with_row(passwd_lines.split(FILE), Row(name, stored))

    assert passwd_lines.row_of(passwd_lines.split(passwd_lines.join(lines)), name) is not None


@pytest.mark.parametrize("name", ["", "a:b", "a\nb", "a\0b", "a\rb", "#a", " a", "\ta"])
def test_a_name_that_would_become_something_else_is_none(name: str) -> None:
    assert not passwd_lines.is_name(name)


def test_an_added_row_is_the_last_line() -> None:
    lines = passwd_lines.with_row(passwd_lines.split(FILE), Row("carl", "x"))

    assert passwd_lines.join(lines) == FILE + b"carl:x\n"


def test_an_unfinished_last_line_is_ended_before_a_row_is_added() -> None:
    lines = passwd_lines.with_row(passwd_lines.split(b"alice:x"), Row("carl", "x"))

    assert passwd_lines.join(lines) == b"alice:x\ncarl:x\n"


def test_a_changed_hash_leaves_the_rest_as_it_was() -> None:
    lines = passwd_lines.with_stored(passwd_lines.split(FILE), "alice", "new")

    assert passwd_lines.join(lines) == FILE.replace(b"$y$1", b"new")


def test_of_two_rows_the_first_is_changed_and_both_are_deleted() -> None:
    lines = passwd_lines.split(b"alice:1\nalice:2\n")

    assert passwd_lines.join(passwd_lines.with_stored(lines, "alice", "3")) == b"alice:3\nalice:2\n"
    assert passwd_lines.join(passwd_lines.without(lines, "alice")) == b""
