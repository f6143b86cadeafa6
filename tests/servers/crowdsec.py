"""Debian's crowdsec, its agent and its local API in one process, on files of a box."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from tests.servers.box import Box
from tests.servers.process import wait_until

_FOLDER = "/etc/crowdsec"
_STAGES = ("parsers/s00-raw", "parsers/s01-parse", "parsers/s02-enrich", "scenarios", "postoverflows")
_HUB = "/usr/share/crowdsec/hub"
_CONFIGURATION = f"""
common:
  daemonize: false
  log_media: stdout
  log_level: info
config_paths:
  config_dir: {_FOLDER}
  data_dir: /run/crowdsec
  simulation_path: {_FOLDER}/simulation.yaml
  hub_dir: {_HUB}
  index_path: {_HUB}/.index.json
crowdsec_service:
  parser_routines: 1
  acquisition_dir: {_FOLDER}/acquis.d
cscli:
  output: json
db_config:
  type: sqlite
  db_path: /run/crowdsec/crowdsec.db
api:
  client:
    credentials_path: {_FOLDER}/local_api_credentials.yaml
  server:
    listen_uri: 127.0.0.1:8080
    profiles_path: {_FOLDER}/profiles.yaml
prometheus:
  enabled: false
"""

_TEST = "/run/hub/.tests/authd-bf"


class Crowdsec:
    """`items` of the hub are enabled, as `cscli … install` does; further files are put below /etc/crowdsec."""

    def __init__(self, box: Box, items: Sequence[str]) -> None:
        self._box = box
        box.make_directory("/run/crowdsec")
        for folder in ("acquis.d", *_STAGES):
            box.make_directory(f"{_FOLDER}/{folder}")
        for item in items:
            stage, _, name = item.rpartition("/crowdsecurity/")
            box.run(["ln", "-s", f"{_HUB}/{item}.yaml", f"{_FOLDER}/{stage}/{name}.yaml"])
        box.write(f"{_FOLDER}/config.yaml", _CONFIGURATION)
        box.run(["cscli", "machines", "add", "mail", "--auto"])

    def start(self) -> None:
        """Return when it reads its logs."""
        self._process = self._box.start(["crowdsec"])
        self._process.wait_for_output("Starting processing data")
        wait_until(lambda: self._box.listens(8080), "crowdsec: its local API")

    def stop(self) -> None:
        self._process.stop()

    def wait_for_bans(self, banned: set[str]) -> None:
        wait_until(lambda: self.banned() == banned, f"crowdsec: {banned} banned")

    def banned(self) -> set[str]:
        """Give the addresses that its decisions name."""
        alerts = json.loads(self._box.run(["cscli", "decisions", "list", "-o", "json"]).stdout) or []
        return {decision["value"] for alert in alerts for decision in alert["decisions"]}


def found(box: Box, lines: list[str], kind: str, scenario: str) -> list[str]:
    """Give the address of each line of this type that the scenario holds against one."""
    box.write("/run/found.log", "".join(f"{line}\n" for line in lines))
    explained = box.run(["cscli", "explain", "-v", "--file", "/run/found.log", "--type", kind]).stdout
    about = [
        block for block in re.split(r"^line: ", explained, flags=re.MULTILINE) if f"\U0001f7e2 {scenario}\n" in block
    ]
    return [address for block in about for address in re.findall(r"evt\.Meta\.source_ip : (\S+)", block)]


def hub_test(box: Box, contributed: Path) -> str:
    """Run the test in `.tests` with the files laid as crowdsec's hub lays them, and give what `cscli hubtest` says."""
    runtime = f"{_TEST}/runtime"
    configuration = _CONFIGURATION.replace("  acquisition_dir: ", "  # ").replace(":8080", ":8081")
    for folder, own in ((_HUB, f"{runtime}/hub"), (_FOLDER, runtime), ("/run/crowdsec", runtime)):
        configuration = configuration.replace(folder, own)
    box.run(["cp", "-r", f"{_HUB}/.", "/run/hub"])
    box.run(["cp", "-r", contributed / ".tests", "/run/hub"])
    box.write("/run/hub/.tests/template_config.yaml", configuration)
    for name in ("profiles", "simulation"):
        box.run(["cp", f"{_FOLDER}/{name}.yaml", f"/run/hub/.tests/template_{name}.yaml"])
    for item in ("parsers/s01-parse/{}authd-logs.yaml", "scenarios/{}authd-bf.yaml"):
        box.write(f"/run/hub/{item.format('authd/')}", (contributed / item.format("")).read_text())
    return box.run(["sh", "-c", "cd /run/hub && cscli hubtest run authd-bf --hub ."]).stderr
