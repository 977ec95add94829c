"""In which order examples are seen, and the shape in which a net compares targets."""

from __future__ import annotations

import numpy as np

from recipe.data.dataset import Loaded, Split


def order_of(seed: int, epoch: int, examples: int) -> np.ndarray:
    """The order in which an epoch sees its examples; it depends on no earlier epoch."""
    return np.random.default_rng([seed, epoch]).permutation(examples).astype(np.int32)


def first_batch(train: Split, size: int, seed: int) -> Loaded:
    """What the first step of a training is given, just before the net."""
    return train.take(order_of(seed, 0, len(train))[:size]).loaded()


def column(y: np.ndarray) -> np.ndarray:
    """Class positions as (examples, 1), the shape of a binary head's logits."""
    return y[:, np.newaxis] if y.ndim == 1 else y
