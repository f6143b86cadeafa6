"""What is done to a process: its descriptors, its signals, its place before the kernel's killers and scheduler."""

import os
import resource
import signal
import threading
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from authd.unix.libc import prctl

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # prctl(2)
STDIO = frozenset({0, 1, 2})


def close_descriptors(keep: Collection[int]) -> None:
    """Close every descriptor of this process but those to keep and standard input, output and error."""
    for descriptor in [int(entry.name) for entry in os.scandir("/proc/self/fd")]:
        if descriptor not in STDIO and descriptor not in keep:
            with suppress(OSError):  # the one that scandir listed them by is closed already
                os.close(descriptor)


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard one, and give it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def reset_signals(signals: Iterable[signal.Signals], held: Iterable[signal.Signals] = ()) -> None:
    """Give the signals their default action and let all through but those that are `held` back."""
    for number in signals:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, held)


def cause_of_death(code: int) -> str:
    """Put an exit code into words, as `os.waitstatus_to_exitcode` gives it: negative is a signal.

    >>> cause_of_death(3), cause_of_death(-9)
    ('ended with status 3', 'was killed by SIGKILL')
    """
    if code >= 0:
        return f"ended with status {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"  # a real-time one has no name


def set_oom_score(score: int) -> int:
    """Tell the kernel how gladly it may kill this process when memory runs out (-1000: never), and give what it was.

    Changes nothing where a container withholds CAP_SYS_RESOURCE or /proc is read-only. Children inherit it (proc(5)).
    """
    setting = Path("/proc/self/oom_score_adj")
    before = int(setting.read_text())
    with suppress(OSError):
        setting.write_text(str(score))
    return before


def nice_this_thread(by: int) -> None:
    """Lower the priority of the calling thread alone by 0 to 19 steps (Linux: setpriority(2) of a thread's id)."""
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + by)


def become_subreaper() -> None:
    """Be the parent of every descendant whose own parent ends, as process 1 would be."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends. A change of uid undoes it."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
