"""The units under Debian's systemd: what it thinks of them, and what it does with them as process 1."""

import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from signal import SIGKILL, SIGSTOP

import pytest

from authd_backends.hashes.libcrypt import hashed
from tests.servers.authd import CONFIGURATION, SOCKET, WITHOUT_DELAY
from tests.servers.box import Box
from tests.servers.client import NO, OK, TEMPORARY_FAILURE, ask
from tests.servers.process import wait_until
from tests.servers.processes import children, status
from tests.servers.systemd import UNITS, Systemd, systemd

PACKAGES = ("systemd", "procps")  # the units call /bin/kill
CHROOT = "/var/spool/postfix/var/run/saslauthd/mux"
CONTROL = "/run/authd/control.sock"
HASH = hashed(b"secret", "$6$rounds=1000$saltsalt")
SETTINGS = f"""
[[listeners]]
path = "{SOCKET}"
[[listeners]]
path = "{CHROOT}"

[cache]
enabled = false

[backends.users]
type = "passwd-file"
path = "/etc/authd/users"

[backends.shadow]
type = "shadow"
helper = "/run/authd/shadow.sock"

[backends.pam]
type = "pam"
services = ["imap"]
helper = "/run/authd/pam.sock"

[[routes]]
services = ["imap"]
backends = ["pam"]

[[routes]]
services = ["pop"]
backends = ["shadow"]

[[routes]]
backends = ["users"]
{WITHOUT_DELAY}"""

OF_ROOT = "/run/of-root/mux"
SETTINGS_OF_ROOT = f"""
[backends.users]
type = "passwd-file"
path = "/etc/authd/users"

[control]
path = "/run/of-root/control.sock"
{WITHOUT_DELAY}"""
UNIT_OF_ROOT = """
[Service]
Type=notify
NotifyAccess=all
WatchdogSec=2s
ExecStart=/usr/bin/authd serve --config /etc/authd/of-root.toml
ExecReload=/usr/bin/authd reload --config /etc/authd/of-root.toml
StandardOutput=append:/run/authd.log
StandardError=inherit
"""


def test_the_units_say_nothing_that_systemd_does_not_understand(box: Box) -> None:
    box.write("/usr/bin/authd", "#!/bin/sh\n", mode=0o755)
    units = [*sorted(UNITS.glob("*.service")), *sorted(UNITS.glob("*.socket"))]
    for unit in units:
        box.write(f"/etc/systemd/system/{unit.name}", unit.read_text())
    for drop_in in UNITS.glob("drop-ins/*.conf"):
        box.write(f"/etc/systemd/system/authd-pam.service.d/{drop_in.name}", drop_in.read_text())

    told = box.run(["systemd-analyze", "verify", "--man=no", *(f"/etc/systemd/system/{unit.name}" for unit in units)])

    assert "authd" not in told.stderr
    box.run(["rm", "-r", "/etc/systemd/system/authd-pam.service.d"])


@pytest.mark.parametrize(
    ("service", "drop_in", "bound"),
    [
        ("authd", "", 0.5),
        ("authd", "network", 1.3),
        ("authd-shadow", "", 0.4),
        ("authd-shadow", "network", 1.2),
        ("authd-pam", "", 0.7),
        ("authd-pam", "network", 1.5),
        ("authd-pam", "setuid", 1.6),
    ],
)
def test_the_exposure_is_at_most_what_the_document_says(box: Box, service: str, drop_in: str, bound: float) -> None:
    directory = f"/run/measured/{service}-{drop_in}"
    box.write(f"{directory}/{service}.service", (UNITS / f"{service}.service").read_text())
    box.write(f"{directory}/{service}.socket", (UNITS / f"{service}.socket").read_text())
    if drop_in:
        box.write(f"{directory}/{service}.service.d/test.conf", (UNITS / f"drop-ins/{drop_in}.conf").read_text())

    measure = ["systemd-analyze", "security", "--offline=true", f"{directory}/{service}.service"]
    told = box.run(measure).stdout

    found = re.search(r"exposure level for \S+: ([0-9.]+)", told)
    assert found is not None
    assert float(found[1]) <= bound, told


@pytest.fixture(scope="module")
def manager(box: Box) -> Iterator[Systemd]:
    box.add_group("shadow")
    box.write("/etc/passwd", f"{box.read('/etc/passwd')}alice:x:5000:5000::/:/bin/sh\n")
    box.write("/etc/shadow", f"{box.read('/etc/shadow')}alice:{HASH}:20000::::::\n", mode=0o640, group="shadow")
    box.write("/etc/pam.d/imap", "auth required pam_unix.so\naccount required pam_unix.so\n")
    with systemd(box, {"authd.service": "WatchdogSec=4s\n"}) as manager:
        configure(manager, SETTINGS)
        manager.path("/etc/authd/users").write_text(f"alice:{HASH}\n")
        manager.run("chgrp", "authd", "/etc/authd/authd.toml", "/etc/authd/users")
        manager.run("systemctl", "start", "authd.socket", "authd-shadow.socket", "authd-pam.socket")
        yield manager


def configure(manager: Systemd, settings: str) -> None:
    file = manager.path(CONFIGURATION)
    file.parent.mkdir(exist_ok=True)
    file.write_text(settings)
    file.chmod(0o640)


def asked(manager: Systemd, service: str = "smtp", password: str = "secret", path: object = SOCKET) -> bytes:
    return ask(manager.path(str(path)), "alice", password, service)


def test_the_first_login_starts_the_front_which_has_no_rights(manager: Systemd) -> None:
    assert manager.show("authd.service", "ActiveState") == "inactive"

    assert [asked(manager, path=SOCKET), asked(manager, path=CHROOT, password="guess")] == [OK, NO]

    assert manager.run("stat", "-c", "%A %U %G", str(SOCKET), str(SOCKET.parent)).split("\n")[:2] == [
        "srw-rw---- root sasl",
        "drwx--x--- root sasl",
    ]
    front = manager.main_pid("authd.service")
    assert "0" not in status(front, "Uid").split()
    assert (int(status(front, "CapBnd"), 16), status(front, "NoNewPrivs"), status(front, "Seccomp")) == (0, "1", "2")


def test_the_group_of_administrators_may_steer_it_and_nobody_else(manager: Systemd) -> None:
    alice = ["setpriv", "--reuid=alice", "--regid=5000"]

    told = manager.run(*alice, "--groups=authd-admin", "authd", "status", "--json", "--control", CONTROL)
    manager.run(*alice, "--clear-groups", "authd", "status", "--control", CONTROL, expect=1)

    assert json.loads(told)["listeners"] == [str(SOCKET), CHROOT]
    assert manager.run("stat", "-c", "%A %U %G", CONTROL).strip() == "srw-rw---- authd authd-admin"


def test_shadow_is_read_by_a_helper_that_is_not_root_and_pam_by_another(manager: Systemd) -> None:
    answers = [asked(manager, service, password) for service in ("pop", "imap") for password in ("secret", "guess")]

    assert answers == [OK, NO, OK, NO]
    shadow, pam = (manager.main_pid(f"authd-{name}.service") for name in ("shadow", "pam"))
    assert "0" not in status(shadow, "Uid").split()
    assert [int(status(pid, "CapEff"), 16) for pid in (shadow, pam)] == [0, 0]


def test_a_restart_under_load_loses_and_refuses_no_login(manager: Systemd) -> None:
    answers: list[bytes] = []
    done = threading.Event()

    def load(path: object) -> None:
        while not done.is_set():
            answers.append(asked(manager, path=path))

    clients = [threading.Thread(target=load, args=[path]) for path in (SOCKET, CHROOT)]
    for client in clients:
        client.start()
    try:
        for _ in range(3):
            seen = len(answers)
            manager.run("systemctl", "restart", "authd.service")
            wait_until(lambda: len(answers) >= seen + 20, "clients of the next front")  # noqa: B023
    finally:
        done.set()
        for client in clients:
            client.join(60)

    assert set(answers) == {OK}


def test_a_reload_takes_the_helpers_along_and_fails_where_the_file_is_wrong(manager: Systemd) -> None:
    configure(manager, SETTINGS.replace('services = ["imap"]\nhelper', 'services = ["imap", "sieve"]\nhelper'))
    manager.run("systemctl", "reload", "authd.service")
    assert asked(manager, "imap") == OK

    configure(manager, SETTINGS + "[unknown]\n")
    manager.run("systemctl", "reload", "authd.service", expect=1)

    assert "unknown: expected a known" in manager.log
    assert [asked(manager, "imap"), asked(manager, "pop"), asked(manager)] == [OK, OK, OK]
    configure(manager, SETTINGS)


def test_a_reload_of_the_front_alone_has_the_helpers_read_the_file_too(manager: Systemd) -> None:
    before = [manager.main_pid(f"authd-{name}.service") for name in ("shadow", "pam")]
    configure(manager, SETTINGS.replace("[cache]", '[helper]\ncheck_deadline = "6s"\n\n[cache]'))

    manager.run("authd", "reload")

    assert [asked(manager, "imap"), asked(manager, "pop")] == [OK, OK]
    assert [manager.main_pid(f"authd-{name}.service") for name in ("shadow", "pam")] == before
    configure(manager, SETTINGS)
    manager.run("authd", "reload")
    assert [asked(manager, "imap"), asked(manager, "pop")] == [OK, OK]


def test_a_front_that_hangs_is_replaced_and_who_waits_is_answered(manager: Systemd) -> None:
    before = manager.main_pid("authd.service")

    os.kill(before, SIGSTOP)

    assert asked(manager) == OK
    assert manager.main_pid("authd.service") != before


def test_without_any_file_the_front_serves_what_root_keeps_and_it_cannot_write(manager: Systemd) -> None:
    manager.run("systemctl", "reset-failed", "authd.service")  # the starts of the tests before
    manager.run("rm", str(CONFIGURATION))
    manager.run("sh", "-c", "echo secret | STATE_DIRECTORY=/var/lib/authd authd user add carol")
    try:
        manager.run("systemctl", "restart", "authd.service")

        assert ask(manager.path(CHROOT), "carol", "secret") == OK
        owners = manager.run("stat", "-c", "%U %a", "/var/lib/authd", "/var/lib/authd/users").splitlines()
        assert owners == ["root 750", "root 640"]
    finally:
        configure(manager, SETTINGS)
        manager.run("chgrp", "authd", str(CONFIGURATION))
        manager.run("systemctl", "restart", "authd.service")


def test_without_the_directory_of_its_control_socket_the_front_serves_none_the_less(manager: Systemd) -> None:
    manager.run("systemctl", "reset-failed", "authd.service")  # the starts of the tests before
    manager.run("rm", "-r", "/run/authd")
    try:
        manager.run("systemctl", "restart", "authd.service")

        assert asked(manager) == OK
    finally:
        manager.run("systemd-tmpfiles", "--create", str(UNITS / "tmpfiles.d/authd.conf"))
        manager.run("systemctl", "restart", "authd-shadow.socket", "authd-pam.socket", "authd.service")


def test_without_its_helper_a_backend_is_out_and_comes_back_by_the_next_login(manager: Systemd) -> None:
    manager.run("systemctl", "stop", "authd-pam.socket", "authd-pam.service")
    assert [asked(manager, "imap"), asked(manager, "pop")] == [TEMPORARY_FAILURE, OK]

    manager.run("systemctl", "start", "authd-pam.socket")

    assert asked(manager, "imap") == OK


def test_a_unit_of_root_gives_its_socket_to_every_front_that_the_parent_starts(manager: Systemd) -> None:
    manager.path("/etc/systemd/system/of-root.socket").write_text(f"[Socket]\nListenStream={OF_ROOT}\n")
    manager.path("/etc/systemd/system/of-root.service").write_text(UNIT_OF_ROOT)
    manager.path("/etc/authd/of-root.toml").write_text(SETTINGS_OF_ROOT)
    manager.run("systemctl", "start", "of-root.socket")
    assert asked(manager, path=OF_ROOT) == OK
    front = children(manager.main_pid("of-root.service"))[0]
    assert status(front, "Uid").split()[0] != "0"

    os.kill(front, SIGKILL)

    assert asked(manager, path=OF_ROOT) == OK
    fed = manager.show("of-root.service", "WatchdogTimestampMonotonic")
    wait_until(lambda: manager.show("of-root.service", "WatchdogTimestampMonotonic") != fed, "the watchdog to be fed")
    manager.run("systemctl", "reload", "of-root.service")
    manager.run("systemctl", "restart", "of-root.service")
    assert asked(manager, path=OF_ROOT) == OK
    manager.run("systemctl", "stop", "of-root.socket", "of-root.service")


def test_setuid_conf_lets_pam_modules_become_the_user(manager: Systemd) -> None:
    become = "#!/usr/bin/python3 -I\nimport os\nos.setgroups([])\nos.setresgid(5000, 5000, 5000)\nos.setuid(5000)\n"
    manager.path("/etc/become").write_text(become)
    manager.path("/etc/become").chmod(0o755)
    stack = "auth required pam_exec.so /etc/become\naccount required pam_permit.so\n"
    manager.path("/etc/pam.d/imap").write_text(stack)
    assert asked(manager, "imap") != OK

    manager.add_drop_in("authd-pam.service", (UNITS / "drop-ins/setuid.conf").read_text())
    manager.run("systemctl", "restart", "authd-pam.service")

    assert asked(manager, "imap") == OK


def test_a_secret_comes_as_a_credential_that_only_root_can_read_on_disk(manager: Systemd) -> None:
    manager.run("systemctl", "reset-failed", "authd.service")  # the starts of the tests before
    manager.path("/etc/authd/secret").write_text(f"alice:{HASH}\n")
    manager.path("/etc/authd/secret").chmod(0o600)
    manager.add_drop_in("authd.service", "[Service]\nLoadCredential=users:/etc/authd/secret\n")
    configure(manager, SETTINGS.replace("/etc/authd/users", "/run/credentials/authd.service/users"))

    manager.run("systemctl", "restart", "authd.service")

    assert [asked(manager), asked(manager, password="guess")] == [OK, NO]
    configure(manager, SETTINGS)


def test_network_conf_lets_the_front_show_its_metrics_at_a_port(manager: Systemd, box: Box) -> None:
    manager.run("systemctl", "reset-failed", "authd.service")  # the starts of the tests before
    configure(manager, f'{SETTINGS}[metrics]\nlisten = "127.0.0.1:9479"\n')
    manager.run("systemctl", "restart", "authd.service", expect=1)
    assert not box.listens(9479)

    manager.add_drop_in("authd.service", (UNITS / "drop-ins/network.conf").read_text())
    manager.run("systemctl", "reset-failed", "authd.service", "authd.socket")
    manager.run("systemctl", "restart", "authd.socket", "authd.service")

    assert box.listens(9479)
    configure(manager, SETTINGS)


def test_a_wrong_configuration_is_not_tried_for_ever_and_its_clients_do_not_hang(manager: Systemd) -> None:
    manager.run("systemctl", "reset-failed", "authd.service")  # the starts of the tests before
    configure(manager, SETTINGS + "[unknown]\n")
    manager.run("systemctl", "restart", "authd.service", expect=1)
    assert manager.show("authd.service", "ExecMainStatus") == "2"

    with suppress(ConnectionResetError):
        asked(manager)  # waits in the backlog until systemd gives up

    assert manager.show("authd.socket", "Result") == "service-start-limit-hit"
    with socket.socket(socket.AF_UNIX) as client, pytest.raises(OSError, match=r"refused|No such file"):
        client.connect(str(manager.path(SOCKET)))
    configure(manager, SETTINGS)
    manager.run("systemctl", "reset-failed")
    manager.run("systemctl", "restart", "authd.socket", "authd.service")
    assert asked(manager) == OK
