"""What a backend is asked, what it answers, and what it promises."""

import hmac
from collections.abc import Awaitable, Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, NoReturn, Protocol, runtime_checkable


class Secret:
    """Bytes that are shown to nobody: not by repr, str or format, not by pickle, not by dataclasses.asdict.

    Only `reveal` gives them out, to the code that compares or sends them. Equality takes the same time
    wherever two secrets of one length differ.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Give the bytes. The caller keeps no copy of them."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('…')"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]  # Python's hash of bytes is a comparison that is not constant in time

    def __deepcopy__(self, memo: dict[int, Any]) -> "Secret":
        return self  # immutable, and one copy is enough

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")


@dataclass(frozen=True, slots=True)
class Client:
    """The far host, as the caller names it; `port` is 0 where only the address is known."""

    address: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One question: may `login` come in with `password`?

    Texts are UTF-8 with surrogateescape (PEP 383), so that any bytes of a client survive. `user` and `realm` are as
    the client sent them, `login` is what a route made of them and what backends look up; without a route it is `user`.
    """

    user: str
    password: Secret
    realm: str = ""
    service: str = ""
    login: str = ""
    client: Client | None = None
    is_urgent: bool = False  # this very password was accepted last for this user: he is not to wait behind guessers

    def __post_init__(self) -> None:
        if not self.login:
            object.__setattr__(self, "login", self.user)


class Outcome(Enum):
    """What a check ends in; the value is the word that logs and metrics use."""

    ACCEPTED = "accepted"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105  # the name of an outcome
    UNKNOWN_USER = "unknown_user"
    DISABLED = "disabled"
    EXPIRED = "expired"
    UNAVAILABLE = "unavailable"

    __hash__ = object.__hash__  # Enum's own is a function of Python's: 0.1 µs at each look into a dictionary


@dataclass(frozen=True, slots=True)
class Verdict:
    """A backend's answer. `reason` is for the operator's log and never holds a password."""

    outcome: Outcome
    reason: str = ""
    user: str = ""  # the canonical name: the backend's own spelling, empty where it is the login's
    delay: float = 0.0  # seconds that the backend wants a refusal to be held back, >= 0


class Placement(Enum):
    """Where `check` runs."""

    INLINE = "inline"  # on the event loop: at most 100 µs, never blocks
    LOOP = "loop"  # on the event loop: `async def check`
    THREAD = "thread"  # on a thread
    HELPER = "helper"  # in a process of the privileged helper


@runtime_checkable
class Backend(Protocol):
    """A configured verifier that answers in one call (inline, thread, helper).

    `check` returns a verdict for all that it foresees; what it raises is a defect and counts as UNAVAILABLE. A backend
    that decides by the client says so with ``uses_client = True``: what is remembered of it is remembered by client.
    """

    options_type: ClassVar[type]
    placement: ClassVar[Placement]
    hashes_passwords: ClassVar[bool]  # a check keeps a core busy: as many at once as there are cores

    def __init__(self, options: Any) -> None: ...

    def start(self) -> None:
        """Look at the world once. OptionError stops the start, Unavailable is logged and does not."""

    def check(self, request: Request) -> Verdict:
        """Answer the request. A dead store is UNAVAILABLE, never a refusal."""

    def close(self) -> None:
        """Let go of everything. No check is under way or comes later."""

    def generation(self) -> Hashable:
        """A cheap value that differs whenever what the backend knows may have changed; None where it cannot tell.

        It may be asked of an instance that was not started: of a helper's backend the front asks one of its own.
        """


@runtime_checkable
class LoopBackend(Protocol):
    """A configured verifier that awaits its store on the event loop; otherwise as `Backend`."""

    options_type: ClassVar[type]
    placement: ClassVar[Placement]
    hashes_passwords: ClassVar[bool]

    def __init__(self, options: Any) -> None: ...

    def start(self) -> None: ...

    async def check(self, request: Request) -> Verdict: ...

    def close(self) -> None: ...

    def generation(self) -> Hashable: ...


@runtime_checkable
class Probed(Protocol):
    """What a backend may have besides: a way to find out whether its store answers while nobody logs in.

    Whoever watches (`/readyz`, metrics) calls it every few seconds. A backend without it counts as down while all that
    it answers is UNAVAILABLE, and as up while nobody asks; those of the helper are up while the helper listens.
    """

    def probe(self) -> Awaitable[None] | None:
        """Ask the store what costs little and needs no user. Raises Unavailable where a check would be an outage.

        It runs where the checks run: of a loop's backend it is ``async def``, of an inline one it takes 100 µs at most.
        One that takes longer than two seconds counts as failed; on the loop it is cancelled then.
        """


AnyBackend = Backend | LoopBackend
