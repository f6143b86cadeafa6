"""Files that exist in memory alone, for parsers that read them by descriptor or by path."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def open_file(content: bytes) -> Iterator[int]:
    """Give the descriptor of a file with this content that nobody else may write."""
    descriptor = os.memfd_create("fuzz")
    try:
        os.fchmod(descriptor, 0o600)
        os.write(descriptor, content)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def named_file(content: bytes) -> Iterator[Path]:
    """Give a path that leads to such a file."""
    with open_file(content) as descriptor:
        yield Path(f"/proc/self/fd/{descriptor}")
