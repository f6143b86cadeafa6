import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from authd.config.settings import CacheSettings, RouteSettings, ThrottleAnswer, ThrottleSettings
from authd.decide.authenticator import Authenticator
from authd.decide.chain import Chain, Member
from authd.decide.counters import Counters
from authd.decide.decision import Arrival, Decision, NotAsked, answer_to
from authd.decide.queue import NoAnswer, Overload, Urgency
from authd.decide.route import route_of
from authd.protocols.errors import Answer
from authd_backends import Client, Outcome, Request, Secret, Verdict
from tests.unit.decide.pieces import OFF, Clock, Pieces

HERE = Client("192.0.2.1", 4711)


@dataclass
class Store:
    """A backend whose users and mood the test sets; it notes how urgently it was asked."""

    passwords: dict[str, str] = field(default_factory=lambda: {"alice": "right"})
    verdict: Verdict | None = None  # instead of looking
    asked: list[Urgency] = field(default_factory=list)
    version: int = 0
    canonical: dict[str, str] = field(default_factory=dict)  # names that are not the login's own

    answers: asyncio.Event | None = None  # when it does; None: at once

    def ask(self, request: Request, urgency: Urgency) -> Verdict | Awaitable[Verdict]:
        self.asked.append(urgency)
        return self._answer(request) if self.answers is None else self._answer_in_time(self.answers, request)

    async def _answer_in_time(self, answers: asyncio.Event, request: Request) -> Verdict:
        await answers.wait()
        return self._answer(request)

    def _answer(self, request: Request) -> Verdict:
        if self.verdict is not None:
            return self.verdict
        password = self.passwords.get(request.login)
        if password is None:
            return Verdict(Outcome.UNKNOWN_USER)
        right = request.password.reveal() == password.encode()
        outcome = Outcome.ACCEPTED if right else Outcome.WRONG_PASSWORD
        return Verdict(outcome, "looked", user=self.canonical.get(request.login, ""), delay=0.5)


class Pipeline:
    def __init__(
        self,
        store: Store,
        throttle: ThrottleSettings = OFF,
        cache: CacheSettings | None = None,
        route: RouteSettings | None = None,
    ) -> None:
        self.store = store
        self.clock = Clock()
        self.was_recognised = False
        member = Member("users", "passwd-file", store.ask, lambda: store.version)
        route = route or RouteSettings(name="default", backends=("users",))
        self.steps = Pieces(self.clock, cache or CacheSettings(), throttle).steps()
        self.authenticator = Authenticator([route_of(route, 1, Chain([member]))], self.steps, self.clock)

    def ask(
        self,
        password: str = "right",
        user: str = "alice",
        client: Client | None = None,
        realm: str = "",
        service: str = "smtp",
    ) -> Decision:
        request = Request(user, Secret(password.encode()), realm, service, client=client)
        now, came_as = self.clock.now, memoryview(repr((user, password, realm, service, client)).encode())
        sent = self.authenticator.digest_of(came_as)
        recognised = self.authenticator.decide_recognised("/mux", sent, now)
        self.was_recognised = recognised is not None
        return recognised or asyncio.run(self.authenticator.decide(Arrival(request, "/mux", "saslauthd", now, sent)))

    def ask_together(self, passwords: list[str], client: Client) -> list[Decision]:
        """Ask with all of them before the store answers any."""

        async def together() -> list[Decision]:
            self.store.answers = asyncio.Event()
            decide = self.authenticator.decide
            requests = [Request("alice", Secret(each.encode()), client=client) for each in passwords]
            arrivals = [Arrival(each, "/mux", "saslauthd", self.clock.now) for each in requests]
            asked = [asyncio.create_task(decide(arrival)) for arrival in arrivals]
            while len(self.store.asked) < len(asked):
                await asyncio.sleep(0)
            self.store.answers.set()
            return await asyncio.gather(*asked)

        return asyncio.run(together())


def outcomes(*decisions: Decision) -> list[Outcome | NotAsked]:
    return [decision.outcome for decision in decisions]


def test_a_decision_tells_who_what_and_from_where() -> None:
    route = RouteSettings(name="submission", backends=("users",), login="{user}@{realm}")
    pipeline = Pipeline(Store({"alice@example.org": "right"}), route=route)

    decision = pipeline.ask("wrong", realm="example.org")

    assert decision.request.login == "alice@example.org"
    assert (decision.outcome, decision.answer, decision.reason) == (Outcome.WRONG_PASSWORD, Answer.REFUSAL, "looked")
    assert (decision.backend, decision.mechanism, decision.route) == ("users", "passwd-file", "submission")
    assert (decision.cache, decision.is_repeated) == ("miss", False)


def test_a_request_that_no_route_takes_is_refused_without_asking_anybody() -> None:
    pipeline = Pipeline(Store(), route=RouteSettings(backends=("users",), realms=("other",)))

    decision = pipeline.ask()

    assert (decision.outcome, decision.answer, decision.backend) == (NotAsked.NO_ROUTE, Answer.REFUSAL, "")
    assert pipeline.store.asked == []


def test_a_route_that_makes_an_empty_login_asks_nobody() -> None:
    pipeline = Pipeline(Store(), route=RouteSettings(backends=("users",), login="{realm}"))

    assert pipeline.ask().outcome is NotAsked.NO_ROUTE
    assert pipeline.store.asked == []


def test_what_is_given_up_is_a_temporary_failure_and_what_is_malformed_a_refusal() -> None:
    pipeline = Pipeline(Store())
    arrival = Arrival(Request("alice", Secret(b"x")), "/mux", "saslauthd", 100.0)

    given_up = pipeline.authenticator.abandon(arrival, "too late")
    malformed = pipeline.authenticator.refuse_malformed("/mux", "pwcheck", 100.0, "login: expected a name")

    assert (given_up.outcome, given_up.answer) == (Outcome.UNAVAILABLE, Answer.TEMPORARY_FAILURE)
    assert (malformed.outcome, malformed.answer) == (NotAsked.PROTOCOL_ERROR, Answer.REFUSAL)


def test_counters_count_each_decision_once() -> None:
    counters = Counters()
    pipeline = Pipeline(Store())
    for _ in range(3):
        counters.count(pipeline.ask(user="mallory"))

    assert counters.by_outcome() == {("saslauthd", "unknown_user"): 3}


@pytest.mark.parametrize("outcome", [*Outcome, *NotAsked])
@pytest.mark.parametrize("throttled", ThrottleAnswer)
def test_only_a_backend_that_accepts_opens_and_an_outage_is_never_a_refusal(
    outcome: Outcome | NotAsked, throttled: ThrottleAnswer
) -> None:
    temporary = outcome is Outcome.UNAVAILABLE or (
        outcome is NotAsked.THROTTLED and throttled is ThrottleAnswer.TEMPFAIL
    )
    expected = Answer.OK if outcome is Outcome.ACCEPTED else Answer.REFUSAL

    assert answer_to(outcome, throttled) is (Answer.TEMPORARY_FAILURE if temporary else expected)


def test_a_known_password_is_answered_without_asking_the_backend() -> None:
    pipeline = Pipeline(Store())

    first, second = pipeline.ask(), pipeline.ask()

    assert outcomes(first, second) == [Outcome.ACCEPTED] * 2
    assert [first.cache, second.cache] == ["miss", "hit"]
    assert (second.backend, second.mechanism) == ("users", "passwd-file")
    assert len(pipeline.store.asked) == 1


def test_a_request_that_came_in_from_the_cache_is_recognised_by_its_bytes_and_decided_alike() -> None:
    pipeline = Pipeline(Store())
    _, decoded = pipeline.ask(), pipeline.ask()
    assert not pipeline.was_recognised

    recognised = pipeline.ask()

    assert pipeline.was_recognised
    assert recognised._replace(request=decoded.request) == decoded
    assert recognised.request == replace(decoded.request, password=Secret(b""))


@pytest.mark.parametrize(
    "happens",
    [
        lambda pipeline: pipeline.steps.cache.flush(),
        lambda pipeline: setattr(pipeline.store, "version", 2),
        lambda pipeline: setattr(pipeline.clock, "now", pipeline.clock.now + 301),
    ],
    ids=["flushed", "changed", "grown old"],
)
def test_a_recognised_request_opens_no_longer_than_the_cache_would(happens: Callable[[Pipeline], object]) -> None:
    pipeline = Pipeline(Store())
    for _ in range(3):
        pipeline.ask()
    pipeline.store.passwords["alice"] = "another"

    happens(pipeline)

    assert pipeline.ask().outcome is Outcome.WRONG_PASSWORD
    assert not pipeline.was_recognised


def test_nothing_is_recognised_where_no_route_answers_from_the_cache() -> None:
    pipeline = Pipeline(Store(), route=RouteSettings(backends=("users",), cache=False))

    assert pipeline.authenticator.digest_of(memoryview(b"a request")) == b""
    assert [pipeline.ask().outcome for _ in range(3)] == [Outcome.ACCEPTED] * 3
    assert not pipeline.was_recognised


def test_a_wrong_password_is_known_a_little_while_and_called_a_repetition() -> None:
    pipeline = Pipeline(Store())

    first, second = pipeline.ask("wrong"), pipeline.ask("wrong")
    pipeline.clock.now += 60
    third = pipeline.ask("wrong")

    assert [decision.cache for decision in (first, second, third)] == ["miss", "negative_hit", "miss"]
    assert [decision.is_repeated for decision in (first, second, third)] == [False, True, True]
    assert len(pipeline.store.asked) == 2


def test_a_changed_store_is_asked_again() -> None:
    pipeline = Pipeline(Store())
    pipeline.ask()
    pipeline.store.passwords["alice"] = "new"
    pipeline.store.version = 1

    assert outcomes(pipeline.ask(), pipeline.ask("new")) == [Outcome.WRONG_PASSWORD, Outcome.ACCEPTED]


def test_a_route_without_cache_asks_each_time_and_remembers_the_owner_all_the_same() -> None:
    pipeline = Pipeline(Store(), route=RouteSettings(backends=("users",), cache=False))

    first, second = pipeline.ask(), pipeline.ask()

    assert [first.cache, second.cache] == ["", ""]
    assert pipeline.store.asked == [Urgency.ANYBODY, Urgency.OWNER]


def test_the_owner_is_asked_for_before_a_known_address_and_that_before_anybody() -> None:
    pipeline = Pipeline(Store(), route=RouteSettings(backends=("users",), cache=False))

    pipeline.ask(client=HERE)
    pipeline.ask(client=HERE)
    pipeline.ask("wrong", client=HERE)
    pipeline.ask("wrong too", client=Client("192.0.2.2"))

    assert pipeline.store.asked == [Urgency.ANYBODY, Urgency.OWNER, Urgency.KNOWN, Urgency.ANYBODY]


def guess(pipeline: Pipeline, count: int, client: Client | None = None, user: str = "alice") -> list[Decision]:
    return [pipeline.ask(f"guess {number}", user, client) for number in range(count)]


def test_guessers_lock_nobody_out() -> None:
    pipeline = Pipeline(Store(), ThrottleSettings(per_user=5, failure_delay=0.0), CacheSettings(ttl=30.0))
    pipeline.ask()

    guessed = guess(pipeline, 7)
    cached = pipeline.ask()
    pipeline.clock.now += 60
    owner = pipeline.ask()

    assert outcomes(*guessed) == [Outcome.WRONG_PASSWORD] * 5 + [NotAsked.THROTTLED] * 2
    assert (cached.outcome, cached.cache) == (Outcome.ACCEPTED, "hit")
    assert (owner.outcome, owner.cache) == (Outcome.ACCEPTED, "miss")
    assert guessed[-1].answer is Answer.TEMPORARY_FAILURE


def test_guessers_lock_out_nobody_who_has_not_come_in_yet_and_hear_nothing_of_him() -> None:
    """After a start nobody's password is known: the right one passes all the same, and a wrong one is not told so."""
    pipeline = Pipeline(Store(), ThrottleSettings(per_user=5, failure_delay=0.0))
    guess(pipeline, 5)

    wrong, right, another = pipeline.ask("wrong"), pipeline.ask(), pipeline.ask("another")

    assert outcomes(wrong, right, another) == [NotAsked.THROTTLED, Outcome.ACCEPTED, NotAsked.THROTTLED]
    assert len(pipeline.store.asked) == 5 + 2, "from now on only his own password reaches the backend"


@pytest.mark.parametrize(
    "ask",
    [
        lambda pipeline, password: pipeline.ask(password, service="pop"),
        lambda pipeline, password: pipeline.ask(password, realm="example.org"),
        lambda pipeline, password: pipeline.ask(password, user="ALICE"),
        lambda pipeline, password: pipeline.ask(password, user="\xe1lice"),
    ],
    ids=["service", "realm", "case", "accent"],
)
def test_guessers_get_no_further_by_another_service_realm_or_spelling_and_the_owner_does(
    ask: Callable[[Pipeline, str], Decision],
) -> None:
    """They choose these; what the user came in with under one of them counts under all."""
    store = Store(dict.fromkeys(("alice", "ALICE", "\xe1lice"), "right"), canonical={"\xe1lice": "alice"})
    pipeline = Pipeline(store, ThrottleSettings(per_user=5, failure_delay=0.0))
    pipeline.ask()
    guess(pipeline, 5)
    store.passwords = dict.fromkeys(store.passwords, "guessed")

    guessed = ask(pipeline, "guessed")
    store.passwords = dict.fromkeys(store.passwords, "right")

    assert outcomes(guessed, ask(pipeline, "guessed")) == [NotAsked.THROTTLED] * 2
    assert ask(pipeline, "right").outcome is Outcome.ACCEPTED


def test_a_hard_limit_lets_nobody_pass() -> None:
    pipeline = Pipeline(Store(), ThrottleSettings(per_user_hard=5, failure_delay=0.0))
    guess(pipeline, 5)

    assert pipeline.ask().outcome is NotAsked.THROTTLED


def test_a_hard_limit_holds_for_a_password_that_is_remembered_too() -> None:
    """Or the guesser at whoever comes in often would be told by the cache when he has it."""
    pipeline = Pipeline(Store(), ThrottleSettings(per_user_hard=5, failure_delay=0.0))
    assert outcomes(*(pipeline.ask() for _ in range(3))) == [Outcome.ACCEPTED] * 3
    assert pipeline.was_recognised
    guess(pipeline, 5)

    assert pipeline.ask().outcome is NotAsked.THROTTLED
    assert pipeline.steps.throttle.throttled["user"] == 1


@pytest.mark.parametrize(
    ("settings", "right"),
    [
        (ThrottleSettings(per_user_hard=3, failure_delay=0.0), NotAsked.THROTTLED),
        (ThrottleSettings(per_user=0, per_address=3, failure_delay=0.0), NotAsked.THROTTLED),
        (ThrottleSettings(per_user=3, failure_delay=0.0), Outcome.ACCEPTED),
    ],
    ids=["hard", "address", "user"],
)
def test_guesses_at_the_same_time_are_told_no_more_than_one_after_the_other(
    settings: ThrottleSettings, right: Outcome | NotAsked
) -> None:
    pipeline = Pipeline(Store(), settings)

    decisions = pipeline.ask_together([*(f"guess {number}" for number in range(6)), "right"], HERE)

    assert outcomes(*decisions) == [Outcome.WRONG_PASSWORD] * 3 + [NotAsked.THROTTLED] * 3 + [right]


def test_a_throttled_client_is_told_no_where_that_was_set() -> None:
    throttle = ThrottleSettings(per_user=1, failure_delay=2.0, answer=ThrottleAnswer.NO)
    pipeline = Pipeline(Store(), throttle)

    *_, last = guess(pipeline, 2)

    assert (last.outcome, last.answer) == (NotAsked.THROTTLED, Answer.REFUSAL)
    assert last.answer_at == pipeline.clock.now + 2.0


def test_the_right_password_among_guesses_of_a_throttled_address_is_not_told() -> None:
    pipeline = Pipeline(Store(), ThrottleSettings(per_address=5, per_user=0, failure_delay=0.0))
    guess(pipeline, 5, HERE, "mallory")

    assert pipeline.ask("right", client=HERE).outcome is NotAsked.THROTTLED
    assert pipeline.ask("right", client=Client("192.0.2.2")).outcome is Outcome.ACCEPTED
    assert pipeline.ask("right", client=HERE).outcome is NotAsked.THROTTLED
    assert pipeline.steps.throttle.throttled == {"address": 2, "user": 0}


def test_who_came_in_from_an_address_before_is_not_throttled_there() -> None:
    pipeline = Pipeline(Store(), ThrottleSettings(per_address=5, failure_delay=0.0))
    pipeline.ask(client=HERE)
    guess(pipeline, 5, HERE, "mallory")

    assert pipeline.ask("right", client=HERE).outcome is Outcome.ACCEPTED


def test_other_spellings_of_a_throttled_name_are_throttled() -> None:
    pipeline = Pipeline(Store(), ThrottleSettings(per_user=3, failure_delay=0.0))
    guess(pipeline, 3)

    assert pipeline.ask("x", user="ALICE").outcome is NotAsked.THROTTLED
    assert pipeline.ask("x", user="\uff21lice").outcome is NotAsked.THROTTLED


ACCENTED = ("\xe1lice", "\xe0lice", "\xe2lice")  # a database may find alice by each of them
COLLATING = dict.fromkeys(ACCENTED, "alice")


def test_names_that_the_store_takes_for_one_are_one_for_the_throttle() -> None:
    store = Store(dict.fromkeys((*ACCENTED, "alice"), "right"), canonical=COLLATING)
    pipeline = Pipeline(store, ThrottleSettings(per_user=3, failure_delay=0.0))

    guessed = [pipeline.ask(f"guess {number}", name) for number, name in enumerate([*ACCENTED, "alice", ACCENTED[0]])]

    assert outcomes(*guessed) == [Outcome.WRONG_PASSWORD] * 3 + [NotAsked.THROTTLED] * 2
    assert list(pipeline.steps.throttle.users) == ["alice"]


def test_no_new_spelling_passes_a_hard_limit_not_even_with_the_right_password() -> None:
    store = Store(dict.fromkeys((*ACCENTED, "alice"), "right"), canonical=COLLATING)
    pipeline = Pipeline(store, ThrottleSettings(per_user_hard=3, failure_delay=0.0))
    guess(pipeline, 3)

    tried = [pipeline.ask("right", name) for name in (*ACCENTED, *ACCENTED)]

    assert outcomes(*tried) == [NotAsked.THROTTLED] * 6
    assert len(pipeline.steps.cache) == 3, "the refusals of the guesses alone"


def test_known_passwords_are_rescued_while_the_store_cannot_be_reached() -> None:
    pipeline = Pipeline(Store(), cache=CacheSettings(ttl=30.0, stale_ttl=3600.0))
    pipeline.ask()
    pipeline.clock.now += 60
    pipeline.store.verdict = Verdict(Outcome.UNAVAILABLE, "connection refused")

    known, wrong = pipeline.ask(), pipeline.ask("wrong")

    assert (known.outcome, known.cache) == (Outcome.ACCEPTED, "stale_used")
    assert known.reason == "known before the outage: connection refused"
    assert wrong.outcome is Outcome.UNAVAILABLE


@pytest.mark.parametrize("outage", [NoAnswer, Overload])
def test_a_flood_that_fills_the_queue_rescues_nobody(outage: type[Verdict]) -> None:
    pipeline = Pipeline(Store(), cache=CacheSettings(ttl=30.0, stale_ttl=3600.0))
    pipeline.ask()
    pipeline.clock.now += 60
    pipeline.store.verdict = outage(Outcome.UNAVAILABLE, "queue full")

    assert pipeline.ask().outcome is Outcome.UNAVAILABLE


@pytest.mark.parametrize("outcome", [Outcome.DISABLED, Outcome.EXPIRED, Outcome.UNKNOWN_USER])
def test_a_revoked_user_is_not_rescued(outcome: Outcome) -> None:
    pipeline = Pipeline(Store(), cache=CacheSettings(ttl=30.0, stale_ttl=3600.0))
    pipeline.ask()
    pipeline.clock.now += 60
    pipeline.store.verdict = Verdict(outcome)
    pipeline.ask("any")
    pipeline.store.verdict = Verdict(Outcome.UNAVAILABLE)

    assert pipeline.ask().outcome is Outcome.UNAVAILABLE


def test_a_refusal_is_held_back_from_its_arrival_on() -> None:
    pipeline = Pipeline(Store(), ThrottleSettings(failure_delay=2.0))

    wrong, right = pipeline.ask("wrong"), pipeline.ask()

    assert wrong.answer_at == pipeline.clock.now + 2.0
    assert right.answer_at == pipeline.clock.now


def test_identical_checks_at_the_same_time_are_one() -> None:
    asked: list[str] = []
    go_on = asyncio.Event()

    async def ask(request: Request, _: Urgency) -> Verdict:
        asked.append(request.login)
        await go_on.wait()
        return Verdict(Outcome.ACCEPTED)

    async def live() -> list[Decision]:
        clock = Clock()
        chain = Chain([Member("users", "test", ask)])
        authenticator = Authenticator(
            [route_of(RouteSettings(backends=("users",)), 1, chain)], Pieces(clock).steps(), clock
        )
        tasks = [
            asyncio.create_task(
                authenticator.decide(Arrival(Request(user, Secret(b"x")), "/mux", "saslauthd", clock.now))
            )
            for user in ("alice", "alice", "bob")
        ]
        await asyncio.sleep(0)
        go_on.set()
        return await asyncio.gather(*tasks)

    assert outcomes(*asyncio.run(live())) == [Outcome.ACCEPTED] * 3
    assert asked == ["alice", "bob"]


class PipelineMachine(RuleBasedStateMachine):
    """Any order of logins, guesses, outages and changes, against what the store itself would say.

    No wrong password comes in but one that was right within the lifetimes that are set; no right one is kept out by
    guesses; an outage is never a refusal.
    """

    TTL, NEGATIVE_TTL, STALE_TTL = 50.0, 10.0, 100.0
    names = st.sampled_from(["alice", "bob"])
    passwords = st.sampled_from(["one", "two", "three", "four"])
    clients = st.sampled_from([None, HERE, Client("192.0.2.2")])

    def __init__(self) -> None:
        super().__init__()
        cache = CacheSettings(ttl=self.TTL, negative_ttl=self.NEGATIVE_TTL, stale_ttl=self.STALE_TTL)
        throttle = ThrottleSettings(per_user=2, per_address=4, window=40.0, failure_delay=0.0)
        self.store = Store({"alice": "one", "bob": "two"})
        self.pipeline = Pipeline(self.store, throttle, cache)
        self.right_until: dict[tuple[str, str], float] = {}  # when a password was last the right one
        self.tried: dict[tuple[str, str], float] = {}  # when one was last refused
        self.last_in: dict[str, str] = {}  # with what each came in last

    @rule(name=names, password=passwords, client=clients)
    def one_asks(self, name: str, password: str, client: Client | None) -> None:
        now = self.pipeline.clock.now
        is_right = self.store.passwords.get(name) == password
        if is_right:
            self.right_until[name, password] = now
        asked_before = len(self.store.asked)
        decision = self.pipeline.ask(password, name, client)
        asked = len(self.store.asked) > asked_before
        if asked and self.store.verdict is None and not is_right:
            self.tried[name, password] = now  # also where a guesser hears nothing of it
        if decision.outcome is Outcome.ACCEPTED:
            latest = self.right_until.get((name, password))
            assert latest is not None
            assert is_right or now < latest + self.TTL + self.STALE_TTL
            self.last_in[name] = password
        elif decision.answer is Answer.REFUSAL:
            assert not (asked and self.store.verdict is not None), "an outage was told as a refusal"
            assert not is_right or now < self.tried.get((name, password), -1e9) + self.NEGATIVE_TTL
        elif decision.outcome is NotAsked.THROTTLED and is_right:
            assert not (client is None and self._came_in_last(name, password)), "guessers locked the owner out"

    def _came_in_last(self, name: str, password: str) -> bool:
        return self.last_in.get(name) == password

    @rule(name=names, password=passwords)
    def a_password_is_changed(self, name: str, password: str) -> None:
        former = self.store.passwords[name]
        self.right_until[name, former] = self.pipeline.clock.now
        self.store.passwords[name] = password

    @rule(is_out=st.booleans())
    def the_store_goes_or_comes(self, is_out: bool) -> None:
        self.store.verdict = Verdict(Outcome.UNAVAILABLE, "out") if is_out else None

    @rule(seconds=st.integers(1, 60))
    def time_passes(self, seconds: int) -> None:
        self.pipeline.clock.now += seconds


TestPipeline = PipelineMachine.TestCase
TestPipeline.settings = settings(max_examples=100, stateful_step_count=40)
