"""docs/log.md as written."""

import re
import tomllib
from pathlib import Path

from authd.config.settings import LogSettings
from authd_backends.options import build

TEXT = (Path(__file__).parents[2] / "docs" / "log.md").read_text()


def test_what_it_calls_defaults_are_the_defaults() -> None:
    (shown,) = re.findall(r"^```toml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    keys = tomllib.loads(shown)["log"]

    assert build(LogSettings, keys) == LogSettings()
    assert set(keys) == set(LogSettings.__dataclass_fields__)
