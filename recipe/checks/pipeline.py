"""Checks of the skeleton: what is switched off, what is evaluated, what depends on what."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from recipe.checks.learning import KARPATHY_2
from recipe.findings import Finding, Verdict, judge, listed

ENOUGH = 0.01
"""Of the prior's loss: what lies below is at the floor, and one floor is as good as another."""


def check_capacity(losses: Mapping[str, np.ndarray], prior: float) -> Finding:
    """A net with more capacity fits its training examples at least as well, in as many steps.

    Args:
        losses: size -> training loss of each seed, (seeds,), from the smallest size up, the same
            seeds for all; NaN: it diverged.
        prior: loss of a net that ignores its inputs.
    """
    worst, said = -np.inf, ""
    for small, large in itertools.pairwise(losses):
        rise = losses[large] - losses[small]
        error = float(rise.std(ddof=1) / np.sqrt(len(rise)))
        beyond = float(rise.mean()) - 2 * error - ENOUGH * prior
        if not beyond <= worst:  # NaN is the worst
            worst = beyond
            said = f": {large} ends {rise.mean():+.3g} above {small}, more than noise"
    means = ", ".join(f"{each.mean():.4g} at {name}" for name, each in losses.items())
    good = worst <= 0
    return judge(
        "capacity_lowers_loss",
        Verdict.PASS if good else Verdict.WARN,
        f"Training loss after equally many steps: {means}{'.' if good else said + '.'}",
        measured=worst,
        expected="none higher than the size below it by more than 2 standard errors and "
        f"{ENOUGH:.0%} of the prior's loss",
        source=f"{KARPATHY_2}, verify decreasing training loss; checklist row 2.9",
        prescription="model.kernel_initializer: -> auto; look for a layer that does not scale",
    )


def skipped_capacity(family: str) -> Finding:
    """A family whose sizes nobody knows can't be grown."""
    return judge(
        "capacity_lowers_loss",
        Verdict.SKIP,
        f"Not measured: of model.family {family} no width can be changed that matters.",
        measured=None,
        expected="a training loss that falls with capacity",
        source=f"{KARPATHY_2}, verify decreasing training loss; checklist row 2.9",
    )


def check_regularization_off(found: Sequence[str]) -> Finding:
    """The net of this stage is held back by nothing: first it must fit at all.

    Args:
        found: what still holds it back, in words.
    """
    return judge(
        "regularization_off",
        Verdict.WARN if found else Verdict.PASS,
        f"Not switched off in this stage: {listed(found)}."
        if found
        else "Augmentation, dropout, noise, decay, penalties, averages and schedules are off.",
        measured=len(found),
        expected="nothing that holds the net back from fitting",
        source=f"{KARPATHY_2}, simplify; checklist row 2.2",
        prescription="in a body of your own, go by the config's keys (model.dropout, model.l2): "
        "they are 0 here",
    )


def check_examples_apart(inference: float | None, training: float | None) -> Finding:
    """What a net says of one example does not depend on which others are in its batch.

    Args:
        inference: in inference mode, the largest gradient of an example's outputs by the inputs
            of others, over that by its own; None: it can't be told.
        training: the same in training mode, where batch norm mixes examples by design.
    """
    if inference is None:
        verdict, said = Verdict.SKIP, "It can't be told: no output has a gradient by any input"
    elif inference == 0:
        verdict, said = Verdict.PASS, "No output depends on another example of its batch"
    else:
        verdict = Verdict.FAIL
        said = f"Outputs depend on other examples of their batch, by {inference:.2g} of what their "
        said += "own inputs do"
    if training:
        said += f"; in training mode by {training:.2g}, as batch norm does"
    return judge(
        "examples_apart",
        verdict,
        f"{said}.",
        measured=inference,
        expected="exactly 0 in inference mode",
        source=f"{KARPATHY_2}, use backprop to chart dependencies; checklist row 2.12",
        prescription="look for an operation along axis 0, or a reshape that mixes it with others",
    )


def check_inputs_read(
    unread: Sequence[str], count: int, positions: float, kind: str = "features"
) -> Finding:
    """Every input feature, or channel, reaches the outputs.

    Args:
        unread: features that no output depends on.
        count: of features.
        positions: of images, the share of pixels that reach the outputs; 1 for tables.
        kind: what they are called: "features" or "channels".
    """
    good = not unread and positions >= 0.5
    return judge(
        "inputs_read",
        Verdict.PASS if good else Verdict.WARN,
        f"{len(unread)} of {count} {kind} reach no output: {listed(unread)}."
        if unread
        else f"The outputs depend on {kind} 1 to {count}"
        + (f", but on {positions:.0%} of the pixels only." if positions < 1 else "."),
        measured=float(len(unread)),
        expected="every feature, and at least half of the pixels",
        source=f"{KARPATHY_2}, use backprop to chart dependencies; checklist row 2.12",
        prescription="look at the first layers: what is cut off, or never read?",
    )


def skipped_inputs_read() -> Finding:
    """Outputs that depend on no input at all say nothing of a single one."""
    return judge(
        "inputs_read",
        Verdict.SKIP,
        "Not measured: no output has a gradient by any input, before training.",
        measured=None,
        expected="every feature, and at least half of the pixels",
        source=f"{KARPATHY_2}, use backprop to chart dependencies; checklist row 2.12",
    )


def check_weights_reached(unreached: Sequence[str]) -> Finding:
    """Every trainable weight gets a gradient of the loss.

    Args:
        unreached: paths of those that get none.
    """
    return judge(
        "weights_reached",
        Verdict.WARN if unreached else Verdict.PASS,
        f"The loss does not depend on {listed(unreached)}: they will never learn."
        if unreached
        else "Every trainable weight gets a gradient.",
        measured=len(unreached),
        expected="a gradient for every trainable weight",
        source=f"{KARPATHY_2}, use backprop to chart dependencies; checklist row 2.12",
        code="frozen_layers",
        prescription="look for stop_gradient, a rounding, or a layer whose output is not used",
    )


def check_gradients(errors: Mapping[str, float] | None) -> Finding:
    """The gradients of a body of somebody's own are those of what it computes.

    Args:
        errors: path of a weight -> relative error of its gradient against central differences in
            double precision; None: the body can't be built in it.
    """
    source = "CS231n, gradient checks; checklist row 2.14"
    expected = "a relative error of at most 0.01, where 1e-4 is usual"
    if not errors:
        said = "Not measured: this body can't be computed in double precision."
        return judge(
            "gradient_check", Verdict.SKIP, said, measured=None, expected=expected, source=source
        )
    worst = max(errors, key=lambda path: errors[path])
    wrong = [path for path, error in errors.items() if error > 0.01]
    return judge(
        "gradient_check",
        Verdict.WARN if wrong else Verdict.PASS,
        f"Gradients of {listed(wrong)} are not those of what the net computes: {worst} is off by "
        f"{errors[worst]:.2g} of its size."
        if wrong
        else f"All {len(errors)} weights have the gradient that central differences find; the "
        f"worst is off by {errors[worst]:.1g} of its size.",
        measured=errors[worst],
        expected=expected,
        source=source,
        prescription="look at the gradients of your own (stop_gradient, custom_gradient); they may "
        "be meant, as of a straight-through estimator",
    )


def check_first_batch(
    kind: str, shape: Sequence[int], numbers: tuple[float, ...], labels: Sequence[str], alike: float
) -> Finding:
    """What the first step is given, looked at just before the net.

    Args:
        kind: of the inputs' numbers.
        shape: of the inputs, (batch, *shape).
        numbers: of the inputs: lowest, mean, highest, standard deviation.
        labels: decoded, the first few.
        alike: chance of a shuffled batch to have as few different labels as this one; 1 if it has
            more than one.
    """
    is_float, is_mixed = kind.startswith("float"), alike >= 1e-6
    low, mean, high, std = numbers
    good = is_float and is_mixed and bool(np.isfinite(numbers).all())
    return judge(
        "first_batch",
        Verdict.PASS if good else Verdict.WARN,
        f"The first step is given {kind} {tuple(shape)} from {low:.3g} to {high:.3g}, mean "
        f"{mean:.3g}, std {std:.3g}; labels {listed(labels, 8)}"
        + ("." if is_mixed else ": all the same, so the examples are not shuffled."),
        measured=std,
        expected="finite floating-point numbers, and more than one label",
        source=f"{KARPATHY_2}, visualize just before the net; checklist row 2.10",
        prescription="look at the source, and at figure `batch` of the data stage",
    )


def check_whole_set(losses: np.ndarray, examples: int, batch: int, logged: float | None) -> Finding:
    """A loss is the mean over all examples; a mean over batches weighs a small last one too much.

    Args:
        losses: validation loss of each example, (examples,).
        examples: in the validation set.
        batch: examples of a batch.
        logged: the validation loss that training's own log has for these weights; None: it is
            another loss.
    """
    mean = float(losses.mean())
    naive = float(np.mean([losses[i : i + batch].mean() for i in range(0, len(losses), batch)]))
    half = 1.96 * float(losses.std(ddof=1) / np.sqrt(len(losses))) if len(losses) > 1 else np.nan
    same = logged is None or bool(np.isclose(logged, mean, rtol=1e-3, atol=1e-6))
    said = "" if logged is None else f"; training's own log says {logged:.4g}"
    return judge(
        "whole_set",
        same and len(losses) == examples,
        f"Validation loss over {len(losses)} of {examples} examples: {mean:.4g} +- {half:.2g} "
        f"(95 %). A mean over batches of {batch} would say {naive:.4g}{said}.",
        measured=len(losses) / examples,
        expected="all examples, each with the same weight, wherever the loss is told",
        source=f"{KARPATHY_2}, add significant digits to your eval; checklist row 2.3",
        prescription="look at how validation is batched: train.norm_statistics, or a loss with "
        "weights",
    )
