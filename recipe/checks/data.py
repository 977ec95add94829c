"""Checks of the data, before any net: numbers from `data/profile.py` in, findings out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

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
            f"Values far outside of the usual range in {listed([f'{n} ({far[n]})' for n in far])}."
            if far
            else "No value lies far outside of its feature's usual range."
        ),
        measured=sum(far.values()),
        expected=f"none beyond {limit:g} times the 1 % to 99 % range",
        source=f"{KARPATHY_1}; checklist row 1.9 (limit: a value of this project)",
    )


class NearCopies(Protocol):
    """What `data/copies.py` found; checks and data are neighbours that do not know each other."""

    @property
    def pairs(self) -> np.ndarray:
        """(pairs, 2) row numbers."""

    @property
    def shares(self) -> dict[str, float]:
        """Part ("val", "test") -> fraction of its examples with a near copy in train."""

    @property
    def within(self) -> float:
        """Fraction of all examples that have a near copy anywhere."""


class Quality(Protocol):
    """What `data/cheap.py` says about the labels."""

    @property
    def noise(self) -> float:
        """Estimated fraction of wrong labels, overlap of the classes included."""

    @property
    def unexplained(self) -> float:
        """Fraction of the unsuspected examples that the cheap model gets wrong."""


class Leaking(Protocol):
    """A column that alone predicts the target, of `data/leaks.py`."""

    @property
    def column(self) -> str: ...  # noqa: D102
    @property
    def alone(self) -> float: ...  # noqa: D102
    @property
    def with_(self) -> float: ...  # noqa: D102
    @property
    def without(self) -> float: ...  # noqa: D102
    @property
    def metric(self) -> str: ...  # noqa: D102


class Drifting(Protocol):
    """A column that differs between two parts, of `data/drift.py`."""

    @property
    def column(self) -> str: ...  # noqa: D102
    @property
    def part(self) -> str: ...  # noqa: D102
    @property
    def psi(self) -> float: ...  # noqa: D102


class Curve(Protocol):
    """Scores against examples, of `data/needs.py`."""

    @property
    def examples(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def scores(self) -> np.ndarray: ...  # noqa: D102
    @property
    def last_gain(self) -> float: ...  # noqa: D102
    @property
    def spread(self) -> float: ...  # noqa: D102
    @property
    def next_gain(self) -> float: ...  # noqa: D102


def check_across(shares: Mapping[str, float], most: float = 0.5) -> Finding:
    """Examples of val or test that were trained on, to the bit, measure memory.

    Args:
        shares: "val" and "test" -> fraction of its examples whose equal stands in train.
        most: from this fraction of val or of test it fails.
    """
    worst = max(shares.values(), default=0.0)
    verdict = Verdict.FAIL if worst > most else Verdict.WARN if worst > 0 else Verdict.PASS
    listed = ", ".join(f"{share:.1%} of {name}" for name, share in shares.items())
    return judge(
        "shared_examples",
        verdict,
        f"Equal examples in train: of {listed}."
        if worst > 0
        else "No example of val or test stands in train.",
        measured=worst,
        expected=f"none; fails above {most:.0%}",
        source=f"{KARPATHY_1}; checklist row 1.2",
        code="train_val_overlap",
        prescription="data.split.group_duplicates: true, or remove the copies from the source",
    )


def check_near_copies(copies: NearCopies | None, few: float = 0.005, why_not: str = "") -> Finding:
    """Examples of val or test that were trained on, but for a little noise, flatter the score.

    It never fails: CIFAR-10 itself has near copies of 3.25 % of test in train.

    Args:
        copies: found; None where copies can't be told from neighbours.
        few: from this fraction of val or of test it warns.
        why_not: why they can't be told, a sentence.
    """
    if copies is None:
        worst, verdict = None, Verdict.SKIP
        message = why_not or (
            "Near copies can't be told from honest neighbours here: they need eight numeric"
            " columns that vary, or images."
        )
    else:
        worst = max(copies.shares.values(), default=0.0)
        verdict = Verdict.WARN if worst > few else Verdict.PASS
        listed = ", ".join(f"{share:.1%} of {name}" for name, share in copies.shares.items())
        message = (
            f"Near copies in train: of {listed}; {copies.within:.1%} of all examples have one."
        )
    return judge(
        "near_copies",
        verdict,
        message,
        measured=worst,
        expected=f"at most {few:.1%} of val and of test",
        source=f"{KARPATHY_1}; checklist row 1.2; Barz and Denzler (2020) for CIFAR-10",
        code="train_val_overlap",
        prescription="remove the copies from the source, or keep them together by data.split.by:"
        " group",
    )


def check_label_noise(
    quality: Quality | None, most: float = 0.05, overlap: float = 0.065
) -> Finding:
    """Labels that contradict what the other examples teach.

    Where classes overlap, an unlikely label may be a right one, and no estimate tells the two
    apart: the cheap model then also errs on what it does not suspect. Measured there: 8 to 9 % on
    sound phoneme and adult, 18 % on wine_white (by points), but 1 to 4 % on iris, wine,
    breast_cancer, spambase and digits with a tenth of the labels flipped.

    Args:
        quality: of the labels; None where it could not be measured.
        most: estimated fraction of wrong labels from which it warns.
        overlap: of the unsuspected examples, fraction that the model gets wrong, from which
            noise and overlap are one.

    Source: Northcutt, Athalye, Mueller (2021): 3.3 % wrong labels in ten famous test sets, and
    half of the flagged ones were truly wrong.
    """
    verdict = Verdict.PASS
    if quality is None:
        verdict = Verdict.SKIP
        message = (
            "Not measured: it needs two classes with five examples each,"
            " and `uv pip install 'recipe[labels]'`."
        )
    elif quality.unexplained > overlap:
        message = (
            f"{quality.noise:.1%} of the labels are unlikely, but the classes overlap:"
            " wrong labels can't be told from hard examples."
        )
    else:
        verdict = Verdict.WARN if quality.noise > most else Verdict.PASS
        message = f"About {quality.noise:.1%} of the labels contradict the other examples."
    return judge(
        "label_noise",
        verdict,
        message,
        measured=None if quality is None else quality.noise,
        expected=f"at most {most:.0%} where the classes are apart",
        source=f"{KARPATHY_1}; checklist row 1.6; Northcutt et al. (2021)",
        code="label_noise",
        prescription="look at the suspects first: about half of them are wrong",
    )


def check_leakage(
    found: Sequence[Leaking] | None,
    order: float | None,
    dropped: Sequence[str] = (),
    needed: float = 0.02,
) -> Finding:
    """A column that alone predicts the target almost perfectly was made from it, or is luck.

    Iris and wine are honest at an AUC of .985 to 1: it fails only for a column that the others
    can't replace.

    Args:
        found: columns with an AUC or R2 above .995, alone; None for images.
        order: AUC or R2 of the row number alone; None where it was not measured.
        dropped: columns that the net is not shown: they can't leak.
        needed: what the best model must lose without the column.
    """
    shown = [leak for leak in found or () if leak.column not in dropped]
    # the only column there is can't be compared with others: NaN is not above
    fatal = [leak for leak in shown if leak.with_ - leak.without >= needed]
    parts = []
    if fatal:
        parts.append(f"The target leaks through {listed([_told(leak) for leak in fatal])}.")
    if others := [leak for leak in shown if leak not in fatal]:
        told = listed([_told(leak) for leak in others])
        parts.append(f"Almost perfect alone, but replaceable: {told}.")
    if hidden := [leak.column for leak in found or () if leak.column in dropped]:
        parts.append(f"Rightly dropped, tells the target: {listed(hidden)}.")
    if found is not None and not parts:
        parts.append("No column tells the target.")
    if order is not None:
        parts.append(
            "The file is sorted by the target; the splits are not."
            if order > 0.995
            else f"The row number alone predicts it with {order:.2f} (AUC or R2)."
        )
    verdict = Verdict.FAIL if fatal else Verdict.WARN if shown else Verdict.PASS
    if found is None and order is None:
        verdict, parts = Verdict.SKIP, ["Too few examples to measure leaks."]
    return judge(
        "leakage",
        verdict,
        " ".join(parts),
        measured=max((leak.alone for leak in shown), default=None),
        expected=f"no column above .995 alone that the best model misses by {needed:g}",
        source=f"{KARPATHY_1}; checklist row 1.10 (limits: measured by this project)",
        code="leak",
        prescription=", ".join(f"data.columns.{leak.column}: drop" for leak in shown[:CLOSE_LOOK]),
    )


def check_drift(drifted: Sequence[Drifting]) -> Finding:
    """Columns whose values in val or test are not those of train: the score is of other data.

    Args:
        drifted: beyond chance and large, the largest first.
    """
    shifted = listed([f"{one.column} ({one.part}, PSI {one.psi:.2f})" for one in drifted])
    return judge(
        "drift",
        Verdict.WARN if drifted else Verdict.PASS,
        f"Distributed unlike train: {shifted}."
        if drifted
        else "Val and test are distributed like train in every column.",
        measured=max((one.psi for one in drifted), default=0.0),
        expected="no column with a Holm-corrected p below .001 and a PSI above .25",
        source="checklist row 1.9 (PSI alone fires on clean random splits, measured)",
        code="drift",
        prescription="data.split.by: random, unless the split is by time or group on purpose",
    )


def check_more_data(curve: Curve | None) -> Finding:
    """What twice the data would bring, as far as a cheap model can tell: advice, no verdict.

    Args:
        curve: of scores on val; None where there is too little to measure.
    """
    if curve is None:
        return judge(
            "more_data",
            Verdict.SKIP,
            "Too few examples, or none that differ in the target, for a learning curve.",
            measured=None,
            expected="80 training examples",
            source=f"{KARPATHY_1}; checklist row 1.5",
        )
    sure = curve.last_gain > 2 * curve.spread
    said = (
        f"more would help, about {curve.next_gain:+.3f} for twice as many."
        if sure and curve.next_gain >= 0.001
        else "more would hardly help this model."
    )
    return judge(
        "more_data",
        Verdict.PASS,
        f"A cheap model's val score rose by {curve.last_gain:+.3f} ± {curve.spread:.3f}, to"
        f" {curve.scores[-1].mean():.3f}, with the last doubling to {curve.examples[-1]} examples:"
        f" {said}",
        measured=curve.last_gain,
        expected="advice: nothing is asked",
        source=f"{KARPATHY_1}; checklist row 1.5",
    )


def check_detail(sizes: Mapping[tuple[int, int], float] | None, keeps: float = 0.99) -> Finding:
    """How far images can be made smaller before a cheap model notices: advice, no verdict.

    Args:
        sizes: (height, width) -> score on val, the full size first; None for tables.
        keeps: fraction of the full-size score that a size must keep.
    """
    if not sizes:
        return judge(
            "detail",
            Verdict.SKIP,
            "No images, or too small to shrink.",
            measured=None,
            expected="images",
            source=f"{KARPATHY_1}; checklist row 1.5",
        )
    full = next(iter(sizes.values()))
    enough = min((size for size, score in sizes.items() if score >= keeps * full), default=None)
    enough = enough if full > 0 and enough is not None else next(iter(sizes))
    listed = ", ".join(f"{h} x {w}: {score:.3f}" for (h, w), score in sizes.items())
    return judge(
        "detail",
        Verdict.PASS,
        f"{enough[0]} x {enough[1]} pixels keep {keeps:.0%} of a cheap model's score ({listed}).",
        measured=f"{enough[0]} x {enough[1]}",
        expected="advice: nothing is asked",
        source=f"{KARPATHY_1}; checklist row 1.5",
    )


def _told(leak: Leaking) -> str:
    return (
        f"{leak.column} (alone {leak.alone:.3f}; {leak.metric} {leak.with_:.3f} with it,"
        f" {leak.without:.3f} without)"
    )


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(str(name) for name in names[:CLOSE_LOOK])
    return shown + (f" and {len(names) - CLOSE_LOOK} more" if len(names) > CLOSE_LOOK else "")
