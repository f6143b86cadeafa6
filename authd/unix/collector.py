"""Python's garbage collector, while whose full collections nobody is answered.

They look at every container there is and at all that is in it: 60 ms with 100,000 users in the cache, time and again
while these come in. So tables that grow are made before this is called, and what is kept in them are plain values,
which no collector looks at. That is none of its business: it goes when its table lets go of it.
"""

import gc


def set_aside_what_is_here() -> None:
    """Never look again at the containers that exist now, nor at what will be in them.

    A cycle among them would stay for good; what has become one by now is freed before.
    """
    gc.collect()
    gc.freeze()
