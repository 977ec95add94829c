"""Which examples have equal inputs: they must not be divided between train, val and test."""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import numpy as np
import pandas as pd

from recipe.data.stored import BLOCK, Stored

Inputs: TypeAlias = np.ndarray | pd.DataFrame | Stored
"""Examples in memory, as a table, or on disk."""


def content_keys(x: Inputs) -> np.ndarray:
    """A hash of each example's inputs, the same for examples that are equal to the bit.

    It depends on nothing but the example, so it names the example for good, in whichever order
    and beside whichever others it is read.

    Args:
        x: (examples, *shape), or (examples, columns).

    Returns:
        (examples,) uint64.
    """
    if isinstance(x, pd.DataFrame):
        # a column of whole numbers becomes one of floats as soon as a value is missing
        plain = {
            name: x[name].astype(np.float64)
            if pd.api.types.is_numeric_dtype(x[name])
            else x[name].astype(str)
            for name in x.columns
        }
        table = pd.DataFrame(plain, x.index)
        return pd.util.hash_pandas_object(table, index=False).to_numpy(np.uint64)
    keys = np.empty(len(x), np.uint64)
    for start in range(0, len(x), BLOCK):
        for row, example in enumerate(np.ascontiguousarray(x[start : start + BLOCK]), start):
            digest = hashlib.blake2b(example.tobytes(), digest_size=8).digest()
            keys[row] = int.from_bytes(digest, "little")
    return keys


def equal_groups(x: Inputs) -> np.ndarray:
    """A number for each example, the same for examples whose inputs are equal to the bit.

    Args:
        x: (examples, *shape).

    Returns:
        (examples,) int, 0 to the number of distinct examples - 1.
    """
    return np.unique(content_keys(x), return_inverse=True)[1].ravel()
