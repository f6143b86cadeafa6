import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.doctor.access import ENTER, READ, WRITE, Account, account, barred, group_name, is_open_to_all
from authd.doctor.sight import Sight

ids = st.integers(0, 3)


def status(mode: int, uid: int, gid: int) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 1, uid, gid, 0, 0, 0, 0))


@given(st.integers(0, 0o777), ids, ids, ids, st.frozensets(ids), st.sampled_from([ENTER, READ, WRITE]))
def test_the_first_of_owner_group_and_others_that_fits_decides(
    mode: int, owner: int, group: int, uid: int, gids: frozenset[int], wanted: int
) -> None:
    who = Account("somebody", uid, 0, gids)
    shift = 6 if uid == owner else 3 if group in gids else 0

    assert who.may(wanted, status(mode, owner, group)) == (uid == 0 or bool(mode >> shift & wanted))


def test_root_has_an_account_and_a_stranger_none() -> None:
    assert account("root") == Account("root", 0, 0, frozenset(os.getgrouplist("root", 0)))
    assert account("no such user") is None
    assert account("\0") is None


def test_a_group_without_a_name_goes_by_its_number() -> None:
    assert group_name(0) == "root"
    assert group_name(4_000_000) == "4000000"


def test_the_first_closed_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    for name in ("a/b", "a/b/c"):
        (tmp_path / name).chmod(0o700)
    jail = Sight().inside(tmp_path)
    tmp_path.chmod(0o755)

    assert barred(jail, Path("/a/b/c/mux"), Account("nobody", 65534, 65534, frozenset())) == tmp_path / "a" / "b"
    assert barred(jail, Path("/a/mux"), Account("nobody", 65534, 65534, frozenset())) is None
    assert barred(jail, Path("/a/missing/mux"), Account("nobody", 65534, 65534, frozenset())) is None


@pytest.mark.parametrize(
    ("directory", "mode", "is_open"), [(0o755, 0o777, True), (0o710, 0o777, False), (0o755, 0o660, False)]
)
def test_a_socket_is_open_when_all_may_enter_and_write(
    tmp_path: Path, directory: int, mode: int, is_open: bool
) -> None:
    (tmp_path / "run").mkdir(mode=directory)
    tmp_path.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "run" / "mux"))
        (tmp_path / "run" / "mux").chmod(mode)

        assert is_open_to_all(Sight(tmp_path), Path("/run/mux")) == is_open


def test_no_socket_is_open_to_nobody(tmp_path: Path) -> None:
    assert not is_open_to_all(Sight(tmp_path), Path("/run/mux"))
