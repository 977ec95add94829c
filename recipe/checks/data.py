"""Checks of the data, before any net: numbers from `data/profile.py` in, findings out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recipe.findings import Finding, Verdict, judge

KARPATHY_1 = 'Karpathy, "A Recipe for Training Neural Networks" (2019), step 1'
CLOSE_LOOK = 5
"""So many names stand in a message before it says "and n more"."""


def check_size(examples: int, minimum: int) -> Finding:
    """Enough examples to divide in three and to trust a score.

    Args:
        examples: in all splits.
        minimum: fewer fail.
    """
    few = examples < minimum
    return judge(
        "size",
        not few,
        f"{examples} examples" + ("; too few to train and to judge a net." if few else "."),
        measured=examples,
        expected=f"at least {minimum} examples",
        source="stages.data.min_examples, a value of this project",
        prescription="collect more examples, or use cross-validated linear models",
    )


def check_finite(bad: dict[str, int], examples: int) -> Finding:
    """No missing or infinite number reaches the net: one is enough to turn every weight to NaN.

    Args:
        bad: feature (or "target") -> number of its missing or infinite values.
        examples: in all.
    """
    bad = {name: count for name, count in bad.items() if count}
    if not bad:
        message = "Every value is a finite number."
    else:
        worst = sorted(bad, key=lambda name: -bad[name])
        message = f"Missing or infinite values in {_listed([f'{n} ({bad[n]})' for n in worst])}."
    return judge(
        "finite",
        not bad,
        message,
        measured=sum(bad.values()),
        expected="0 missing or infinite values",
        source=f"{KARPATHY_1}; checklist row 1.3",
        code="nan_input",
        prescription="data.missing: keep -> drop, or fill them in the source",
    )


def check_constant(names: Sequence[str], total: int) -> Finding:
    """Features that never change carry nothing.

    Args:
        names: of the constant features.
        total: number of features.
    """
    return judge(
        "constant_features",
        Verdict.WARN if len(names) > total / 2 else Verdict.PASS,
        (
            f"{len(names)} of {total} features never change: {_listed(names)}."
            if names
            else "Every feature changes."
        ),
        measured=len(names),
        expected="at most half of the features constant (borders of images often are)",
        source=f"{KARPATHY_1}; checklist row 1.3",
        prescription="drop them in the source",
    )


def check_class_balance(counts: np.ndarray, names: Sequence[str], ratio: float) -> Finding:
    """A class that is rare can be ignored at little cost in accuracy; one alone teaches nothing.

    Args:
        counts: training examples of each class, (classes,).
        names: of the classes.
        ratio: largest over smallest class from which it warns.
    """
    empty = [name for name, count in zip(names, counts, strict=True) if count == 0]
    present = len(names) - len(empty)
    measured = float("inf") if empty else float(counts.max() / counts.min())
    smallest, largest = names[int(counts.argmin())], names[int(counts.argmax())]
    if present < 2:
        message = f"Train has examples of {present} of {len(names)} classes"
        message += f", {largest} alone." if present else "."
    elif empty:
        message = f"Train lacks the class {_listed(empty)}."
    else:
        message = (
            f"The largest class ({largest}) has {measured:.1f} times the examples of the "
            f"smallest ({smallest})."
        )
    uneven = Verdict.WARN if measured > ratio else Verdict.PASS
    return judge(
        "class_balance",
        Verdict.FAIL if present < 2 else uneven,
        message,
        measured=measured,
        expected=f"at most {ratio:g} times, and two classes at least",
        source="checklist row 1.4 (ratio above 10:1)",
        code="class_imbalance",
        prescription="judge by the rare class too: accuracy hides it",
    )


def check_duplicates(share: float, conflict_accuracy: float | None) -> Finding:
    """Examples that stand in the data more than once.

    Args:
        share: fraction of the examples that repeat an earlier one.
        conflict_accuracy: best accuracy that equal inputs with different labels allow in train;
            None for regression.
    """
    conflict = conflict_accuracy is not None and conflict_accuracy < 1
    message = f"{share:.1%} of the examples repeat an earlier one."
    if conflict:
        message += (
            " Some equal inputs have different labels:"
            f" no net can exceed {conflict_accuracy:.2%} accuracy on train."
        )
    return judge(
        "duplicates",
        Verdict.WARN if share > 0.05 or conflict else Verdict.PASS,
        message,
        measured=share,
        expected="at most 5 % repeated, none with two labels",
        source=f"{KARPATHY_1}; checklist row 1.2 (share: a value of this project)",
    )


def check_repeats_itself(same: bool) -> Finding:
    """A source that shuffles gives every command other splits: val and test leak into train.

    Args:
        same: whether reading it again gave the same examples in the same order.
    """
    said = "the same examples in the same order" if same else "other examples, or another order"
    return judge(
        "source_repeats",
        same,
        f"Read twice, the source gives {said}.",
        measured="same" if same else "different",
        expected="the same, to the bit",
        source="docs/data.md: examples are told apart by their place in the source",
        prescription="take sampling and shuffling out of the source, or give them a fixed seed",
    )


def check_shared(shares: dict[str, float] | None, few: float, most: float) -> Finding:
    """Examples of val or test that were trained on, but for a little noise, measure memory.

    Args:
        shares: "val" and "test" -> fraction of its examples with a near copy in train; None if
            there are too few features to tell.
        few: from this fraction it warns.
        most: from this fraction it fails.
    """
    worst = max(shares.values()) if shares else 0.0
    verdict = Verdict.FAIL if worst > most else Verdict.WARN if worst > few else Verdict.PASS
    return judge(
        "shared_examples",
        verdict if shares else Verdict.SKIP,
        f"Near copies in train: of {shares['val']:.1%} of val, {shares['test']:.1%} of test."
        if shares
        else "Too few features to tell near copies from neighbours; equal rows stay together.",
        measured=worst if shares else None,
        expected=f"at most {few:.1%}; fails above {most:.0%}",
        source=f"{KARPATHY_1}; checklist row 1.2",
        code="train_val_overlap",
        prescription="data.source: remove the copies, or accept it with data.accept",
    )


def check_outliers(far: dict[str, int], limit: float = 20.0) -> Finding:
    """Values far outside of what their feature usually is: a wrong unit, a code for "missing".

    Args:
        far: feature -> number of its values more than `limit` times the distance between the
            1st and the 99th percentile away from the median.
        limit: in those distances.
    """
    far = {name: count for name, count in far.items() if count}
    return judge(
        "outliers",
        Verdict.WARN if far else Verdict.PASS,
        (
            f"Values far outside of the usual range in {_listed([f'{n} ({far[n]})' for n in far])}."
            if far
            else "No value lies far outside of its feature's usual range."
        ),
        measured=sum(far.values()),
        expected=f"none beyond {limit:g} times the 1 % to 99 % range",
        source=f"{KARPATHY_1}; checklist row 1.9 (limit: a value of this project)",
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(str(name) for name in names[:CLOSE_LOOK])
    return shown + (f" and {len(names) - CLOSE_LOOK} more" if len(names) > CLOSE_LOOK else "")
