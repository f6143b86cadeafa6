"""Debian's packages, downloaded and unpacked below `.cache/`: nothing is installed.

`python -m tests.servers.packages NAME…` does so ahead of the tests.
"""

import fcntl
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "debian"
LEFT_OUT = ("doc", "info", "lintian", "locale", "man")  # of usr/share
SCRIPTS_ONLY = re.compile(r"perl|perl-modules-.*|debconf.*")  # large, for what no test runs
_UPDATE = ["apt-get", "-qq", "-o", "Acquire::Retries=3", "update"]
# As if it were installed here: gives what the host lacks or has too old, and the package itself even if it is there.
_SIMULATE = ["apt-get", "-s", "-o", "Debug::NoLocking=1", "--no-install-recommends", "--reinstall", "install"]
_DOWNLOAD = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3", "download"]


class PackageError(Exception):
    """A package cannot be had; the text says which command said so."""


def unpack(*packages: str) -> list[Path]:
    """Give the folder of each package: its files and those of the dependencies that this machine lacks.

    A folder stands there complete or not at all: what was interrupted is done again. Raises PackageError.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with _locked(CACHE / "lock"):
        for package in packages:
            if not (CACHE / package).exists():
                _unpack(package)
    return [CACHE / package for package in packages]


def _unpack(package: str) -> None:
    try:
        debs = _download(package)
    except PackageError as error:  # no lists yet, or lists that name files which the mirror no longer has
        _say(f"{error}; reading the lists of packages anew")
        subprocess.run(_UPDATE, check=False, capture_output=True)  # another run may hold the lock: the next line tells
        debs = _download(package)
    partial = CACHE / f"{package}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    _lay_out(partial)
    for deb in debs:
        _extract(deb, partial)
    partial.rename(CACHE / package)


def _download(package: str) -> list[Path]:
    """Give the .deb files; those of an earlier run are taken where they are whole (apt compares their hashes)."""
    simulated = _run([*_SIMULATE, package])
    needed = re.findall(r"^Inst (\S+)", simulated, re.MULTILINE)
    names = sorted({package, *(name for name in needed if not SCRIPTS_ONLY.fullmatch(name))})
    _say(f"downloading for {package}: {' '.join(names)}")
    folder = CACHE / "debs"
    folder.mkdir(exist_ok=True)
    _run([*_DOWNLOAD, *names], cwd=folder)
    return [max(folder.glob(f"{name}_*.deb"), key=lambda deb: deb.stat().st_mtime) for name in names]


def _lay_out(tree: Path) -> None:
    """Merge /bin and the like into /usr, as on the host: bookworm's packages still name the old places."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (tree / "usr" / name).mkdir(parents=True)
        (tree / name).symlink_to(f"usr/{name}")
    (tree / "etc").mkdir()


def _extract(deb: Path, tree: Path) -> None:
    excluded = [f"--exclude=./usr/share/{name}" for name in LEFT_OUT]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as archive:
        tar = ["tar", "-x", "--keep-directory-symlink", *excluded, "-C", str(tree)]
        unpacked = subprocess.run(tar, stdin=archive.stdout, check=False).returncode
    if unpacked or archive.returncode:
        deb.unlink()
        raise PackageError(f"{deb.name}: expected a whole archive")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: Sequence[str], cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    if done.returncode:
        raise PackageError(f"{' '.join(command)}: {' '.join(done.stderr.split())}")
    return done.stdout


def _say(text: str) -> None:
    print(f"box: {text}", file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    unpack(*sys.argv[1:])
