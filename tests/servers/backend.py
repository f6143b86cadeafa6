"""A backend in a process of the box, asked directly.

`python -m tests.servers.backend MODULE:CLASS OPTIONS`: each line of standard input is a JSON list `[login, password]`,
answered by a list of the verdict's outcome, reason and user, or a JSON string, a shell command to run in between.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NamedTuple

from authd_backends import Outcome, Request, Secret
from authd_backends.options import build
from tests.servers.box import Box


class Answer(NamedTuple):
    outcome: Outcome
    reason: str
    user: str


def ask(
    box: Box,
    backend: str,
    steps: Sequence[tuple[str, str] | str],
    options: Mapping[str, object],
    *,
    user: str = "root",
    before: str = "",
) -> list[Answer]:
    """Check each (login, password) with the backend `MODULE:CLASS` as a user of the box, all in one process.

    `before` is a shell command of root's that comes first; what it mounts nobody else sees.
    """
    become = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
    command = [*become, sys.executable, "-m", "tests.servers.backend", backend, json.dumps(options)]
    lines = "".join(f"{json.dumps(step)}\n" for step in steps)
    shell = ["unshare", "--mount", "sh", "-ec", f'{before}\nexec "$@"', "sh", *command]
    printed = box.run(shell, input=lines).stdout
    return [Answer(Outcome(outcome), *texts) for outcome, *texts in map(json.loads, printed.splitlines())]


def main(reference: str, options: str) -> None:
    module, _, name = reference.partition(":")
    kind = getattr(import_module(module), name)
    backend = kind(build(kind.options_type, json.loads(options)))
    for step in map(json.loads, sys.stdin):
        if isinstance(step, str):
            subprocess.run(step, shell=True, check=True)
            continue
        login, password = step
        verdict = backend.check(Request(login, Secret(password.encode())))
        print(json.dumps([verdict.outcome.value, verdict.reason, verdict.user]), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
