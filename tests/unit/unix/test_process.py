import os
import signal
import subprocess
import sys
import threading

import pytest

from authd.unix.process import cause_of_death, nice_this_thread


def told_by(script: str, *before: str) -> str:
    command = [*before, sys.executable, "-c", f"import os, signal\nfrom authd.unix.process import *\n{script}"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def test_only_what_is_kept_stays_open() -> None:
    script = """
kept, other = os.pipe()
os.dup2(other, 500)
close_descriptors(keep={kept})
for descriptor in 0, 1, 2, kept, other, 500:
    try: os.fstat(descriptor); print("open", end=" ")
    except OSError: print("closed", end=" ")
"""

    assert told_by(script) == "open open open open closed closed"


def test_the_soft_limit_of_descriptors_becomes_the_hard_one() -> None:
    script = "import resource\nprint(raise_descriptor_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))"

    assert told_by(script, "prlimit", "--nofile=100:200") == "200 200 200"


def test_signals_are_as_a_fresh_process_has_them() -> None:
    script = """
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGHUP})
signal.signal(signal.SIGTERM, signal.SIG_IGN)
reset_signals([signal.SIGTERM])
print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""

    assert told_by(script) == "True set()"


def test_a_signal_may_be_held_back_until_it_is_heard() -> None:
    script = """
reset_signals([signal.SIGHUP], held={signal.SIGHUP})
os.kill(os.getpid(), signal.SIGHUP)
signal.signal(signal.SIGHUP, lambda *_: print("heard"))
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
"""

    assert told_by(script) == "heard"


def test_the_score_for_the_oom_killer_is_set_and_the_former_one_given() -> None:
    script = "before = set_oom_score(300)\nprint(set_oom_score(400), set_oom_score(500), before >= -1000)"

    assert told_by(script) == "300 400 True"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended with status 0"),
        (70, "ended with status 70"),
        (-signal.SIGSEGV, "was killed by SIGSEGV"),
        (-40, "was killed by signal 40"),
    ],
)
def test_a_death_is_put_into_words(code: int, words: str) -> None:
    assert cause_of_death(code) == words


def test_a_thread_is_niced_alone() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    found: list[int] = []

    def work() -> None:
        nice_this_thread(3)
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert found == [min(before + 3, 19)]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
