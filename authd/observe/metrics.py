"""Counters to the page /metrics, when it is asked for.

A label holds what the configuration names or one of a few words of ours, never what a client sent.
"""

import asyncio
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.metrics_core import Metric

from authd.observe.http import Reply
from authd.observe.sections import Sources, sections

TURN = 0.002  # seconds after which the loop has its turn

_GZIP = 16 + zlib.MAX_WBITS
_FAST = 1  # of zlib's levels: a quarter longer than the best, in a tenth of its time
_END = b"# EOF\n"  # of OpenMetrics


class Metrics:
    """The page /metrics, made in turns of the loop no longer than `TURN` and a family: clients are answered between."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    async def page(self, headers: Mapping[str, str]) -> Reply:
        """Give all families in the format and the encoding that the request's headers accept."""
        encode, content_type = _encoder(headers.get("accept", ""))
        zips = gzip_accepted(headers.get("accept-encoding", ""))
        packed = zlib.compressobj(_FAST, wbits=_GZIP) if zips else _Plain()
        body, end = bytearray(), b""
        turn_ends = time.monotonic() + TURN
        for family in sections(self._sources):
            text = encode(_One(family))
            if text.endswith(_END):
                text, end = text.removesuffix(_END), _END
            body += packed.compress(text)
            if time.monotonic() >= turn_ends:
                await asyncio.sleep(0)
                turn_ends = time.monotonic() + TURN
        body += packed.compress(end) + packed.flush()
        return Reply(HTTPStatus.OK, content_type, bytes(body), (("Content-Encoding", "gzip"),) if zips else ())


@dataclass(frozen=True, slots=True)
class _One:
    """One family, as encoders take it."""

    family: Metric

    def collect(self) -> Iterator[Metric]:
        yield self.family


class _Plain:
    """What compresses nothing."""

    def compress(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def _encoder(accept: str) -> tuple[Callable[[_One], bytes], str]:
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is none
        return choose_encoder("")
