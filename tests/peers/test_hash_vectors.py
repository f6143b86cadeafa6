"""Hashes as the programs make them that fill people's stores: each is verified, and no other password beside it."""

import json
from collections.abc import Sequence

import pytest
from psycopg import pq

from authd_backends import BackendError, Secret, hashes
from tests.servers.box import Box

PACKAGES = (
    "dovecot-core",
    "slapd",
    "slapd-contrib",
    "apache2-utils",
    "php-cli",
    "whois",
    "python3-django",
    "python3-bcrypt",
    "python3-argon2",
    "python3-passlib",
)
PASSWORD = "Grüße, Welt"
POLICY = hashes.Policy(weak_schemes=True)
WEAK_OF_DOVECOT = {"SMD5", "SHA", "SHA1", "SHA256", "SHA512", "MD5", "LDAP-MD5", "PLAIN-MD5", "MD5-CRYPT", "DES-CRYPT"}
NOT_OURS = {"HMAC-MD5", "CRAM-MD5", "DIGEST-MD5", "OTP", "PLAIN-MD4", "PLAIN-TRUNC"}  # see docs/hashes.md


def is_verified(stored: str, password: str = PASSWORD) -> bool:
    return hashes.matches(stored, Secret(password.encode()), POLICY) and not hashes.matches(
        stored, Secret(b"x" + password.encode()), POLICY
    )


def unverified(made: Sequence[str]) -> list[str]:
    assert made
    return [stored for stored in made if not is_verified(stored)]


def test_every_scheme_of_dovecot_is_verified_or_named(box: Box) -> None:
    """MD5 over user, realm and password needs the user; the others nobody asked for."""
    schemes = box.run(["doveadm", "-O", "pw", "-l"]).stdout.split()
    stored = {scheme: dovecot(box, scheme) for scheme in schemes if scheme != "OTP"}

    assert unverified([stored[scheme] for scheme in stored.keys() - NOT_OURS]) == []
    for scheme in stored.keys() & NOT_OURS:
        with pytest.raises(BackendError, match=rf"expected a scheme of .*, got \{{{scheme}\}}"):
            hashes.matches(stored[scheme], Secret(PASSWORD.encode()), POLICY)


def test_the_weak_schemes_of_dovecot_are_known_as_weak(box: Box) -> None:
    schemes = set(box.run(["doveadm", "-O", "pw", "-l"]).stdout.split()) - NOT_OURS - {"CRYPT"}

    refused = {scheme for scheme in schemes if is_refused_as_weak(dovecot(box, scheme))}

    assert refused == WEAK_OF_DOVECOT & schemes


def is_refused_as_weak(stored: str) -> bool:
    try:
        hashes.matches(stored, Secret(PASSWORD.encode()))
    except BackendError as error:
        return "is too weak" in str(error)
    return False


def dovecot(box: Box, scheme: str) -> str:
    return box.run(["doveadm", "-O", "pw", "-s", scheme, "-u", "user", "-p", PASSWORD]).stdout.strip()


@pytest.mark.parametrize("encoding", ["HEX", "B64"])
def test_dovecots_encodings_are_understood(box: Box, encoding: str) -> None:
    schemes = (
        "SSHA",
        "SSHA256",
        "SSHA512",
        "SHA512",
        "SMD5",
        "PLAIN-MD5",
        "LDAP-MD5",
        "SHA256-CRYPT",
        "PLAIN",
        "PBKDF2",
    )

    assert unverified([dovecot(box, f"{scheme}.{encoding}") for scheme in schemes]) == []


@pytest.mark.parametrize(
    ("module", "schemes"),
    [
        ("", ["SSHA", "SHA", "SMD5", "MD5", "CRYPT"]),
        ("pw-sha2", ["SSHA256", "SSHA384", "SSHA512", "SHA256", "SHA384", "SHA512"]),
        ("pw-pbkdf2", ["PBKDF2", "PBKDF2-SHA1", "PBKDF2-SHA256", "PBKDF2-SHA512"]),
        ("argon2", ["ARGON2"]),
    ],
)
def test_slapds_hashes_are_verified(box: Box, module: str, schemes: list[str]) -> None:
    load = ["-o", "module-path=/usr/lib/ldap", "-o", f"module-load={module}"] if module else []
    commands = [["slappasswd", *load, "-h", f"{{{scheme}}}", "-s", PASSWORD] for scheme in schemes]

    assert unverified([box.run(command).stdout.strip() for command in commands]) == []


def test_htpasswds_hashes_are_verified(box: Box) -> None:
    made = [box.run(["htpasswd", flag, "user", PASSWORD]).stdout.strip() for flag in ("-nbB", "-nb2", "-nb5", "-nbs")]

    assert unverified([line.partition(":")[2] for line in made]) == []


def test_phps_hashes_are_verified(box: Box) -> None:
    kinds = ("PASSWORD_DEFAULT", "PASSWORD_BCRYPT", "PASSWORD_ARGON2I", "PASSWORD_ARGON2ID")
    code = ",".join(f"password_hash($argv[1],{kind}),PHP_EOL" for kind in kinds)

    assert unverified(box.run(["php8.2", "-r", f"echo {code};", "--", PASSWORD]).stdout.split()) == []


def test_whatever_mkpasswd_makes_is_verified(box: Box) -> None:
    methods = [line.split()[0] for line in box.run(["mkpasswd", "-m", "help"]).stdout.splitlines()[1:]]
    assert {"yescrypt", "gost-yescrypt", "scrypt", "bcrypt", "sha512crypt", "sunmd5", "descrypt", "nt"} <= {*methods}

    assert unverified([box.run(["mkpasswd", "-m", each, PASSWORD]).stdout.strip() for each in methods]) == []


def test_djangos_hashes_are_verified(box: Box) -> None:
    made: dict[str, str] = json.loads(box.run(["/usr/bin/python3", "-c", DJANGO, PASSWORD]).stdout)

    assert made.keys() >= {"pbkdf2_sha256", "pbkdf2_sha1", "argon2", "bcrypt", "bcrypt_sha256", "sha1", "md5"}
    assert unverified([*made.values()]) == []


DJANGO = """
import json, sys
from django.conf import settings
names = ("PBKDF2", "PBKDF2SHA1", "Argon2", "BCrypt", "BCryptSHA256", "SHA1", "MD5")
hashers = [f"django.contrib.auth.hashers.{name}PasswordHasher" for name in names]
settings.configure(PASSWORD_HASHERS=hashers)
from django.contrib.auth.hashers import get_hashers, make_password
print(json.dumps({each.algorithm: make_password(sys.argv[1], hasher=each.algorithm) for each in get_hashers()}))
"""


def test_what_the_old_passlib_makes_is_verified_with_the_new_one(box: Box) -> None:
    made = box.run(["/usr/bin/python3", "-c", PASSLIB, PASSWORD]).stdout.split()

    assert unverified(made) == []


PASSLIB = """
import sys
from passlib import hash
names = "pbkdf2_sha1 pbkdf2_sha256 pbkdf2_sha512 ldap_pbkdf2_sha1 ldap_pbkdf2_sha256 ldap_pbkdf2_sha512 mysql41"
names += " ldap_salted_sha1 ldap_salted_sha256 django_pbkdf2_sha256 django_salted_sha1 django_salted_md5"
for name in names.split():
    print(getattr(hash, name).hash(sys.argv[1]))
for ident in "PH":
    print(hash.phpass.using(rounds=13, ident=f"${ident}$").hash(sys.argv[1]))
"""


def test_debians_old_passlib_verifies_what_the_new_one_does(box: Box) -> None:
    """The floor: Debian 12 has passlib 1.7.4, and its own Python runs this."""
    from passlib import hash as new

    names = ("django_pbkdf2_sha256", "django_pbkdf2_sha1", "django_salted_sha1", "django_salted_md5")
    handlers = (*names, "ldap_pbkdf2_sha1", "ldap_pbkdf2_sha256", "ldap_pbkdf2_sha512", "pbkdf2_sha256")
    made = [getattr(new, name).hash(PASSWORD) for name in handlers]
    made.append(postgresql("\N{ROMAN NUMERAL NINE} lives"))

    answers = box.run(["/usr/bin/python3", "-c", VERIFY, PASSWORD, "IX lives", *made]).stdout

    assert answers.split() == ["1.7.4", *["True"] * len(made)]


VERIFY = """
import sys, passlib
from authd_backends import Secret, hashes
print(passlib.__version__)
for stored in sys.argv[3:]:
    password = sys.argv[2 if stored.startswith("SCRAM") else 1].replace("IX", chr(0x2168)).encode()
    print(hashes.matches(stored, Secret(password), hashes.Policy(weak_schemes=True)))
"""


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "\N{ROMAN NUMERAL NINE} lives",  # prepared: "IX lives"
        "no\N{NO-BREAK SPACE}break\N{SOFT HYPHEN}",
        "con\N{ZERO WIDTH NO-BREAK SPACE}trol\x07",  # RFC 4013 forbids it, and PostgreSQL takes it as it comes
    ],
)
def test_postgresqls_verifiers_are_verified(password: str) -> None:
    """As libpq makes them."""
    assert is_verified(postgresql(password), password)


def postgresql(password: str) -> str:
    connection = pq.PGconn.connect_start(b"host=/nonexistent")
    made = connection.encrypt_password(password.encode(), b"user", b"scram-sha-256")
    connection.finish()
    return made.decode()
