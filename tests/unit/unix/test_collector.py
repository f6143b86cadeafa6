"""What is not looked at by the garbage collector, and what needs no collector to go."""

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
SET_ASIDE = """
import gc
from authd.config.settings import CacheSettings
from authd.daemon import front
from authd.decide.cache import Cache
from authd.unix import collector
from authd_backends import Outcome

cache = Cache(CacheSettings(), lambda: 0.0, lambda: 0.0)
collector.set_aside_what_is_here()
for number in range(10_000):
    name = f"user{number}"
    digest = b"%d" % number
    cache.remember((b"route", name, "", "smtp", None), digest, Outcome.ACCEPTED, (1, 2), ("users", "ldap"), name)
    cache.remember((b"route", name, "", "smtp", None), b"x" + digest, Outcome.WRONG_PASSWORD, (1, 2), ("a", "b"), name)
for _ in range(3):
    gc.collect()
assert len(cache) == 20_000
assert len(gc.get_objects()) < 1000, len(gc.get_objects())
"""


def test_neither_what_is_there_at_the_start_nor_what_is_kept_later_is_looked_at_again() -> None:
    done = subprocess.run([sys.executable, "-c", SET_ASIDE], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_what_a_reload_replaces_goes_by_its_references_alone() -> None:
    def call_later(delay: float, function: object) -> None:
        pass

    settings = LogSettings()
    sources = Sources(["127.0.0.0/8"])
    flood = Flood(settings, sources, call_later)
    log = DecisionLog(opened(settings.target), settings, b"key", flood, call_later, LogCounters())
    replaced = [weakref.ref(each) for each in (sources, flood, log, log.left_out)]

    gc.disable()
    try:
        del sources, flood, log
        assert not [each for each in replaced if each() is not None]
    finally:
        gc.enable()
