import grp
import os
from pathlib import Path

import pytest

from authd.config.default import default_listener, default_socket, default_users_file
from authd.config.errors import ConfigError
from authd.config.settings import ListenerSettings

VARIABLES = ("STATE_DIRECTORY", "RUNTIME_DIRECTORY", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "HOME")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No variable that counts is set."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    return monkeypatch


@pytest.fixture
def user(environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    environment.setattr(os, "geteuid", lambda: 1000)
    environment.setenv("HOME", "/home/alice")
    return environment


@pytest.fixture
def root(environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    environment.setattr(os, "geteuid", lambda: 0)
    return environment


@pytest.mark.usefixtures("root")
def test_root_has_the_systems_directories() -> None:
    assert default_users_file() == Path("/var/lib/authd/users")
    assert default_socket() == Path("/run/saslauthd/mux")


@pytest.mark.parametrize("who", ["root", "user"])
def test_a_service_has_the_first_of_systemds_directories(who: str, request: pytest.FixtureRequest) -> None:
    environment: pytest.MonkeyPatch = request.getfixturevalue(who)
    environment.setenv("STATE_DIRECTORY", "/var/lib/mail:/var/lib/other")
    environment.setenv("RUNTIME_DIRECTORY", "/run/mail:/run/other")

    assert default_users_file() == Path("/var/lib/mail/users")
    assert default_socket() == Path("/run/mail/mux")


def test_a_user_has_the_xdg_directories(user: pytest.MonkeyPatch) -> None:
    user.setenv("XDG_STATE_HOME", "/home/alice/state")
    user.setenv("XDG_RUNTIME_DIR", "/run/user/1000")

    assert default_users_file() == Path("/home/alice/state/authd/users")
    assert default_socket() == Path("/run/user/1000/authd/mux")


@pytest.mark.usefixtures("user")
def test_a_user_without_any_variable_has_both_below_the_home() -> None:
    assert default_users_file() == Path("/home/alice/.local/state/authd/users")
    assert default_socket() == Path("/home/alice/.local/state/authd/run/mux")


def test_an_empty_variable_is_as_good_as_none(user: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES[:-1]:
        user.setenv(variable, "")

    assert default_users_file() == Path("/home/alice/.local/state/authd/users")


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("value", ["state", "../etc", "/a\nb", "/caf\udce9"])
def test_a_variable_that_is_no_absolute_printable_path_is_refused(
    user: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    user.setenv(variable, value)

    with pytest.raises(ConfigError) as caught:
        (default_users_file(), default_socket())

    assert caught.value.problems == [f"environment: {variable}: expected an absolute path, got {value!a}"]


@pytest.mark.parametrize(("uid", "known", "group"), [(0, True, "sasl"), (0, False, None), (1000, True, None)])
def test_the_system_s_socket_is_for_the_group_that_may_ask_saslauthd(
    monkeypatch: pytest.MonkeyPatch, uid: int, known: bool, group: str | None
) -> None:
    def getgrnam(name: str) -> object:
        if not known:
            raise KeyError(name)
        return object()

    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(grp, "getgrnam", getgrnam)

    assert default_listener() == ListenerSettings(path=Path("/run/saslauthd/mux"), group=group)
