"""What makes two examples the same example."""

import numpy as np
import pandas as pd
import pytest

from recipe.data.equal import content_keys
from recipe.data.stored import Stored

IMAGES = np.random.default_rng(0).integers(0, 255, (2500, 3, 3, 1), dtype=np.uint8)


def test_examples_on_disk_have_the_keys_of_those_in_memory() -> None:
    stored = Stored(lambda rows: IMAGES[rows], np.arange(2500), (3, 3, 1))
    np.testing.assert_array_equal(content_keys(stored), content_keys(IMAGES))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param({"a": [1, 2]}, {"a": [1.0, 2.0]}, True, id="a gap elsewhere makes floats"),
        pytest.param({"a": ["x", None]}, {"a": ["x", None]}, True, id="a gap is a value"),
        pytest.param({"a": ["x", "y"]}, {"a": ["x", "z"]}, False, id="another word"),
        pytest.param({"a": [1], "b": [2]}, {"a": [2], "b": [1]}, False, id="other columns"),
        pytest.param({"a": [True]}, {"a": [1]}, True, id="true is 1"),
    ],
)
def test_rows_of_a_table(one: dict[str, list], other: dict[str, list], same: bool) -> None:
    first, second = content_keys(pd.DataFrame(one)), content_keys(pd.DataFrame(other))
    assert (first.tolist() == second.tolist()) == same
