"""What the helper does in its own process; the process itself is tested in tests/daemon/test_helper.py."""

import gc
import weakref

from authd.helper.parent import _freeze_anew


class Ring:
    def __init__(self) -> None:
        self.itself = self


def test_what_a_reload_leaves_behind_does_not_stay_for_good() -> None:
    left = weakref.ref(Ring())
    gc.freeze()
    try:
        _freeze_anew()

        assert left() is None
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
