"""A timer of the kernel that kills this process: timer_create(2) with SIGKILL.

SIGALRM would not do: whatever runs in the process may block it, ignore it or set its own. Against SIGKILL it can do
nothing. The timer is not inherited by fork(2).
"""

import ctypes
import signal
import time

from authd.unix.libc import libc, succeed

_SIGEV_SIGNAL = 0  # asm-generic/siginfo.h


class _SigEvent(ctypes.Structure):
    """struct sigevent, 64 bytes on every Linux."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("padding", ctypes.c_char * (64 - ctypes.sizeof(ctypes.c_void_p) - 2 * ctypes.sizeof(ctypes.c_int))),
    )


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class KillTimer:
    """Ends this process with SIGKILL unless it is disarmed in time."""

    def __init__(self) -> None:
        """Raises OSError where the kernel gives no timer."""
        self._timer = ctypes.c_void_p()
        event = _SigEvent(signo=signal.SIGKILL, notify=_SIGEV_SIGNAL)
        succeed(libc.timer_create(time.CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(self._timer)))

    def arm(self, seconds: float) -> None:
        """Kill in so many seconds (> 0) from now; a former time no longer counts."""
        whole, fraction = divmod(seconds, 1)
        self._set(int(whole), max(1, int(fraction * 1e9)))

    def disarm(self) -> None:
        self._set(0, 0)

    def _set(self, seconds: int, nanoseconds: int) -> None:
        spec = _TimerSpec(value=_TimeSpec(seconds, nanoseconds))
        succeed(libc.timer_settime(self._timer, 0, ctypes.byref(spec), None))
