"""``authd explain``: what the running daemon makes of a login, and with its password how each step of it ends."""

import argparse
import os
import sys
from collections.abc import Iterator
from typing import Any

from authd.cli.asking import add_options, asked, duration, shown
from authd.cli.password import piped

HELP = "show which route and backends a login takes, and with --password how it ends"
_EXIT_STATUS = {"ok": 0, "refusal": 1, "temporary_failure": 75}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("user", metavar="USER", help="without the realm")
    parser.add_argument("--service", default="", help="as the client names it: smtp, imap")
    parser.add_argument("--realm", default="", help="what stands behind the last @ of the name")
    parser.add_argument("--client", metavar="ADDRESS", help="the far host's IP address")
    parser.add_argument("--listener", metavar="PATH", help="the socket it comes in at (default: the first one)")
    parser.add_argument("--password", action="store_true", help="try it; asks, or reads a line of standard input")
    add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the way of the login: 0 a route takes it, or it was accepted; 1 none, or refused; 75 temporary failure."""
    from authd.control.messages import Explain
    from authd_backends.contract import Secret

    password = Secret(_password()) if arguments.password else None
    command = Explain(
        arguments.user, arguments.realm, arguments.service, arguments.client, arguments.listener, password
    )
    return asked(arguments, command, _lines, _status)


def _password() -> bytes:
    if not sys.stdin.isatty():
        return piped()
    from getpass import getpass

    return os.fsencode(getpass())


def _status(answer: dict[str, Any]) -> int:
    if decision := answer.get("decision"):
        return _EXIT_STATUS[decision["answer"]]
    return 0 if answer["route"] else 1


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    if route := answer["route"]:
        yield f"route {shown(route['name'])}"
        settings = {key: value for key, value in route.items() if key != "name" and value is not None}
        yield from (f"    {key} = {_value(value)}" for key, value in settings.items())
        yield f"login {shown(answer['login'])}"
        for number, backend in enumerate(answer["backends"], 1):
            deadline = f", within {duration(backend['deadline'])}" if backend["deadline"] else ""
            yield f"backend {number}: {backend['name']} ({backend['type']}, {backend['placement']}{deadline})"
        yield f"throttle: {_throttle(answer['throttle'])}"
    else:
        yield "no route takes this service, realm and listener"
    for step in answer.get("steps", ()):
        yield f"asked {step['backend']}: {step['outcome']} in {duration(step['seconds'])}{_reason(step)}"
    if decision := answer.get("decision"):
        yield _decision(decision)


def _throttle(throttle: dict[str, Any]) -> str:
    count = f"{throttle['wrong_passwords_of_user']} different wrong passwords of this user"
    blocks = [
        *(["the address is blocked"] if throttle["address_is_blocked"] else []),
        *([f"the user is blocked for {whom}"] if (whom := throttle["user_is_blocked_for"]) != "none" else []),
    ]
    return "; ".join([count, *blocks])


def _decision(decision: dict[str, Any]) -> str:
    origin = f", cache {decision['cache']}" if decision["cache"] else ""
    held = f", held back for {duration(decision['held_back'])}" if decision["held_back"] else ""
    answer = decision["answer"].replace("_", " ")
    return f"{answer}: {decision['outcome']} in {duration(decision['seconds'])}{origin}{held}{_reason(decision)}"


def _reason(step: dict[str, Any]) -> str:
    return f": {shown(step['reason'])}" if step["reason"] else ""


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(shown(str(each)) for each in value) if isinstance(value, list) else shown(str(value))
