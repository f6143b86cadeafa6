"""Every file of the corpus through its harness: inputs that once failed, and those by which the search goes on."""

import time
from pathlib import Path

import pytest

from tests.fuzz.harnesses import HARNESSES

CORPUS = Path(__file__).with_name("corpus")
ENOUGH = 20.0  # seconds of this thread's work, where the most that was seen is 2


def files(name: str) -> list[Path]:
    return sorted((CORPUS / name).iterdir())


def test_every_harness_has_a_corpus_and_no_other_is_kept() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(HARNESSES)
    assert all(files(name) for name in HARNESSES)


@pytest.mark.parametrize("name", HARNESSES)
def test_the_invariant_holds(name: str) -> None:
    for file in files(name):
        try:
            HARNESSES[name].run(file.read_bytes())
        except Exception as error:
            error.add_note(f"with {file}")
            raise


@pytest.mark.parametrize("name", HARNESSES)
def test_the_longest_inputs_take_bounded_time(name: str) -> None:
    """Each file that was written by hand over and over, up to the longest: what is quadratic shows here."""
    harness = HARNESSES[name]
    for file in files(name):
        if len(file.name) == 40:  # libFuzzer's names
            continue
        content = file.read_bytes()
        began = time.thread_time()
        harness.run((content * (harness.longest // max(len(content), 1)))[: harness.longest])
        assert time.thread_time() - began < ENOUGH, file.name
