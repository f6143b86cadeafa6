"""Hostile bytes for every parser: ``python -m tests.fuzz`` looks for new ones, `test_corpus` replays those kept."""
