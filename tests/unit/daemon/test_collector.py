"""What stays is looked at once."""

import gc
import subprocess
import sys
import weakref

from authd.config.settings import LogSettings
from authd.decide.sources import Sources
from authd.observe.counters import LogCounters
from authd.observe.decision_log import DecisionLog
from authd.observe.flood import Flood
from authd.observe.targets import opened

# In an interpreter of its own: what is frozen stays so.
FULL_COLLECTIONS = """
import gc
import sys
from authd.daemon import collector
collector.spare_what_stays()
looked_at = []
gc.callbacks.append(lambda phase, info: looked_at.append(len(gc.get_objects())) if info["generation"] == 2 else None)
kept = [[number] for number in range(200_000)]
# From 3.14 on Python itself looks at a part at a time.
assert sys.version_info >= (3, 14) or 5 < len(looked_at) and max(looked_at) < 40_000, looked_at
gc.collect()
assert gc.get_freeze_count() > len(kept), "what survived is looked at again"
cycle = []
cycle.append(cycle)
del cycle
assert gc.collect() == 1, "what is new is not looked at"
"""


def test_what_survives_a_full_collection_is_not_looked_at_again() -> None:
    done = subprocess.run([sys.executable, "-c", FULL_COLLECTIONS], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_what_a_reload_replaces_goes_by_its_references_alone() -> None:
    def call_later(delay: float, function: object) -> None:
        pass

    settings = LogSettings()
    sources = Sources(["127.0.0.0/8"])
    log = DecisionLog(
        opened(settings.target), settings, b"key", Flood(settings, sources, call_later), call_later, LogCounters()
    )
    replaced = [weakref.ref(each) for each in (sources, log, log.left_out)]

    gc.disable()
    try:
        del sources, log
        assert [each() for each in replaced] == [None, None, None]
    finally:
        gc.enable()
