"""Checks before the first training step: labels, inputs, and the loss that a fresh net has."""

from __future__ import annotations

import numpy as np

from recipe.config import Task
from recipe.findings import Finding, Verdict, judge

KARPATHY_2 = 'Karpathy, "A Recipe for Training Neural Networks" (2019), step 2'


EXACT = 0.01
"""Of the loss that is known beforehand: what rounding may add (checklist row 2.4 a)."""

WILD = 2.0
"""Times the best constant's loss: a net above it has to unlearn first (checklist row 2.4 b)."""


MOST_VARIANCE = 4.0
"""Of logits about the prior's: from there on they are confident of nothing (row 2.4 b)."""


def check_labels_fit_head(y: np.ndarray, task: Task, classes: int) -> Finding:
    """Class positions run from 0 to classes - 1; 1..K into K units trains the wrong units.

    Args:
        y: (examples,) class positions of train and val; (examples, targets) for regression.
        task: what the head is made for.
        classes: number of classes.
    """
    low, high = float(np.min(y)), float(np.max(y))
    message = f"Targets run from {low:g} to {high:g}"
    if task is Task.MULTILABEL:
        bad = int((~np.isin(y, (0, 1))).sum())
        expected, code, cure = "0 and 1", "label_encoding", "write 0 and 1 for each label"
    elif task is Task.REGRESSION:
        bad = int((~np.isfinite(y)).sum())
        message = f"{bad} of {y.size} targets are missing or infinite" if bad else message
        expected, code, cure = "finite targets", "nan_input", "data.missing: keep -> drop"
    else:
        bad = int(((y < 0) | (y >= classes)).sum())
        message += f", but the head has {classes} outputs, numbered from 0" if bad else ""
        expected, code = f"labels from 0 to {classes - 1}", "label_encoding"
        cure = "count the labels from 0, or leave class_names out"
    return judge(
        "labels_fit_head",
        not bad,
        f"{message}.",
        measured=high,
        expected=expected,
        source="diagnosis rules 1 and 4",
        code=code,
        prescription=cure,
    )


def check_input_scale(x: np.ndarray) -> Finding:
    """What reaches the net is around 0 and about 1 wide; batch norm hides it when it isn't.

    Args:
        x: (examples, *shape), just before the net.
    """
    not_finite = int((~np.isfinite(x)).sum())
    if not_finite:
        return judge(
            "input_scale",
            False,
            f"Just before the net, {not_finite} of {x.size} values are not finite.",
            measured=not_finite,
            expected="0 missing or infinite values",
            source="diagnosis rule 1",
            code="nan_input",
            prescription="data.missing: keep -> drop",
        )
    columns = x.reshape(-1, x.shape[-1]).astype(np.float64)
    mean, std = np.abs(columns.mean(axis=0)), columns.std(axis=0)
    size = np.maximum(mean, std)
    varying = size[std > 1e-7 * mean]  # else the std is rounding noise of a constant
    largest = float(varying.max()) if len(varying) else 0.0
    ratio = float(varying.max() / varying.min()) if len(varying) else 1.0
    too_large, too_small, uneven = largest > 10, largest < 0.05, ratio > 1000
    bad = too_large or too_small or uneven
    why = "far too large" if too_large else "far too small" if too_small else "very uneven in scale"
    return judge(
        "input_scale",
        not bad,
        (
            f"Just before the net, values run from {x.min():.3g} to {x.max():.3g}, mean "
            f"{columns.mean():.3g}, std {columns.std():.3g}" + (f": {why}." if bad else ".")
        ),
        measured=largest,
        expected="mean and std of each feature at most 10, at least 0.05, within 1000 times",
        source="diagnosis rule 2; checklist fact 2 (batch norm hides this from the loss)",
        code="unscaled_input",
        prescription="data.scaling: none -> standardize",
    )


def check_initial_loss(loss: float, expected: float, tolerance: float = EXACT) -> Finding:
    """With a zeroed head and the prior as its bias, the loss is the entropy of the labels.

    This tests the wiring exactly: loss function, label encoding, logits, weights, target scale.

    Args:
        loss: of that net over the training examples, in nats an example (or the scaled target's
            squared, absolute or Huber's error).
        expected: what the targets alone say (`constant.prior_loss`): the entropy of the labels,
            or the variance of the scaled target.
        tolerance: allowed |loss - expected| / expected, a fraction.

    Source: Karpathy (2019), step 2, "verify loss @ init"; checklist row 2.4 a.
    """
    constant = expected < 1e-12  # nats, or variances of a scaled target
    return judge(
        "loss_at_init",
        not constant and abs(loss - expected) <= tolerance * expected,
        (
            f"A net that knows only the prior has loss {loss:.4f}; "
            f"the targets themselves say {expected:.4f}."
            + (" The targets never change: there is nothing to learn." if constant else "")
        ),
        measured=loss,
        expected=f"{expected:.4f} within {tolerance:.0%}",
        source=f"{KARPATHY_2}, verify loss @ init; checklist row 2.4 a",
        code="high_initial_loss",
        prescription="look at the labels, class_names and the target's scale",
    )


def check_initial_spread(loss: float, prior: float, variance: float, spread: float) -> Finding:
    """At its real initialization, the loss exceeds the prior's by what its logits scatter.

    To second order the excess is half the variance of the logits times `spread`. A fixed bound
    around log C would alarm on every ordinary Keras net (checklist, fact 1).

    Args:
        loss: mean over examples and seeds at initialization.
        prior: loss of the prior.
        variance: of the logits about the head's bias.
        spread: 1 - sum of squared class shares; p(1-p) for binary; 2 for squared error; of
            another error of numbers, the second difference of a constant's loss.
    """
    expected = prior + 0.5 * variance * spread
    wild = not (variance <= MOST_VARIANCE and loss <= WILD * prior)
    off = abs(loss - expected) > 0.1 * expected
    return judge(
        "init_spread",
        Verdict.FAIL if wild else Verdict.WARN if off else Verdict.PASS,
        (
            f"At initialization the loss is {loss:.4f}; logits with variance {variance:.3g} "
            f"explain {expected:.4f}, the prior alone {prior:.4f}."
        ),
        measured=loss,
        expected=f"{expected:.4f} within 10 %, logit variance at most 4, "
        f"loss at most {WILD * prior:.3g}",
        source="checklist row 2.4 b, second-order expansion, measured there",
        code="bad_init" if wild else None,
        prescription="model.kernel_initializer: -> auto; data.scaling: -> standardize",
    )


def skipped_spread() -> Finding:
    """Logits that don't start around the prior have no such expectation."""
    return judge(
        "init_spread",
        Verdict.SKIP,
        "Not measured: with model.head_bias: zeros the logits don't start around the prior.",
        measured=None,
        expected="logits that scatter around the prior",
        source="checklist row 2.4 b",
    )


def check_prior_bias(
    predicted: np.ndarray, prior: np.ndarray, unit: float, scatter: float, configured: str
) -> Finding:
    """The first predictions are, on average, the prior: no steps are lost on learning it.

    Args:
        predicted: mean prediction at initialization (outputs,): shares, or scaled targets.
        prior: the same of the training targets.
        unit: the largest share, or 1 for scaled targets: a share moves with its logit in
            proportion to itself, a prediction by as much.
        scatter: standard error of the mean logit over the initializations that were averaged:
            a net with random weights can't be expected to be nearer.
        configured: `model.head_bias`.
    """
    off = float(np.abs(predicted - prior).max())
    allowed = max(0.01, 0.05 * unit, 3 * scatter * unit)
    good = off <= allowed
    return judge(
        "prior_bias",
        Verdict.PASS if good else Verdict.WARN,
        f"The fresh net's mean prediction is off the prior by {off:.3g} at most.",
        measured=off,
        expected=f"at most {allowed:.3g} (5 %, or 3 standard errors)",
        source=f"{KARPATHY_2}, init well; checklist row 2.5",
        prescription=None if configured == "auto" else f"model.head_bias: {configured} -> auto",
    )
