"""Python's garbage collector, during whose full collections nobody is answered.

They look at every container there is and at all that is in it: 60 ms with 100,000 users in the cache, time and again
while these come in. So the tables that grow are made before this is called, and what they keep are plain values, which
need no collector: they go when their table lets go of them.
"""

import gc


def set_aside_what_is_here() -> None:
    """Never look again at the containers that exist now, nor at what will be in them.

    A cycle among them would stay for good; what has become one by now is freed before.
    """
    gc.collect()
    gc.freeze()
