"""What Debian's saslauthd 2.1.28 makes of the same words was seen, or read in saslauthd-main.c."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authd.config.saslauthd_flags import Asked, Flags, FlagsError, Mechanism, UsageError, parse

SIMPLE = {"-c": "caches", "-r": "joins_realm", "-V": "is_verbose", "-f": "stays"}


def flags(*words: str) -> Flags:
    found = parse(words)
    assert isinstance(found, Flags)
    return found


def test_a_mechanism_alone_means_saslauthd_s_defaults() -> None:
    assert flags("-a", "pam") == Flags(
        mechanism=Mechanism.PAM, option=None, directory=Path("/run/saslauthd"), processes=5
    )


def test_every_flag_is_taken() -> None:
    words = "-a ldap -c -m /run/mail/ -n 0 -r -O /etc/own.conf -s 512 -t 60 -T -l -d -V"

    found = flags(*words.split())

    assert found == Flags(
        mechanism=Mechanism.LDAP,
        option="/etc/own.conf",
        directory=Path("/run/mail"),
        processes=0,
        joins_realm=True,
        caches=True,
        cache_size=512,
        cache_ttl=60,
        stays=True,
        is_verbose=True,
        needless=("-T",),
    )


def test_flags_may_be_combined_and_their_values_joined_to_them() -> None:
    assert flags("-crn10", "-aSHADOW", "-t5") == flags("-c", "-r", "-n", "10", "-a", "shadow", "-t", "5")


@given(st.permutations(sorted(SIMPLE)), st.sets(st.sampled_from(sorted(SIMPLE))), st.booleans())
def test_order_and_joining_of_flags_mean_nothing(order: list[str], wanted: set[str], joined: bool) -> None:
    chosen = [flag for flag in order if flag in wanted]
    words = ["-" + "".join(flag[1] for flag in chosen)] if joined and chosen else chosen

    found = flags(*words, "-a", "pam")

    assert {flag for flag, name in SIMPLE.items() if getattr(found, name)} == wanted


@pytest.mark.parametrize(("text", "number"), [("12", 12), ("foo", 0), (" 7x", 7), ("", 0)])
def test_numbers_are_read_as_atoi_reads_them(text: str, number: int) -> None:
    assert flags("-a", "pam", "-n", text).processes == number


def test_the_last_of_several_values_counts() -> None:
    assert flags("-a", "pam", "-n5", "-O", "first", "-n", "7", "-O", "last") == flags("-a", "pam", "-n7", "-O", "last")


def test_words_that_are_no_flags_are_passed_over() -> None:
    """Debian's MECHANISMS="pam ldap" makes such a command line, which is that of pam."""
    found = flags("-a", "pam", "ldap", "-c", "--", "-r")

    assert (found.mechanism, found.caches, found.joins_realm) == (Mechanism.PAM, True, False)
    assert found.needless == ("ldap", "-r")


@pytest.mark.parametrize(
    ("words", "asked"), [("-h", Asked.USAGE), ("-v", Asked.VERSION), ("-a pam -cv", Asked.VERSION)]
)
def test_help_and_version_come_in_place_of_a_start(words: str, asked: Asked) -> None:
    assert parse(words.split()) is asked


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("", "-a: expected one authentication mechanism"),
        ("-c", "-a: expected one authentication mechanism"),
        ("-a pam -a shadow", "-a: expected one authentication mechanism"),
        ("-a pam -x", "invalid option -- 'x'"),
        ("-a pam -H host", "invalid option -- 'H'"),
        ("-a pam --help", "invalid option -- 'help'"),
        ("-a pam -n", "option requires an argument -- 'n'"),
    ],
)
def test_what_is_no_command_line_is_told_with_the_usage(words: str, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(words.split())

    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("-a pam -m run", "-m: expected an absolute path, got 'run'"),
        ("-a pam -m /r\udcff", r"-m: expected UTF-8, got '/r\udcff'"),
        ("-a ldap -O /r\udcff", r"-O: expected UTF-8, got '/r\udcff'"),
        ("-a pam -n -1", "-n: expected a number of at least 0, got '-1'"),
        ("-a pam -s 0", "-s: expected a number of at least 1, got '0'"),
        ("-a pam -t many", "-t: expected a number of at least 1, got 'many'"),
        ("-a pma", "-a: expected sasldb or getpwent or pam or shadow or ldap, got 'pma'"),
        ("-a Kerberos5", "-a kerberos5: expected a mechanism that authd has; use instead: -a pam, with pam_krb5.so"),
        (
            "-a rimap",
            "-a rimap: expected a mechanism that authd has; use instead: a backend for the users of that IMAP",
        ),
        ("-a httpform", "-a httpform: expected a mechanism that authd has; use instead: a backend for the users"),
    ],
)
def test_what_cannot_be_done_says_what_was_expected(words: str, text: str) -> None:
    with pytest.raises(FlagsError) as caught:
        parse(words.split())

    assert str(caught.value).startswith(text)
    assert not isinstance(caught.value, UsageError)


@given(st.lists(st.text()))
def test_any_words_are_a_command_line_or_a_flags_error(words: list[str]) -> None:
    try:
        found = parse(words)
    except FlagsError:
        return
    assert isinstance(found, Flags | Asked)
