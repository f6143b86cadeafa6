"""Which logins are one user in the backends' own eyes."""

from collections import OrderedDict

from authd.decide.digest import Identity, is_overlong
from authd.decide.throttle import name_of

MAX_NAMES = 65_536  # logins whose canonical name is not their own; then the longest unused go


class CanonicalNames:
    """What each user counts as: his canonical name where a backend has told one, else what his login's spellings share.

    A database compares without case or accents, a route adds the realm, an alias leads to a mailbox: only the backend
    knows, and only once it was asked.
    """

    def __init__(self) -> None:
        self._names: OrderedDict[tuple[bytes, str, str], str] = OrderedDict()

    def of(self, identity: Identity, login: str) -> str:
        """Give the name that this user counts as, as far as it is known."""
        return self._names.get(_user(identity)) or name_of(login)

    def learn(self, identity: Identity, name: str, told: str) -> str:
        """Take in the canonical name that a backend `told`, which may be none, and give the name that counts now."""
        canonical = name_of(told) if told else name
        if canonical == name or is_overlong(identity):
            return canonical
        self._names[_user(identity)] = canonical
        self._names.move_to_end(_user(identity))
        if len(self._names) > MAX_NAMES:
            self._names.popitem(last=False)
        return canonical


def _user(identity: Identity) -> tuple[bytes, str, str]:
    fingerprint, user, realm, _, _ = identity
    return fingerprint, user, realm
