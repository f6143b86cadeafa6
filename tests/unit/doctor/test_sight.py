import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.doctor.sight import MAX_SIZE, Sight

names = st.sampled_from(["a", "b", "c", "..", ".", ""])
paths = st.builds(lambda start, parts: start + "/".join(parts), st.sampled_from(["", "/"]), st.lists(names, max_size=5))


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), paths, max_size=3), paths)
def test_no_link_leads_out_of_the_root(
    tmp_path_factory: pytest.TempPathFactory, links: dict[str, str], path: str
) -> None:
    root = tmp_path_factory.mktemp("root")
    for name, target in links.items():
        (root / name).symlink_to(target or ".")

    real = Sight(root).real(Path("/", path))

    assert real.is_relative_to(root)
    assert ".." not in real.parts


def test_links_are_followed_as_the_kernel_does(tmp_path: Path) -> None:
    (tmp_path / "run" / "saslauthd").mkdir(parents=True)
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "run").symlink_to("../run")

    assert Sight().real(tmp_path / "var/run/saslauthd/mux") == (tmp_path / "var/run/saslauthd/mux").resolve()


def test_an_absolute_link_begins_anew_at_the_root_of_a_chroot(tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to("/elsewhere")

    assert Sight().inside(tmp_path).real(Path("/run/mux")) == tmp_path / "elsewhere" / "mux"


def test_what_is_not_there_is_no_secret(tmp_path: Path) -> None:
    sight = Sight(tmp_path)
    (tmp_path / "file").write_text("")

    assert sight.text(Path("/missing")) is None
    assert sight.status(Path("/file/below")) is None
    assert sight.names(Path("/missing")) == []
    assert sight.unseen == {}


@pytest.mark.timeout(20)
def test_a_pipe_and_a_device_are_unseen_and_nobody_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "main.cf")
    (tmp_path / "zero").symlink_to("/dev/zero")
    sight = Sight()

    assert sight.content(tmp_path / "main.cf") is None
    assert sight.content(tmp_path / "zero") is None
    assert set(sight.unseen.values()) == {"expected a regular file"}


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")

    assert Sight().content(tmp_path / "loop") is None


def test_a_huge_file_is_read_in_part(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(MAX_SIZE * 3)

    content = Sight().content(tmp_path / "huge")

    assert content is not None
    assert len(content) == MAX_SIZE


def test_any_bytes_are_text(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xff\0\x1b")

    text = Sight().text(tmp_path / "file")

    assert text is not None
    assert text.encode("utf-8", "surrogateescape") == b"\xff\0\x1b"


def test_a_name_with_a_nul_is_unseen() -> None:
    sight = Sight()

    assert sight.status(Path("/run/\0")) is None
    assert sight.content(Path("/run/\0")) is None
    assert list(sight.unseen) == ["/run/\0"]


def test_the_way_begins_at_the_root_of_who_goes(tmp_path: Path) -> None:
    jail = tmp_path / "jail"

    assert list(Sight().inside(jail).way_to(Path("/run/mux"))) == [jail, jail / "run"]
