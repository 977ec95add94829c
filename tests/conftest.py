"""What every test starts from."""

import pytest

from recipe.data.sources import read_source


@pytest.fixture(autouse=True)
def _no_source_is_remembered() -> None:
    """A process reads a source once; a test is a process of its own."""
    read_source.cache_clear()
