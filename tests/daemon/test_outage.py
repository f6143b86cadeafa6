"""Whatever a backend does, every client is answered in time, and nobody is told that his password is wrong."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.daemon.crowd import Crowd
from tests.daemon.moody import install, set_mood
from tests.daemon.running import NO, OK, TEMPORARY, Authd, ask, running, until

REQUEST_DEADLINE = 8.0  # seconds, what is promised without a setting
SLACK = 1.0  # seconds in which a busy machine may not come to read an answer
PLACEMENTS = ("thread", "loop")

CONFIGURATION = """
[server]
request_deadline = "REQUEST"

[[listeners]]
path = "DIR/mux"

[backends.moody]
type = "moody-PLACEMENT"
mood = "DIR/mood"

[backends.users]
type = "passwd-file"
path = "DIR/users"

[[routes]]
services = ["imap"]
backends = ["users"]

[[routes]]
services = ["pop"]
backends = ["moody", "users"]

[[routes]]
backends = ["moody"]
"""

Start = Callable[..., AbstractContextManager[Authd]]


@pytest.fixture
def mood(tmp_path: Path) -> Path:
    mood = tmp_path / "mood"
    mood.write_text("well")
    return mood


@pytest.fixture
def start(tmp_path: Path, mood: Path) -> Start:
    """Runs authd on the moody backend (smtp), a file with carol in it (imap), or the one before the other (pop)."""
    (tmp_path / "users").write_text("alice:{PLAIN}other\ncarol:{PLAIN}right\n")
    environment = install(tmp_path / "site")

    @contextmanager
    def start(placement: str, settings: str = "", request: str = "1s", **options: str) -> Iterator[Authd]:
        configuration = CONFIGURATION.replace("PLACEMENT", placement).replace("REQUEST", request)
        for key, value in options.items():
            configuration = configuration.replace('mood = "DIR/mood"', f'mood = "DIR/mood"\n{key} = {value}')
        with running(tmp_path, configuration + settings, environment=environment) as authd:
            yield authd

    return start


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("text", ["hang", "late 1.2", "raise", "unavailable"])
def test_an_outage_is_a_temporary_failure_in_time_and_ends_with_itself(
    start: Start, mood: Path, placement: str, text: str
) -> None:
    with start(placement) as authd:
        set_mood(mood, text)
        crowd = Crowd(authd.socket)
        guests = [crowd.ask(user, "right") for user in ("alice", "bob", "nobody") for _ in range(5)]

        assert set(crowd.wait(*guests)) == {TEMPORARY}
        assert max(guest.seconds for guest in guests) < REQUEST_DEADLINE
        authd.wait_for_line("outcome=unavailable user=alice")

        set_mood(mood, "well")
        until(lambda: ask(authd.socket, "alice", "right") == OK, "the end of the outage")
        assert ask(authd.socket, "alice", "wrong") == NO


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_backend_that_answers_at_the_last_moment_costs_others_nothing(
    start: Start, mood: Path, placement: str
) -> None:
    """At 7.9 of 8 seconds it is either its answer or a temporary failure, and never another answer."""
    set_mood(mood, "late 7.9")
    with start(placement, request="8s", deadline='"8s"') as authd:
        crowd = Crowd(authd.socket)
        right, wrong = ([crowd.ask("alice", word) for _ in range(3)] for word in ("right", "wrong"))
        others = [crowd.ask("carol", "right", service="imap") for _ in range(20)]

        assert crowd.wait(*others) == [OK] * 20
        assert crowd.told == others, "before anybody who waits for the late one"
        assert set(crowd.wait(*right)) <= {OK, TEMPORARY}
        assert set(crowd.wait(*wrong)) <= {NO, TEMPORARY}
        assert max(guest.seconds for guest in crowd.told) < REQUEST_DEADLINE + SLACK


@pytest.mark.parametrize("text", ["hang", "raise", "unavailable"])
def test_a_dead_backend_starves_neither_other_routes_nor_the_next_of_its_chain(
    start: Start, mood: Path, text: str
) -> None:
    with start("loop", deadline='"300ms"', max_concurrent="2") as authd:
        set_mood(mood, text)
        crowd = Crowd(authd.socket)
        behind = [crowd.ask("carol", "right", service="pop") for _ in range(40)]
        beside = [crowd.ask("carol", "right", service="imap") for _ in range(40)]
        unknown = [crowd.ask("dora", f"guess{number}", service="pop") for number in range(40)]

        assert set(crowd.wait(*beside)) == {OK}
        assert set(crowd.wait(*behind)) == {OK}
        assert set(crowd.wait(*unknown)) == {TEMPORARY}, "she may be known to the dead one"


def test_a_known_password_is_answered_during_an_outage_and_kept_through_it(start: Start, mood: Path) -> None:
    with start("loop") as authd:
        assert ask(authd.socket, "alice", "right") == OK
        set_mood(mood, "unavailable")

        assert ask(authd.socket, "alice", "right") == OK
        assert ask(authd.socket, "alice", "wrong") == TEMPORARY
        assert ask(authd.socket, "alice", "right") == OK
        until(lambda: authd.log.count("outcome=accepted user=alice") == 3, "three logins in the log")
        assert authd.log.count("cache=hit") == 2


@pytest.mark.parametrize(("text", "rescued"), [("unavailable", OK), ("hang", TEMPORARY)])
def test_a_stale_password_is_used_only_while_the_store_cannot_be_reached(
    start: Start, mood: Path, text: str, rescued: bytes
) -> None:
    with start("loop", '[cache]\nttl = "0s"\nstale_ttl = "1h"\n', deadline='"300ms"') as authd:
        assert ask(authd.socket, "alice", "right") == OK
        set_mood(mood, text)

        assert ask(authd.socket, "alice", "right") == rescued
        assert ask(authd.socket, "alice", "wrong") == TEMPORARY
        assert ask(authd.socket, "bob", "right too") == TEMPORARY, "never seen before"


def test_a_flood_and_an_outage_at_once_leave_nobody_hanging_and_others_alone(start: Start, mood: Path) -> None:
    with start("thread", max_concurrent="2", max_queued="20") as authd:
        set_mood(mood, "hang")
        crowd = Crowd(authd.socket)
        flood = [crowd.ask("alice", f"guess{number}") for number in range(200)]
        owner = crowd.ask("alice", "right")
        others = [crowd.ask("carol", "right", service="imap") for _ in range(20)]

        assert set(crowd.wait(*others)) == {OK}
        assert set(crowd.wait(owner, *flood)) == {TEMPORARY}
        assert max(guest.seconds for guest in crowd.told) < REQUEST_DEADLINE

        set_mood(mood, "well")
        until(lambda: ask(authd.socket, "alice", "right") == OK, "the end of the outage")
