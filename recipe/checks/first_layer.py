"""What the first layer looks at: pictures with structure, or still the noise that it began as?

It is measured where a unit sees a whole image. A pixel's neighbours look alike, so a unit that has
learnt from images weighs neighbours alike, and what it answers tells the classes apart; fresh
weights do neither. Columns of a table have no neighbours, small filters hardly any, and there sound
nets tell classes apart no better in their first layer than fresh ones (measured).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recipe.findings import Finding, Verdict, judge

KARPATHY_4 = 'Karpathy, "A Recipe for Training Neural Networks" (2019), step 4, more intuitions'

PERCENTILE = 0.95
"""Of fresh layers, above which a first layer has structure (checklist row 4.13)."""

ASLEEP = 0.5
"""Part of a layer's units that are dead or saturated, from which it is too many: DeepCrime's."""


def smoothness(kernel: np.ndarray, shape: Sequence[int]) -> float:
    """Correlation of a weight with its neighbours', mean over units: 0 is noise, 1 is a plane.

    Args:
        kernel: (features, units) of a dense layer, or (height, width, channels, filters).
        shape: of one example, (height, width, channels).
    """
    units = kernel.shape[-1]
    pictures = np.asarray(kernel, np.float64)
    if pictures.ndim == 2:
        pictures = pictures.reshape(*shape, units)
    height, width = pictures.shape[:2]
    pictures = pictures - pictures.mean(axis=(0, 1))
    energy = (pictures**2).sum(axis=(0, 1, 2))
    below = (pictures[1:] * pictures[:-1]).sum(axis=(0, 1, 2)) * height / (height - 1)
    right = (pictures[:, 1:] * pictures[:, :-1]).sum(axis=(0, 1, 2)) * width / (width - 1)
    alive = energy > 0
    if not alive.any():
        return 0.0
    return float(((below + right)[alive] / (2 * energy[alive])).mean())


def separation(kernel: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """Share of what a unit's answers vary that goes with the target, mean over units.

    Args:
        kernel: (features, units).
        x: (examples, *shape).
        y: (examples,) class positions, or (examples, targets).
    """
    answers = np.asarray(x, np.float64).reshape(len(x), -1) @ np.asarray(kernel, np.float64)
    answers = answers - answers.mean(axis=0)
    whole = (answers**2).sum(axis=0)
    if y.ndim == 1:
        means = [answers[y == label].mean(axis=0) ** 2 * (y == label).sum() for label in set(y)]
        told = np.sum(means, axis=0)
    else:
        targets = np.asarray(y, np.float64) - np.asarray(y, np.float64).mean(axis=0)
        sizes = np.maximum((targets**2).sum(axis=0), 1e-30)
        told = ((targets.T @ answers) ** 2 / sizes[:, np.newaxis]).mean(axis=0)
    alive = whole > 0
    return float((told[alive] / whole[alive]).mean()) if alive.any() else 0.0


def check_first_layer(
    smooth: float, told: float, fresh: Sequence[tuple[float, float]], moved: float
) -> Finding:
    """Whether the first layer has learnt to see: beyond layers that have learnt nothing.

    Measured on digits and MNIST, two seeds each: sound nets lie 9 to 190 standard deviations above
    fresh layers by their weights, and 8 to 23 by what they tell. With permuted labels, these are 0
    and 1 on digits, and on MNIST 147 and 1: pictures make weights smooth, whatever their labels.

    Args:
        smooth: smoothness of the trained layer's weights.
        told: separation of the classes by what it answers.
        fresh: both of freshly drawn layers, (draws, 2).
        moved: norm of its change since the start, over its norm then.
    """
    expected = f"both above the {PERCENTILE:.0%} quantile of fresh layers"
    source = f"{KARPATHY_4}; checklist row 4.13"
    measured = np.array([smooth, told])
    if not np.isfinite([*measured, moved]).all():
        return judge(
            "first_layer", Verdict.FAIL, "The first layer's weights are not finite.",
            measured=float("nan"), expected=expected, source=source, code="nan_loss",
            prescription="train.learning_rate: a tenth of it",
        )  # fmt: skip
    limits = np.quantile(fresh, PERCENTILE, axis=0)
    below = (np.array(fresh) < measured).mean(axis=0)
    said = (
        f"Neighbouring weights of the first layer correlate by {smooth:.3f}, above {below[0]:.0%} "
        f"of {len(fresh)} fresh layers; {told:.0%} of what it answers goes with the target, above "
        f"{below[1]:.0%} of them. It has moved by {moved:.2g} of its norm"
    )
    is_smooth, is_telling = measured > limits
    why = "has structure" if is_smooth and is_telling else "looks like noise"
    return judge(
        "first_layer",
        Verdict.PASS if is_smooth and is_telling else Verdict.WARN,
        f"{said}: it {why}.",
        measured=float(below.min()),
        expected=f"{expected}: {limits[0]:.3f} and {limits[1]:.1%}",
        source=source,
        code="undertraining" if not is_smooth else "corrupt_labels",
        prescription="train.epochs or train.learning_rate: larger"
        if not is_smooth
        else "look at the labels: what was learnt of the pictures does not go with them",
    )


def skipped_first_layer(why: str, moved: float | None) -> Finding:
    """Where nothing can be measured, and why.

    Args:
        why: in words.
        moved: norm of the layer's change since the start, over its norm then; None: unknown.
    """
    change = "" if moved is None else f" It has moved by {moved:.2g} of its norm."
    return judge(
        "first_layer",
        Verdict.SKIP,
        f"{why}{change} The figure shows it.",
        measured=moved,
        expected=f"on images: above the {PERCENTILE:.0%} quantile of fresh layers",
        source=f"{KARPATHY_4}; checklist row 4.13",
    )


def check_units(dead: dict[str, float], saturated: dict[str, float], examples: int) -> Finding:
    """Units that answer every example alike do nothing.

    Args:
        dead: layer -> share of its units that are 0 for every example.
        saturated: layer -> share of its units that are at an end of their range for most.
        examples: that they were asked.
    """
    expected = f"below {ASLEEP:.0%} of the units of each layer"
    source = "checklist row 4.13; DeepCrime (Humbatova et al. 2021)"
    if not dead and not saturated:
        return judge(
            "units_alive", Verdict.SKIP,
            "No activation here is cut off or has ends: no unit can be dead or saturated.",
            measured=None, expected=expected, source=source,
        )  # fmt: skip
    parts = {f"{name}: dead": share for name, share in dead.items()}
    parts |= {f"{name}: saturated": share for name, share in saturated.items()}
    worst = max(parts, key=lambda name: parts[name])
    bad = parts[worst] >= ASLEEP
    is_dead = worst.endswith("dead")
    return judge(
        "units_alive",
        Verdict.WARN if bad else Verdict.PASS,
        f"At most {parts[worst]:.0%} of the units of a layer are asleep for {examples} examples "
        f"({worst})."
        if not bad
        else f"{parts[worst]:.0%} of the units are asleep for {examples} examples ({worst}).",
        measured=parts[worst],
        expected=expected,
        source=source,
        code="dying_relu" if is_dead else "saturated_activation",
        prescription="train.learning_rate: a third of it; model.activation: leaky_relu"
        if is_dead
        else "model.activation: relu, or train.learning_rate: a third of it",
    )
