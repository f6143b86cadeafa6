"""Python's garbage collector, in whose full collections nobody is answered.

They look at every container there is, several times while users come in. So what is kept by the 100,000 consists of
plain values, which the collector passes over, and what was there at the start is set aside here.
"""

import gc


def set_aside_what_is_here() -> None:
    """Never look again at what exists now, modules and their classes: it stays anyway."""
    gc.collect()
    gc.freeze()
