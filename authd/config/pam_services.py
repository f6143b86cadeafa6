"""Which PAM services clients of a saslauthd may have named: it asked any that they did."""

from pathlib import Path

from authd_backends.pam.stacks import auth_modules

DIRECTORY = Path("/etc/pam.d")
PACKAGES = Path("/var/lib/dpkg/info")

# what servers with SASL call themselves: Postfix, Cyrus IMAP, OpenLDAP, INN, jabberd, Subversion, memcached, libvirt
USUAL = ("smtp", "imap", "pop", "sieve", "ldap", "lmtp", "nntp", "http", "csync", "mupdate", "xmpp", "svn", "memcached")
FALLBACK = "other"


def pam_services() -> list[str]:
    """Give the usual ones, and those for which an administrator of Debian has written a file.

    Those of packages are left out: su and display managers have services that ask for no password.
    """
    if not PACKAGES.is_dir():
        return list(USUAL)
    packaged = {line for path in PACKAGES.glob("*.conffiles") for line in path.read_text(errors="replace").split()}
    own = sorted(path.name for path in DIRECTORY.glob("[a-z]*") if path.is_file() and str(path) not in packaged)
    return [*USUAL, *(name for name in own if name not in USUAL and _is_a_clients(name))]


def _is_a_clients(name: str) -> bool:
    """Tell it from what pam-auth-update(8) writes, the fallback, an editor's copy, and what asks root for nothing."""
    if name != name.lower() or name == FALLBACK or name.startswith("common-") or "." in name:
        return False
    return "pam_rootok" not in (auth_modules(name) or ())
