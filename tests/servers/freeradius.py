"""Debian's FreeRADIUS on addresses of a box, with a configuration of its own."""

from tests.servers.box import Box

_CONFIGURATION = """
name = freeradius
libdir = /usr/lib/freeradius
logdir = /run/{name}
run_dir = /run/{name}
max_requests = 1024
cleanup_delay = 0
security {{
    reject_delay = 0
}}
client mail {{
    ipaddr = 0.0.0.0/0
    secret = {secret}
}}
modules {{
    pap {{
    }}
    files {{
        filename = /etc/{name}/users
    }}
}}
server default {{
    listen {{
        type = auth
        ipaddr = {address}
        port = 1812
    }}
    authorize {{
        files
        pap
    }}
    authenticate {{
        pap
    }}
}}
"""


class FreeRadius:
    """A server at port 1812 of an address, for clients that know the secret; `users` are lines of users(5)."""

    def __init__(self, box: Box, address: str, secret: str, users: str) -> None:
        self._box = box
        self._name = f"radius-{address}"
        box.make_directory(f"/run/{self._name}")
        box.write(f"/etc/{self._name}/users", users)
        configuration = _CONFIGURATION.format(name=self._name, address=address, secret=secret)
        box.write(f"/etc/{self._name}/radiusd.conf", configuration, mode=0o640)

    def start(self) -> None:
        """Return when it answers."""
        self._process = self._box.start(["freeradius", "-X", "-d", f"/etc/{self._name}"])
        self._process.wait_for_output("Ready to process requests")

    def stop(self) -> None:
        self._process.stop()
