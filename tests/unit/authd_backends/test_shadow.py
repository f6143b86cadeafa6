"""The rules of expiry; tests/peers/test_shadow.py holds them to pam_unix."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd_backends import Outcome, Placement, Request, Secret
from authd_backends.nss import Shadow
from authd_backends.shadow import ShadowBackend, expired
from authd_backends.system_users import SystemUserOptions

TODAY = 20_000
days = st.one_of(st.just(-1), st.just(0), st.integers(TODAY - 30, TODAY + 30))
spans = st.one_of(st.just(-1), st.integers(0, 30), st.just(99_999))
rows = st.builds(Shadow, st.just("*"), days, spans, spans, days)


@pytest.mark.parametrize(
    ("last_change", "maximum", "inactive", "expire", "reason"),
    [
        (TODAY - 10, 10, -1, -1, ""),
        (TODAY - 11, 10, -1, -1, "password expired"),
        (TODAY - 11, 10, 1, -1, "password expired"),
        (TODAY - 12, 10, 1, -1, "password expired and inactive"),
        (TODAY - 12, -1, 1, -1, ""),
        (TODAY + 1, 0, 0, -1, ""),
        (0, 99_999, -1, -1, "password must be changed (chage -d 0)"),
        (-1, 99_999, -1, -1, ""),
        (-1, 10, -1, -1, "password expired"),
        (TODAY, 99_999, -1, TODAY + 1, ""),
        (TODAY, 99_999, -1, TODAY, "account expired"),
        (TODAY, 99_999, -1, 0, "account expired"),
        (0, 99_999, -1, TODAY - 1, "account expired"),
    ],
)
def test_the_day_on_which_it_ends(last_change: int, maximum: int, inactive: int, expire: int, reason: str) -> None:
    assert expired(Shadow("*", last_change, maximum, inactive, expire), TODAY) == reason


@given(rows, st.integers(TODAY - 40, TODAY + 40))
def test_what_has_expired_does_not_come_back_by_waiting(row: Shadow, day: int) -> None:
    assert not expired(row, day) or expired(row, day + 1)


@pytest.mark.parametrize("row", [Shadow("*", TODAY, -1, -1, -1), Shadow("*", TODAY, 99_999, 7, -1)])
def test_an_ordinary_row_has_not_expired(row: Shadow) -> None:
    assert expired(row, TODAY) == ""


def test_the_generation_is_another_one_after_midnight() -> None:
    """Or the cache would let in who has expired."""
    now = [TODAY * 86_400.0]
    backend = ShadowBackend(SystemUserOptions(), clock=lambda: now[0])

    morning = backend.generation()
    now[0] += 86_399
    evening = backend.generation()
    now[0] += 1

    assert morning == evening
    assert morning is None or backend.generation() != morning


def test_an_unknown_user_is_unknown_and_nothing_needs_closing() -> None:
    backend = ShadowBackend(SystemUserOptions())

    verdict = backend.check(Request("nobody-has-this-name", Secret(b"secret")))
    backend.close()

    assert verdict.outcome is Outcome.UNKNOWN_USER
    assert backend.placement is Placement.HELPER
