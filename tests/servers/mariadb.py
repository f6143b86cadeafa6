"""Debian's MariaDB in a box: a private data directory, on a Unix socket and the loopback."""

from collections.abc import Mapping
from pathlib import Path

from tests.servers.box import Box
from tests.servers.process import Process

PACKAGES = ("mariadb-server",)

_USER = "mysql"
_SMALL = (
    "--performance-schema=off",
    "--innodb-buffer-pool-size=8M",
    "--innodb-log-file-size=4M",
    "--innodb-flush-log-at-trx-commit=0",
    "--skip-innodb-doublewrite",
    "--key-buffer-size=1M",
    "--aria-pagecache-buffer-size=1M",
    "--skip-name-resolve",
)


class MariaDB:
    """A server of its own port. Its general log holds every statement; root of the box is its superuser."""

    def __init__(self, box: Box, *, port: int = 3306) -> None:
        self.box = box
        self.port = port
        self.directory = Path(f"/run/mariadb-{port}")
        self.socket = self.directory / "socket"
        self._general_log = self.directory / "general.log"
        self._settings: dict[str, str] = {}
        box.add_user(_USER)
        box.make_directory(self.directory, owner=_USER, group=_USER)
        data = f"--datadir={self.directory / 'data'}"
        box.run(["mariadb-install-db", "--no-defaults", data, f"--user={_USER}", "--skip-test-db", *_SMALL])

    def configure(self, settings: Mapping[str, str]) -> None:
        """Set options of the server, by their names with dashes, for the next start."""
        self._settings |= settings

    def use_certificate(self, certificate: str, key: str, authority: str) -> None:
        """Offer TLS with a certificate and its key, PEM, from the next start on."""
        for name, content in {"ssl-cert": certificate, "ssl-key": key, "ssl-ca": authority}.items():
            path = self.directory / f"{name}.pem"
            self.box.write(path, content, mode=0o600, owner=_USER, group=_USER)
            self.configure({name: str(path)})

    def start(self) -> None:
        """Return when it takes connections."""
        places = (
            f"--datadir={self.directory / 'data'}",
            f"--socket={self.socket}",
            f"--port={self.port}",
            f"--pid-file={self.directory / 'pid'}",
            "--bind-address=127.0.0.1",
            "--general-log=on",
            f"--general-log-file={self._general_log}",
        )
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        self._process = self.box.start(["mariadbd", "--no-defaults", *_SMALL, *places, *settings], user=_USER)
        self._process.wait_for_output("ready for connections")

    def stop(self) -> None:
        """End it and its connections, as ``systemctl stop`` does."""
        assert self._process.stop() == 0

    def freeze(self) -> None:
        self._process.freeze()

    def thaw(self) -> None:
        self._process.thaw()

    def execute(self, statements: str) -> str:
        """Run statements of the superuser and give what they print, a row a line, columns cut by tabs."""
        return self.box.run(self.client, input=statements).stdout.strip()

    @property
    def client(self) -> list[str]:
        """Its own client, as the superuser."""
        flags = ["--no-defaults", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"]
        return ["mariadb", *flags, f"--socket={self.socket}"]

    @property
    def host(self) -> str:
        """Its Unix socket as this process, outside of the box, reaches it."""
        return str(self.box.path(self.socket))

    @property
    def general_log(self) -> str:
        """Every statement that it was given, as text."""
        return self.box.path(self._general_log).read_text(errors="replace")

    @property
    def process(self) -> Process:
        return self._process
