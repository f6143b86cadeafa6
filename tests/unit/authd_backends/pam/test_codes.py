import re

import pytest

from authd_backends.contract import Outcome
from authd_backends.pam import codes
from authd_backends.pam.codes import Code, Step, outcome

REFUSALS = {
    Code.AUTH_ERR: Outcome.WRONG_PASSWORD,
    Code.MAXTRIES: Outcome.WRONG_PASSWORD,
    Code.USER_UNKNOWN: Outcome.UNKNOWN_USER,
    Code.PERM_DENIED: Outcome.DISABLED,
    Code.NEW_AUTHTOK_REQD: Outcome.EXPIRED,
    Code.ACCT_EXPIRED: Outcome.EXPIRED,
    Code.AUTHTOK_EXPIRED: Outcome.EXPIRED,
}


@pytest.mark.parametrize("step", Step)
def test_only_codes_that_refuse_somebody_are_refusals(step: Step) -> None:
    outages = set(Code) - REFUSALS.keys() - {Code.SUCCESS}

    assert {outcome(step, code) for code in outages} == {Outcome.UNAVAILABLE}


@pytest.mark.parametrize(("code", "refusal"), REFUSALS.items())
def test_each_refusal_has_its_outcome(code: Code, refusal: Outcome) -> None:
    assert outcome(Step.AUTHENTICATE, code) is refusal


@pytest.mark.parametrize("code", [Code.AUTH_ERR, Code.MAXTRIES])
def test_behind_a_right_password_the_account_is_to_blame(code: Code) -> None:
    assert outcome(Step.ACCOUNT, code) is Outcome.DISABLED


@pytest.mark.parametrize("status", [-1, 32, 2**31 - 1])
def test_a_code_that_nobody_knows_yet_is_an_outage(status: int) -> None:
    assert outcome(Step.AUTHENTICATE, status) is Outcome.UNAVAILABLE


def test_the_table_has_each_code() -> None:
    assert set(re.findall(r"[A-Z_]{4,}", codes.__doc__ or "")) >= {code.name for code in Code}
