"""Examples put right, as far as they themselves say how: gaps, labels, splits, leaks.

Each mend takes a training and gives back one with other examples, and what must stand in front of
the net, so that it still takes what it took. What no arithmetic can mend is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
from scipy import stats

from recipe.doctor.change import moments
from recipe.doctor.data import digests, leaks
from recipe.doctor.head import BINARY, Head
from recipe.doctor.labels import are_tossed, disputed, distance
from recipe.doctor.rebuild import Refused
from recipe.doctor.reference import SEEN as BLOCK
from recipe.doctor.reference import reference
from recipe.doctor.subject import Subject, rows_of

Front = Callable[[Any], Any]


ALIKE, ROWS = 0.25, 5_000
"""Features of two sets are alike below this distance of their distributions (Wasserstein's, in
stds); examples that are looked at."""

DEALT = 0.25
"""Of the labels, by which training and validation examples must differ to be dealt anew."""

SIMPLER = 1.5
"""One scale for all features, unless with one for each they lie so many times as near."""


@dataclass(frozen=True)
class Mended:
    """A training with other examples."""

    subject: Subject
    said: str
    front: dict[int, Front] = field(default_factory=dict)
    """Number of an input -> what it goes through before the net."""


def filled(subject: Subject, heads: Sequence[Head]) -> Mended:
    """Gaps of inputs become the median of their feature, in the net; without a target: left out."""
    front: dict[int, Front] = {}
    for number, part in enumerate(subject.inputs):
        held_out = [] if subject.val is None else [keras.tree.flatten(subject.val[0])[number]]
        if part.dtype.kind == "f" and not all(np.isfinite(p).all() for p in (part, *held_out)):
            columns = np.where(np.isfinite(part), part, np.nan).reshape(-1, part.shape[-1])
            medians = np.nan_to_num(np.nanmedian(columns, axis=0)).astype(keras.config.floatx())
            front[number] = _filling(medians)
    said = ["gaps filled with the median of their feature, in the net"] if front else []
    lost = np.zeros(0, int) if subject.y is None else np.flatnonzero(~_has_target(subject.y))
    if len(lost):
        subject = _only(subject, np.delete(np.arange(subject.examples), lost))
        said.append(f"{len(lost):,} examples without a target left out")
    if subject.val is not None and subject.val[1] is not None:
        rows = np.flatnonzero(_has_target(subject.val[1]))
        subject = _validating_on(subject, rows)
    return Mended(subject, ", ".join(said), front)


def _filling(medians: np.ndarray) -> Front:
    def fill(tensor: Any) -> Any:
        return keras.ops.where(keras.ops.isfinite(tensor), tensor, medians)

    return fill


def numbered(subject: Subject, heads: Sequence[Head]) -> Mended | None:
    """Words, and labels that are no positions, become positions, in their order; None: they are.

    Amounts under a loss that takes 0 to 1 are divided by the largest: grey values, per cent.
    """
    targets = subject.targets() if subject.y is not None else []
    if len(targets) != 1:
        return None
    head = heads[0] if len(heads) == 1 else None
    y = targets[0].astype(str) if targets[0].dtype.kind in "OSU" else targets[0]
    found = np.unique(y if y.dtype.kind == "U" else y[np.isfinite(y.astype(np.float64))])
    takes_shares = head is not None and head.loss in BINARY
    is_off = head is not None and head.target.kind in ("shifted", "signs")
    if takes_shares and found[0] >= 0 and found[-1] > 1 and len(found) > 2 and not is_off:
        largest = float(found[-1])
        return Mended(
            _with_targets(subject, lambda given: np.asarray(given) / largest),
            f"targets divided by {largest:g}",
        )
    is_pair = takes_shares and len(found) == 2 and (found[0] != 0 or found[1] != 1)
    if not (y.dtype.kind == "U" or is_off or is_pair):
        return None
    return Mended(
        _with_targets(subject, lambda given: _positions(np.asarray(given).astype(y.dtype), found)),
        f"labels {found[0]} to {found[-1]} numbered 0 to {len(found) - 1}",
    )


def _positions(given: np.ndarray, found: np.ndarray) -> np.ndarray:
    return np.searchsorted(found, given)


def _with_targets(subject: Subject, made: Callable[[Any], Any]) -> Subject:
    val = (
        None if subject.val is None else (subject.val[0], made(subject.targets(subject.val[1])[0]))
    )
    return replace(subject, y=made(subject.targets()[0]), val=val)


def pruned(subject: Subject, heads: Sequence[Head]) -> Mended:
    """Examples whose labels contradict what all others say are left out of the training.

    Source: Northcutt et al. 2021, "Confident Learning", section 3.2, pruning.
    """
    wrong = np.zeros(subject.examples, bool)
    blocks = -(-subject.examples // BLOCK)
    for first in range(blocks if len(heads) == 1 else 0):
        rows = np.arange(first, subject.examples, blocks)
        known = reference(_only(subject, rows), replace(heads[0], y=heads[0].y[rows]))
        found = disputed(known)
        if known is not None and found is not None and not are_tossed(known):
            wrong[rows] = found
    if not wrong.any():
        raise Refused("nothing in the examples tells which labels are right: look at their source")
    said = f"{wrong.mean():.0%} of the examples left out: their labels contradict all others"
    return Mended(_only(subject, np.flatnonzero(~wrong)), said)


def reshuffled(subject: Subject, heads: Sequence[Head]) -> Mended | None:
    """Training and validation examples dealt anew; None where shuffling the training will do."""
    if subject.val is None or len(heads) != 1:
        return None
    if distance(subject.targets()[0], subject.targets(subject.val[1])[0]) < DEALT:
        return None
    both = _joined(subject.x, subject.val[0]), _joined(subject.y, subject.val[1])
    order = np.random.default_rng(0).permutation(len(keras.tree.flatten(both[0])[0]))
    train, val = order[: subject.examples], order[subject.examples :]
    dealt = replace(
        subject, x=rows_of(both[0], train), y=rows_of(both[1], train),
        val=(rows_of(both[0], val), rows_of(both[1], val)),
    )  # fmt: skip
    if subject.weights is not None:
        raise Refused("examples with weights can't be dealt anew: validation ones have none")
    return Mended(dealt, "training and validation examples dealt anew, shuffled")


def apart(subject: Subject, heads: Sequence[Head]) -> Mended:
    """Copies of one example stand on one side only: each, by lot, in training or in validation."""
    assert subject.val is not None
    train, val = (np.array(digests(x)) for x in (subject.x, subject.val[0]))
    both = np.intersect1d(train, val)
    share = len(val) / (len(train) + len(val))
    lots = np.random.default_rng(0).random(len(both)) < share
    to_val, to_train = both[lots], both[~lots]
    kept = _only(subject, np.flatnonzero(~np.isin(train, to_val)))
    rows = np.flatnonzero(~np.isin(val, to_train))
    if not len(rows) or not kept.examples:
        raise Refused("every example stands on both sides: there is nothing to validate on")
    kept = _validating_on(kept, rows)
    said = f"{len(both):,} examples that stood on both sides stand on one"
    return Mended(kept, said)


def without_leak(subject: Subject, heads: Sequence[Head]) -> Mended:
    """The net no longer sees what is the target, or tells it alone."""
    same, found = leaks(subject, [*heads])
    shape = subject.inputs[0].shape[1:]
    places = np.array(same or found, int)
    if not len(places):
        raise Refused("no column tells the target alone")
    flat = np.ones(int(np.prod(shape)), np.float32)
    flat[places] = 0
    mask = flat.reshape(shape)
    steps = np.flatnonzero(mask.reshape(len(mask), -1).any(axis=1)) if mask.ndim == 2 else None
    if steps is not None and 0 < len(steps) < len(mask) and np.ptp(steps) == len(steps) - 1:
        ends = int(steps[0]), int(len(mask) - 1 - steps[-1])
        cut = keras.layers.Cropping1D(ends)
        return Mended(subject, f"the window cut by {sum(ends)} step, in the net", {0: cut})
    scale = keras.layers.Rescaling(mask.tolist())
    return Mended(subject, f"column {places[0]} hidden from the net", {0: scale})


def aligned(subject: Subject, heads: Sequence[Head]) -> Mended:
    """Training inputs are brought to where validation inputs lie, and the net takes them back.

    New examples come as the validation ones do. So the net must take these, and what it trains on
    must be like them: each feature is shifted and stretched to the mean and std that it has there.
    """
    assert subject.val is not None
    parts, front = [], {}
    pairs = zip(subject.inputs, keras.tree.flatten(subject.val[0]), strict=True)
    for number, (train, val) in enumerate(pairs):
        shift, stretch = _way(train, val)
        parts.append((train * stretch + shift).astype(keras.config.floatx()))
        front[number] = keras.layers.Normalization(
            axis=-1 if np.ndim(shift) else None, mean=shift, variance=stretch**2
        )
    x = keras.tree.pack_sequence_as(subject.x, parts)
    said = "training inputs brought to the scale of validation inputs, which the net undoes"
    return Mended(replace(subject, x=x), said, front)


def _way(train: np.ndarray, val: np.ndarray) -> tuple[Any, Any]:
    """What training inputs are shifted by, after they were stretched: all alike, or each feature.

    Raises:
        Refused: then they are still not alike.
    """
    columns = [part.reshape(-1, part.shape[-1])[:ROWS] for part in (train, val)]
    found = []
    for whole in (True, False):
        (mean, std), (other, spread) = (_moments(part, whole) for part in (train, val))
        stretch = spread / np.where(np.asarray(std) > 0, std, 1.0)
        shift = other - mean * stretch
        pairs = zip((columns[0] * stretch + shift).T, columns[1].T, strict=True)
        # a distance of distributions that does not mind if values of one are rounded
        apart = [
            stats.wasserstein_distance(one, two) / np.std(two)
            for one, two in pairs
            if np.ptp(two) > 0
        ]
        found.append((float(np.median(apart)) if apart else np.inf, shift, stretch))
    together, apiece = found
    distance, shift, stretch = together if together[0] < SIMPLER * apiece[0] else apiece
    if distance > ALIKE:
        raise Refused("validation inputs are of another kind than training inputs, at any scale")
    return shift, stretch


def _moments(part: np.ndarray, whole: bool) -> tuple[Any, Any]:
    return (float(part.mean()), float(part.std())) if whole else moments(part)


def _only(subject: Subject, rows: np.ndarray) -> Subject:
    weights = None if subject.weights is None else subject.weights[rows]
    x, y = rows_of(subject.x, rows), rows_of(subject.y, rows)
    return replace(subject, x=x, y=y, weights=weights)


def _joined(one: Any, other: Any) -> Any:
    return keras.tree.map_structure(lambda a, b: np.concatenate([a, b]), one, other)


def _validating_on(subject: Subject, rows: np.ndarray) -> Subject:
    assert subject.val is not None
    x, y = subject.val
    return replace(subject, val=(rows_of(x, rows), rows_of(y, rows)))


def _has_target(y: Any) -> np.ndarray:
    """Whose target is a number, (examples,)."""
    found = [np.isfinite(part.reshape(len(part), -1)).all(axis=1) for part in keras.tree.flatten(y)]
    return np.logical_and.reduce(found)


MENDS: dict[str, Callable[[Subject, Sequence[Head]], Mended | None]] = {
    "nan_input": filled, "label_encoding": numbered, "corrupt_labels": pruned,
    "train_val_mismatch": aligned, "train_val_overlap": apart, "label_leakage": without_leak,
    "unshuffled_data": reshuffled,
}  # fmt: skip
"""Cause -> what mends the examples; None from it: nothing in them has to be mended."""
