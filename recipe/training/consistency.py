"""Does augmentation keep the label? A mirrored b is a d.

What a trained net knows of an image it must know of the changed one. Judged is its score against
the true labels, over what it is without looking at the image. A net's agreement with itself, which
is often taken, says less: on CIFAR-10 a small net gives 71 % of mirrored images the same class, and
is right as often as before; of mirrored digits it loses two thirds (measured).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from recipe.config import AugmentConfig
from recipe.data import Dataset
from recipe.models import prior_bias
from recipe.models.build import augmentation
from recipe.training.evaluate import scores
from recipe.training.importance import Answer

MOST_EXAMPLES = 1000

KEPT = 0.95
"""Of what the net knows (checklist 4.2; TheDeepChecker, Ben Braiek and Khomh 2022, asks the same of
activations)."""

Z = 1.645
"""Standard errors: nothing is refused that may be chance, with an error of 5 %."""

STRENGTHS: Mapping[str, Mapping[str, float]] = {
    "weak": {"shift": 0.05, "rotate": 0.02, "zoom": 0.05},
    "medium": {"shift": 0.1, "rotate": 0.04, "zoom": 0.1},
    "strong": {"shift": 0.15, "rotate": 0.08, "zoom": 0.2},
}
"""Each about twice the one before. A shift of 0.05 is a pixel and a half of a 28 x 28 image, a
rotation of 0.04 is 15 degrees."""

FLIPS = {"horizontal": 2, "vertical": 1}
"""Axis of (examples, height, width, channels) that each turns around."""


@dataclass(frozen=True)
class Strength:
    """One grade of augmentation, as much of it as keeps the label."""

    name: str
    amounts: Mapping[str, float]
    """Part, e.g. "shift" or "flip horizontal" -> its amount, that of a weaker grade where this
    one's is too much."""

    kept: float
    """Share of the net's knowledge that all of it together keeps."""

    is_more: bool
    """Whether it is more than the weaker grade."""

    refused: Mapping[str, float]
    """What of this grade was left out -> the share that is kept with it."""

    @property
    def augment(self) -> AugmentConfig:
        """The same as a config has it."""
        return _augment(self.amounts)

    @property
    def said(self) -> str:
        """What was left out, in words."""
        return ", ".join(f"with {name} {share:.0%} is kept" for name, share in self.refused.items())


@dataclass(frozen=True)
class Consistency:
    """What augmentation does to the labels of validation examples."""

    strengths: tuple[Strength, ...]
    """Empty: the net knows nothing beyond noise that could be kept."""

    examples: int

    least: float = KEPT
    """Share that had to be kept: `KEPT`, less what chance alone takes of it."""


def consistency(answer: Answer, data: Dataset, seed: int = 0) -> Consistency:
    """Grade by grade, what of it keeps the labels.

    Args:
        answer: the trained net's.
        data: images.
        seed: of the draw and the changes.
    """
    some = data.val.drawn(MOST_EXAMPLES, seed)
    metric = "accuracy" if data.target_scaling is None else "r2"
    ignorant = np.tile(prior_bias(data.task, data.prior), (len(some), 1))
    without = scores(ignorant, some.y, data)[metric]
    known = scores(answer(some.x), some.y, data)[metric] - without
    if not known > 1 / np.sqrt(len(some)):  # two standard errors of a share, at most
        return Consistency((), len(some))

    # of what is 95 % in truth, less than this is measured in one of twenty cases
    least = KEPT - Z * float(np.sqrt(KEPT * (1 - KEPT) / (known * len(some))))

    def kept(x: np.ndarray) -> float:
        return float((scores(answer(x), some.y, data)[metric] - without) / known)

    flips = {f"flip {name}": kept(np.flip(some.x, axis)) for name, axis in FLIPS.items()}
    graded: list[Strength] = []
    before: Mapping[str, float] = {}
    for name, amounts in STRENGTHS.items():
        alone = {
            part: kept(changed(some.x, _augment({part: amount}), seed))
            for part, amount in amounts.items()
        }
        graded.append(_grade(name, before, {**flips, **alone}, some.x, kept, least, seed))
        before = graded[-1].amounts
    return Consistency(tuple(graded), len(some), least)


def changed(x: np.ndarray, augment: AugmentConfig, seed: int) -> np.ndarray:
    """Images as training sees them, (examples, height, width, channels)."""
    before = random.getstate()
    random.seed(seed)  # from there Keras's layers take their own
    try:
        for layer in augmentation(augment, x.shape[1:]):
            x = layer(x, training=True)
    finally:
        random.setstate(before)
    return np.asarray(x)


def _grade(
    name: str,
    before: Mapping[str, float],
    alone: Mapping[str, float],
    x: np.ndarray,
    kept: Callable[[np.ndarray], float],
    least: float,
    seed: int,
) -> Strength:
    """The strength before it, and of this one what keeps the label alone and with the rest.

    Args:
        name: of the strength.
        before: part -> amount that the weaker strength has.
        alone: part -> what it keeps by itself.
        x: images.
        kept: what changed ones keep.
        least: share that they must keep.
        seed: of the changes.
    """
    left = {part: share for part, share in alone.items() if share >= least}
    refused = {part: share for part, share in alone.items() if share < least}
    while left:
        amounts = {**before, **{part: STRENGTHS[name].get(part, 1.0) for part in left}}
        together = kept(changed(x, _augment(amounts), seed))
        if together >= least:
            return Strength(name, amounts, together, amounts != before, refused)
        refused[min(left, key=lambda part: left[part])] = together
        del left[min(left, key=lambda part: left[part])]
    return Strength(name, before, 1.0, False, refused)


def _augment(amounts: Mapping[str, float]) -> AugmentConfig:
    """As a config has it."""
    axes = [part.removeprefix("flip ") for part in amounts if part.startswith("flip ")]
    flip = "both" if len(axes) > 1 else axes[0] if axes else "none"
    rest = {part: amount for part, amount in amounts.items() if not part.startswith("flip ")}
    return AugmentConfig.model_validate({"flip": flip, **rest})
