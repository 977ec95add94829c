"""The Dataset: named splits, ready for the net, with everything but the test targets.

The test targets are not in it on purpose: `test_set.py` reads them, and only the last stage
may import that.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recipe.config import DataConfig, RequestError, Task
from recipe.data.features import Scaling, learn_scaling
from recipe.data.sources import RawExamples, read_anew, read_source
from recipe.data.splits import split
from recipe.data.targets import Targets, encode, missing


@dataclass(frozen=True)
class Split:
    """Some examples, as the net sees them."""

    x: np.ndarray
    """(examples, *shape) float32, scaled."""

    y: np.ndarray
    """(examples,) int32 class positions, or (examples, targets) float32, scaled."""

    ids: np.ndarray
    """(examples,) row numbers in what `read_examples` returns."""

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: np.ndarray | slice) -> Split:
        """A part of this split, by position."""
        return Split(self.x[rows], self.y[rows], self.ids[rows])

    def drawn(self, count: int, seed: int = 0) -> Split:
        """At most `count` examples from all over the split: a file may be sorted by class."""
        rows = np.random.default_rng(seed).permutation(len(self))[:count]
        return self.take(np.sort(rows))


@dataclass(frozen=True)
class Dataset:
    """Train and val examples, test inputs, and what a net needs to know of them."""

    task: Task
    train: Split
    val: Split
    test_x: np.ndarray
    """(examples, *shape) float32, scaled: for duplicates and drift, never to learn from."""

    test_ids: np.ndarray
    classes: tuple[str, ...]
    feature_names: tuple[str, ...]
    scaling: Scaling
    target_scaling: Scaling | None
    """None for classification."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example."""
        return self.train.x.shape[1:]

    @cached_property
    def prior(self) -> np.ndarray:
        """What is known without looking at the input, from train.

        Shares of the classes (classes,); binary: share of class 1, (1,); regression: mean of
        the scaled target, (targets,).
        """
        if self.task is Task.REGRESSION:
            return self.train.y.mean(axis=0)
        inside = self.train.y[(self.train.y >= 0) & (self.train.y < len(self.classes))]
        counts = np.bincount(inside, minlength=len(self.classes))
        # half an example for a class that train lacks: its log share stays finite
        shares = np.maximum(counts, 0.5) / np.maximum(counts, 0.5).sum()
        return shares[1:] if self.task is Task.BINARY else shares


def read_examples(config: DataConfig) -> tuple[RawExamples, Targets]:
    """All examples that the config asks for, unscaled, with their encoded targets."""
    raw = read_source(config.source)
    keep = np.arange(len(raw.x))
    if config.missing == "drop":
        whole = np.isfinite(raw.x.reshape(len(raw.x), -1)).all(axis=1)
        keep = keep[whole & ~missing(raw.y)]
    if config.limit is not None and config.limit < len(keep):
        keep = np.sort(np.random.default_rng(config.split.seed).permutation(keep)[: config.limit])
    if len(keep) == 0:
        raise RequestError("data.missing: drop leaves no example: each has a missing value")
    raw = RawExamples(raw.x[keep], raw.y[keep], raw.feature_names, raw.class_names)
    return raw, encode(raw.y, raw.class_names, config.task)


def fingerprint(config: DataConfig) -> str:
    """A hash of the source's content, so that changed data voids what was measured on it."""
    return _content(read_anew(config.source))


def repeats(config: DataConfig) -> bool:
    """Whether the source gives the same examples in the same order when it is read again."""
    return fingerprint(config) == _content(read_source(config.source))


def _content(raw: RawExamples) -> str:
    digest = hashlib.sha256()
    for array in (raw.x, raw.y):
        digest.update(f"{array.shape}{array.dtype}".encode())
        content = array.astype(str) if array.dtype.kind == "O" else array
        digest.update(np.ascontiguousarray(content).tobytes())
    digest.update(repr((raw.feature_names, raw.class_names)).encode())
    return digest.hexdigest()[:16]


def split_examples(config: DataConfig, raw: RawExamples, targets: Targets) -> dict[str, np.ndarray]:
    """Row numbers of train, val and test; stratified where there are classes."""
    labels = None if targets.task is Task.REGRESSION else targets.y
    return split(raw.x, labels, config.split)


def load(config: DataConfig) -> Dataset:
    """The Dataset of a config.

    Raises:
        RequestError: the source, the target or the split can't be what the config says.
    """
    raw, targets = read_examples(config)
    parts = split_examples(config, raw, targets)
    scaling = learn_scaling(raw.x[parts["train"]], config.scaling)
    y, target_scaling = targets.y, None
    if targets.task is Task.REGRESSION:
        target_scaling = learn_scaling(y[parts["train"]], config.target_scaling)
        y = target_scaling.apply(y)
    splits = {
        name: Split(scaling.apply(raw.x[ids]), y[ids], ids)
        for name, ids in parts.items()
        if name != "test"
    }
    return Dataset(
        task=targets.task,
        train=splits["train"],
        val=splits["val"],
        test_x=scaling.apply(raw.x[parts["test"]]),
        test_ids=parts["test"],
        classes=targets.classes,
        feature_names=raw.feature_names,
        scaling=scaling,
        target_scaling=target_scaling,
    )
