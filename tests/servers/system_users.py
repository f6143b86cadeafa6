"""The conformance cases on the /etc/passwd and /etc/shadow of a box.

`python -m tests.servers.system_users MODULE:CLASS` prints `{case: failure}` as JSON.
"""

import json
import sys
import traceback
from importlib import import_module
from pathlib import Path

from authd_backends import AnyBackend, conformance
from authd_backends.hashes.libcrypt import hashed
from tests.servers.box import Box

_FILES = (Path("/etc/passwd"), Path("/etc/shadow"))
_ROOT = ("root:x:0:0::/root:/bin/sh\n", "root:*:20000:0:99999:7:::\n")


def failed_cases(box: Box, backend: str) -> dict[str, str]:
    """Run each case on the backend `MODULE:CLASS`; the users of the box are others afterwards."""
    failures: dict[str, str] = json.loads(box.python("tests.servers.system_users", backend))
    return failures


class Installation:
    login, realm, password = "alice", "", b"a right password"

    def __init__(self, backend: str) -> None:
        module, _, name = backend.partition(":")
        self._type = getattr(import_module(module), name)
        self.set_password(self.password)

    def backend(self) -> AnyBackend:
        backend: AnyBackend = self._type(self._type.options_type())
        return backend

    def set_password(self, password: bytes) -> None:
        stored = hashed(password, "$6$rounds=1000$saltsalt")
        field = "x" if self._type.__name__ == "ShadowBackend" else stored
        rows = (f"{self.login}:{field}:5000:5000::/:/bin/sh\n", f"{self.login}:{stored}:20000:0:99999:7:::\n")
        for path, root, row in zip(_FILES, _ROOT, rows, strict=True):
            path.write_text(root + row)

    def take_away(self) -> None:
        for path in _FILES:
            path.rename(f"{path}.away")

    def bring_back(self) -> None:
        for path in _FILES:
            Path(f"{path}.away").rename(path)


def main(backend: str) -> None:
    failures = {}
    for case in conformance.cases():
        try:
            case(Installation(backend))
        except Exception:  # shown in the test
            failures[case.__name__] = traceback.format_exc()
    print(json.dumps(failures))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
