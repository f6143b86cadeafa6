"""``python -m authd`` is the command ``authd``."""

from authd.cli.main import run

run()
