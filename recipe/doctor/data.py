"""What the examples themselves say, whatever net they are given to.

Cheap models of scikit-learn see a part of the examples: what they can tell is a floor for what a
net should, and where a single column tells everything, the target has leaked.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from recipe.doctor.change import Change
from recipe.doctor.head import CLASSES, HINGE, Head
from recipe.doctor.subject import Subject
from recipe.doctor.suspect import Suspect
from recipe.findings import listed

PRE = "before"

SEEN = 2_000
"""Examples that cheap models see."""

COLUMNS = 4_096
"""Numbers of an example that they can bear."""

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

NOISY, CLEAR = 0.08, 0.9
"""Rule 32: share of mislabelled examples above, where all others are as clear as this."""

BY_HEART = 0.1
"""Above chance, what a net may say of tossed labels that it was trained on."""

CLEAR_OF_OTHERS, FEWEST = 0.85, 60
"""Rule 32: share of examples that are rightly said to be of two classes or not; their number."""

IMBALANCE = 10.0
"""Rule 6: the largest class over the smallest."""

RECALL = 0.5
"""Rule 6: of the rare class, below which it counts as not learnt."""


@dataclass(frozen=True)
class Reference:
    """What cheap models know of a target, as `skill.skill` counts it, out of fold."""

    best: float
    name: str
    predicted: np.ndarray
    """Of the best one, out of fold: positions of classes, or numbers."""
    shares: np.ndarray | None
    """Its probabilities, (examples, classes); None for numbers."""
    y: np.ndarray


def reference(subject: Subject, head: Head) -> Reference | None:
    """Cross-validated; None: there is no table of numbers and no single column to predict."""
    x = flat(subject)
    if x is None:
        return None
    kind = head.target.kind
    rows = np.linspace(0, len(x) - 1, min(len(x), SEEN)).astype(int)
    x, y = x[rows], head.y[rows]
    if kind == "one_hot" and y.ndim == 2:
        y = y.argmax(axis=-1)
    y = y.reshape(len(y), -1)
    if y.shape[1] != 1 or len(x) < 30 or not np.isfinite(x).all():
        return None
    y = y[:, 0]
    if kind in ("binary", "classes", "shifted", "one_hot", "signs"):
        return _of_classes(x, y)
    if kind in ("real", "unit") and np.isfinite(y.astype(np.float64)).all():
        return _of_numbers(x, y)
    return None


def flat(subject: Subject, x: Any = None) -> np.ndarray | None:
    """The inputs as one table (examples, numbers), or None."""
    parts = subject.inputs if x is None else [*keras.tree.flatten(x)]
    if any(part.dtype.kind not in "fiub" for part in parts):
        return None
    tables = [part.reshape(len(part), -1) for part in parts]
    if sum(table.shape[1] for table in tables) > COLUMNS:
        return None
    return np.concatenate(tables, axis=1).astype(np.float32)


def of_data(subject: Subject, heads: list[Head], known: Reference | None) -> Iterator[Suspect]:
    """All that is to be said of the data."""
    yield from overlap(subject)
    yield from mismatch(subject)
    yield from leakage(subject, heads)
    yield from labels(heads, known)


def overlap(subject: Subject) -> Iterator[Suspect]:
    """Rule 8: who is examined on what was taught knows nothing of what is new."""
    if subject.val is None:
        return
    train, val = (_digests(x) for x in (subject.x, subject.val[0]))
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
    x = flat(subject)
    if x is None or len(heads) != 1 or len(subject.inputs) != 1:
        return
    y = heads[0].y
    if heads[0].target.kind == "one_hot":
        y = y.argmax(axis=-1)
    if y.size != len(x) or x.shape[1] < 2 or not np.isfinite(x).all():
        return
    rows = np.linspace(0, len(x) - 1, min(len(x), SEEN)).astype(int)
    x, y = x[rows], y.reshape(-1)[rows]
    is_classes = heads[0].target.kind in ("binary", "classes", "shifted", "one_hot", "signs")
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
    rest = np.delete(x, found, axis=1)
    known = _of_classes(rest, y) if is_classes else _of_numbers(rest, y)
    if known is not None and known.best < REST:
        yield Suspect(
            "label_leakage", "error", PRE,
            f"column {listed([str(c) for c in found])} alone tells the target, and all others "
            f"together reach {known.best:.2f}", known.best, f"no column above {LEAK:g} alone",
            "diagnosis rule 7", "drop that column: it is the target in disguise",
            {f"data.columns.{found[0]}": "drop"}, is_certain=True,
        )  # fmt: skip


def labels(heads: list[Head], known: Reference | None) -> Iterator[Suspect]:
    """Rule 32: labels that nothing in the inputs has to do with, or many that contradict it."""
    if known is None or known.shares is None:
        return
    wrong = _mislabelled(known)
    share, rest = float(wrong.mean()), ~wrong
    # where classes overlap, much looks mislabelled that is not: then the rest is no clearer
    clear = balanced_accuracy_score(known.y[rest], known.predicted[rest]) if rest.any() else 0.0
    if NOISY < share < 0.5 and clear > CLEAR:
        yield Suspect(
            "corrupt_labels", "error", PRE,
            f"{share:.0%} of the labels contradict what all other examples say of them",
            share, f"at most {NOISY:.0%} confident disagreement, out of fold",
            "diagnosis rule 32; Northcutt et al. 2021", "look at these examples' labels",
            {"train.label_smoothing": 0.1}, is_certain=True,
        )  # fmt: skip


def indistinct(
    known: Reference | None, heads: list[Head], outputs: list[np.ndarray], y: list[np.ndarray]
) -> Iterator[Suspect]:
    """Rule 32: two classes that neither the net nor cheap models tell apart, where others are."""
    if known is None or known.shares is None or len(heads) != 1 or known.shares.shape[1] < 3:
        return
    kind = heads[0].target.kind
    truth = y[0].argmax(axis=-1) if kind == "one_hot" else y[0].reshape(-1)
    if heads[0].units < 3 or len(truth) != len(outputs[0]):
        return
    truth = np.unique(truth, return_inverse=True)[1]
    said = outputs[0].reshape(len(truth), -1).argmax(axis=1)
    # the net has seen these labels, and learns some by heart
    views = ((known.y, known.predicted, 0.0), (truth, said, BY_HEART))
    for one, other in itertools.combinations(range(known.shares.shape[1]), 2):
        pair = (one, other)
        if all(_are_one(labels, said, slack, pair) for labels, said, slack in views):
            yield Suspect(
                "corrupt_labels", "error", "after",
                f"classes {one} and {other} are told from all others, and from each other by "
                "chance",
                0.5, "classes that something in the inputs tells apart", "diagnosis rule 32",
                "look at these two classes' labels, or make one of them", is_certain=True,
            )  # fmt: skip
            return


def _are_one(labels: np.ndarray, said: np.ndarray, slack: float, classes: tuple[int, int]) -> bool:
    """Whether two classes are told from the rest, and not from each other."""
    pair, named = np.isin(labels, classes), np.isin(said, classes)
    if (pair == named).mean() < CLEAR_OF_OTHERS or (pair & named).sum() < FEWEST:
        return False
    both = pair & named
    chance = 0.5 + slack + 1 / np.sqrt(both.sum())  # two standard errors
    return float((labels[both] == said[both]).mean()) < chance


def imbalance(
    subject: Subject, heads: list[Head], outputs: list[np.ndarray], y: list[np.ndarray]
) -> Iterator[Suspect]:
    """Rule 6: a rare class that nobody has learnt, and nobody has weighed up."""
    for head, said, truth in zip(heads, outputs, y, strict=True):
        kind = head.target.kind
        if kind not in ("binary", "classes", "one_hot") or subject.class_weight is not None:
            continue
        if head.loss not in (*CLASSES, *HINGE):
            continue
        if subject.weights is not None:
            continue
        positions = truth.argmax(axis=-1) if kind == "one_hot" else truth.reshape(-1)
        every = head.y.argmax(axis=-1) if kind == "one_hot" else head.y.reshape(-1)
        classes, counts = np.unique(every, return_counts=True)
        ratio = float(counts.max() / counts.min())
        if ratio <= IMBALANCE or len(positions) != len(said):
            continue
        rare = classes[counts.argmin()]
        if head.units > 1:
            chosen = said.reshape(len(said), -1).argmax(axis=-1)
        else:
            logit = head.from_logits or head.activation == "linear"
            chosen = (said.reshape(-1) > (0 if logit else 0.5)).astype(int)
        those = positions == rare
        recall = float((chosen[those] == rare).mean()) if those.any() else float("nan")
        if recall < RECALL:
            weights = {
                int(c): len(every) / (len(classes) * n)
                for c, n in zip(classes, counts, strict=True)
            }
            yield Suspect(
                "class_imbalance", "warning", "after",
                f"class {rare:g} is {ratio:.0f} times as rare as the largest, and {recall:.0%} of "
                f"it are found", recall, f"a recall of {RECALL:.0%}, or classes that are weighed",
                "diagnosis rule 6", "class_weight, and a metric that counts all classes alike",
                {"train.class_weight": "balanced"}, Change(class_weight=weights),
            )  # fmt: skip


def _of_classes(x: np.ndarray, y: np.ndarray) -> Reference | None:
    classes, y = np.unique(y, return_inverse=True)
    counts = np.bincount(y)
    if len(classes) < 2 or counts.min() < 2:
        return None
    folds = int(min(3, counts.min()))
    models: dict[str, Any] = {
        "a linear model": make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)),
        "a forest": RandomForestClassifier(100, min_samples_leaf=2, random_state=0, n_jobs=2),
    }
    found = []
    for name, model in models.items():
        if name == "a linear model" and x.shape[1] * len(classes) > 5_000:
            continue
        shares = cross_val_predict(model, x, y, cv=folds, method="predict_proba")
        said = shares.argmax(axis=1)
        score = (balanced_accuracy_score(y, said) - 1 / len(classes)) / (1 - 1 / len(classes))
        found.append(Reference(float(score), name, said, shares, y))
    return max(found, key=lambda each: each.best)


def _of_numbers(x: np.ndarray, y: np.ndarray) -> Reference | None:
    y = y.astype(np.float64)
    if y.std() == 0:
        return None
    models: dict[str, Any] = {
        "a linear model": make_pipeline(StandardScaler(), Ridge()),
        "a forest": RandomForestRegressor(60, min_samples_leaf=2, random_state=0, n_jobs=2),
    }
    found = []
    for name, model in models.items():
        if name == "a forest" and x.shape[1] > 500:
            continue
        said = cross_val_predict(model, x, y, cv=3)
        score = 1 - float(((y - said) ** 2).mean() / y.var())
        found.append(Reference(score, name, said, None, y))
    return max(found, key=lambda each: each.best)


def _is_continuous(subject: Subject) -> bool:
    """Whether some input takes so many values that equal examples are copies."""
    x = flat(subject)
    if x is None:
        return False
    rows = np.unique(x[:SEEN], axis=0)
    return any(len(np.unique(column)) > len(rows) / 2 for column in rows.T)


def _mislabelled(known: Reference) -> np.ndarray:
    """Whose predicted class is likelier than it is for those who carry its label, (examples,).

    Source: Northcutt et al. 2021, "Confident Learning", section 3.1.
    """
    assert known.shares is not None
    own = known.shares[np.arange(len(known.y)), known.y]
    typical = np.array([own[known.y == each].mean() for each in range(known.shares.shape[1])])
    likely = np.where(known.shares >= typical, known.shares, 0.0)
    return (likely.max(axis=1) > 0) & (likely.argmax(axis=1) != known.y)


def _digests(x: Any) -> list[bytes]:
    parts = [*keras.tree.flatten(x)]
    return [
        hashlib.blake2b(b"".join(np.ascontiguousarray(p[row]).tobytes() for p in parts)).digest()
        for row in range(len(parts[0]))
    ]
