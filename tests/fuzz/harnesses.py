"""All harnesses by name, and how many bytes each is given at most: what its parser takes, or what is practical."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from authd.control.messages import MAX_COMMAND
from authd.helper.frames import MAX_FRAME
from authd.observe.http import MAX_HEAD
from authd.protocols.pwcheck import MAX_REQUEST
from tests.fuzz import messages, predecessors, settings, stores


class Harness(NamedTuple):
    run: Callable[[bytes], None]
    longest: int  # bytes


HARNESSES: Mapping[str, Harness] = {
    harness.run.__name__: harness
    for harness in (
        Harness(messages.saslauthd, 2 * MAX_REQUEST),
        Harness(messages.pwcheck, 2 * MAX_REQUEST),
        Harness(messages.helper_frames, 2 * MAX_FRAME),
        Harness(messages.control, MAX_COMMAND),
        Harness(messages.http_head, MAX_HEAD),
        Harness(stores.passwd_lines, 1 << 17),
        Harness(stores.passwd_file, 1 << 17),
        Harness(stores.berkeley, 1 << 17),
        Harness(stores.gdbm, 1 << 17),
        Harness(stores.lmdb, 1 << 17),
        Harness(stores.stored_password, 1 << 15),
        Harness(stores.sql_row, 1 << 15),
        Harness(settings.configuration, 1 << 15),
        Harness(settings.toml_lines, 1 << 15),
        Harness(settings.saslauthd_conf, 1 << 17),
        Harness(predecessors.saslauthd_flags, 1 << 15),
        Harness(predecessors.saslauthd_defaults, 1 << 16),
        Harness(predecessors.postfix, 1 << 15),
        Harness(predecessors.smtpd, 1 << 15),
        Harness(settings.sql_query, 1 << 15),
        Harness(settings.template, 1 << 15),
    )
}
