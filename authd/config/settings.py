"""The configuration as typed, frozen data: one class for each section of authd.toml.

Durations are seconds, sizes are bytes. The defaults and the ranges stand here and nowhere else; a deadline that the
file leaves out is never longer than `request_deadline`.
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
    user: Name = "authd"  # what the front becomes when it was started as root
    request_deadline: Deadline = 8.0  # seconds from accept to answer, whatever happens
    read_deadline: Deadline = 5.0  # seconds for a request to arrive
    shutdown_deadline: Deadline = 10.0  # seconds from SIGTERM to the end
    max_connections: Annotated[int, Range(1, 1_000_000)] = 16384
    answer_texts: bool = False  # Cyrus's texts behind OK and NO


@dataclass(frozen=True, kw_only=True, slots=True)
class ListenerSettings:
    path: SocketPath
    protocol: Protocol = Protocol.SASLAUTHD
    mode: Annotated[int, Mode()] = 0o660
    owner: Name | None = None  # None: who starts authd
    group: Name | None = None
    backlog: Annotated[int, Range(1, 65535)] = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class BackendSettings:
    name: str
    type: str
    options: Any  # an instance of the backend's options_type
    deadline: Deadline = 5.0
    max_concurrent: Annotated[int, Range(1, 10_000)] | None = None  # None: the cores where it hashes, 32 where it waits
    max_queued: Annotated[int, Range(0, 10_000)] = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class RouteSettings:
    backends: Names
    name: str = ""
    listeners: Annotated[tuple[Path, ...] | None, ListenerPaths()] = None  # None: any, as in the two below
    services: Names | None = None
    realms: Names | None = None
    login: Annotated[str, LoginTemplate()] = "{user}"
    cache: bool = True
    on_wrong_password: Following = Following.STOP
    on_unavailable: Following = Following.CONTINUE


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheSettings:
    enabled: bool = True
    ttl: Span = 300.0
    negative_ttl: Span = 15.0
    stale_ttl: Span = 0.0
    max_entries: Count = 100_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ThrottleSettings:
    enabled: bool = True
    per_user: Tries = 10
    per_user_hard: Tries = 0
    per_address: Tries = 30
    window: Span = 600.0
    failure_delay: Annotated[float, Duration(maximum=60)] = 2.0
    answer: ThrottleAnswer = ThrottleAnswer.TEMPFAIL
    exempt: tuple[Annotated[str, Network()], ...] = ("127.0.0.0/8", "::1")


@dataclass(frozen=True, kw_only=True, slots=True)
class HelperSettings:
    path: SocketPath = Path("/run/authd/helper.sock")
    check_deadline: Deadline = 7.0
    max_checks: Annotated[int, Range(1, 1_000_000_000)] = 1000
    max_memory: Annotated[int, Size(minimum=1 << 20)] = 64 * 1024 * 1024
    min_idle: Annotated[int, Range(0, 10_000)] = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricsSettings:
    listen: Annotated[str, Listen()] | None = None  # "127.0.0.1:9479" or the path of a Unix socket


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlSettings:
    path: SocketPath = Path("/run/authd/control.sock")


@dataclass(frozen=True, kw_only=True, slots=True)
class LogSettings:
    level: LogLevel = LogLevel.INFO
    format: LogFormat = LogFormat.LOGFMT
    target: LogTarget = LogTarget.STDERR
    max_accepted_per_second: Count = 5000  # lines; 0 in these three: no bound. What is left out is counted and told
    max_others_per_second: Count = 100  # of each outcome but accepted
    max_per_source_per_minute: Count = 30  # of one client's address or, where none is known, one user; accepted apart


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """All of authd.toml. `routes` empty means: every backend, in the order of the file."""

    backends: tuple[BackendSettings, ...]
    server: ServerSettings = field(default_factory=ServerSettings)
    listeners: tuple[ListenerSettings, ...]
    routes: tuple[RouteSettings, ...] = ()
    cache: CacheSettings = field(default_factory=CacheSettings)
    throttle: ThrottleSettings = field(default_factory=ThrottleSettings)
    helper: HelperSettings = field(default_factory=HelperSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    control: ControlSettings = field(default_factory=ControlSettings)
    log: LogSettings = field(default_factory=LogSettings)
