"""authd's shipped units, not enabled, masked or not fitting: doctor's commands mend them through systemctl."""

import json
import sys
from typing import Any

import pytest

from authd.doctor.finding import Check
from tests.servers.authd import CONFIGURATION
from tests.servers.box import CHECKOUT, Box

PACKAGES = ("systemd",)
UNITS = "/usr/lib/systemd/system"
USERS = '[backends.users]\ntype = "passwd-file"\npath = "/etc/authd/users"\n'
PAM = '[backends.system]\ntype = "pam"\n'
SHADOW = '[backends.shadow]\ntype = "shadow"\nhelper = "/run/authd/helper.sock"\n'
NOT_HERE = (Check.NOT_ANSWERING,)  # there is no systemd in a box that could start anything


@pytest.fixture
def machine(box: Box) -> Box:
    """Files of a machine that systemd has booted, with authd's package installed and nothing enabled."""
    box.add_user("authd", groups=["sasl"])
    sh(box, f"rm -rf /etc/systemd/system/* {UNITS}/authd* /etc/default/saslauthd")
    sh(
        box,
        f"mkdir -p /run/systemd/system {UNITS} && cp {CHECKOUT}/systemd/*.service {CHECKOUT}/systemd/*.socket {UNITS}",
    )
    box.write("/etc/authd/users", "", mode=0o640, group="authd")
    configure(box, USERS)
    return box


def sh(box: Box, command: str) -> str:
    return box.run(["sh", "-c", command]).stdout


def systemctl(box: Box, command: str) -> None:
    """Run a command of doctor's, but what needs a running systemd."""
    offline = command.replace(" --now", "").replace("systemctl ", "SYSTEMD_OFFLINE=1 systemctl ")
    sh(box, f"set -e\n{offline}")


def configure(box: Box, *sections: str) -> None:
    box.write(CONFIGURATION, "\n".join(sections), mode=0o640, group="authd")


def findings(box: Box) -> list[dict[str, Any]]:
    done = box.run([sys.executable, "-m", "authd", "doctor", "--json"], expect=None)
    found = json.loads(done.stdout)["findings"]
    return [each for each in found if each["check"] not in NOT_HERE]


def test_units_that_nothing_starts_are_enabled(machine: Box) -> None:
    (finding,) = findings(machine)

    systemctl(machine, finding["command"])

    assert finding["check"] == Check.UNIT
    assert "expected to be enabled" in finding["text"]
    assert findings(machine) == []


def test_a_masked_unit_is_unmasked(machine: Box) -> None:
    sh(machine, "SYSTEMD_OFFLINE=1 systemctl mask authd.service")
    (finding,) = findings(machine)

    systemctl(machine, finding["command"])

    assert finding["check"] == Check.UNIT
    assert "masked" in finding["text"]
    assert findings(machine) == []


@pytest.mark.parametrize(("backend", "unit"), [(PAM, "authd-pam"), (SHADOW, "authd-shadow")])
def test_a_backend_is_shown_its_helper(machine: Box, backend: str, unit: str) -> None:
    configure(machine, USERS, backend)
    sh(machine, "SYSTEMD_OFFLINE=1 systemctl enable authd.service")
    (finding,) = findings(machine)

    systemctl(machine, finding["command"])

    assert finding["check"] == Check.HELPER_UNIT
    assert findings(machine) == []
    assert f'helper = "/run/authd/{unit.removeprefix("authd-")}.sock"' in machine.read(CONFIGURATION)
    machine.run([sys.executable, "-m", "authd", "check"])


def test_a_helper_that_nothing_starts_is_enabled(machine: Box) -> None:
    configure(machine, USERS, PAM + 'helper = "/run/authd/pam.sock"\n')
    sh(machine, "SYSTEMD_OFFLINE=1 systemctl enable authd.service")
    (finding,) = findings(machine)

    systemctl(machine, finding["command"])

    assert finding["command"] == "systemctl enable --now authd-pam.service"
    assert findings(machine) == []


def test_who_does_not_answer_is_started_by_systemd(machine: Box) -> None:
    found = machine.run([sys.executable, "-m", "authd", "doctor", "--json"], expect=1)

    commands = {each["command"] for each in json.loads(found.stdout)["findings"] if each["check"] in NOT_HERE}
    assert commands == {"systemctl restart authd.socket authd.service"}


def test_saslauthd_that_systemd_starts_is_disabled(machine: Box) -> None:
    machine.write(
        "/usr/lib/systemd/system/saslauthd.service",
        "[Service]\nExecStart=/usr/sbin/saslauthd -a pam\n[Install]\nWantedBy=multi-user.target\n",
    )
    sh(machine, "SYSTEMD_OFFLINE=1 systemctl enable authd.service saslauthd.service")
    (finding,) = findings(machine)

    systemctl(machine, finding["command"])

    assert finding["check"] == Check.SASLAUTHD
    assert findings(machine) == []
