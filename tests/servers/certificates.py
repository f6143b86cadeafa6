"""Certificates of a private authority, made by openssl for one test run."""

import subprocess
from pathlib import Path
from typing import NamedTuple


class Certificate(NamedTuple):
    """Paths of PEM files."""

    certificate: Path
    key: Path


class Authority:
    """An authority in a folder of the test's; `file` is what clients are to trust."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self.file = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        _openssl(
            "req", "-x509", *_NEW_KEY, "-keyout", self._key, "-out", self.file, "-days", "2", "-subj", f"/CN={name}"
        )

    def issue(self, *names: str, for_use_as: str = "server") -> Certificate:
        """Give a certificate for host names or addresses, or with `for_use_as="client"` for a client of this name."""
        made = Certificate(self._folder / f"{names[0]}.pem", self._folder / f"{names[0]}.key")
        request, extensions = self._folder / f"{names[0]}.csr", self._folder / f"{names[0]}.ext"
        alternatives = ",".join(f"IP:{name}" if name[0].isdigit() else f"DNS:{name}" for name in names)
        extensions.write_text(f"subjectAltName = {alternatives}\nextendedKeyUsage = {for_use_as}Auth\n")
        _openssl("req", *_NEW_KEY, "-keyout", made.key, "-out", request, "-subj", f"/CN={names[0]}")
        authority: list[str | Path] = ["-CA", self.file, "-CAkey", self._key, "-CAcreateserial"]
        _openssl(
            "x509", "-req", "-in", request, *authority, "-out", made.certificate, "-days", "2", "-extfile", extensions
        )
        return made


_NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
