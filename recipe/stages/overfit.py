"""Stage 3. Overfit: drive the training loss to its floor.

If a net cannot fit its training examples, something is broken, or it is too small: so it grows
until it can. Regularization is switched off here on purpose.
"""

from __future__ import annotations

import keras
import numpy as np

from recipe.checks.initial import prior_loss
from recipe.checks.learning import check_learning_rate, check_reaches_floor
from recipe.config import Config, Task, grown, without_regularization
from recipe.data import Dataset, Split, load
from recipe.data.profile import conflict_floor
from recipe.findings import Finding, StageResult, Verdict, overall
from recipe.runs import RunFolder, figures
from recipe.stages.pictures import answers
from recipe.training import (
    LogEpochs,
    StopAt,
    batch_size,
    deciding_metric,
    evaluate,
    fit,
    new_model,
    prepare_runtime,
)

GROWTH = ((1, 0), (2, 0), (4, 0))
"""(width, more layers): after these, one more layer at a time at the last width."""

TRIAL_STEPS = 100
"""Steps in which a smaller learning rate must show that it learns (diagnosis: 30 to 100)."""

TRIAL_RATES = 8
"""Factors of 10 by which the learning rate is lowered, at most."""


def run(config: Config, folder: RunFolder) -> StageResult:
    """Find the smallest of a few sizes that fits the training examples."""
    prepare_runtime(config.train.threads)
    settings = config.stages.overfit
    bare = without_regularization(config)
    data = load(config.data)
    rows = np.random.default_rng(config.seed).permutation(len(data.train))[: settings.examples]
    some = data.train.take(np.sort(rows))
    target_loss, target_accuracy = _targets(config, some, data)

    findings: list[Finding] = []
    growth = [*GROWTH, *((4, layers) for layers in range(1, settings.sizes))][: settings.sizes]
    histories: dict[str, list[float]] = {}
    with folder.progress("sizes", len(growth)) as advance:
        for tried, (width, layers) in enumerate(growth, start=1):
            size = grown(bare, width, layers)
            model, history = _fit_to_floor(size, data, some, target_loss, target_accuracy, folder)
            name = f"width x{width}" + (f", +{layers} layers" if layers else "")
            histories[name] = history["loss"]
            reached = evaluate(model, some, data)
            advance(f"{name}: training loss {reached['loss']:.4g}")
            measured = (
                reached["loss"], reached.get("accuracy"), target_loss, target_accuracy, tried
            )  # fmt: skip
            floor = check_reaches_floor(*measured)
            if floor.verdict is Verdict.PASS:
                break
            if tried == 1:
                rate = _smaller_steps(bare, data, some)
                findings.append(rate)
                if rate.verdict is Verdict.FAIL:
                    floor = check_reaches_floor(*measured, cause=rate.code)
                    break

    findings.append(floor)
    metric = deciding_metric(config, data.task)
    unseen = evaluate(model, data.val, data)
    folder.figure(
        "loss",
        figures.curves(histories, "training loss", "Down to the floor?",
                       targets={"target": target_loss}, log=True),
    )  # fmt: skip
    folder.figure("answers", answers(model, some, data, "Training examples: label and prediction"))
    model.save(folder.file("model.keras"))
    chosen = grown(config, width, layers)
    folder.write_config("overfit.yaml", chosen, f"from: recipe overfit, {name}: {floor.message}\n")
    return StageResult(
        stage="overfit",
        verdict=overall(findings),
        headline=(
            f"training loss {reached['loss']:.4f} (target {target_loss:.4f}), {name}; "
            f"train {metric} {reached[metric]:.4f}, val {unseen[metric]:.4f}"
        ),
        metrics={
            **{f"train_{name}": value for name, value in reached.items()},
            **{f"val_{name}": value for name, value in unseen.items()},
            "parameters": model.count_params(),
        },
        findings=findings,
    )


def _targets(config: Config, some: Split, data: Dataset) -> tuple[float, float | None]:
    """Row 3.1: loss and accuracy that pass, counting in what equal inputs leave possible."""
    settings = config.stages.overfit
    fraction = settings.loss * prior_loss(some.y, data.task, len(data.classes))
    if data.task is Task.REGRESSION:
        return fraction, None
    best_accuracy, least_loss = conflict_floor(some.x, some.y)
    return least_loss + fraction, best_accuracy - (1 - settings.accuracy)


def _fit_to_floor(
    config: Config,
    data: Dataset,
    some: Split,
    target_loss: float,
    target_accuracy: float | None,
    folder: RunFolder,
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Train until the target is met in inference mode, or the steps are spent."""

    def reached(model: keras.Model, _: object) -> bool:
        now = evaluate(model, some, data)
        accurate = target_accuracy is not None and now["accuracy"] >= target_accuracy
        return accurate or now["loss"] <= target_loss

    size = batch_size(config, len(some))
    model = new_model(config, data, config.seed)
    history = fit(
        model,
        some,
        val=data.val,
        batch_size=size,
        epochs=max(1, config.stages.overfit.steps // -(-len(some) // size)),
        seed=config.seed,
        callbacks=[
            StopAt(reached),
            LogEpochs(folder.board("train"), folder.board("validation")),
        ],
    )
    return model, history.history


def _smaller_steps(config: Config, data: Dataset, some: Split) -> Finding:
    """Before blaming the size: does a smaller learning rate learn from the same weights?"""

    def loss_after(learning_rate: float) -> float:
        trial = config.replace({"train.learning_rate": learning_rate})
        size = batch_size(trial, len(some))
        model = new_model(trial, data, config.seed)
        epochs = max(1, TRIAL_STEPS // -(-len(some) // size))
        fit(model, some, batch_size=size, epochs=epochs, seed=config.seed)
        return evaluate(model, some, data)["loss"]

    rate = config.train.learning_rate
    smaller = {rate / 10**k: loss_after(rate / 10**k) for k in range(1, TRIAL_RATES)}
    floor = prior_loss(some.y, data.task, len(data.classes))
    return check_learning_rate(loss_after(rate), smaller, rate, floor)
