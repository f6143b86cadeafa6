"""Every file of the corpus through its harness: inputs that once failed, and those by which the search goes on."""

import time
from pathlib import Path

import pytest

from tests.fuzz.harnesses import HARNESSES

CORPUS = Path(__file__).with_name("corpus")
FILES = [(folder.name, file) for folder in sorted(CORPUS.iterdir()) for file in sorted(folder.iterdir())]
ENOUGH = 10.0  # seconds of this thread's work, where the most that was seen is 1.5


def test_every_harness_has_a_corpus() -> None:
    assert {name for name, _ in FILES} == set(HARNESSES)


@pytest.mark.parametrize(("name", "file"), FILES, ids=[f"{name}-{file.name[:12]}" for name, file in FILES])
def test_the_invariant_holds(name: str, file: Path) -> None:
    HARNESSES[name].run(file.read_bytes())


@pytest.mark.parametrize("name", HARNESSES)
def test_the_longest_inputs_take_bounded_time(name: str) -> None:
    """Each file over and over, as long as the parser takes them: what is quadratic shows here."""
    harness = HARNESSES[name]
    for file in sorted((CORPUS / name).iterdir()):
        content = file.read_bytes()
        began = time.thread_time()
        harness.run((content * (harness.longest // max(len(content), 1)))[: harness.longest])
        assert time.thread_time() - began < ENOUGH, file.name
