import json
import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.config.settings import LogFormat, LogLevel, LogSettings, ThrottleAnswer
from authd.decide.decision import Decision, NotAsked, answer_to
from authd.observe.decision_log import DecisionLog
from authd_backends import Client, Outcome, Request, Secret

KEY = b"k" * 32
# logwatch 7.7, scripts/services/saslauthd
LOGWATCH = re.compile(
    r"^do_auth         : auth failure: "
    r"\[user=(.*)\] \[service=([^ ]*)\] \[realm=([^ ]*)\] \[mech=([^ ]*)\] \[reason=(.*)\]$"
)

names = st.binary(max_size=40).map(lambda value: value.decode("utf-8", "surrogateescape"))


def decision(outcome: Outcome | NotAsked, request: Request, *, is_repeated: bool = False) -> Decision:
    return Decision(
        request,
        "saslauthd",
        outcome,
        answer_to(outcome, ThrottleAnswer.TEMPFAIL),
        "as it were",
        "users",
        "passwd-file",
        "default",
        "miss",
        is_repeated,
        0.25,
        0.0,
    )


def lines(told: Decision, settings: LogSettings | None = None) -> list[tuple[str, str]]:
    written: list[tuple[str, str]] = []
    log = DecisionLog(lambda line, identity: written.append((line, identity)), settings or LogSettings(), KEY)
    log.record(told)
    return written


def test_an_acceptance_is_one_line_of_our_own() -> None:
    request = Request("alice", Secret(b"x"), "example.org", "smtp", "", Client("192.0.2.1", 25))

    expected = (
        "event=auth outcome=accepted user=alice realm=example.org service=smtp login=alice rip=192.0.2.1 "
        'backend=users route=default reason="as it were" cache=miss duration=0.250000'
    )
    assert lines(decision(Outcome.ACCEPTED, request)) == [(expected, "authd")]


def test_a_refusal_is_also_the_line_that_logwatch_knows() -> None:
    (first, identity), (own, _) = lines(decision(Outcome.WRONG_PASSWORD, Request("alice", Secret(b"x"), "r", "smtp")))

    found = LOGWATCH.match(first)
    assert found is not None
    assert found.groups() == ("alice", "smtp", "r", "passwd-file", "wrong_password")
    assert identity == "saslauthd"
    assert re.search(r" tag=[0-9a-f]{4}$", own)


def test_a_tag_is_the_same_for_the_same_password_only_and_is_under_the_key_of_this_start() -> None:
    def tag(password: bytes, key: bytes = KEY) -> str:
        return DecisionLog(lambda *_: None, LogSettings(), key).tag(Secret(password))

    assert tag(b"one") == tag(b"one")
    assert tag(b"one") != tag(b"two")
    assert tag(b"one") != tag(b"one", b"l" * 32)


@given(names, names, names)
def test_what_a_client_sends_forges_neither_line_nor_field(user: str, realm: str, service: str) -> None:
    request = Request(user, Secret(b"hunter2-hunter2"), realm, service)

    (compatible, _), (own, _) = lines(decision(Outcome.UNKNOWN_USER, request))

    found = LOGWATCH.match(compatible)
    assert found is not None
    assert found.group(4, 5) == ("passwd-file", "unknown_user")
    for line in (compatible, own):
        assert line.isascii()
        assert line.isprintable()
        assert "hunter2" not in line
    fields = dict(part.partition("=")[::2] for part in split_logfmt(own))
    assert list(fields)[:6] == ["event", "outcome", "user", "realm", "service", "login"]
    assert [unquoted(fields[name]) for name in ("user", "realm", "service", "login")] == [user, realm, service, user]


def split_logfmt(line: str) -> list[str]:
    return re.findall(r'[a-z]+=(?:"(?:[^"\\]|\\.)*"|[^ ]*)', line)


def unquoted(value: str) -> str:
    return str(json.loads(value)) if value.startswith('"') else value


@given(names)
def test_a_json_line_parses_back_to_what_was_sent(user: str) -> None:
    (line, _) = lines(decision(Outcome.ACCEPTED, Request(user, Secret(b"x"))), LogSettings(format=LogFormat.JSON))[0]

    assert json.loads(line)["user"] == user
    assert shlex.split(json.dumps(line))  # one line, one word
    assert line.isascii()


@pytest.mark.parametrize(
    ("level", "told"),
    [
        (LogLevel.DEBUG, {"accepted", "wrong_password", "unavailable"}),
        (LogLevel.INFO, {"accepted", "wrong_password", "unavailable"}),
        (LogLevel.WARNING, {"unavailable"}),
        (LogLevel.ERROR, set()),
    ],
)
def test_the_level_says_what_is_told(level: LogLevel, told: set[str]) -> None:
    request = Request("alice", Secret(b"x"))
    every = [Outcome.ACCEPTED, Outcome.WRONG_PASSWORD, Outcome.UNAVAILABLE]

    heard = {outcome.value for outcome in every if lines(decision(outcome, request), LogSettings(level=level))}

    assert heard == told


def test_what_was_no_request_has_no_tag() -> None:
    malformed = decision(NotAsked.PROTOCOL_ERROR, Request("", Secret(b"")))._replace(mechanism="")

    (compatible, _), (own, _) = lines(malformed)

    assert "[mech=-] [reason=protocol_error]" in compatible
    assert "tag=" not in own


def test_a_wrong_password_that_was_seen_before_is_told_as_such() -> None:
    _, (own, _) = lines(decision(Outcome.WRONG_PASSWORD, Request("alice", Secret(b"x")), is_repeated=True))

    assert own.endswith(" repeat=yes")
