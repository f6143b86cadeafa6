"""``python -m bench``: measures, prints the report and leaves it in bench/build/report.md (not with ``--quick``).

Exit status 0 when everything was measured, whatever the figures; 1 when a daemon gave a wrong answer or none.
"""

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import authd
from bench.contenders import PACKAGES, PROCESSES, Contenders
from bench.generator import BUILD, LoadError
from bench.measurements import QUICK, Plan, rows
from bench.report import Row, markdown
from tests.servers.box import Box
from tests.servers.packages import PackageError
from tests.servers.process import BoxError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="authd beside Debian's C saslauthd.")
    parser.add_argument("--quick", action="store_true", help="a few seconds that show only that the bench works")
    quick: bool = parser.parse_args().quick
    plan = QUICK if quick else Plan()
    try:
        with Box(*PACKAGES) as box:
            contenders = Contenders(box)
            report = markdown("authd beside Debian's C saslauthd", _conditions(box, plan), _told(contenders, plan))
    except (BoxError, PackageError, LoadError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if not quick:
        (BUILD / "report.md").write_text(report, encoding="utf-8")
    print(f"\n{report}")
    return 0


def _told(contenders: Contenders, plan: Plan) -> list[Row]:
    """Measure, and say what comes out while it goes on."""

    def told() -> Iterator[Row]:
        for row in rows(contenders, plan):
            print("bench:", *row.cells(), sep="  ", file=sys.stderr, flush=True)
            yield row

    return list(told())


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
