"""``authd doctor``: what is wrong with an installation, and the commands that mend it."""

import argparse
from pathlib import Path

HELP = "say what is wrong with this installation, and the command that mends it"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="authd's configuration; default: as authd check")
    parser.add_argument(
        "--postfix",
        type=Path,
        nargs="?",
        const=Path("/etc/postfix"),
        metavar="DIR",
        help="look only at what logins through Postfix need; DIR holds its main.cf (default: /etc/postfix)",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Look, and change nothing: 0 where nothing is wrong, 1 where something is."""
    from dataclasses import asdict  # late: the help needs none of it

    from authd.doctor.examination import examine
    from authd.doctor.sight import Sight

    report = examine(Sight(), arguments.config, arguments.postfix)
    if arguments.json:
        import json

        print(json.dumps(asdict(report), indent=2))
    else:
        for line in report.lines():
            print(line)
    return 1 if report.findings else 0
