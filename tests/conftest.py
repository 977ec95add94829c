"""What every test starts from, and what none may leave behind."""

import threading
from collections.abc import Iterator

import joblib
import pytest

from recipe.data.sources import forget

# scikit-learn 1.9 sets warning filters in each thread of a forest, and Python's filters belong to
# all threads: now and then one of its own warnings gets through, and here a warning is an error
joblib.parallel_config("sequential")


@pytest.fixture(autouse=True)
def _no_source_is_remembered() -> None:
    """A process reads a source once; a test is a process of its own."""
    forget()


@pytest.fixture(autouse=True, scope="session")
def _no_thread_is_left() -> Iterator[None]:
    """A thread inside C++ when Python ends aborts the process, after all tests have passed."""
    yield
    # threads of TensorFlow's that once ran some Python are no threads of ours; it ends them itself
    ours = (t for t in threading.enumerate() if not isinstance(t, threading._DummyThread))
    left = [t.name for t in ours if t is not threading.main_thread()]
    assert not left, f"threads that still run after the tests: {left}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow ones first: the workers share the short ones at the end, and stop together.

    Each worker begins with a half of the list and then takes from the other's end, so what slow
    tests of a file share is made once, too.
    """
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
