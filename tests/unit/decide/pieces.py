"""The steps of a pipeline, made for a test: a clock moved by hand, no chance, no delay."""

from dataclasses import dataclass, field

from authd.config.settings import CacheSettings, ThrottleSettings
from authd.decide.authenticator import Steps
from authd.decide.cache import Cache
from authd.decide.digest import Digester
from authd.decide.failure_delay import FailureDelay
from authd.decide.names import CanonicalNames
from authd.decide.owners import Owners
from authd.decide.single_flight import SingleFlight
from authd.decide.throttle import Throttle

OFF = ThrottleSettings(enabled=False, failure_delay=0.0)


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def no_chance() -> float:
    return 0.0


@dataclass
class Pieces:
    clock: Clock = field(default_factory=Clock)
    cache: CacheSettings = field(default_factory=CacheSettings)
    throttle: ThrottleSettings = OFF

    def steps(self) -> Steps:
        cache, digester = Cache(self.cache, self.clock, no_chance), Digester(b"k" * 32)
        return Steps(
            cache=cache,
            owners=Owners(cache, digester),
            names=CanonicalNames(),
            throttle=Throttle(self.throttle, self.clock),
            flights=SingleFlight(),
            delay=FailureDelay(self.throttle.failure_delay, 8.0, no_chance),
            digester=digester,
            throttle_answer=self.throttle.answer,
        )
