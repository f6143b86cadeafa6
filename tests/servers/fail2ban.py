"""Debian's fail2ban with an action that writes down whom it would shut out."""

from tests.servers.box import Box
from tests.servers.process import wait_until

_DEEDS = "/run/deeds"
_ACTION = f"""
[Definition]
actionban = echo "<name> bans <ip>" >>{_DEEDS}
actionunban = echo "<name> lifts <ip>" >>{_DEEDS}
"""
_SERVER = "[Definition]\ndbfile = :memory:\nlogtarget = STDOUT\n"
_JAILS = "\n[DEFAULT]\nbanaction = note\n\n[sshd]\nenabled = false\n"


class Fail2ban:
    """The server on what is in /etc/fail2ban of the box, with further lines for jail.local."""

    def __init__(self, box: Box, jails: str = "") -> None:
        self._box = box
        box.write("/etc/fail2ban/action.d/note.conf", _ACTION)
        box.write("/etc/fail2ban/fail2ban.local", _SERVER)
        box.write("/etc/fail2ban/jail.local", jails + _JAILS)
        box.write(_DEEDS, "")
        box.make_directory("/run/fail2ban")

    def start(self) -> None:
        """Return when all jails are watching."""
        self._process = self._box.start(["fail2ban-server", "-xf", "start"])
        self._process.wait_for_output("Server ready")

    def stop(self) -> None:
        """Return when it has ended; that lifts the bans that are left."""
        self._process.stop()

    def wait_for(self, deed: str) -> None:
        """Wait for ``JAIL bans ADDRESS`` or ``JAIL lifts ADDRESS``."""
        wait_until(lambda: deed in self.deeds, f"fail2ban: {deed}")

    @property
    def deeds(self) -> list[str]:
        return self._box.read(_DEEDS).splitlines()


def found(box: Box, lines: list[str], filter_: str) -> list[str]:
    """Give the address of each failure that a filter finds, with fail2ban-regex."""
    box.write("/run/found.log", "".join(f"{line}\n" for line in lines))
    return box.run(["fail2ban-regex", "-o", "ip", "/run/found.log", filter_]).stdout.split()
