"""The wheel and the sdist of this tree, made once."""

from pathlib import Path

import pytest

from tests.packages.building import CHECKOUT, built


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", CHECKOUT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("sdist", CHECKOUT, tmp_path_factory.mktemp("sdist"))
