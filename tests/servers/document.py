"""A document of docs/, carried out in a box block by block as its reader would.

A block of shell is run; any other that begins with a comment of a path, ``# /etc/authd/authd.toml``, is that file.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.servers.box import CHECKOUT, Box

if TYPE_CHECKING:
    from tests.servers.process import Process

_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (/\S+)\n")
# What a box has no use for, or cannot have: its packages are there already, and there is no systemd.
_APT_GET = """#!/bin/sh
test "$1 $2" = "install --yes" || exit 1
shift 2
for package; do case " {packages} " in *" $package "*) ;; *) echo "$package: not in the box"; exit 1 ;; esac; done
"""
_SYSTEMCTL = """#!/bin/sh
case "$*" in
"restart postfix") postfix stop; exec postfix start ;;
"reload postfix") exec postfix reload ;;
"disable --now saslauthd") ;;
*) exit 1 ;;
esac
"""


class Block(NamedTuple):
    language: str
    text: str

    @property
    def file(self) -> str:
        """The path of the file that the block is, empty where it is none."""
        named = _FILE.match(self.text)
        return named[1] if named and self.language != "sh" else ""


def blocks(document: Path) -> list[Block]:
    """Give the fenced blocks, those in lists without their indentation."""
    found = _BLOCK.findall(document.read_text())
    return [
        Block(language, re.sub(rf"^{indentation}", "", text, flags=re.MULTILINE))
        for indentation, language, text in found
    ]


class Reader:
    """Does what documents say, as root of a box that has authd and these packages."""

    def __init__(self, box: Box, packages: Iterable[str]) -> None:
        self._box = box
        self.daemon: Process | None = None
        box.write("/usr/local/sbin/apt-get", _APT_GET.format(packages=" ".join(packages)), mode=0o755)
        box.write("/usr/local/sbin/systemctl", _SYSTEMCTL, mode=0o755)
        box.write("/usr/local/sbin/authd", f'#!/bin/sh\nexec {sys.executable} -m authd "$@"\n', mode=0o755)

    def follow(self, document: Path, *, typed: str) -> list[str]:
        """Carry out all blocks and give what each of shell printed; `typed` is the line that one reads, if it does.

        ``authd serve`` alone goes on in a terminal of its own, as `daemon`. Raises BoxError where a command fails.
        """
        return [self._carry_out(block, typed) for block in blocks(document) if block.file or block.language == "sh"]

    def _carry_out(self, block: Block, typed: str) -> str:
        if block.file:
            self._box.write(block.file, block.text)
            return ""
        if block.text == "authd serve\n":
            self.daemon = self._box.start(["authd", "serve"])
            self.daemon.wait_for_output("listening on")
            return ""
        done = self._box.run(["sh", "-ec", block.text], input=f"{typed}\n")
        return done.stdout + done.stderr


def document(name: str) -> Path:
    return CHECKOUT / "docs" / name
