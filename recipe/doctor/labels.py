"""Whether the labels can be believed, and whether all of them are learnt."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from sklearn.metrics import balanced_accuracy_score

from recipe.doctor.change import Change
from recipe.doctor.head import CLASSES, HINGE, Head
from recipe.doctor.reference import Reference
from recipe.doctor.subject import Subject
from recipe.doctor.suspect import Suspect

NOISY, CLEAR = 0.08, 0.9
"""Rule 32: share of mislabelled examples above, where all others are as clear as this."""

WITNESS = 0.2
"""Rule 32: skill below which a cheap model is no witness: of two classes, whatever it does not know
contradicts it, and the rest is clear because nothing else is left."""

BY_HEART = 0.1
"""Above chance, what a net may say of tossed labels that it was trained on."""

CLEAR_OF_OTHERS, FEWEST = 0.85, 60
"""Rule 32: share of examples that are rightly said to be of two classes or not; their number."""

IMBALANCE = 10.0
"""Rule 6: the largest class over the smallest."""

RECALL = 0.5
"""Rule 6: of the rare class, below which it counts as not learnt."""

JUDGED = 50
"""Examples of a rare class, of which a fifth can be held out to judge a net."""


def contradicted(known: Reference | None) -> Iterator[Suspect]:
    """Rule 32: many labels that contradict what a cheap model has learnt of all others."""
    wrong = disputed(known)
    if wrong is not None:
        share = float(wrong.mean())
        yield Suspect(
            "corrupt_labels", "error", "before",
            f"{share:.0%} of the labels contradict what all other examples say of them",
            share, f"at most {NOISY:.0%} confident disagreement, out of fold",
            "diagnosis rule 32; Northcutt et al. 2021", "look at these examples' labels",
            {"train.label_smoothing": 0.1}, is_certain=True,
        )  # fmt: skip


def disputed(known: Reference | None) -> np.ndarray | None:
    """Whose labels contradict all others, (examples,); None: few, or more than can be told."""
    if known is None or known.shares is None or known.best < WITNESS:
        return None
    wrong = _mislabelled(known)
    rest = ~wrong
    # where classes overlap, much looks mislabelled that is not: then the rest is no clearer
    clear = balanced_accuracy_score(known.y[rest], known.predicted[rest]) if rest.any() else 0.0
    return wrong if NOISY < wrong.mean() < 0.5 and clear > CLEAR else None


def distance(labels: np.ndarray, others: np.ndarray) -> float:
    """Total variation distance of two samples: 0 alike, 1 nothing in common.

    Args:
        labels: positions of classes, (examples,), or rows with one 1, (examples, classes).
        others: of the same form.
    """
    if labels.ndim > 1 and labels.shape[-1] > 1:
        labels, others = labels.argmax(axis=-1), others.argmax(axis=-1)
    labels, others = labels.ravel(), others.ravel()
    found = np.union1d(labels, others)
    shares = [np.array([(part == each).mean() for each in found]) for part in (labels, others)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def is_contradiction(suspect: Suspect) -> bool:
    """Whether it is a doubt that `contradicted` has raised, which a net may refute."""
    return suspect.code == "corrupt_labels" and suspect.when == "before" and suspect.is_certain


def refuted(suspect: Suspect, score: float) -> bool:
    """Whether a net is right about new examples more often than such labels would allow.

    `score`: skill on examples that it has not seen; NaN: there are none.
    """
    share = suspect.measured
    return is_contradiction(suspect) and isinstance(share, float) and score > 1 - share


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


def are_tossed(known: Reference) -> bool:
    """Whether two classes are told from the others, and from each other by chance."""
    pairs = itertools.combinations(range(len(np.unique(known.y))), 2)
    return any(_are_one(known.y, known.predicted, 0.0, pair) for pair in pairs)


def imbalance(
    subject: Subject, heads: list[Head], outputs: list[np.ndarray], y: list[np.ndarray]
) -> Iterator[Suspect]:
    """Rule 6: a rare class that nobody has learnt, and nobody has weighed up."""
    for head, said, truth in zip(heads, outputs, y, strict=True):
        found = _uneven(subject, head)
        positions = truth.argmax(axis=-1) if head.target.kind == "one_hot" else truth.reshape(-1)
        if found is None or len(positions) != len(said):
            continue
        classes, counts = found
        ratio = float(counts.max() / counts.min())
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
                int(c): counts.sum() / (len(classes) * n)
                for c, n in zip(classes, counts, strict=True)
            }
            yield Suspect(
                "class_imbalance", "warning", "after",
                f"class {rare:g} is {ratio:.0f} times as rare as the largest, and {recall:.0%} of "
                f"it are found", recall, f"a recall of {RECALL:.0%}, or classes that are weighed",
                "diagnosis rule 6", "class_weight, and a metric that counts all classes alike",
                {"train.class_weight": "balanced"}, Change(class_weight=weights),
            )  # fmt: skip


def is_rare(subject: Subject, heads: list[Head]) -> bool:
    """Whether a class may be too rare to be learnt, and there are enough of it to be judged."""
    found = [_uneven(subject, head) for head in heads]
    return any(each is not None and each[1].min() >= JUDGED for each in found)


def _uneven(subject: Subject, head: Head) -> tuple[np.ndarray, np.ndarray] | None:
    """Classes and their counts, where one is rare and nobody has weighed it up."""
    kind = head.target.kind
    if kind not in ("binary", "classes", "one_hot") or head.loss not in (*CLASSES, *HINGE):
        return None
    if subject.class_weight is not None or subject.weights is not None:
        return None
    y = head.y.argmax(axis=-1) if kind == "one_hot" else head.y.reshape(-1)
    classes, counts = np.unique(y, return_counts=True)
    return (classes, counts) if counts.max() > IMBALANCE * counts.min() else None


def _mislabelled(known: Reference) -> np.ndarray:
    """Whose predicted class is likelier than it is for those who carry its label, (examples,).

    Source: Northcutt et al. 2021, "Confident Learning", section 3.1.
    """
    assert known.shares is not None
    own = known.shares[np.arange(len(known.y)), known.y]
    typical = np.array([own[known.y == each].mean() for each in range(known.shares.shape[1])])
    likely = np.where(known.shares >= typical, known.shares, 0.0)
    return (likely.max(axis=1) > 0) & (likely.argmax(axis=1) != known.y)
