"""Who is in train, val and test: shuffled, stratified, equal examples kept together."""

from __future__ import annotations

import numpy as np

from recipe.config import RequestError, SplitConfig


def equal_groups(x: np.ndarray) -> np.ndarray:
    """A number for each example, the same for examples whose inputs are equal to the bit.

    Args:
        x: (examples, *shape).

    Returns:
        (examples,) int, 0 to the number of distinct examples - 1.
    """
    rows = np.ascontiguousarray(x.reshape(len(x), -1))
    keys = rows.view([("", np.void, rows.dtype.itemsize * rows.shape[1])]).ravel()
    return np.unique(keys, return_inverse=True)[1].ravel()


def split(x: np.ndarray, labels: np.ndarray | None, config: SplitConfig) -> dict[str, np.ndarray]:
    """Divide examples into train, val and test by their row numbers.

    scikit-learn's splitters refuse classes of one or two examples and can't stratify and keep
    groups together at once, so the shares are counted out here class by class.

    Args:
        x: (examples, *shape), to find equal examples.
        labels: (examples,) class positions to stratify by, or None.
        config: fractions and seed.

    Returns:
        Sorted row numbers for "train", "val" and "test".

    Raises:
        RequestError: a part would be empty.
    """
    rng = np.random.default_rng(config.seed)
    groups = equal_groups(x)
    _, first = np.unique(groups, return_index=True)
    strata = np.zeros(len(first), int) if labels is None else labels[first]
    part_of = np.empty(len(first), dtype="U5")
    for stratum in np.unique(strata):
        members = rng.permutation(np.flatnonzero(strata == stratum))
        test = round(len(members) * config.test)
        val = round(len(members) * config.val)
        part_of[members[:test]] = "test"
        part_of[members[test : test + val]] = "val"
        part_of[members[test + val :]] = "train"
    parts = {name: np.flatnonzero(part_of[groups] == name) for name in ("train", "val", "test")}
    for name, ids in parts.items():
        if len(ids) == 0:
            raise RequestError(
                f"data.split: {name} is empty: {len(first)} distinct examples can't be divided "
                f"with val={config.val}, test={config.test}"
            )
    return parts
