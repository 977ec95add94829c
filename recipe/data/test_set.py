"""The locked test targets. Only `recipe.stages.squeeze` may import this: a contract in CI.

A number that was looked at many times is no longer a test. Each opening is recorded in the
run's manifest by the caller.
"""

from __future__ import annotations

import numpy as np

from recipe.config import DataConfig, Task
from recipe.data.dataset import Dataset, Split, read_examples


def open_test_set(config: DataConfig, data: Dataset) -> Split:
    """The test examples with their targets, scaled as the training examples were."""
    examples = read_examples(config)
    targets, groups = examples.targets, examples.keys[data.test_ids]
    y = targets.y[data.test_ids]
    if targets.task is Task.REGRESSION and data.target_scaling is not None:
        y = data.target_scaling.apply(y)
    return Split(data.test_x, y, data.test_ids, np.unique(groups, return_inverse=True)[1].ravel())
