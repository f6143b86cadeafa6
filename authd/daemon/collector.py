"""Python's garbage collector, kept from looking again at what stays.

A full collection looks at every container there is while nobody is answered: a tenth of a second with 100,000 users in
the cache, and every few seconds while they come in. Nothing of theirs is ever found: it goes by its references alone.
"""

import gc

FULL = 2  # the oldest generation, which has all the others with it
THRESHOLDS = (700, 10, 2)  # a full collection finds some 20,000 new survivors, and is over in a few milliseconds


def spare_what_stays() -> None:
    """From now on, what survives one full collection is never looked at by another.

    It still goes with its last reference. Only a cycle that breaks off later would stay for good, so what a reload
    replaces must not be one.
    """
    gc.callbacks.append(_spare_survivors)
    gc.set_threshold(*THRESHOLDS)
    gc.collect()


def _spare_survivors(phase: str, info: dict[str, int]) -> None:
    if phase == "stop" and info["generation"] == FULL:
        gc.freeze()
