"""``python -m bench [--quick] [--to FILE] [SECTION…]``: measures, and leaves a report with charts beside it.

Exit status 0 when everything was measured, whatever the figures; 1 when a daemon gave a wrong answer or none.
"""

import argparse
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import authd
from bench.contenders import PACKAGES, PROCESSES, Contenders
from bench.generator import BUILD, LoadError
from bench.measurements import QUICK, Plan
from bench.report import Row, Section, markdown
from bench.sections import SECTIONS
from tests.servers.box import Box
from tests.servers.packages import PackageError
from tests.servers.process import BoxError

_TITLE = "authd beside Debian's C saslauthd"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=f"{_TITLE}.")
    parser.add_argument("--quick", action="store_true", help="a few seconds that show only that the bench works")
    parser.add_argument("--to", type=Path, default=BUILD / "report.md", metavar="FILE", help="where the report goes")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of: {', '.join(SECTIONS)}")
    arguments = parser.parse_args()
    titles = arguments.sections or list(SECTIONS)
    if unknown := set(titles) - SECTIONS.keys():
        parser.error(f"expected sections of {', '.join(SECTIONS)}, got {', '.join(sorted(unknown))}")
    plan = QUICK if arguments.quick else Plan()
    try:
        with Box(*PACKAGES) as box:
            contenders = Contenders(box)
            conditions = _conditions(box, plan)
            sections = [Section(title, _told(SECTIONS[title](contenders, plan))) for title in titles]
    except (BoxError, PackageError, LoadError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(_write(arguments.to, conditions, sections))
    return 0


def _told(rows: Iterator[Row]) -> list[Row]:
    """Measure, and say what comes out while it goes on."""
    measured = []
    for row in rows:
        print("bench:", *row.cells(), sep="  ", file=sys.stderr, flush=True)
        measured.append(row)
    return measured


def _write(path: Path, conditions: Sequence[str], sections: Sequence[Section]) -> str:
    """Write the report, and the charts into a folder of its name beside it. Gives the text."""
    charts = path.with_suffix("")
    charts.mkdir(parents=True, exist_ok=True)
    for section in sections:
        for name, chart in section.charts().items():
            (charts / name).write_text(chart, encoding="utf-8")
    report = markdown(_TITLE, conditions, sections, charts.name)
    path.write_text(report, encoding="utf-8")
    return report


def _conditions(box: Box, plan: Plan) -> list[str]:
    version = box.run(["saslauthd", "-v"], expect=None)
    cyrus = (version.stdout + version.stderr).splitlines()[0]
    today, busy = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", f"load {os.getloadavg()[0]:.1f} before"
    debian = Path("/etc/debian_version").read_text().strip()
    return [
        f"{today}, {_processor()}, {os.cpu_count()} cores, {busy}",
        f"Linux {platform.release()}, Debian {debian}, Python {platform.python_version()}",
        f"authd {authd.__version__} with its log; {cyrus} (`-n {PROCESSES}`) on the same files; caches off unless said",
        f"medians of {plan.rounds} interleaved rounds of {plan.milliseconds / 1000:g} s; one connection a login",
    ]


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main())
