import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.config.settings import ThrottleSettings
from authd.decide import distinct
from authd.decide import throttle as throttle_module
from authd.decide.throttle import Throttle, UserBlock, name_of
from authd_backends import Client
from tests.unit.decide.pieces import Clock

HERE = Client("192.0.2.1", 4711)


def digest(password: int) -> bytes:
    return password.to_bytes(16, "little")


def guess(throttle: Throttle, name: str, count: int, client: Client | None = None) -> None:
    for password in range(count):
        throttle.note_refusal(name, client, digest(password))


def test_the_phone_that_repeats_yesterday_s_password_blocks_nobody() -> None:
    throttle = Throttle(ThrottleSettings(), Clock())

    for _ in range(1000):
        throttle.note_refusal("alice", HERE, digest(1))

    assert throttle.block_of("alice", HERE) is UserBlock.NONE
    assert not throttle.blocks_address("alice", HERE)


def test_a_user_with_too_many_wrong_passwords_is_blocked_for_guessers() -> None:
    clock = Clock()
    throttle = Throttle(ThrottleSettings(per_user=10), clock)

    guess(throttle, "alice", 9)
    assert throttle.block_of("alice", None) is UserBlock.NONE
    guess(throttle, "alice", 10)
    assert throttle.block_of("alice", None) is UserBlock.GUESSERS
    assert throttle.block_of("bob", None) is UserBlock.NONE

    clock.now += 600
    assert throttle.block_of("alice", None) is UserBlock.NONE


def test_who_has_come_in_from_an_address_is_not_blocked_there() -> None:
    throttle = Throttle(ThrottleSettings(per_user=3, per_address=3), Clock())
    throttle.note_acceptance("alice", HERE)

    guess(throttle, "alice", 5, HERE)

    assert throttle.block_of("alice", HERE) is UserBlock.NONE
    assert not throttle.blocks_address("alice", HERE)
    assert throttle.block_of("alice", Client("192.0.2.2")) is UserBlock.GUESSERS
    assert throttle.blocks_address("bob", HERE)
    assert not throttle.blocks_address("bob", Client("192.0.2.2"))


def test_a_hard_limit_is_one_for_everybody() -> None:
    throttle = Throttle(ThrottleSettings(per_user=3, per_user_hard=5), Clock())
    throttle.note_acceptance("alice", HERE)

    guess(throttle, "alice", 4)
    assert throttle.block_of("alice", None) is UserBlock.GUESSERS
    guess(throttle, "alice", 5)
    assert throttle.block_of("alice", HERE) is UserBlock.EVERYBODY


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
def test_exempt_networks_are_never_blocked(address: str) -> None:
    throttle = Throttle(ThrottleSettings(per_address=1), Clock())

    guess(throttle, "alice", 5, Client(address))

    assert not throttle.blocks_address("alice", Client(address))


def test_all_of_an_ipv6_customer_s_network_is_one_address() -> None:
    throttle = Throttle(ThrottleSettings(per_address=3), Clock())
    for number in range(3):
        throttle.note_refusal("alice", Client(f"2001:db8::{number:x}"), digest(number))

    assert throttle.blocks_address("bob", Client("2001:db8::ffff"))
    assert not throttle.blocks_address("bob", Client("2001:db8:0:1::1"))


def test_switched_off_it_blocks_nobody_and_still_knows_repetitions() -> None:
    throttle = Throttle(ThrottleSettings(enabled=False, per_user=1, per_address=1), Clock())

    heard = [throttle.note_refusal("alice", HERE, digest(1)) for _ in range(2)]

    assert heard == [True, False]
    assert throttle.block_of("alice", None) is UserBlock.NONE
    assert not throttle.blocks_address("alice", HERE)


@pytest.mark.parametrize(("per_user", "per_address"), [(0, 30), (10, 0)])
def test_a_limit_of_0_is_none(per_user: int, per_address: int) -> None:
    throttle = Throttle(ThrottleSettings(per_user=per_user, per_address=per_address), Clock())

    guess(throttle, "alice", 100, HERE)

    assert (throttle.block_of("alice", None) is UserBlock.NONE) is (per_user == 0)
    assert throttle.blocks_address("bob", HERE) is (per_address != 0)


def test_the_tables_do_not_grow_and_a_block_is_never_pushed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct, "MAX_RECORDS", 100)
    monkeypatch.setattr(throttle_module, "MAX_KNOWN", 100)
    throttle = Throttle(ThrottleSettings(per_user=3, per_address=3), Clock())
    guess(throttle, "victim", 3, HERE)

    for number in range(10_000):
        throttle.note_refusal(f"user{number}", Client(f"198.51.{number // 256}.{number % 256}"), digest(number))
        throttle.note_acceptance(f"user{number}", Client(f"203.0.{number // 256}.{number % 256}"))

    assert throttle.block_of("victim", None) is UserBlock.GUESSERS
    assert throttle.blocks_address("somebody", HERE)
    assert len(throttle.users) == len(throttle.addresses) == len(throttle._known) == 100


def test_a_table_full_of_blocks_counts_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct, "MAX_RECORDS", 10)
    throttle = Throttle(ThrottleSettings(per_user=1), Clock())
    for number in range(10):
        guess(throttle, f"user{number}", 1)

    guess(throttle, "another", 1)

    assert throttle.block_of("another", None) is UserBlock.NONE
    assert throttle.users.names(1) == [f"user{number}" for number in range(8, 10)] + [
        f"user{number}" for number in range(8)
    ]


def test_under_other_settings_it_goes_on_with_what_it_has_counted() -> None:
    clock = Clock()
    throttle = Throttle(ThrottleSettings(per_user=10), clock)
    for number in range(5):
        throttle.note_refusal("alice", None, b"%d guess" % number)

    throttle.adopt(ThrottleSettings(per_user=3))
    stricter = throttle.block_of("alice", None)
    throttle.adopt(ThrottleSettings(per_user=3, enabled=False))

    assert stricter is UserBlock.GUESSERS
    assert throttle.block_of("alice", None) is UserBlock.NONE
    assert throttle.users("alice") == 5


def test_all_spellings_of_a_name_are_one() -> None:
    spellings = ["alice", "ALICE", "Alice", "\uff21lice", "aLI\uff43e"]

    assert {name_of(spelling) for spelling in spellings} == {"alice"}


@given(st.text())
def test_a_name_is_its_own_name(login: str) -> None:
    assert name_of(name_of(login)) == name_of(login)
    assert name_of(login.swapcase()) == name_of(login) or not login.isascii()


def test_a_name_that_is_forgotten_begins_anew() -> None:
    throttle = Throttle(ThrottleSettings(per_user=1), Clock())
    guess(throttle, "alice", 1)

    assert throttle.forget("ALICE") == 1

    assert throttle.block_of("alice", None) is UserBlock.NONE
    assert throttle.forget("alice") == 0


@pytest.mark.parametrize("name", ["2001:db8::5", "2001:db8::/64"])
def test_an_address_is_forgotten_by_itself_or_as_it_is_counted(name: str) -> None:
    throttle = Throttle(ThrottleSettings(per_address=1), Clock())
    client = Client("2001:db8::1")
    guess(throttle, "alice", 1, client)

    assert throttle.forget(name) == 1

    assert not throttle.blocks_address("bob", client)


def test_all_are_forgotten_at_once() -> None:
    throttle = Throttle(ThrottleSettings(), Clock())
    for name in "abc":
        guess(throttle, name, 1)

    assert list(throttle.users.forget_all()) == ["a", "b", "c"]
    assert list(throttle.users) == []


def test_its_twin_without_blocks_blocks_nobody_and_counts_for_both() -> None:
    throttle = Throttle(ThrottleSettings(per_user=2, per_address=2), Clock())
    twin = throttle.without_blocks()
    guess(twin, "alice", 2, HERE)

    assert (twin.block_of("alice", None), twin.blocks_address("bob", HERE)) == (UserBlock.NONE, False)
    assert (throttle.block_of("alice", None), throttle.blocks_address("bob", HERE)) == (UserBlock.GUESSERS, True)


@pytest.mark.parametrize(
    ("settings", "limits"),
    [
        (ThrottleSettings(), (10, 30)),
        (ThrottleSettings(per_user_hard=5), (5, 30)),
        (ThrottleSettings(per_user=0, per_address=0), (0, 0)),
        (ThrottleSettings(enabled=False), (0, 0)),
    ],
)
def test_the_limits_are_those_from_which_somebody_is_blocked(
    settings: ThrottleSettings, limits: tuple[int, int]
) -> None:
    throttle = Throttle(settings, Clock())

    assert (throttle.user_limit, throttle.address_limit) == limits


def test_names_longer_than_any_user_s_cost_no_more_than_a_name() -> None:
    expands_eighteenfold = "\ufdfa" * 2600

    assert len(name_of("x" * 8000)) == len(name_of(expands_eighteenfold)) == len(name_of("\ufdfa" * 100)) == 32
    assert name_of("x" * 8000) != name_of("y" * 8000)
    assert name_of("x" * 128) == "x" * 128
