"""All checks of an installation, in the order in which a login would meet what is wrong."""

from collections.abc import Iterator
from pathlib import Path

from authd.doctor.backend_files import check_backends
from authd.doctor.cyrus import check_cyrus, conf_that_counts
from authd.doctor.daemons import check_daemons
from authd.doctor.doors import check_listeners
from authd.doctor.finding import Check, Finding, Report
from authd.doctor.helper_units import check_helper_units
from authd.doctor.main_cf import CONFIG_DIRECTORY, Postfix, read_postfix
from authd.doctor.own import Own, check_own, read_own
from authd.doctor.postfix import asking_services, check_postfix
from authd.doctor.sight import Sight
from authd.doctor.units import check_units
from authd.doctor.way import check_way


def examine(sight: Sight, config: Path | None, postfix_directory: Path | None) -> Report:
    """Look at everything, or with `postfix_directory` only at what logins through that Postfix need."""
    own = read_own(sight, config)
    postfix = read_postfix(sight, postfix_directory or CONFIG_DIRECTORY)
    findings = [*check_own(sight, own)]
    if postfix_directory is None:
        findings += [*check_units(sight), *check_helper_units(sight, own), *check_backends(sight, own)]
    elif postfix is None:
        findings += _no_postfix(sight, postfix_directory)
    findings += [*check_daemons(sight, own), *check_listeners(sight, own, postfix)]
    if postfix is not None:
        findings += [*check_postfix(postfix), *_logins(sight, own, postfix)]
    unseen = (f"{path}: {reason}" for path, reason in sight.unseen.items())
    return Report(tuple(dict.fromkeys(findings)), tuple(unseen))


def _logins(sight: Sight, own: Own, postfix: Postfix) -> Iterator[Finding]:
    for service in asking_services(postfix):
        yield from check_cyrus(sight, postfix, service)
        conf = conf_that_counts(sight, postfix, service)
        if conf is not None and "saslauthd" in conf.methods:
            yield from check_way(sight, own, postfix, service, conf)


def _no_postfix(sight: Sight, directory: Path) -> Iterator[Finding]:
    main_cf = directory / "main.cf"
    if str(main_cf) not in sight.unseen:
        yield Finding(
            Check.POSTFIX,
            f"{main_cf}: expected Postfix's configuration, got none",
            "there is no Postfix whose logins authd could check",
            "apt-get install postfix",
        )
