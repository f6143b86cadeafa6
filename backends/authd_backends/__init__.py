"""Password verifiers behind one contract, usable without the daemon.

>>> from pathlib import Path
>>> from tempfile import NamedTemporaryFile
>>> from authd_backends.contract import Request, Secret
>>> from authd_backends.passwd_file import PasswdFileBackend, PasswdFileOptions
>>> users = NamedTemporaryFile()

Five lines check a password:

>>> written = users.write(b"alice:$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5\\n")
>>> users.flush()
>>> backend = PasswdFileBackend(PasswdFileOptions(path=Path(users.name)))
>>> backend.check(Request("alice", Secret(b"Hello world!"))).outcome
<Outcome.ACCEPTED: 'accepted'>
>>> backend.close()

>>> users.close()
"""

from authd_backends.contract import (
    AnyBackend,
    Backend,
    Client,
    LoopBackend,
    Outcome,
    Placement,
    Probed,
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
    "Probed",
    "Request",
    "Secret",
    "Unavailable",
    "Verdict",
]
