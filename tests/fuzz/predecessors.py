"""What saslauthd, Postfix and libsasl2 are configured by: each harness fails where its invariant does not hold."""

import re
from pathlib import Path

from authd.config.errors import ConfigError
from authd.config.from_saslauthd import Instance, configuration
from authd.config.load import parse
from authd.config.saslauthd_defaults import assignments, command_line, is_switched_off
from authd.config.saslauthd_flags import Flags, FlagsError
from authd.config.saslauthd_flags import parse as parse_flags
from authd.doctor import main_cf, smtpd_conf

_OF_A_PATH = r"authd\.toml:\d+: (listeners\[1\]\.path|backends\.ldap\.saslauthd_conf): "


def saslauthd_flags(data: bytes) -> None:
    """What a command line is migrated to has no fault but in the paths that it names; or a text says why it is none."""
    _migrate([each.decode("utf-8", "surrogateescape") for each in data.split(b"\0")])


def saslauthd_defaults(data: bytes) -> None:
    """Assignments that were understood are the same in plain quotes; all else is told with its line."""
    text = data.decode("utf-8", "surrogateescape").replace("\0", "")
    try:
        values = assignments("saslauthd", text)
    except ConfigError as error:
        (problem,) = error.problems
        found = re.match(r"saslauthd:(\d+): expected NAME=value", problem)
        assert found
        assert int(found[1]) <= text.count("\n") + 1
        return
    quoted = "".join("{}='{}'\n".format(name, value.replace("'", "'\\''")) for name, value in values.items())
    assert assignments("saslauthd", quoted) == values
    is_switched_off(values)
    _migrate(command_line(values))


def _migrate(words: list[str]) -> None:
    try:
        flags = parse_flags(words)
    except FlagsError:
        return
    if isinstance(flags, Flags):
        written = configuration([Instance("a command line", flags)], ["smtp"])
        try:
            parse("authd.toml", written.encode())
        except ConfigError as error:
            assert all(re.match(_OF_A_PATH, problem) for problem in error.problems), error.problems


def postfix(data: bytes) -> None:
    """Settings and services are read, however they refer to one another, and none is longer than it may be."""
    written, _, services = data.decode("utf-8", "surrogateescape").partition("\0")
    settings = main_cf._expanded(main_cf.DEFAULTS | dict(main_cf._settings(written)))
    for service in main_cf._services(services, settings):
        assert main_cf.DEFAULTS.keys() <= service.settings.keys()
        assert all(len(service.settings[name]) <= main_cf._MAX_VALUE for name in service.overridden)
    assert all(len(value) <= main_cf._MAX_VALUE for value in settings.values())


def smtpd(data: bytes) -> None:
    """Either all of a file is read or nothing, and then its first wrong line is known."""
    text = data.decode("utf-8", "surrogateescape")
    found = smtpd_conf.parse(Path("/etc/postfix/sasl/smtpd.conf"), text)
    if found.wrong_line is not None:
        assert not found.options
        assert 1 <= found.wrong_line <= text.count("\n") + 1
    assert all(value and value == value.strip() for value in found.options.values())
