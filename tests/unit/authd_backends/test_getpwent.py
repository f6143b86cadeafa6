"""On the users that every system has; tests/peers/test_shadow.py brings users of its own."""

from authd_backends import Outcome, Request, Secret, nss
from authd_backends.getpwent import GetpwentBackend
from authd_backends.system_users import SystemUserOptions


def test_a_shadowed_password_is_an_outage_that_says_where_to_look() -> None:
    root = nss.getpwnam("root")
    assert root is not None
    backend = GetpwentBackend(SystemUserOptions(min_uid=0))
    backend.start()

    verdict = backend.check(Request("root", Secret(b"secret")))

    expected = Outcome.UNAVAILABLE if root.is_shadowed else Outcome.DISABLED
    assert verdict.outcome is expected
    assert not root.is_shadowed or 'type = "shadow"' in verdict.reason


def test_the_generation_is_hashable() -> None:
    assert isinstance(hash(GetpwentBackend(SystemUserOptions()).generation()), int)
