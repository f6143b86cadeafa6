"""Password verifiers behind one contract, usable without the daemon."""

from authd_backends.contract import (
    AnyBackend,
    Backend,
    Client,
    LoopBackend,
    Outcome,
    Placement,
    Request,
    Secret,
    Verdict,
)
from authd_backends.errors import BackendError, MissingLibraryError, OptionError, Unavailable

__all__ = [
    "AnyBackend",
    "Backend",
    "BackendError",
    "Client",
    "LoopBackend",
    "MissingLibraryError",
    "OptionError",
    "Outcome",
    "Placement",
    "Request",
    "Secret",
    "Unavailable",
    "Verdict",
]
