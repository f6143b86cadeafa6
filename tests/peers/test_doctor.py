"""A machine of Debian with authd, broken in one way each: doctor names it, and the command that it prints mends it."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from authd.doctor.finding import Check
from tests.servers import sasl
from tests.servers.authd import CONFIGURATION, SOCKET, WITHOUT_DELAY, Authd
from tests.servers.box import Box
from tests.servers.saslauthd import Saslauthd

PACKAGES = ("sasl2-bin",)
REALM = "mail.example.org"
SASLDB = '[[listeners]]\npath = "/run/saslauthd/mux"\ngroup = "sasl"\n\n[backends.sasldb]\ntype = "sasldb"\n'


@pytest.fixture(scope="module")
def machine(box: Box) -> Iterator[Authd]:
    box.write("/usr/bin/authd", f'#!/bin/sh\nexec {sys.executable} -m authd "$@"\n', mode=0o755)
    authd = Authd(box, SASLDB)
    sasl.set_password(box, "alice", REALM, "secret")
    authd.start()
    yield authd
    authd.stop()


def findings(authd: Authd, *options: str, user: str = "root") -> list[dict[str, Any]]:
    done = authd.box.run([sys.executable, "-m", "authd", "doctor", "--json", *options], user=user, expect=None)
    assert done.returncode in (0, 1), done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return found


def only_finding(authd: Authd, check: Check) -> dict[str, Any]:
    (finding,) = findings(authd)
    assert finding["check"] == check
    return finding


def sh(authd: Authd, command: str) -> str:
    return authd.box.run(["sh", "-c", command]).stdout


def enable_saslauthd(authd: Authd) -> None:
    """As Debian's package and its administrator do."""
    sh(authd, "mkdir -p /etc/rc2.d && rm -f /etc/rc2.d/???saslauthd && echo START=yes >> /etc/default/saslauthd")
    sh(authd, "ln -s ../init.d/saslauthd /etc/rc2.d/S01saslauthd")


def log_in(authd: Authd) -> str:
    return sh(authd, f"authd test -u alice -r {REALM} -p secret -f {SOCKET} 2>&1 || true")


def test_nothing_is_wrong_with_a_whole_machine(machine: Authd) -> None:
    assert findings(machine) == []
    assert log_in(machine) == '0: OK "Success."\n'


def test_a_sasldb_of_another_group_is_given_to_authds(machine: Authd) -> None:
    sh(machine, "chown root:root /etc/sasldb2 && chmod 0600 /etc/sasldb2")
    finding = only_finding(machine, Check.BACKEND_FILE)
    while_broken = log_in(machine)

    sh(machine, finding["command"])

    assert "bad response" in while_broken
    assert findings(machine) == []
    assert log_in(machine) == '0: OK "Success."\n'


def test_a_sasldb_of_a_group_that_authd_is_not_in_takes_him_into_it(machine: Authd) -> None:
    machine.stop()
    sh(machine, "gpasswd -d authd sasl")
    machine.start()
    finding = only_finding(machine, Check.BACKEND_FILE)
    while_broken = log_in(machine)

    sh(machine, finding["command"])
    machine.stop()
    machine.start()

    assert "bad response" in while_broken
    assert findings(machine) == []
    assert log_in(machine) == '0: OK "Success."\n'


def test_a_sasldb_that_others_may_write_is_closed(machine: Authd) -> None:
    sh(machine, "chmod o+w /etc/sasldb2")

    sh(machine, only_finding(machine, Check.BACKEND_FILE)["command"])

    assert findings(machine) == []
    assert log_in(machine) == '0: OK "Success."\n'


def test_a_missing_sasldb_is_made_by_its_first_user(machine: Authd) -> None:
    sh(machine, "mv /etc/sasldb2 /etc/sasldb2.away")
    finding = only_finding(machine, Check.BACKEND_FILE)

    sh(machine, f"echo secret | sh -c {finding['command']!r}")

    assert findings(machine) == []
    sh(machine, "mv /etc/sasldb2.away /etc/sasldb2")


def test_who_does_not_answer_is_to_be_started(machine: Authd) -> None:
    machine.stop()

    finding = only_finding(machine, Check.NOT_ANSWERING)
    machine.process = machine.box.start(finding["command"].split())
    machine.process.wait_for_output("listening on")

    assert findings(machine) == []
    assert log_in(machine) == '0: OK "Success."\n'


def test_who_is_frozen_does_not_answer(machine: Authd) -> None:
    sh(machine, f"mv {SOCKET} {SOCKET}.away")
    listens = f"s = socket.socket(1); s.bind({str(SOCKET)!r}); s.listen(); print('listening', flush=True)"
    server = machine.box.start([sys.executable, "-c", f"import signal, socket; {listens}; signal.pause()"])
    try:
        server.wait_for_output("listening")
        finding = only_finding(machine, Check.NOT_ANSWERING)
    finally:
        server.stop()
        sh(machine, f"mv {SOCKET}.away {SOCKET}")

    assert "got none: timed out" in finding["text"]


def test_saslauthd_beside_authd_is_stopped(machine: Authd) -> None:
    cyrus = Saslauthd(machine.box)
    cyrus.start()
    enable_saslauthd(machine)

    finding = only_finding(machine, Check.SASLAUTHD)
    sh(machine, finding["command"])
    machine.stop()
    machine.start()

    assert findings(machine) == []
    assert log_in(machine) == '0: OK "Success."\n'


def test_saslauthd_of_the_next_boot_is_disabled(machine: Authd) -> None:
    enable_saslauthd(machine)

    sh(machine, only_finding(machine, Check.SASLAUTHD)["command"])

    assert findings(machine) == []


def test_a_configuration_that_all_may_read_loses_its_secrets(machine: Authd) -> None:
    with_secret = SASLDB + '\n[backends.base]\ntype = "mysql"\nhosts = ["db"]\nuser = "authd"\npassword = "hidden"\n'
    with_secret += 'database = "mail"\nquery = "select password from users where login = :login"\n'
    machine.box.write(CONFIGURATION, with_secret, mode=0o644)

    finding = only_finding(machine, Check.CONFIGURATION_MODE)
    sh(machine, finding["command"])

    assert "hidden" not in str(finding)
    assert findings(machine) == []
    assert sh(machine, f"stat -c '%a %U %G' {CONFIGURATION}") == "640 root authd\n"


def test_a_configuration_that_others_may_write_is_closed(machine: Authd) -> None:
    machine.box.write(CONFIGURATION, SASLDB, mode=0o664, group="authd")

    sh(machine, only_finding(machine, Check.CONFIGURATION_MODE)["command"])

    assert findings(machine) == []


def test_a_configuration_that_cannot_be_used_is_opened_at_its_line(machine: Authd) -> None:
    machine.box.write(CONFIGURATION, SASLDB + "colour = 1\n", mode=0o640)
    finding = only_finding(machine, Check.CONFIGURATION)

    sh(machine, f"EDITOR=true; {finding['command']} || true")
    machine.box.write(CONFIGURATION, SASLDB, mode=0o640)

    assert f"{CONFIGURATION}:7: backends.sasldb.colour" in finding["text"]
    assert f"+7 {CONFIGURATION}" in finding["command"]
    assert findings(machine) == []


@pytest.mark.parametrize("other", [None, "auth required pam_deny.so\n"], ids=["no other", "an other that denies"])
def test_a_pam_service_without_a_file_is_written(machine: Authd, other: str | None) -> None:
    machine.box.write(CONFIGURATION, SASLDB + '\n[backends.system]\ntype = "pam"\n', mode=0o640)
    sh(machine, "mkdir -p /etc/pam.away && mv /etc/pam.d/other /etc/pam.away && rm -f /etc/pam.d/smtp")
    if other is not None:
        machine.box.write("/etc/pam.d/other", other)

    finding = only_finding(machine, Check.PAM_SERVICE)
    sh(machine, finding["command"])

    assert findings(machine) == []
    sh(machine, "mv /etc/pam.away/other /etc/pam.d/other && rm /etc/pam.d/smtp")
    assert findings(machine) == []
    machine.box.write(CONFIGURATION, SASLDB, mode=0o640)


def test_without_root_it_says_what_it_could_not_see(machine: Authd) -> None:
    machine.box.add_user("reader")
    machine.box.write(CONFIGURATION, SASLDB + WITHOUT_DELAY, mode=0o640, group="authd")

    seen = machine.box.run([sys.executable, "-m", "authd", "doctor"], user="reader")

    assert "not seen: /etc/authd/authd.toml: Permission denied" in seen.stdout
    assert "not seen: /run/saslauthd/mux: Permission denied" in seen.stdout
    assert "nothing is wrong with what could be seen" in seen.stdout


def test_a_machine_without_postfix_has_none_to_look_at(machine: Authd) -> None:
    (finding,) = findings(machine, "--postfix")

    assert finding["check"] == Check.POSTFIX
