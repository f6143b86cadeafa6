"""The configuration as typed, frozen data: one class for each section of authd.toml.

Durations are seconds, sizes are bytes. The defaults stand here and nowhere else.
"""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

DEFAULT_SOCKET = Path("/run/saslauthd/mux")  # where Debian's libsasl2 looks


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
    user: str = "authd"  # what the front becomes when it was started as root
    request_deadline: float = 8.0  # seconds from accept to answer, whatever happens
    read_deadline: float = 5.0  # seconds for a request to arrive
    shutdown_deadline: float = 10.0  # seconds from SIGTERM to the end
    max_connections: int = 16384
    answer_texts: bool = False  # Cyrus's texts behind OK and NO


@dataclass(frozen=True, kw_only=True, slots=True)
class ListenerSettings:
    path: Path
    protocol: Protocol = Protocol.SASLAUTHD
    mode: int = 0o660
    owner: str | None = None  # None: who starts authd
    group: str | None = None
    backlog: int = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class BackendSettings:
    name: str
    type: str
    options: Any  # an instance of the backend's options_type
    deadline: float = 5.0
    max_concurrent: int | None = None  # None: the cores where it hashes, 32 where it waits
    max_queued: int = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class RouteSettings:
    backends: tuple[str, ...]
    name: str = ""
    listeners: tuple[Path, ...] | None = None  # None: any, as in the two below
    services: tuple[str, ...] | None = None
    realms: tuple[str, ...] | None = None
    login: str = "{user}"
    cache: bool = True
    on_wrong_password: Following = Following.STOP
    on_unavailable: Following = Following.CONTINUE


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheSettings:
    enabled: bool = True
    ttl: float = 300.0
    negative_ttl: float = 15.0
    stale_ttl: float = 0.0
    max_entries: int = 100_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ThrottleSettings:
    enabled: bool = True
    per_user: int = 10
    per_user_hard: int = 0
    per_address: int = 30
    window: float = 600.0
    failure_delay: float = 2.0
    answer: ThrottleAnswer = ThrottleAnswer.TEMPFAIL
    exempt: tuple[str, ...] = ("127.0.0.0/8", "::1")


@dataclass(frozen=True, kw_only=True, slots=True)
class HelperSettings:
    path: Path = Path("/run/authd/helper.sock")
    check_deadline: float = 7.0
    max_checks: int = 1000
    max_memory: int = 64 * 1024 * 1024
    min_idle: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricsSettings:
    listen: str | None = None  # "127.0.0.1:9479" or the path of a Unix socket


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlSettings:
    path: Path = Path("/run/authd/control.sock")


@dataclass(frozen=True, kw_only=True, slots=True)
class LogSettings:
    level: LogLevel = LogLevel.INFO
    format: LogFormat = LogFormat.LOGFMT
    target: LogTarget = LogTarget.STDERR


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """All of authd.toml. `routes` empty means: every backend, in the order of the file."""

    backends: tuple[BackendSettings, ...]
    server: ServerSettings = field(default_factory=ServerSettings)
    listeners: tuple[ListenerSettings, ...] = (ListenerSettings(path=DEFAULT_SOCKET),)
    routes: tuple[RouteSettings, ...] = ()
    cache: CacheSettings = field(default_factory=CacheSettings)
    throttle: ThrottleSettings = field(default_factory=ThrottleSettings)
    helper: HelperSettings = field(default_factory=HelperSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    control: ControlSettings = field(default_factory=ControlSettings)
    log: LogSettings = field(default_factory=LogSettings)
