"""Command lines of saslauthd to one authd.toml that does the same, with comments on what changes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from authd.config.pam_services import FALLBACK
from authd.config.saslauthd_flags import Flags, Mechanism
from authd_backends.kinds import quoted

LDAP_FILE = "/etc/saslauthd.conf"
BUCKET = 96  # bytes of an entry in its cache, saslauthd/cache.h on amd64
AT_ONCE = 32  # checks of PAM where -n 0 has no bound
MAX_TTL, MAX_ENTRIES, MAX_CONCURRENT = 366 * 86_400, 1_000_000_000, 10_000

_MIN_UID = "min_uid = 1  # saslauthd let root in, too; 1000 keeps all users out that belong to the system"


@dataclass(frozen=True, slots=True)
class Instance:
    """A saslauthd. `source` says where its command line stands."""

    source: str
    flags: Flags


@dataclass(frozen=True, slots=True)
class OwnSockets:
    """Where an authd listens for operators and for its front, if not where a system's only one does."""

    control: Path
    helper: Path


class _Asked(NamedTuple):
    """What makes two instances ask the same."""

    mechanism: Mechanism
    option: str = ""  # the file of ldap
    at_once: int = 0  # checks of PAM


def configuration(instances: Sequence[Instance], services: Iterable[str], own_sockets: OwnSockets | None = None) -> str:
    """Write the configuration; `services` are those of PAM that clients may name."""
    names = _backend_names(instances)
    return "\n".join(
        [
            *_head(instances),
            *(line for each in instances for line in _listener(each)),
            *(line for asked, name in names.items() for line in _backend(asked, name, list(services))),
            *_routes(instances, names),
            *_cache([each.flags for each in instances]),
            *_rest(instances, own_sockets),
        ]
    )


def _head(instances: Sequence[Instance]) -> Iterator[str]:
    for each in instances:
        yield f"# from {each.source}"
        if each.flags.needless:
            yield f"# without a meaning, to saslauthd as to authd: {' '.join(map(ascii, each.flags.needless))}"
    yield "#"
    yield "# What changes in any case: a source that is out is a temporary failure and no refusal; a refusal is held"
    yield "# back for 2 s, and guessers are throttled ([throttle]); -l has no successor: nobody waits for a process."


def _listener(instance: Instance) -> Iterator[str]:
    yield ""
    yield "[[listeners]]"
    yield f"path = {quoted(str(instance.flags.directory / 'mux'))}"
    yield '# As saslauthd\'s: who may enter its directory may ask. Stricter: mode = "0660" and group = "sasl"'
    yield 'mode = "0777"'


def _backend_names(instances: Sequence[Instance]) -> dict[_Asked, str]:
    names: dict[_Asked, str] = {}
    for flags in (each.flags for each in instances):
        number = 1 + sum(asked.mechanism is flags.mechanism for asked in names)
        names.setdefault(_asked(flags), flags.mechanism.value + (f"-{number}" if number > 1 else ""))
    return names


def _asked(flags: Flags) -> _Asked:
    match flags.mechanism:
        case Mechanism.PAM:
            return _Asked(flags.mechanism, at_once=min(flags.processes or AT_ONCE, MAX_CONCURRENT))
        case Mechanism.LDAP:
            return _Asked(flags.mechanism, flags.option or LDAP_FILE)
        case Mechanism.SASLDB | Mechanism.SHADOW | Mechanism.GETPWENT:
            return _Asked(flags.mechanism)


def _backend(asked: _Asked, name: str, services: list[str]) -> Iterator[str]:
    yield ""
    yield f"[backends.{name}]"
    yield f"type = {quoted(asked.mechanism.value)}"
    match asked.mechanism:
        case Mechanism.PAM:
            yield from _pam(asked.at_once, services)
        case Mechanism.SHADOW | Mechanism.GETPWENT:
            yield _MIN_UID
            yield "weak_schemes = true  # md5crypt and DES; without it who has such a hash gets a temporary failure"
        case Mechanism.SASLDB:
            yield "# The front has no privileges: adduser authd sasl"
        case Mechanism.LDAP:
            yield f"saslauthd_conf = {quoted(asked.option)}  # the front has to read it: chgrp authd, chmod 0640"


def _pam(at_once: int, services: list[str]) -> Iterator[str]:
    yield "# PAM services that clients may name; saslauthd let them name any. All others are asked as the last one."
    yield f"services = [{', '.join(map(quoted, services))}]"
    yield f"default_service = {quoted(FALLBACK)}"
    yield _MIN_UID
    yield 'deadline = "7s"  # saslauthd waited for ever; clients are answered within 8 s, whatever happens'
    yield f"max_concurrent = {at_once}  # checks at once, -n; where PAM computes hashes the number of cores does"


def _routes(instances: Sequence[Instance], names: dict[_Asked, str]) -> Iterator[str]:
    caches = any(each.flags.caches for each in instances)
    if len(instances) == 1 and not instances[0].flags.joins_realm:
        return
    for flags in (each.flags for each in instances):
        yield ""
        yield "[[routes]]"
        if len(instances) > 1:
            yield f"listeners = [{quoted(str(flags.directory / 'mux'))}]"
        yield f"backends = [{quoted(names[_asked(flags)])}]"
        if flags.joins_realm:
            if flags.mechanism is Mechanism.SASLDB:
                yield "# As with saslauthd, whoever comes with a realm is not found so: leave this line out"
            yield 'login = "{user}@{realm}"  # -r'
        if caches and not flags.caches:
            yield "cache = false  # no -c"


def _cache(every: Sequence[Flags]) -> Iterator[str]:
    yield ""
    yield "[cache]"
    caching = [flags for flags in every if flags.caches]
    if not caching:
        yield "enabled = false  # no -c. With it: keyed digests in memory, a changed password works at once"
        return
    ttls = [flags.cache_ttl for flags in caching if flags.cache_ttl is not None]
    if ttls:
        yield f'ttl = "{min(*ttls, MAX_TTL)}s"  # -t: so long does an old password work after a change'
    else:
        yield 'ttl = "5m"  # so long does an old password work after a change; with saslauthd it was 8 hours'
    sizes = [flags.cache_size for flags in caching if flags.cache_size is not None]
    if sizes:
        yield f"max_entries = {min(sum(sizes) * 1024 // BUCKET, MAX_ENTRIES)}  # -s {sum(sizes)}"


def _rest(instances: Sequence[Instance], own_sockets: OwnSockets | None) -> Iterator[str]:
    stays = any(each.flags.stays for each in instances)
    yield ""
    yield "[log]"
    yield f"target = {quoted('stderr' if stays else 'syslog')}"
    if any(each.flags.is_verbose for each in instances):
        yield 'level = "debug"  # -V, -d'
    if own_sockets is not None:
        yield ""
        yield "[control]"
        yield f"path = {quoted(str(own_sockets.control))}"
        yield ""
        yield "[helper]"
        yield f"path = {quoted(str(own_sockets.helper))}"
    yield ""
