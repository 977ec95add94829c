"""The Dataset: named splits, ready for the net, with everything but the test targets.

The test targets are not in it on purpose: `test_set.py` reads them, and only the last stage
may import that.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from recipe.config import DataConfig, RequestError, Task
from recipe.data.columns import Column, Kind, infer, values
from recipe.data.equal import Inputs
from recipe.data.features import Features, Scaling, learn_features, learn_scaling
from recipe.data.sources import RawExamples, read_anew, read_source
from recipe.data.sources.examples import take
from recipe.data.splits import PARTS, split
from recipe.data.stored import Stored
from recipe.data.targets import Targets, encode, missing


@dataclass(frozen=True)
class Split:
    """Some examples, as the net sees them."""

    x: np.ndarray | Stored
    """(examples, *shape) float32, scaled."""

    y: np.ndarray
    """(examples,) int32 class positions, or (examples, targets) float32, scaled."""

    ids: np.ndarray
    """(examples,) row numbers in what `read_examples` returns."""

    groups: np.ndarray
    """(examples,) int, the same for examples with equal inputs."""

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: np.ndarray | slice) -> Split:
        """A part of this split, by position."""
        x = self.x.take(rows) if isinstance(self.x, Stored) else self.x[rows]
        return Split(x, self.y[rows], self.ids[rows], self.groups[rows])

    def loaded(self) -> Loaded:
        """The same in memory: for parts that are known to be small."""
        return Loaded(np.asarray(self.x), self.y, self.ids, self.groups)

    def drawn(self, count: int, seed: int = 0) -> Loaded:
        """At most `count` examples from all over the split: a file may be sorted by class."""
        rows = np.random.default_rng(seed).permutation(len(self))[:count]
        return self.take(np.sort(rows)).loaded()


@dataclass(frozen=True)
class Loaded(Split):
    """A split that is in memory."""

    x: np.ndarray


@dataclass(frozen=True)
class Dataset:
    """Train and val examples, test inputs, and what a net needs to know of them."""

    task: Task
    train: Split
    val: Split
    test_x: np.ndarray | Stored
    """(examples, *shape) float32, scaled: for duplicates and drift, never to learn from."""

    test_ids: np.ndarray
    classes: tuple[str, ...]
    features: Features
    target_scaling: Scaling | None
    """None unless it is a regression."""

    target_names: tuple[str, ...] = ()
    """Of the columns of a regression's target."""

    @property
    def is_images(self) -> bool:
        """Whether the examples are images, and not rows of a table."""
        return len(self.shape) == 3

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example."""
        return self.train.x.shape[1:]

    @cached_property
    def prior(self) -> np.ndarray:
        """What is known without looking at the input, from train.

        Shares of the classes (classes,); binary: share of class 1, (1,); multilabel: share of
        each label, (labels,); regression: mean of the scaled target, (targets,).
        """
        y = self.train.y
        if self.task is Task.REGRESSION:
            return y.mean(axis=0)
        # half an example for a class that train lacks: its log share stays finite
        if self.task is Task.MULTILABEL:
            return np.clip(y.mean(axis=0, dtype=np.float64), 0.5 / len(y), 1 - 0.5 / len(y))
        inside = y[(y >= 0) & (y < len(self.classes))]
        counts = np.bincount(inside, minlength=len(self.classes))
        shares = np.maximum(counts, 0.5) / np.maximum(counts, 0.5).sum()
        return shares[1:] if self.task is Task.BINARY else shares


@dataclass(frozen=True)
class Examples:
    """What the config asks for, looked at but not yet turned into features."""

    raw: RawExamples
    targets: Targets
    columns: dict[str, Column] | None
    """What each column of a table is; None for images."""

    keys: np.ndarray
    """(examples,) uint64: a hash of each example's inputs."""

    parts: dict[str, np.ndarray]
    """Row numbers of train, val and test."""

    left_out: int
    """Examples that `data.missing: drop` left out."""

    def named(self, rows: np.ndarray) -> np.ndarray:
        """What people call the examples: the file, or the row number."""
        return rows.astype(str) if self.raw.names is None else self.raw.names[rows]


def read_examples(config: DataConfig) -> Examples:
    """All examples that the config asks for, unscaled, with their targets and parts.

    Raises:
        RequestError: the source, the target or the split can't be what the config says.
    """
    raw = read_source(config)
    table = raw.x if isinstance(raw.x, pd.DataFrame) else None
    if table is None and config.columns:
        raise RequestError("data.columns: images have no columns")
    columns = None if table is None else _columns(table, config)
    keep = np.arange(len(raw.y))
    if config.missing == "drop":
        keep = keep[_whole(raw.x, columns) & ~missing(raw.y)]
        if len(keep) == 0:
            raise RequestError(
                "data.missing: drop leaves no example: each has a missing value; "
                "write impute, or leave the column out with data.columns"
            )
    left_out = len(raw.y) - len(keep)
    if config.limit is not None and config.limit < len(keep):
        keep = np.sort(np.random.default_rng(config.split.seed).permutation(keep)[: config.limit])
    keys, raw = raw.keys[keep], raw.take(keep)
    targets = encode(raw.y, raw.class_names, config.task, raw.target_names)
    labels = targets.y if targets.y.ndim == 1 else None
    column = _split_by(raw.x, config)
    parts = split(keys, labels, config.split, given=raw.parts, column=column)
    return Examples(raw, targets, columns, keys, parts, left_out)


def _columns(table: pd.DataFrame, config: DataConfig) -> dict[str, Column]:
    """What each column is; the one that divides the examples is not learnt from."""
    by = config.split.column
    if by is not None and by not in table.columns:
        known = ", ".join(table.columns[:20])
        raise RequestError(f"data.split.column: no column {by!r}; the table has {known}")
    columns = infer(table, config.columns)
    if by is not None:
        columns[by] = Column(by, Kind.DROP, "data.split.column divides by it")
    return columns


def _split_by(x: Inputs, config: DataConfig) -> pd.Series | None:
    """The column of groups as it stands there, or that of times in its own kind: dates as days."""
    by = config.split.column
    if by is None:
        return None
    if not isinstance(x, pd.DataFrame):
        raise RequestError("data.split.column: images have no columns; divide their files instead")
    if config.split.by == "group":
        return x[by]
    kind = infer(x[[by]], {})[by]
    readable = kind.kind in (Kind.NUMERIC, Kind.DATE)
    return values(kind, x[by]).rename(by) if readable else x[by]


def _whole(x: Inputs, columns: dict[str, Column] | None) -> np.ndarray:
    """Which examples have no missing value in a column that is used, (examples,) bool."""
    if isinstance(x, Stored):
        return np.ones(len(x), bool)
    if not isinstance(x, pd.DataFrame):
        return np.asarray(np.isfinite(x).reshape(len(x), -1).all(axis=1))
    assert columns is not None
    whole = np.ones(len(x), bool)
    for column in columns.values():
        if column.kind in (Kind.NUMERIC, Kind.DATE):
            whole &= np.isfinite(values(column, x[column.name]).to_numpy())
        elif column.kind is not Kind.DROP:
            whole &= (values(column, x[column.name]) != "").to_numpy()
    return whole


def fingerprint(config: DataConfig) -> str:
    """A hash of the source's content, so that changed data voids what was measured on it."""
    return _content(read_source(config))


def repeats(config: DataConfig) -> bool:
    """Whether the source gives the same examples in the same order when it is read again."""
    return _content(read_anew(config)) == fingerprint(config)


def _content(raw: RawExamples) -> str:
    digest = hashlib.sha256(raw.keys.tobytes())
    for array in (raw.y, raw.parts):
        if array is not None:
            digest.update(f"{array.shape}{array.dtype}".encode())
            content = array.astype(str) if array.dtype.kind == "O" else array
            digest.update(np.ascontiguousarray(content).tobytes())
    columns = list(raw.x.columns) if isinstance(raw.x, pd.DataFrame) else raw.x.shape[1:]
    digest.update(repr((columns, raw.class_names, raw.target_names)).encode())
    return digest.hexdigest()[:16]


def load(config: DataConfig) -> Dataset:
    """The Dataset of a config.

    Raises:
        RequestError: the source, the target or the split can't be what the config says.
    """
    return dataset_of(read_examples(config), config)


def dataset_of(examples: Examples, config: DataConfig) -> Dataset:
    """Examples as the net sees them; what is learnt is learnt on train."""
    raw, targets, parts = examples.raw, examples.targets, examples.parts
    groups = np.unique(examples.keys, return_inverse=True)[1].ravel()
    features = learn_features(take(raw.x, parts["train"]), examples.columns, config)
    y, target_scaling = targets.y, None
    if targets.task is Task.REGRESSION:
        target_scaling = learn_scaling(y[parts["train"]], config.target_scaling)
        y = target_scaling.apply(y)
    seen = {name: features.apply(take(raw.x, parts[name])) for name in PARTS}
    splits = {
        name: Split(seen[name], y[ids], ids, groups[ids])
        for name, ids in parts.items()
        if name != "test"
    }
    return Dataset(
        task=targets.task,
        train=splits["train"],
        val=splits["val"],
        test_x=seen["test"],
        test_ids=parts["test"],
        classes=targets.classes,
        features=features,
        target_scaling=target_scaling,
        target_names=raw.target_names,
    )
