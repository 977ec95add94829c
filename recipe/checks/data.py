"""Checks of the examples, one by one: numbers from `data/profile.py` in, findings out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from recipe.findings import Finding, Verdict, judge, listed

KARPATHY_1 = 'Karpathy, "A Recipe for Training Neural Networks" (2019), step 1'


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


def check_readable(
    corrupt: Sequence[str], examples: int, unreadable: Mapping[str, Sequence[str]]
) -> Finding:
    """Files that can't be decoded are left out, words in a column of numbers count as missing.

    Args:
        corrupt: what was left out, each with its place and reason.
        examples: those left out among them.
        unreadable: column -> some of its values that are not what the column is.
    """
    said = []
    if corrupt:
        said.append(f"{len(corrupt)} of {examples} could not be read: {listed(corrupt)}.")
    for name, some in unreadable.items():
        said.append(f"In {name} these count as missing: {listed([repr(v) for v in some])}.")
    return judge(
        "readable",
        not said or Verdict.WARN,
        " ".join(said) or "Everything could be read.",
        measured=len(corrupt) + len(unreadable),
        expected="no unreadable file, and no column with values of another kind",
        source=f"{KARPATHY_1}; checklist row 1.3",
        prescription="mend or remove them, or name the column's kind in data.columns",
    )


def check_finite(
    bad: dict[str, int], examples: int, imputed: Mapping[str, int] = MappingProxyType({})
) -> Finding:
    """No missing or infinite number reaches the net: one is enough to turn every weight to NaN.

    Args:
        bad: column (or "target") -> number of its missing or infinite values that reach the net.
        examples: in all.
        imputed: column -> number of its values for which the median stands.
    """
    bad = {name: count for name, count in bad.items() if count}
    if not bad:
        message = "Every value that reaches the net is a finite number."
        if imputed:
            each = [f"{name} ({count})" for name, count in imputed.items()]
            message += f" Train's median stands for missing values of {listed(each)}."
    else:
        worst = sorted(bad, key=lambda name: -bad[name])
        message = f"Missing or infinite values in {listed([f'{n} ({bad[n]})' for n in worst])}."
    return judge(
        "finite",
        not bad,
        message,
        measured=sum(bad.values()),
        expected="0 missing or infinite values",
        source=f"{KARPATHY_1}; checklist row 1.3",
        code="nan_input",
        prescription="data.missing: impute (tables) or drop; fill them in the source",
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
            f"{len(names)} of {total} features never change: {listed(names)}."
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
        message = f"Train lacks the class {listed(empty)}."
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
        prescription="train.class_weight: balanced if rare classes matter; accuracy hides them",
    )


def check_duplicates(share: float, conflict_accuracy: float | None, most: float = 0.99) -> Finding:
    """Examples that stand in the data more than once.

    Args:
        share: fraction of the examples that repeat an earlier one.
        conflict_accuracy: best accuracy that equal inputs with different labels allow in train;
            None for regression.
        most: below this accuracy it warns; that some rows repeat is no fault in itself.
    """
    possible = 1.0 if conflict_accuracy is None else conflict_accuracy
    message = f"{share:.1%} of the examples repeat an earlier one."
    if possible < 1:
        message += (
            " Some equal inputs have different labels:"
            f" no net can exceed {possible:.2%} accuracy on train."
        )
    return judge(
        "duplicates",
        Verdict.WARN if possible < most else Verdict.PASS,
        message,
        measured=share,
        expected=f"equal inputs with equal labels: at least {most:.0%} accuracy possible",
        source=f"{KARPATHY_1}; checklist row 1.2 (limit: a value of this project)",
        prescription="look at them: recipe look CONFIG --sort copies",
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
            f"Values far outside of the usual range in {listed([f'{n} ({far[n]})' for n in far])}."
            if far
            else "No value lies far outside of its feature's usual range."
        ),
        measured=sum(far.values()),
        expected=f"none beyond {limit:g} times the 1 % to 99 % range",
        source=f"{KARPATHY_1}; checklist row 1.9 (limit: a value of this project)",
    )
