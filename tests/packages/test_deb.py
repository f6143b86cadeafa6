"""The Debian package: built, installed, used, upgraded, removed and purged, in a box whose dpkg is its own.

Debian's tools and libraries are those of the box, and none has to be installed here.
"""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

import authd
from authd.config.load import parse
from tests.packages.building import CHECKOUT
from tests.servers.box import Box
from tests.servers.process import Process

PACKAGES = (
    "debhelper",
    "dh-python",
    "perl",
    "perl-modules-5.36",
    "pybuild-plugin-pyproject",
    "python3-hatchling",
    "systemd",
)
NAME = "authd-sasl"
CONFIGURATION = "/etc/authd/authd.toml"
USERS = "/var/lib/authd/users"
# What is written below /var is the box's too; all of it is, since dpkg and systemd-tmpfiles write in many places.
OWN_VAR = """
mkdir /run/.var /run/.var.work
mount -t overlay -o lowerdir=/var,upperdir=/run/.var,workdir=/run/.var.work box /var
mount -t tmpfs -o mode=0755 box /var/spool
"""
# Sets links, and of all else writes down what it was told: no systemd runs in the box.
SYSTEMCTL = """#!/bin/sh
case " $* " in
    *" --root="*) exec /usr/bin/systemctl "$@" ;;
    *" is-enabled "*) ls /etc/systemd/system/*.wants/"${*##* }" >/dev/null 2>&1 && echo enabled ;;
    *" is-active "*) grep -qxF "${*##* }" /run/active ;;
    *) printf '%s\\n' "$*" >>/run/told ;;
esac
"""
FILES = r"""
find /etc /usr /var /run -xdev \( -path '/run/.*' -o -path /run/lock -o -path '/run/*.log' -o -path /run/told \
    -o -path /usr/local -o -path /var/lib/dpkg -o -path /var/cache -o -path /var/log -o -path /var/tmp \
    -o -name __pycache__ \) -prune -o ! -type d -printf '%p %M %u:%g %l\n' | sort
find /var/spool
"""
ACCOUNTS = re.compile(r"/etc/(passwd|group|g?shadow|\.pwd\.lock)\b")


@pytest.fixture(scope="module")
def machine(box: Box) -> Box:
    box.run(["sh", "-ec", OWN_VAR])
    box.run(["rm", "-f", "/usr/sbin/policy-rc.d"])  # images have one, so that nothing is started in them
    box.write("/usr/local/sbin/systemctl", SYSTEMCTL, mode=0o755)
    box.make_directory("/run/systemd/system")  # as where systemd runs
    box.write("/run/active", "")
    return box


@pytest.fixture(scope="module")
def deb(machine: Box, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deb")
    machine.run([CHECKOUT / "tools" / "deb.sh", folder])
    (file,) = folder.glob("*.deb")
    return file


@pytest.fixture(scope="module")
def next_deb(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same package under the number of its next version."""
    folder = tmp_path_factory.mktemp("next")
    subprocess.run(["dpkg-deb", "--raw-extract", deb, folder / "tree"], check=True)
    control = folder / "tree/DEBIAN/control"
    control.write_text(re.sub(r"(?m)^(Version: .*-)\d+$", r"\g<1>99", control.read_text()))
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", folder / "tree", folder], check=True)
    (file,) = folder.glob("*.deb")
    return file


@pytest.fixture(scope="module")
def unpacked(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["dpkg-deb", "--extract", deb, folder], check=True)
    return folder


# ── what it ships ──


def test_its_version_is_authds(deb: Path) -> None:
    assert re.fullmatch(rf"{NAME}_{re.escape(authd.__version__)}-\d+_all\.deb", deb.name)


def test_its_modules_are_those_of_the_wheel(unpacked: Path, wheel: Path) -> None:
    modules = unpacked / "usr/lib/python3/dist-packages"
    ours = {str(path.relative_to(modules)): path.read_bytes() for path in modules.rglob("*") if path.is_file()}
    with ZipFile(wheel) as archive:
        theirs = {name: archive.read(name) for name in archive.namelist()}

    def code(files: dict[str, bytes]) -> dict[str, bytes]:
        return {name: content for name, content in files.items() if "dist-info" not in name}

    assert code(ours) == code(theirs)
    assert f"authd-{authd.__version__}.dist-info/entry_points.txt" in ours


def test_the_units_are_those_of_the_tree(unpacked: Path) -> None:
    units = {path.name: path.read_bytes() for path in (unpacked / "lib/systemd/system").iterdir()}

    assert units == {path.name: path.read_bytes() for path in (CHECKOUT / "systemd").glob("authd*.*")}


def test_every_manual_page_and_completion_is_there(unpacked: Path) -> None:
    pages = {path.name.removesuffix(".gz") for path in (unpacked / "usr/share/man").rglob("*.gz")}

    assert pages == {path.name for path in (CHECKOUT / "docs/man").iterdir()}
    for place in ("bash-completion/completions/authd", "zsh/vendor-completions/_authd"):
        assert (unpacked / "usr/share" / place).is_file()
    assert (unpacked / "usr/share/fish/vendor_completions.d/authd.fish").is_file()


def test_the_libraries_that_it_suggests_are_those_of_the_extras(deb: Path) -> None:
    """By Debian's names; psycopg[binary] is python3-psycopg there, and libpass still passlib."""
    extras = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    debian = {"argon2-cffi": "argon2", "libpass": "passlib", "python-ldap": "ldap"}
    libraries = {re.split(r"[\[>]", each)[0].lower() for name in extras if name != "all" for each in extras[name]}
    fields: list[str | Path] = ["dpkg-deb", "--field", deb, "Recommends", "Suggests"]
    offered = subprocess.run(fields, check=True, capture_output=True, text=True).stdout

    assert set(re.findall(r"python3-([\w-]+)", offered)) == {debian.get(name, name) for name in libraries}


def test_the_document_names_the_packages_that_are_built(deb: Path, wheel: Path) -> None:
    document = (CHECKOUT / "docs/packages.md").read_text()

    assert f"./dist/{deb.name}\n" in document
    assert f"dist/{wheel.name}\n" in document


def test_what_its_configuration_leaves_commented_out_is_right_too() -> None:
    shipped = (CHECKOUT / "debian/authd.toml").read_text()
    everything = re.sub(r"^#(?! |$)", "", shipped, flags=re.MULTILINE)

    assert parse("authd.toml", shipped.encode()).warnings == []
    assert {backend.type for backend in parse("authd.toml", everything.encode()).settings.backends} == {
        "passwd-file",
        "pam",
        "sasldb",
        "ldap",
    }


# ── its life: each stage follows the one before, and the tests of a stage stand together ──


@pytest.fixture(scope="module")
def before(machine: Box) -> list[str]:
    return _files(machine)


@pytest.fixture(scope="module")
def installed(machine: Box, deb: Path, before: list[str]) -> Box:
    _dpkg(machine, "--install", deb)
    return machine


def test_installed_it_has_made_its_user_and_a_configuration_that_is_understood(installed: Box) -> None:
    assert installed.run(["id", "-nG", "authd"]).stdout.split() == ["authd", "sasl"]
    assert _rights(installed, CONFIGURATION) == "-rw-r----- root:authd"
    assert _rights(installed, "/run/saslauthd") == "drwx--x--- root:sasl"
    assert _authd(installed, "check").startswith(f"# in force: {CONFIGURATION}\n")
    assert _authd(installed, "--version") == f"authd {authd.__version__}\n"


def test_installed_where_nobody_else_serves_it_is_enabled(installed: Box) -> None:
    assert _enabled(installed) == ["multi-user.target.wants/authd.service", "sockets.target.wants/authd.socket"]


def test_installed_it_is_started_without_the_helpers(installed: Box) -> None:
    assert _told(installed) == ["start authd.socket", "restart authd.service"]


def test_installed_it_lets_in_who_was_added(installed: Box) -> None:
    _authd(installed, "user", "add", "alice", input="correct horse")

    daemon = _serve(installed)

    assert _authd(installed, "test", "-u", "alice", "-p", "correct horse") == '0: OK "Success."\n'
    _authd(installed, "test", "-u", "alice", "-p", "wrong horse", expect=255)
    assert daemon.stop() == 0
    assert _rights(installed, USERS) == "-rw-r----- root:authd"


@pytest.fixture(scope="module")
def daemon(installed: Box) -> Process:
    """authd with a configuration that somebody has changed."""
    installed.write(CONFIGURATION, installed.read(CONFIGURATION) + "# mine\n", mode=0o640, group="authd")
    return _serve(installed)


@pytest.fixture(scope="module")
def upgraded(installed: Box, daemon: Process, next_deb: Path) -> Box:
    """Where a helper runs, too."""
    installed.write("/run/active", "authd.socket\nauthd.service\nauthd-pam.socket\nauthd-pam.service\n")
    _told(installed)
    _dpkg(installed, "--install", next_deb)
    return installed


def test_upgraded_it_has_kept_configuration_users_and_the_running_daemon(upgraded: Box) -> None:
    assert upgraded.read(CONFIGURATION).endswith("# mine\n")
    assert _authd(upgraded, "test", "-u", "alice", "-p", "correct horse") == '0: OK "Success."\n'


def test_upgraded_it_has_restarted_what_ran_and_no_socket(upgraded: Box) -> None:
    """Who asks meanwhile waits at the socket."""
    told = _told(upgraded)

    assert [line for line in told if not line.startswith("start ")] == [
        "restart authd-pam.service",
        "restart authd.service",
    ]


@pytest.fixture(scope="module")
def removed(upgraded: Box, daemon: Process) -> Box:
    assert daemon.stop() == 0
    _dpkg(upgraded, "--remove", NAME)
    return upgraded


def test_removed_it_has_left_configuration_and_users(removed: Box) -> None:
    assert not removed.path("/usr/bin/authd").exists()
    assert removed.read(CONFIGURATION).endswith("# mine\n")
    assert "alice:" in removed.read(USERS)


def test_removed_it_has_stopped_sockets_and_services(removed: Box) -> None:
    (told,) = _told(removed)

    assert told.split()[0] == "stop"
    assert set(told.split()[1:]) == {path.name for path in (CHECKOUT / "systemd").glob("authd*.*")}


@pytest.fixture(scope="module")
def purged(removed: Box) -> Box:
    _dpkg(removed, "--purge", NAME)
    return removed


def test_purged_it_has_left_nothing_but_its_accounts(purged: Box, before: list[str]) -> None:
    """A number that somebody had is not given to the next: what he owned elsewhere would be theirs."""
    assert _files(purged) == before


@pytest.fixture(scope="module")
def beside(purged: Box, deb: Path) -> Iterator[tuple[Box, str]]:
    """Installed where saslauthd is in use and a configuration is there; with what the installation said."""
    purged.write("/run/active", "")
    purged.write("/etc/default/saslauthd-postfix", "START=yes\n")
    purged.write(CONFIGURATION, "# first\n")
    yield purged, _dpkg(purged, "--install", deb)
    _dpkg(purged, "--purge", NAME)


def test_beside_a_saslauthd_it_is_neither_enabled_nor_started_and_says_so(beside: tuple[Box, str]) -> None:
    box, said = beside

    assert "saslauthd is in use here, so authd is not started" in said
    assert _enabled(box) == []
    assert _told(box) == []


def test_a_configuration_that_was_there_first_stays(beside: tuple[Box, str]) -> None:
    box, _ = beside

    assert box.read(CONFIGURATION) == "# first\n"


def _dpkg(box: Box, *arguments: str | Path) -> str:
    """By force: what the package depends on lies in the box, but dpkg knows what the machine has."""
    return box.run(["env", "-u", "PYTHONPATH", "dpkg", "--force-depends", "--force-unsafe-io", *arguments]).stdout


def _authd(box: Box, *arguments: str, input: str = "", expect: int = 0) -> str:  # noqa: A002
    command = ["env", "-u", "PYTHONPATH", "/usr/bin/authd", *arguments]
    return box.run(command, input=input, expect=expect).stdout


def _serve(box: Box) -> Process:
    daemon = box.start(["env", "-u", "PYTHONPATH", "/usr/bin/authd", "serve"])
    daemon.wait_for_output("listening on /var/spool/postfix/var/run/saslauthd/mux")  # the second of two
    return daemon


def _rights(box: Box, path: str) -> str:
    return box.run(["stat", "-c", "%A %U:%G", path]).stdout.strip()


def _files(box: Box) -> list[str]:
    return [line for line in box.run(["sh", "-c", FILES]).stdout.splitlines() if not ACCOUNTS.match(line)]


def _told(box: Box) -> list[str]:
    """What systemctl was told since this was asked last, but for reading the units anew."""
    told = box.run(["sh", "-c", "cat /run/told 2>/dev/null; rm -f /run/told"]).stdout
    lines = [re.sub(r"--(quiet|system) ", "", line) for line in told.splitlines()]
    return [line for line in lines if line != "daemon-reload"]


def _enabled(box: Box) -> list[str]:
    command = ["find", "/etc/systemd/system", "-name", "authd*", "-printf", "%P\\n"]
    return sorted(box.run(command).stdout.split())
