"""Who is in train, val and test. Equal examples stay together, and each keeps its part for good.

The place of an example is drawn from a hash of its content and the seed, not from its row: read
in another order, or beside a few more, the examples stay where they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from recipe.config import RequestError, SplitConfig

PARTS = ("train", "val", "test")


def split(
    keys: np.ndarray,
    labels: np.ndarray | None,
    config: SplitConfig,
    *,
    given: np.ndarray | None = None,
    column: pd.Series | None = None,
) -> dict[str, np.ndarray]:
    """Divide examples into train, val and test by their row numbers.

    Args:
        keys: (examples,) uint64, equal where inputs are equal: these stay together.
        labels: (examples,) class positions to stratify by, or None.
        config: fractions, seed, and by what to divide.
        given: (examples,) names of parts, where the source has them.
        column: (examples,) the group or the time of each example, for such splits.

    Returns:
        Sorted row numbers for "train", "val" and "test".

    Raises:
        RequestError: a part would be empty, or the source has no parts to divide by.
    """
    if config.by == "files" and given is None:
        raise RequestError("data.split.by: files needs a source with a train and a test part")
    if config.by in ("auto", "files") and given is not None:
        part = _by_files(given, keys, labels, config)
    elif config.by == "time":
        assert column is not None
        part = _by_time(column, config)
    else:
        units = keys if config.by != "group" else _numbered(column)
        free = np.ones(len(keys), bool)
        part = np.where(_divided(units, labels, config.test, config.seed, free), "test", "train")
        part[_val(units, labels, config, part == "train", len(keys))] = "val"
    if config.keep is not None:
        part = _kept(Path(config.keep), keys, part)
    parts = {name: np.flatnonzero(part == name) for name in PARTS}
    for name, ids in parts.items():
        if len(ids) == 0:
            raise RequestError(
                f"data.split: {name} is empty: {len(np.unique(keys))} distinct examples can't be "
                f"divided with val={config.val}, test={config.test}"
            )
    return parts


def as_table(parts: Mapping[str, np.ndarray], keys: np.ndarray, names: np.ndarray) -> pd.DataFrame:
    """What `splits.csv` holds: example, key and part of each, in the order of the source.

    Args:
        parts: row numbers of each part.
        keys: (examples,) uint64.
        names: (examples,) what people call the examples.
    """
    part = np.empty(len(keys), dtype="U5")
    for name, ids in parts.items():
        part[ids] = name
    hexadecimal = [f"{key:016x}" for key in keys]
    return pd.DataFrame({"example": names, "key": hexadecimal, "part": part})


def _by_files(
    given: np.ndarray, keys: np.ndarray, labels: np.ndarray | None, config: SplitConfig
) -> np.ndarray:
    """The source's own parts; where it has no val, some of train, or no test, some of train."""
    part = np.asarray(given).astype("U5")
    if "test" not in part:
        free = part == "train"
        part[_divided(keys, labels, config.test, config.seed, free)] = "test"
    if "val" not in part or config.folds:
        part[part == "val"] = "train"
        part[_val(keys, labels, config, part == "train", int((part == "train").sum()))] = "val"
    return part


def _by_time(column: pd.Series, config: SplitConfig) -> np.ndarray:
    """The latest in test, those before them in val; what happened at once stays together."""
    if column.isna().any():
        raise RequestError(
            f"data.split.column: {column.name}: {int(column.isna().sum())} examples have no time"
        )
    order = column.rank(method="average", pct=True).to_numpy()
    part = np.full(len(column), "train", dtype="U5")
    part[order > 1 - config.test - config.val] = "val"
    part[order > 1 - config.test] = "test"
    return part


def _val(
    units: np.ndarray,
    labels: np.ndarray | None,
    config: SplitConfig,
    free: np.ndarray,
    examples: int,
) -> np.ndarray:
    """Which of the free examples validate: a fold of them, or `config.val` of all examples."""
    if config.folds:
        places = _places(units, labels, config.seed, free)
        return free & (np.floor(places * config.folds) == config.fold)
    share = min(config.val * examples / max(int(free.sum()), 1), 1.0)
    return _divided(units, labels, share, config.seed, free)


def _divided(
    units: np.ndarray, labels: np.ndarray | None, share: float, seed: int, free: np.ndarray
) -> np.ndarray:
    """A share of the free examples, (examples,) bool."""
    return free & (_places(units, labels, seed, free) < share)


def _places(
    units: np.ndarray, labels: np.ndarray | None, seed: int, free: np.ndarray
) -> np.ndarray:
    """A place between 0 and 1 for each free example, even in every class, equal within a unit.

    scikit-learn's splitters refuse classes of one or two examples and can't stratify and keep
    groups together at once, so units are lined up class by class: a unit's place is the middle of
    its examples' in the line.

    Returns:
        (examples,) float; 1 where an example is not free.
    """
    frame = pd.DataFrame({"unit": units[free]})
    frame["stratum"] = 0 if labels is None else labels[free]
    # a unit with examples of several classes belongs to the first of the most frequent ones
    sizes = frame.groupby(["unit", "stratum"], sort=True).size().reset_index(name="size")
    whole = sizes.groupby("unit")["size"].transform("sum")
    sizes = sizes.assign(whole=whole).sort_values(["unit", "size"], ascending=[True, False])
    lined = sizes.drop_duplicates("unit")
    lined = lined.assign(order=_mixed(lined["unit"].to_numpy(np.uint64), seed))
    lined = lined.sort_values(["stratum", "order", "unit"])
    cumulated = lined.groupby("stratum")["whole"].cumsum()
    total = lined.groupby("stratum")["whole"].transform("sum")
    place = pd.Series(((cumulated - lined["whole"] / 2) / total).to_numpy(), lined["unit"])
    places = np.ones(len(units))
    places[free] = place.reindex(frame["unit"]).to_numpy()
    return places


def _mixed(keys: np.ndarray, seed: int) -> np.ndarray:
    """Keys as random numbers that depend on the seed (splitmix64, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        z = keys + np.uint64(seed + 1) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def _numbered(column: pd.Series | None) -> np.ndarray:
    """A hash of each group's name."""
    assert column is not None
    if column.isna().any():
        raise RequestError(
            f"data.split.column: {column.name}: {int(column.isna().sum())} examples have no group"
        )
    return pd.util.hash_pandas_object(column.astype(str), index=False).to_numpy(np.uint64)


def _kept(path: Path, keys: np.ndarray, part: np.ndarray) -> np.ndarray:
    """The parts, with those of `splits.csv` for the examples that it lists."""
    try:
        stored = pd.read_csv(path, dtype=str)
        known = {
            int(key, 16): name for key, name in zip(stored["key"], stored["part"], strict=True)
        }
    except FileNotFoundError:
        raise RequestError(f"data.split.keep: {path}: no such file") from None
    except (KeyError, TypeError, ValueError, OSError) as error:
        said = "must be a splits.csv of a data stage, with example, key and part"
        raise RequestError(f"data.split.keep: {path}: {said}: {error}") from None
    if not set(known.values()) <= set(PARTS):
        raise RequestError(f"data.split.keep: {path}: part must be one of {', '.join(PARTS)}")
    listed = [known.get(int(key), "") for key in keys]
    if not any(listed):
        raise RequestError(
            f"data.split.keep: {path}: none of its {len(known)} examples is in the data: a column "
            "more or less, or other rounding, makes other examples of all; to hold a split through "
            "that, divide by a column that stays: data.split.by: group, data.split.column: id"
        )
    return np.where(np.array(listed) == "", part, listed).astype("U5")
