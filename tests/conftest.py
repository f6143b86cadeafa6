"""What all tests share: the boxes, and a failed test's logs.

A test module that starts real servers names the Debian packages it needs in `PACKAGES` and takes the fixture `box`.
"""

from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.box import Box
from tests.servers.packages import PackageError, unpack

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Download what the collected tests need, in the open and outside of their time limits."""
    needed = {name for item in session.items for name in getattr(getattr(item, "module", None), "PACKAGES", ())}
    if needed and not session.config.option.collectonly:
        with suppress(PackageError):  # the tests that need a box say so once more, and fail
            unpack(*sorted(needed))


@pytest.fixture(scope="module")
def box(request: pytest.FixtureRequest) -> Iterator[Box]:
    with Box(*request.module.PACKAGES) as box:
        yield box


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show below a failed test what the servers of its box have logged."""
    report = yield
    used: dict[str, Any] = getattr(item, "funcargs", {})
    if report.failed and report.when != "teardown" and isinstance(used.get("box"), Box):
        report.sections += used["box"].logs().items()
    return report
