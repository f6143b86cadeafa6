"""The configuration as typed, frozen data: one class for each section of authd.toml.

Durations are seconds, sizes are bytes. The defaults, the ranges and the meanings stand here and nowhere else: manual
and reference are made of them. A deadline that the file leaves out is never longer than `request_deadline`.
"""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

from authd.config.values import NAME, NAMES, SOCKET_PATH, Listen, ListenerPaths, LoginTemplate, Mode, Network
from authd_backends.kinds import Duration, Range, Size

Deadline = Annotated[float, Duration(minimum=0.001, maximum=3600)]  # past the hour no client waits any more
Span = Annotated[float, Duration()]
Count = Annotated[int, Range(0, 1_000_000_000)]
Tries = Annotated[int, Range(0, 1000)]  # each is kept while it counts
SocketPath = Annotated[Path, SOCKET_PATH]
Name = Annotated[str, NAME]
Names = Annotated[tuple[str, ...], NAMES]


class Protocol(Enum):
    """What a listener speaks."""

    SASLAUTHD = "saslauthd"  # v2; SASL v1 and pwcheck are told by the first byte


class Following(Enum):
    """What the chain does behind an outcome."""

    CONTINUE = "continue"
    STOP = "stop"


class ThrottleAnswer(Enum):
    TEMPFAIL = "tempfail"
    NO = "no"


class LogLevel(Enum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(Enum):
    LOGFMT = "logfmt"
    JSON = "json"


class LogTarget(Enum):
    STDERR = "stderr"
    SYSLOG = "syslog"
    JOURNAL = "journal"


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerSettings:
    """The daemon as a whole."""

    user: Name = "authd"
    """What the front becomes for good when authd is started as root."""
    request_deadline: Deadline = 8.0
    """From accepting a client to its answer, whatever happens."""
    read_deadline: Deadline = 5.0
    """For a request to arrive whole; without the key never longer than `request_deadline`."""
    shutdown_deadline: Deadline = 10.0
    """From SIGTERM, or `authd drain`, to the end of the process."""
    max_connections: Annotated[int, Range(1, 1_000_000)] = 16384
    """Clients at once; who comes beyond them is told a temporary failure."""
    answer_texts: bool = False
    """Put Cyrus's texts behind `OK` and `NO`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListenerSettings:
    """A socket for clients, one table each.

    Without any: `/run/saslauthd/mux`, for the group sasl where root starts authd.
    """

    path: SocketPath
    """Where the socket is made. Clients of libsasl2 look for `/run/saslauthd/mux`, in a chroot below it."""
    protocol: Protocol = Protocol.SASLAUTHD
    """saslauthd's own, in version 2; version 1 and pwcheck are told by the first byte."""
    mode: Annotated[int, Mode()] = 0o660
    """Who may connect, and with that try passwords."""
    owner: Name | None = None
    """Not set: who starts authd."""
    group: Name | None = None
    """Not set: the group of who starts authd."""
    backlog: Annotated[int, Range(1, 65535)] = 4096
    """Connections that the kernel keeps until they are accepted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BackendSettings:
    """Whom to ask.

    NAME is of letters, digits, - and _. These keys are common to all types.
    """

    name: str
    type: str
    """What is asked, see below; other distributions may bring further types."""
    options: Any  # an instance of the backend's options_type
    deadline: Deadline = 5.0
    """For an answer of this backend; without the key never longer than `request_deadline`."""
    max_concurrent: Annotated[int, Range(1, 10_000)] | None = None
    """Checks at once. Not set: the cores where it hashes, 32 where it waits."""
    max_queued: Annotated[int, Range(0, 10_000)] = 256
    """Requests that wait for their turn; beyond them the least deserving is told a temporary failure."""
    helper: SocketPath | None = None
    """Only of types that run in a helper: where the one that serves this backend listens. Not set: `[helper] path`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RouteSettings:
    """Which backends are asked: the first table that fits a request says it.

    A request that fits none is refused. Without any table: all backends, in the order of the file.
    """

    backends: Names
    """Names of backends, asked in this order."""
    name: str = ""
    """For logs and `authd explain`; without one the number of the route is shown."""
    listeners: Annotated[tuple[Path, ...] | None, ListenerPaths()] = None
    """Paths of the listeners it is for. Not set: any."""
    services: Names | None = None
    """Services as clients name them, matched like realms. Not set: any."""
    realms: Names | None = None
    """Without case: exact, `"*"` or what ends as `"*.example.org"` does; `""` is no realm. Not set: any."""
    login: Annotated[str, LoginTemplate()] = "{user}"
    """What backends are asked for. With an empty realm the part from the `@` on is dropped."""
    cache: bool = True
    """Whether its answers may be remembered."""
    on_wrong_password: Following = Following.STOP
    """Whether the next backend is asked when one knows the user by another password."""
    on_unavailable: Following = Following.CONTINUE
    """Whether the next backend is asked when one cannot answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheSettings:
    """What is remembered of answers."""

    enabled: bool = True
    """Whether passwords are remembered at all, as keyed digests in memory."""
    ttl: Span = 300.0
    """How long a right password is remembered."""
    negative_ttl: Span = 15.0
    """How long a wrong password is remembered, for that very password."""
    stale_ttl: Span = 0.0
    """How much longer a right password counts while no backend can be reached."""
    max_entries: Count = 100_000
    """Remembered answers; beyond them the one unused for longest goes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ThrottleSettings:
    """What guessers meet."""

    enabled: bool = True
    """Whether anybody is blocked; refusals are held back for `failure_delay` all the same."""
    per_user: Tries = 10
    """Different wrong passwords within `window` that block a user, but for his own last password. 0: never."""
    per_user_hard: Tries = 0
    """The same, but the user himself is kept out too. 0: never."""
    per_address: Tries = 30
    """Different wrong passwords within `window` that block an address (a /64 of IPv6). 0: never."""
    window: Span = 600.0
    """How long a wrong password counts."""
    failure_delay: Annotated[float, Duration(maximum=60)] = 2.0
    """How long a refusal is held back; it keeps nothing busy."""
    answer: ThrottleAnswer = ThrottleAnswer.TEMPFAIL
    """What the blocked are told."""
    exempt: tuple[Annotated[str, Network()], ...] = ("127.0.0.0/8", "::1")
    """Addresses that are never blocked: webmail, stunnel and other hosts behind which many users are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HelperSettings:
    """The privileged process for PAM and shadow."""

    path: SocketPath = Path("/run/authd/helper.sock")
    """Where front and helper meet."""
    check_deadline: Deadline = 7.0
    """When a check is killed that has not ended."""
    max_checks: Annotated[int, Range(1, 1_000_000_000)] = 1000
    """After so many checks a worker is replaced by a new one."""
    max_memory: Annotated[int, Size(minimum=1 << 20)] = 64 * 1024 * 1024
    """Memory of a worker, beyond which it is replaced."""
    min_idle: Annotated[int, Range(0, 10_000)] = 1
    """Idle workers that stay, of each backend."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricsSettings:
    """What Prometheus and a person look at."""

    listen: Annotated[str, Listen()] | None = None
    """Where `/metrics`, `/healthz`, `/readyz` and the page `/` are served. Not set: nowhere."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlSettings:
    """The socket for the administrator's commands."""

    path: SocketPath = Path("/run/authd/control.sock")
    """The socket that `authd status` and its like ask."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogSettings:
    """What is written of decisions and events."""

    level: LogLevel = LogLevel.INFO
    """What is written; at `warning` of the decisions only temporary failures."""
    format: LogFormat = LogFormat.LOGFMT
    """The form of a decision's line."""
    target: LogTarget = LogTarget.STDERR
    """Where lines go."""
    max_accepted_per_second: Count = 5000
    """Lines of accepted logins. 0, here and below: no bound. What is left out is counted and told."""
    max_others_per_second: Count = 100
    """Lines of each other outcome."""
    max_per_source_per_minute: Count = 30
    """Lines of one client's address or, where none is known, one user; accepted apart."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """All of authd.toml. `routes` empty means: every backend, in the order of the file."""

    server: ServerSettings = field(default_factory=ServerSettings)
    listeners: tuple[ListenerSettings, ...]
    backends: tuple[BackendSettings, ...]
    routes: tuple[RouteSettings, ...] = ()
    cache: CacheSettings = field(default_factory=CacheSettings)
    throttle: ThrottleSettings = field(default_factory=ThrottleSettings)
    helper: HelperSettings = field(default_factory=HelperSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    control: ControlSettings = field(default_factory=ControlSettings)
    log: LogSettings = field(default_factory=LogSettings)
