import json
import re
import shlex
from collections import Counter, deque
from collections.abc import Callable, Mapping
from syslog import LOG_INFO, LOG_WARNING
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.config.settings import LogFormat, LogLevel, LogSettings, ThrottleAnswer
from authd.decide.decision import Decision, NotAsked, answer_to
from authd.decide.sources import Sources
from authd.observe.counters import LogCounters
from authd.observe.decision_log import DecisionLog
from authd.observe.flood import Flood
from authd.observe.targets import DISPENSABLE, MAX_TEXT, Target
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


class Written(NamedTuple):
    text: str
    identity: str
    priority: int
    fields: Mapping[str, str]


class Shelf:
    """A medium that keeps all lines; `is_open` says whether it takes any."""

    def __init__(self) -> None:
        self.lines: list[Written] = []
        self.is_open = True
        self.target = Target(self)
        self._encoded: list[Written] = []

    def encode(self, text: str, identity: str, priority: int, fields: Mapping[str, str]) -> bytes:
        self._encoded.append(Written(text, identity, priority, fields))
        return text.encode()

    def send(self, waiting: deque[bytes]) -> int:
        if not self.is_open:
            raise BlockingIOError
        line = waiting.popleft()
        self.lines.append(next(each for each in self._encoded if each.text.encode() == line))
        return len(line)

    def disown(self) -> None:
        raise NotImplementedError


class Timers:
    """A loop's, moved by hand."""

    def __init__(self) -> None:
        self._due: list[tuple[float, Callable[[], None]]] = []
        self._now = 0.0

    def call_later(self, delay: float, function: Callable[[], None]) -> None:
        self._due.append((self._now + delay, function))

    def __len__(self) -> int:
        return len(self._due)

    def move(self, seconds: float) -> None:
        end = self._now + seconds
        while due := [each for each in self._due if each[0] <= end]:
            first = min(due, key=lambda each: each[0])
            self._due.remove(first)
            self._now = first[0]
            first[1]()
        self._now = end


def log_to(
    shelf: Shelf,
    settings: LogSettings | None = None,
    timers: Timers | None = None,
    counters: LogCounters | None = None,
) -> DecisionLog:
    settings, call_later = settings or LogSettings(), (Timers() if timers is None else timers).call_later
    flood = Flood(settings, Sources(["127.0.0.0/8"]), call_later)
    return DecisionLog(shelf.target, settings, KEY, flood, call_later, counters or LogCounters())


def lines(told: Decision, settings: LogSettings | None = None) -> list[tuple[str, str]]:
    shelf = Shelf()
    log_to(shelf, settings).record(told)
    return [(line.text, line.identity) for line in shelf.lines]


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
        settings, call_later = LogSettings(), Timers().call_later
        flood = Flood(settings, Sources([]), call_later)
        return DecisionLog(Shelf().target, settings, key, flood, call_later, LogCounters()).tag(Secret(password))

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


def test_a_temporary_failure_is_a_warning_and_all_else_information() -> None:
    shelf = Shelf()
    log = log_to(shelf)
    for outcome in (Outcome.ACCEPTED, Outcome.WRONG_PASSWORD, Outcome.UNAVAILABLE):
        log.record(decision(outcome, Request("alice", Secret(b"x"))))

    assert [line.priority for line in shelf.lines] == [LOG_INFO, LOG_INFO, LOG_INFO, LOG_WARNING]


def test_what_the_line_tells_goes_along_as_fields() -> None:
    shelf = Shelf()
    log_to(shelf).record(decision(Outcome.UNKNOWN_USER, Request("ev]il\n", Secret(b"x"), "", "smtp")))

    compatible, own = shelf.lines
    assert compatible.fields == {}
    assert own.fields["user"] == "ev]il\n"
    assert own.fields["outcome"] == "unknown_user"


hostile = st.text(
    st.one_of(
        st.characters(codec="utf-8", exclude_characters="\0"), st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)
    )
)


@given(st.lists(hostile, min_size=3, max_size=3), st.sampled_from([1, 30, 1000]), st.sampled_from(LogFormat))
def test_no_line_is_longer_than_what_every_reader_takes_in_one_piece(
    sent: list[str], times: int, form: LogFormat
) -> None:
    """A reader that splits it (journald at 48 KiB, a pipe at 4 KiB) would begin a line with what a client sent."""
    user, realm, service = (text * times for text in sent)
    request = Request(user, Secret(b"x"), realm, service)

    (compatible, _), (own, _) = lines(decision(Outcome.UNKNOWN_USER, request), LogSettings(format=form))

    assert len(compatible) <= MAX_TEXT + 40
    assert len(own) <= MAX_TEXT
    if form is LogFormat.JSON:
        shown = json.loads(own)
        assert shown["user"] in (user, f"{user[:48]}...({len(user)})")
        assert shown["rip"] == "-"


# ── floods ──


def test_a_flood_of_guesses_leaves_out_neither_acceptances_nor_outages() -> None:
    shelf, timers = Shelf(), Timers()
    log = log_to(shelf, LogSettings(max_others_per_second=5), timers)
    for number in range(100):
        log.record(decision(Outcome.UNKNOWN_USER, Request(f"guess{number}", Secret(b"x"))))
        log.record(decision(Outcome.ACCEPTED, Request("alice", Secret(b"x"))))
    log.record(decision(Outcome.UNAVAILABLE, Request("alice", Secret(b"x"))))
    timers.move(60)

    told = Counter(line.fields.get("outcome", line.identity) for line in shelf.lines)
    assert (told["accepted"], told["unknown_user"], told["unavailable"]) == (100, 5, 1)
    (summary,) = [line for line in shelf.lines if line.fields.get("event") == "left_out"]
    assert re.fullmatch(
        r"event=left_out reason=flood count=95 since=\d{4}-\d\d-\d\dT[0-9:]{8}Z unknown_user=95", summary.text
    )
    assert summary.priority == LOG_WARNING


def test_what_a_reader_did_not_take_is_told_when_he_reads_again() -> None:
    shelf, timers, counters = Shelf(), Timers(), LogCounters()
    log = log_to(shelf, LogSettings(max_others_per_second=0, max_per_source_per_minute=0), timers, counters)
    shelf.is_open = False
    asked = 0
    while not counters.left_out:
        asked += 1
        log.record(decision(Outcome.WRONG_PASSWORD, Request("alice", Secret(b"x"))))
    log.record(decision(Outcome.ACCEPTED, Request("alice", Secret(b"x"))))
    timers.move(30)
    shelf.is_open = True
    shelf.target.detach(30)
    timers.move(30)

    told = [line.fields["outcome"] for line in shelf.lines if "outcome" in line.fields]
    assert told.count("wrong_password") == asked - 1 == counters.written - 1
    assert told[-1] == "accepted", "what may come in floods leaves room"
    assert "event=left_out reason=unread count=1 " in shelf.lines[-1].text
    assert sum(len(line.text) for line in shelf.lines[:-2]) <= DISPENSABLE


moments = st.lists(
    st.tuples(
        st.sampled_from([*Outcome, *NotAsked]),
        st.sampled_from(["", "192.0.2.1", "192.0.2.2", "127.0.0.1"]),
        st.sampled_from(["alice", "Alice", "bob"]),
        st.sampled_from([0.0, 0.0, 0.4, 7.0]),
        st.booleans(),
    ),
    max_size=200,
)


@given(moments, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_every_decision_is_either_told_or_counted_by_its_outcome(
    happened: list[tuple[Outcome | NotAsked, str, str, float, bool]], accepted: int, others: int, of_source: int
) -> None:
    settings = LogSettings(
        max_accepted_per_second=accepted, max_others_per_second=others, max_per_source_per_minute=of_source
    )
    shelf, timers, counters = Shelf(), Timers(), LogCounters()
    log = log_to(shelf, settings, timers, counters)
    for outcome, address, user, pause, is_open in happened:
        shelf.is_open = is_open
        client = Client(address, 25) if address else None
        log.record(decision(outcome, Request(user, Secret(b"x"), client=client)))
        timers.move(pause)
    shelf.is_open = True
    timers.move(100)
    shelf.target.detach(30)

    asked = Counter(outcome.value for outcome, *_ in happened)
    told: Counter[str] = Counter()
    for line in shelf.lines:
        if line.fields.get("event") == "left_out":
            told.update({name: int(count) for name, count in line.fields.items() if name in asked})
        elif line.identity == "authd":
            told[line.fields["outcome"]] += 1
    assert told == asked
    assert counters.written + counters.left_out.total() == asked.total()
    assert len(timers) == 0, "who has nothing to do sleeps"
