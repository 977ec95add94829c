"""Everything here is to be repeatable to the bit."""

import pytest

from recipe.training import prepare_runtime


@pytest.fixture(scope="session", autouse=True)
def deterministic() -> None:
    prepare_runtime(None)
