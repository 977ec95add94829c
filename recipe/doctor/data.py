"""What the examples themselves say, whatever net they are given to.

Where a single column tells everything, the target has leaked; where training and validation
examples are the same, or were not treated alike, the validation score says nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.tree import DecisionTreeClassifier

from recipe.doctor.head import Head
from recipe.doctor.reference import SEEN, flat, of_classes, of_numbers
from recipe.doctor.subject import Subject
from recipe.doctor.suspect import Suspect
from recipe.findings import listed

PRE = "before"

SAME = 1 - 1e-6
"""Rule 7: correlation of what is the target itself, but for its unit."""

LEAK, REST = 0.99, 0.9
"""Rule 7: what one column reaches alone, and what all others must not reach."""

OVERLAP = 0.01
"""Rule 8: share of the validation examples that are training examples, too."""

APART, FAR, SHARE = 1.0, 3.0, 0.2
"""Rule 9: standardized difference of means: the median above, or so many features far above."""

WIDTH = 5.0
"""Rule 9: ratio of the validation examples' spread to that of the training examples."""


def of_data(subject: Subject, heads: list[Head]) -> Iterator[Suspect]:
    """All that is to be said of the data."""
    yield from overlap(subject)
    yield from mismatch(subject)
    yield from leakage(subject, heads)


def overlap(subject: Subject) -> Iterator[Suspect]:
    """Rule 8: who is examined on what was taught knows nothing of what is new."""
    if subject.val is None:
        return
    train, val = (digests(x) for x in (subject.x, subject.val[0]))
    # where few different inputs exist at all, they must meet again
    if len(set(train)) < 0.9 * len(train) and not _is_continuous(subject):
        return
    share = float(np.mean([each in set(train) for each in val])) if val else 0.0
    if share > OVERLAP:
        yield Suspect(
            "train_val_overlap", "error", PRE,
            f"{share:.0%} of the validation examples are training examples", share,
            f"at most {OVERLAP:.0%}", "diagnosis rule 8", "split once, after removing duplicates",
            is_certain=True,
        )  # fmt: skip


def mismatch(subject: Subject) -> Iterator[Suspect]:
    """Rule 9: training and validation examples that were not treated alike."""
    if subject.val is None:
        return
    train, val = flat(subject), flat(subject, subject.val[0])
    if train is None or val is None or min(len(train), len(val)) < 20:
        return
    if train.shape[1] != val.shape[1]:
        return
    std, other = train.std(axis=0), val.std(axis=0)
    alive = std > 1e-6 * np.maximum(np.abs(train).max(axis=0), 1e-12)
    if not alive.any():
        return
    apart = np.abs(train.mean(axis=0) - val.mean(axis=0))[alive] / std[alive]
    ratio = float(np.exp(np.median(np.abs(np.log(np.maximum(other[alive], 1e-12) / std[alive])))))
    middle, far = float(np.median(apart)), float((apart > FAR).mean())
    if middle > APART or far > SHARE or ratio > WIDTH:
        said = (
            f"validation inputs are spread {ratio:.3g} times as wide or narrow as training inputs"
            if ratio > WIDTH else f"validation inputs lie {middle:.3g} standard deviations off"
        )  # fmt: skip
        yield Suspect(
            "train_val_mismatch", "error", PRE, said, max(middle, ratio),
            f"a median difference of at most {APART:g} std, spreads within {WIDTH:g} times",
            "diagnosis rule 9", "learn the preprocessing on the training examples, apply it to all",
            is_certain=True,
        )  # fmt: skip


def leakage(subject: Subject, heads: list[Head]) -> Iterator[Suspect]:
    """Rule 7: one column that says it all, where the others together don't."""
    same, found = leaks(subject, heads)
    x = flat(subject)
    if x is None:
        return
    if same and x.shape[1] > 1:
        yield Suspect(
            "label_leakage", "error", PRE,
            f"the target itself stands among the inputs, at place {listed([str(c) for c in same])} "
            "of each example", len(same), "inputs that are known before the target is",
            "diagnosis rule 7", "leave it out: cut the window one step earlier, drop the column",
            {f"data.columns.{same[0]}": "drop"}, is_certain=True,
        )  # fmt: skip
        return
    if not found or len(found) == x.shape[1]:
        return
    x, y, is_classes = _table(x, heads[0])
    rest = np.delete(x, found, axis=1)
    known = of_classes(rest, y) if is_classes else of_numbers(rest, y)
    if known is not None and known.best < REST:
        yield Suspect(
            "label_leakage", "error", PRE,
            f"column {listed([str(c) for c in found])} alone tells the target, and all others "
            f"together reach {known.best:.2f}", known.best, f"no column above {LEAK:g} alone",
            "diagnosis rule 7", "drop that column: it is the target in disguise",
            {f"data.columns.{found[0]}": "drop"}, is_certain=True,
        )  # fmt: skip


def leaks(subject: Subject, heads: list[Head]) -> tuple[list[int], list[int]]:
    """Places in a flat example that hold the target itself, and those that tell it alone."""
    x = flat(subject)
    if x is None or len(heads) != 1 or len(subject.inputs) != 1:
        return [], []
    if heads[0].y.shape[0] != len(x) or x.shape[1] < 2 or not np.isfinite(x).all():
        return [], []
    x, y, is_classes = _table(x, heads[0])
    if y.size != len(x):
        return [], []
    found, same = [], []
    is_table = subject.inputs[0].ndim == 2
    for column in range(x.shape[1]):
        if np.ptp(x[:, column]) == 0:
            continue
        related = abs(np.corrcoef(x[:, column], y)[0, 1])
        if related > SAME:
            same.append(column)
        elif not is_table:
            continue  # a pixel or a step of a series may well tell much
        elif related > LEAK:
            found.append(column)
        elif is_classes:
            stump = DecisionTreeClassifier(max_leaf_nodes=len(np.unique(y)), random_state=0)
            said = stump.fit(x[:, [column]], y).predict(x[:, [column]])
            if balanced_accuracy_score(y, said) > LEAK:
                found.append(column)
    return same, found


def _table(x: np.ndarray, head: Head) -> tuple[np.ndarray, np.ndarray, bool]:
    """Some examples, their targets in one column, and whether these are classes."""
    rows = np.linspace(0, len(x) - 1, min(len(x), SEEN)).astype(int)
    y = head.y.argmax(axis=-1) if head.target.kind == "one_hot" else head.y
    is_classes = head.target.kind in ("binary", "classes", "shifted", "one_hot", "signs")
    return x[rows], y[rows].reshape(-1), is_classes


def _is_continuous(subject: Subject) -> bool:
    """Whether some input takes so many values that equal examples are copies."""
    x = flat(subject)
    if x is None:
        return False
    rows = np.unique(x[:SEEN], axis=0)
    return any(len(np.unique(column)) > len(rows) / 2 for column in rows.T)


def digests(x: Any) -> list[bytes]:
    """A short name of each example, by which copies are told."""
    parts = [*keras.tree.flatten(x)]
    return [
        hashlib.blake2b(b"".join(np.ascontiguousarray(p[row]).tobytes() for p in parts)).digest()
        for row in range(len(parts[0]))
    ]
