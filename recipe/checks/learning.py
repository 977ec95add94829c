"""Checks of how a net learns: repeatable, from its inputs, down to the floor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recipe.findings import Finding, Verdict, judge

KARPATHY_2 = 'Karpathy, "A Recipe for Training Neural Networks" (2019), step 2'
KARPATHY_3 = 'Karpathy, "A Recipe for Training Neural Networks" (2019), step 3'


def check_repeats(first: np.ndarray, second: np.ndarray, apart: float = 0.0) -> Finding:
    """The same seed gives the same losses and weights, to the bit; else no comparison means much.

    Args:
        first: training loss of each epoch, (epochs,).
        second: the same of another training with the same seed.
        apart: the largest difference of their weights in the end.
    """
    same = np.array_equal(first, second, equal_nan=True)
    both = min(len(first), len(second))  # one may have diverged, and ended earlier
    difference = 0.0 if same else float(np.abs(first[:both] - second[:both]).max())
    if same and not apart > 0:
        message = f"Two trainings with one seed agree in all {len(first)} losses and all weights."
    elif same:
        difference = apart
        message = f"Two trainings with one seed differ by up to {apart:.3g} in their weights."
    elif len(first) != len(second):
        message = f"Two trainings with one seed ended after {len(first)} and {len(second)} epochs."
    else:
        message = f"Two trainings with one seed differ by up to {difference:.3g} in their loss."
    return judge(
        "seed_repeats",
        same and not apart > 0,
        message,
        measured=difference,
        expected="0: equal to the bit",
        source=f"{KARPATHY_2}, fix random seed; checklist row 2.1",
        prescription="look for an operation or a layer with its own randomness",
    )


def check_trains(scores: Sequence[float], metric: str) -> Finding:
    """A config that diverges on some seed can't be compared with, nor shipped.

    Args:
        scores: of each seed, (seeds,); NaN: it diverged.
        metric: that they are measured in.
    """
    bad = int((~np.isfinite(scores)).sum())
    return judge(
        "every_seed_trains",
        not bad,
        f"{bad} of {len(scores)} seeds diverged." if bad else f"All {len(scores)} seeds trained.",
        measured=bad,
        expected=f"a finite validation {metric} on every seed",
        source=f"{KARPATHY_2}, seeds; checklist row 2.1",
        code="nan_loss",
        prescription="train.learning_rate: a tenth of it",
    )


def check_one_batch(
    loss: float,
    right: float | None,
    steps: int,
    budget: int,
    target: float,
    size: int,
    wider: float | None = None,
) -> Finding:
    """A net that can't memorize one small batch is broken somewhere, or far too small.

    Args:
        loss: on that batch, in inference mode.
        right: fraction of its labels that are predicted right; None for regression.
        steps: that were used.
        budget: steps allowed.
        target: loss to reach.
        size: examples in the batch.
        wider: times the width at which the net memorizes it, if this one does not; None: at none
            that was tried.
    """
    reached = loss <= target and right in (None, 1.0)
    labels = "" if right is None else f" and {right:.0%} of the labels right"
    enough = "" if reached or not wider else f" At {wider:g} times the width it does."
    return judge(
        "one_batch_overfit",
        reached,
        f"{size} examples: loss {loss:.3g}{labels} after {steps} steps.{enough}",
        measured=loss,
        expected=f"loss at most {target:.3g} and every label right within {budget} steps",
        source=f"{KARPATHY_2}, overfit one batch; checklist row 2.8 and fact 3",
        code="underfitting" if wider else "no_learning",
        prescription=f"model.widths: {wider:g} times as large"
        if wider
        else "look at labels, loss, head, initialization; larger model.widths comes last",
    )


def check_inputs_help(
    real: np.ndarray, blind: np.ndarray, kind: str, gain: float = 0.05
) -> Finding:
    """A net that sees its inputs must beat the same net that doesn't.

    Args:
        real: validation loss of each example, (examples,), of a net trained on the data.
        blind: the same of a net whose inputs were `kind`.
        kind: "zeroed", or "permuted" against the labels.
        gain: by how much the mean loss must be lower, a fraction.
    """
    with np.errstate(all="ignore"):  # a loss that is zero or infinite leaves NaN: no help
        difference = blind - real
        relative = float(difference.mean() / blind.mean())
        error = float(difference.std(ddof=1) / np.sqrt(len(difference)))
    beyond_noise = float(difference.mean()) > 2 * error
    if relative > gain:
        verdict = Verdict.PASS if beyond_noise else Verdict.WARN
        said = "." if beyond_noise else ", but too few examples (of the rare class) to be sure."
    else:
        verdict, said = Verdict.FAIL, ": the inputs tell the net nothing about the labels."
    lower = f"{relative:.0%} lower" if relative > 0 else "no lower"
    return judge(
        f"inputs_{kind}",
        verdict,
        f"Validation loss {real.mean():.4f} on real inputs, {blind.mean():.4f} on {kind} "
        f"ones: {lower}{said}",
        measured=relative,
        expected=f"more than {gain:.0%} lower, and by more than 2 standard errors",
        source=f"{KARPATHY_2}, input-independent baseline; checklist row 2.7",
        code="corrupt_labels" if verdict is Verdict.FAIL else None,
        prescription="check that inputs and labels belong to each other"
        if verdict is Verdict.FAIL
        else "data.split.val: larger, or more examples of the rare class",
    )


def check_blind_knows_prior(loss: float, prior: float, noise: float) -> Finding:
    """Without inputs a net can learn the prior and nothing more.

    Args:
        loss: validation loss of a net on zeroed inputs.
        prior: validation loss of the training prior.
        noise: one standard error of `prior`.
    """
    allowed = 0.02 * prior + 2 * noise
    good = abs(loss - prior) <= allowed
    return judge(
        "blind_knows_prior",
        Verdict.PASS if good else Verdict.WARN,
        f"On zeroed inputs the loss is {loss:.4f}; the prior's is {prior:.4f}.",
        measured=loss,
        expected=f"{prior:.4f} within {allowed:.3g} (2 % and 2 standard errors)",
        source="checklist row 2.7",
    )


def check_beats(
    name: str,
    score: float,
    below: str,
    floor: float,
    metric: str,
    gain: tuple[float, float],
    explained: str = "",
) -> Finding:
    """Each model must beat the dumber one, or be explained: worse beyond noise warns.

    Args:
        name: of the model.
        score: its validation score.
        below: the dumber model.
        floor: that one's score.
        metric: that both are measured in.
        gain: interval of the difference, positive where `name` is better; NaN (diverged) is
            worse.
        explained: what a worse score comes from, if it is known; it then passes.
    """
    low, high = gain
    answer = "better" if low > 0 else "the same within noise" if high >= 0 else "worse"
    if answer == "worse" and explained:
        answer += f", {explained}"
    return judge(
        f"{name}_beats_{below}",
        Verdict.WARN if answer == "worse" else Verdict.PASS,
        f"Validation {metric}: {name} {score:.4f}, {below} {floor:.4f}: {answer}.",
        measured=score - floor,
        expected=f"not worse beyond noise (95 % of resamples: {low:+.4f} to {high:+.4f})",
        source=f"{KARPATHY_2}, dumb baselines; checklist row 2.0",
    )


def check_reaches_floor(
    loss: float,
    accuracy: float | None,
    target_loss: float,
    target_accuracy: float | None,
    sizes: int,
    cause: str | None = None,
) -> Finding:
    """A net that is large enough drives its training loss to the floor.

    Args:
        loss: training loss in inference mode.
        accuracy: training accuracy; None for regression.
        target_loss: at most this passes.
        target_accuracy: at least this passes too.
        sizes: of nets that were tried.
        cause: code of a finding that explains why it can't; capacity is then not blamed.
    """
    right = accuracy is not None and target_accuracy is not None and accuracy >= target_accuracy
    reached = right or loss <= target_loss
    said = "" if accuracy is None else f", accuracy {accuracy:.4f}"
    why = (
        "A bug, or the net is too small for these data."
        if cause is None
        else f"Explained by {cause}."
    )
    expected = f"loss at most {target_loss:.3g}"
    if target_accuracy is not None:
        expected += f" or accuracy at least {target_accuracy:.4g}"
    return judge(
        "reaches_floor",
        reached,
        f"Training loss {loss:.4g}{said}, after {sizes} size{'s' * (sizes > 1)} of net."
        + ("" if reached else f" {why}"),
        measured=loss,
        expected=expected,
        source=f"{KARPATHY_3}, overfit; checklist row 3.1",
        code=None if cause else "underfitting",
        prescription=None if cause else "model.widths: larger; data.scaling; train.learning_rate",
    )


def check_learning_rate(
    loss: float, smaller: dict[float, float], learning_rate: float, floor: float
) -> Finding:
    """If a much smaller step learns from the same start where this one doesn't, it is too high.

    Args:
        loss: after some steps at the configured rate.
        smaller: learning rate -> loss after as many steps from the same weights.
        learning_rate: as configured.
        floor: the prior's loss: what no learning at all reaches.
    """
    best = min(smaller, key=lambda rate: np.nan_to_num(smaller[rate], nan=np.inf))
    reached = smaller[best]
    proven = bool(reached < 0.5 * floor and not loss <= 2 * reached)
    return judge(
        "learning_rate",
        not proven,
        (
            f"Loss {loss:.3g} at learning rate {learning_rate:g}; from the same weights in as many "
            f"steps {reached:.3g} at {best:g}."
        ),
        measured=loss,
        expected=f"at most twice the loss of the best smaller rate ({2 * reached:.3g})",
        source="diagnosis rule 22: the prescribed change, tried",
        code="lr_too_high",
        prescription=f"train.learning_rate: {learning_rate:g} -> {best:g}",
    )


def check_prediction_jitter(
    flips: float | None, jitter: float, epochs: int, most: float = 0.1, level: float = 0.12
) -> Finding:
    """Late in a training, predictions on fixed examples have come to rest.

    Flips alone prove nothing: where labels are noise, classes are nearly tied. Measured on
    digits and Gaussian clusters, clean to pure noise, 2 and 10 classes, two nets each: at sound
    rates (Adam 1e-4 to 3e-3) up to 39 % of 64 predicted classes changed from epoch to epoch, but
    the label's probability moved by 0.11 at most; by up to 0.16 at Adam 0.03. So both must be
    large, or the flips beyond a coin's: a net that has died at its prior says one class of all
    examples, another one each time (57 to 100 %).

    Args:
        flips: share of the examples whose predicted class was not that of the look before, over
            the last quarter of the looks; None for regression.
        jitter: mean |change of the label's probability| from look to look, there.
        epochs: looks in all, one an epoch at best.
        most: share of flips to which nobody objects.
        level: jitter to which nobody objects.
    """
    source = f"{KARPATHY_2}, visualize prediction dynamics; checklist row 2.11 (project-set)"
    expected = f"at most {most:.0%} flips, or at most 50 % while jitter is at most {level:g}"
    if flips is None or epochs < 8:
        return judge(
            "prediction_jitter",
            Verdict.SKIP,
            "A regression predicts no class that could flip."
            if flips is None
            else f"{epochs} looks at the predictions are too few to tell; it takes 8.",
            measured=None,
            expected=expected,
            source=source,
        )
    if not np.isfinite([flips, jitter]).all():
        at_rest, said = False, "The last predictions are not finite."
    else:
        at_rest = flips <= most or (flips <= 0.5 and jitter <= level)
        said = (
            f"In the last quarter of {epochs} looks {flips:.0%} of the predicted classes changed "
            f"from look to look, and the label's probability by {jitter:.3f} on average."
        )
    return judge(
        "prediction_jitter",
        Verdict.PASS if at_rest else Verdict.WARN,
        said,
        measured=flips,
        expected=expected,
        source=source,
        code="lr_too_high",
        prescription="train.learning_rate: a third of it",
    )
