"""``authd throttle``: whom the running daemon throttles, and an end to it."""

import argparse
from collections.abc import Iterator
from typing import Any

from authd.cli.asking import add_options, asked, shown

HELP = "list who is throttled, or begin anew for them"


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action, text in _HELP.items():
        one = actions.add_parser(action, help=text, description=text, allow_abbrev=False)
        if action == "clear":
            one.add_argument("name", nargs="?", metavar="NAME", help="a user or an address (default: all)")
        add_options(one)


def run(arguments: argparse.Namespace) -> int:
    """Print who is blocked, or for how many users and addresses the count begins anew."""
    from authd.control.messages import ClearThrottled, ListThrottled

    if arguments.action == "list":
        return asked(arguments, ListThrottled(), _lines)
    return asked(arguments, ClearThrottled(arguments.name), lambda answer: [f"cleared {answer['cleared']}"])


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    for kind in ("users", "addresses"):
        for name, count in answer[kind].items():
            yield f"{kind.removesuffix('s').removesuffix('e')}\t{shown(name)}\t{count}"
        if (left := answer[f"blocked_{kind}"] - len(answer[kind])) > 0:
            yield f"and {left} {kind} more"


_HELP = {
    "list": "list users and addresses that are blocked now, each with its different wrong passwords",
    "clear": "forget the wrong passwords of a user or an address, or of all",
}
