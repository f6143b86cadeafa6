import os
import re
import time
from syslog import LOG_AUTH, LOG_WARNING

from authd.observe.rfc3164 import Rfc3164

PID = os.getpid()


def test_a_line_has_priority_time_identity_and_process_before_it() -> None:
    moment = time.mktime((2026, 11, 5, 7, 8, 9, 0, 0, -1))

    datagram = Rfc3164(lambda: moment).encode("text", "saslauthd", LOG_WARNING, {})

    assert datagram == f"<{LOG_AUTH | LOG_WARNING}>Nov  5 07:08:09 saslauthd[{PID}]: text".encode()
    assert LOG_AUTH | LOG_WARNING == 36


def test_the_time_goes_on() -> None:
    moment = time.mktime((2026, 11, 25, 23, 59, 59, 0, 0, -1))
    clock = iter((moment, moment + 0.5, moment + 1))
    encoding = Rfc3164(lambda: next(clock))

    stamps = [encoding.encode("text", "authd", LOG_WARNING, {})[4:19].decode() for _ in range(3)]

    assert stamps == ["Nov 25 23:59:59", "Nov 25 23:59:59", "Nov 26 00:00:00"]


def test_for_people_it_is_the_line_of_standard_error() -> None:
    encoding = Rfc3164()

    assert encoding.line_of(encoding.encode("a > b", "authd", LOG_WARNING, {})) == f"authd[{PID}]: a > b\n".encode()


def test_the_month_is_english_whatever_the_locale() -> None:
    assert re.match(
        rb"<36>(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 123]\d ", Rfc3164().encode("", "a", 4, {})
    )
