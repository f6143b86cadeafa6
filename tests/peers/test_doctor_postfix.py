"""Installations of a real Postfix, each broken in one way: doctor names it, and the command that it prints mends it."""

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from smtplib import SMTPException
from typing import Any

import pytest

from authd.doctor.finding import Check
from authd_backends import Secret, hashes
from tests.servers import sasl
from tests.servers.authd import CONFIGURATION, Authd
from tests.servers.box import Box
from tests.servers.postfix import ROOT, SMTPD_CONF, Postfix, authenticate
from tests.servers.process import wait_until

PACKAGES = ("postfix", "sasl2-bin", "libsasl2-modules")
USERS = "/etc/authd/users"
HOST_LISTENER = '[[listeners]]\npath = "/run/saslauthd/mux"\ngroup = "sasl"\n'
JAIL_LISTENER = f'[[listeners]]\npath = "{ROOT}/run/saslauthd/mux"\ngroup = "sasl"\n'
USERS_BACKEND = f'[backends.users]\ntype = "passwd-file"\npath = "{USERS}"\n'
WELL = "pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n"
CUT_OFF = None  # what a login gets from an smtpd that ends when it is greeted
UNHEARD = -1  # and from one that ends at its start


@dataclass(frozen=True)
class Break:
    """One thing that is wrong: the shell's commands that make it so, what doctor calls it, what a login gets."""

    check: Check
    commands: str
    code: int | None


def conf(*lines: str) -> str:
    return rf"printf '%s\n' {shlex.join(lines)} > {SMTPD_CONF}"


def toml(*sections: str) -> str:
    return f"printf '%s\\n' {shlex.join(sections)} > {CONFIGURATION} && authd reload --config {CONFIGURATION}"


def postconf(setting: str) -> str:
    return f"postconf -e {shlex.quote(setting)}"


METHOD, MECHANISMS = WELL.splitlines()
BREAKS = {
    "saslauthd_path without mux": Break(
        Check.SASLAUTHD_PATH, conf(METHOD, MECHANISMS, "saslauthd_path: /run/saslauthd"), 454
    ),
    "saslauthd_path where nobody listens": Break(
        Check.SASLAUTHD_PATH, conf("SASLauthd_Path:/run/other/mux", METHOD, MECHANISMS), 454
    ),
    "socket outside of the chroot": Break(Check.CHROOT, toml(HOST_LISTENER, USERS_BACKEND), 454),
    "the default socket outside of the chroot": Break(Check.CHROOT, toml(USERS_BACKEND), 454),
    "smtpd's user not in the group": Break(Check.GROUP, "gpasswd -d postfix sasl", 454),
    "socket of root's group": Break(
        Check.GROUP,
        f"""{toml(HOST_LISTENER, JAIL_LISTENER.replace('group = "sasl"', 'mode = "0600"'), USERS_BACKEND)}
        chgrp root {ROOT}/run/saslauthd/mux""",
        454,
    ),
    "folder closed to its group": Break(Check.DIRECTORY, f"chmod 0700 {ROOT}/run/saslauthd", 454),
    "folder above closed": Break(Check.DIRECTORY, f"chmod 0700 {ROOT}/run", 454),
    "open folder and open socket": Break(
        Check.ORACLE, f"chmod 0755 {ROOT}/run/saslauthd && chmod 0777 {ROOT}/run/saslauthd/mux", 235
    ),
    "a folder that all may write": Break(Check.WRITABLE, f"chmod 0777 {ROOT}/run", 235),
    "mechanisms that need secrets": Break(
        Check.MECHANISMS, conf(METHOD, "mech_list: plain login cram-md5 digest-md5"), 235
    ),
    "all mechanisms": Break(Check.MECHANISMS, conf(METHOD), 235),
    "mechanisms with commas": Break(Check.MECHANISMS, conf(METHOD, "mech_list: PLAIN,LOGIN"), CUT_OFF),
    "another smtpd_sasl_type": Break(Check.SASL_TYPE, postconf("smtpd_sasl_type = dovecot"), CUT_OFF),
    "a path in smtpd_sasl_path": Break(Check.SASL_PATH, postconf("smtpd_sasl_path = private/auth"), 535),
    "no AUTH": Break(Check.AUTH_ENABLE, postconf("smtpd_sasl_auth_enable = no"), 503),
    "no AUTH for any service": Break(
        Check.AUTH_ENABLE, "postconf -P smtp/inet/smtpd_sasl_auth_enable=no smtps/inet/smtpd_sasl_auth_enable=no", 503
    ),
    "no plain text": Break(
        Check.SECURITY_OPTIONS, postconf("smtpd_sasl_security_options = noanonymous, noplaintext"), CUT_OFF
    ),
    "another pwcheck_method": Break(Check.PWCHECK_METHOD, conf("pwcheck_method: auxprop", MECHANISMS), 535),
    "no pwcheck_method": Break(Check.PWCHECK_METHOD, conf(MECHANISMS), 535),
    "no smtpd.conf": Break(Check.SMTPD_CONF, f"rm {SMTPD_CONF}", 535),
    "smtpd.conf in a place that does not count": Break(
        Check.SMTPD_CONF, f"mkdir -p /etc/sasl2 && mv {SMTPD_CONF} /etc/sasl2/smtpd.conf", 535
    ),
    "smtpd.conf that cannot be read": Break(Check.SMTPD_CONF, conf(METHOD, MECHANISMS, "mech_list PLAIN"), UNHEARD),
    "two that contradict": Break(
        Check.SMTPD_CONF_DUPLICATE, "echo 'mech_list: GSSAPI' > /usr/lib/sasl2/smtpd.conf", 235
    ),
}


class Installation:
    """authd for a chrooted Postfix, in Debian's places."""

    def __init__(self, box: Box) -> None:
        self.box = box
        box.write("/usr/bin/authd", f'#!/bin/sh\nexec {sys.executable} -m authd "$@"\n', mode=0o755)
        self.authd = Authd(box, HOST_LISTENER + JAIL_LISTENER + USERS_BACKEND)
        box.write(USERS, f"alice:{hashes.new_hash(Secret(b'secret'))}\n", mode=0o640, group="authd")
        box.make_directory(f"{ROOT}/run/saslauthd", mode=0o710, group="sasl")
        box.make_directory(f"{ROOT}/var")
        box.run(["ln", "-s", "/run", f"{ROOT}/var/run"])  # absolute: smtpd follows it inside of its chroot
        self.authd.start()
        self.postfix = Postfix(box, WELL, chroot=True, service_throttle_time="1s")
        self.postfix.start()
        for file in (CONFIGURATION, "/etc/postfix/main.cf", "/etc/postfix/master.cf"):
            box.run(["cp", "-p", file, f"{file}.well"])

    def heal(self) -> None:
        """Put everything in order, whatever the last test left. Postfix waits for 2 s on a main.cf that is new."""
        self.sh(
            f"""
            cp -p /etc/postfix/main.cf.well /etc/postfix/main.cf
            cp -p /etc/postfix/master.cf.well /etc/postfix/master.cf
            {conf(*WELL.splitlines())}
            gpasswd -a postfix sasl
            rm -f /etc/sasl2/smtpd.conf /usr/lib/sasl2/smtpd.conf* /usr/lib/sasl/smtpd.conf
            chgrp sasl {ROOT}/run/saslauthd && chmod 0710 {ROOT}/run/saslauthd
            chmod 0755 {ROOT}/run
            cmp {CONFIGURATION} {CONFIGURATION}.well || {{
                cp {CONFIGURATION}.well {CONFIGURATION}
                authd reload
            }}
            chgrp sasl {ROOT}/run/saslauthd/mux && chmod 0660 {ROOT}/run/saslauthd/mux
            """
        )

    def sh(self, command: str) -> None:
        self.box.run(["sh", "-c", f"set -e\n{command}"])

    def findings(self, *options: str, expect: int | None = None) -> list[dict[str, Any]]:
        done = self.box.run(["authd", "doctor", "--json", *options], expect=expect)
        report: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)
        assert done.returncode == (1 if report["findings"] else 0)
        assert not report["unseen"]
        return report["findings"]

    def expect(self, code: int | None, mechanism: str = "PLAIN") -> None:
        """Wait until Postfix has taken up what was changed, and a login gets this answer."""
        if code == UNHEARD:
            before = self._count_of_ends()
            wait_until(lambda: self.box.listens(465) and self._count_of_ends() > before, "an smtpd that ends")
        else:
            wait_until(lambda: self._log_in(mechanism) == code, f"a login that gets {code}")

    def _log_in(self, mechanism: str) -> int | None:
        with suppress(SMTPException, OSError), self.postfix.connect_tls() as session:
            return authenticate(session, mechanism, "alice", "secret")
        return CUT_OFF

    def _count_of_ends(self) -> int:
        return self.box.logs()["mail.log"].count("smtpd: bad command startup")


@pytest.fixture(scope="module")
def whole(box: Box) -> Iterator[Installation]:
    installation = Installation(box)
    yield installation
    installation.postfix.stop()
    installation.authd.stop()


@pytest.fixture
def installation(whole: Installation) -> Installation:
    whole.heal()
    return whole


def test_nothing_is_wrong_with_a_whole_installation(installation: Installation) -> None:
    found = installation.box.run(["authd", "doctor"])

    assert found.stdout == "nothing is wrong\n"
    assert installation.findings("--postfix") == []
    installation.expect(235)


def test_without_root_what_cannot_be_seen_is_no_finding(installation: Installation) -> None:
    installation.box.add_user("reader")
    installation.sh(f"chmod 0600 {SMTPD_CONF}")

    seen = installation.box.run(["authd", "doctor", "--postfix"], user="reader").stdout
    installation.sh(f"chmod 0644 {SMTPD_CONF}")

    assert "nothing is wrong with what could be seen" in seen
    assert f"not seen: {SMTPD_CONF}: Permission denied" in seen
    assert f"not seen: {CONFIGURATION}: Permission denied" in seen


@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS)
def test_what_is_broken_is_named_and_mended_by_the_command(installation: Installation, broken: Break) -> None:
    installation.sh(f"{broken.commands}\npostfix reload")

    (finding,) = installation.findings("--postfix", expect=1)
    installation.expect(broken.code)
    installation.sh(finding["command"])

    assert finding["check"] == broken.check
    assert installation.findings("--postfix", expect=0) == []
    installation.expect(235)


def test_a_plug_in_that_is_missing_is_one_of_debians_package(installation: Installation) -> None:
    folder = "/usr/lib/x86_64-linux-gnu/sasl2"
    installation.sh(
        f"mkdir /usr/lib/away && mv {folder}/libplain.so* {folder}/liblogin.so* /usr/lib/away\npostfix reload"
    )

    (finding,) = installation.findings("--postfix", expect=1)
    installation.expect(CUT_OFF)
    installation.sh(f"mv /usr/lib/away/* {folder} && rmdir /usr/lib/away\npostfix reload")  # what the package brings

    assert finding["check"] == Check.PLUGINS
    assert finding["command"] == "apt-get install --reinstall libsasl2-modules && postfix reload"
    assert installation.findings("--postfix", expect=0) == []
    installation.expect(235)


def test_mechanisms_that_need_secrets_are_right_with_a_sasldb_that_smtpd_can_read(installation: Installation) -> None:
    """Three things are in the way: a chroot around each of two services, and the file's mode."""
    sasl.set_password(installation.box, "alice", "mail.example.org", "secret")
    installation.sh("chown root:root /etc/sasldb2 && chmod 0600 /etc/sasldb2")
    installation.sh(conf(METHOD, "mech_list: PLAIN LOGIN CRAM-MD5", "auxprop_plugin: sasldb"))
    installation.sh(f"{postconf('smtpd_sasl_local_domain = mail.example.org')}\npostfix reload")
    installation.expect(535, "CRAM-MD5")

    named = []
    while found := installation.findings("--postfix"):
        named.append(found[0]["check"])
        installation.sh(found[0]["command"])

    assert named == [Check.MECHANISMS] * 3
    installation.expect(235, "CRAM-MD5")
    installation.expect(235, "PLAIN")


def test_on_the_embedded_default_smtpd_leaves_its_chroot(installation: Installation) -> None:
    installation.authd.stop()
    installation.sh(f"mv {CONFIGURATION} {CONFIGURATION}.away")
    embedded = installation.box.start(["authd", "serve"])
    embedded.wait_for_output("listening on")

    named = []
    while found := installation.findings("--postfix"):
        named.append(found[0]["command"])
        installation.sh(found[0]["command"])
    embedded.stop()
    installation.sh(f"mv {CONFIGURATION}.away {CONFIGURATION}")
    installation.authd.start()

    assert [command.split()[:3] for command in named] == [
        ["postconf", "-F", "smtp/inet/chroot=n"],
        ["postconf", "-F", "smtps/inet/chroot=n"],
    ]
    installation.expect(235)
