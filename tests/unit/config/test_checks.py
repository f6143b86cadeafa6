from pathlib import Path

import pytest

from tests.unit.config.files import USERS, loaded, problems

WRONG: dict[str, tuple[str, list[str]]] = {
    "a backend that may take longer than the request": (
        USERS + 'deadline = "9s"\n',
        ['4: backends.users.deadline: expected at most server.request_deadline ("8s"), got "9s"'],
    ),
    "a request that may arrive after its end": (
        USERS + '[server]\nrequest_deadline = "1500ms"\nread_deadline = "2s"\n',
        ['6: server.read_deadline: expected at most server.request_deadline ("1500ms"), got "2s"'],
    ),
    "two listeners on one path": (
        USERS + '[[listeners]]\npath = "/run/a"\n[[listeners]]\npath = "/run/b/../a"\n',
        ["7: listeners[2].path: expected a path of its own, got that of listeners[1]"],
    ),
    "a route to a backend that there is not": (
        USERS + '[[routes]]\nbackends = ["users"]\n[[routes]]\nbackends = ["usres"]\n',
        ['7: routes[2].backends: expected a known backend (users?), got "usres"'],
    ),
    "a route from a listener that there is not": (
        USERS + '[[routes]]\nbackends = ["users"]\nlisteners = ["/x"]\n',
        ['6: routes[1].listeners: expected a known listener (/run/saslauthd/mux), got "/x"'],
    ),
}


@pytest.mark.parametrize(("text", "lines"), WRONG.values(), ids=WRONG)
def test_sections_that_contradict_one_another_are_told(tmp_path: Path, text: str, lines: list[str]) -> None:
    assert problems(tmp_path, text) == [f"authd.toml:{line}" for line in lines]


def test_a_backend_that_is_wrong_itself_is_not_told_as_unknown_too(tmp_path: Path) -> None:
    text = '[backends.users]\ntype = "passwd-file"\n[[routes]]\nbackends = ["users"]\n'

    assert problems(tmp_path, text) == ["authd.toml:1: backends.users.path: expected an absolute path, got nothing"]


def test_while_a_listener_is_wrong_no_route_is_blamed_for_naming_it(tmp_path: Path) -> None:
    text = f'{USERS}[[listeners]]\npth = "/run/a"\n[[routes]]\nbackends = ["users"]\nlisteners = ["/run/a"]\n'

    assert [line.split(": ")[1] for line in problems(tmp_path, text)] == ["listeners[1].path", "listeners[1].pth"]


def test_a_route_may_name_the_default_listener(tmp_path: Path) -> None:
    text = f'{USERS}[[routes]]\nbackends = ["users"]\nlisteners = ["/run/saslauthd/mux"]\n'

    assert loaded(tmp_path, text).settings.routes[0].listeners == (Path("/run/saslauthd/mux"),)
