"""Stage 3. Overfit: drive the training loss to its floor.

If a net cannot fit its training examples, something is broken, or it is too small: so it grows
until it can. Regularization is switched off here on purpose.
"""

from __future__ import annotations

from functools import partial

import keras
import numpy as np

from recipe.checks.constant import best_constant, prior_loss, shrunk_loss
from recipe.checks.formulas import each
from recipe.checks.learning import (
    check_learning_rate,
    check_reaches_floor,
)
from recipe.checks.pipeline import check_regularization_off
from recipe.checks.third_step import check_decay
from recipe.config import Config, Task, grown, without_regularization
from recipe.data import Dataset, Split, load
from recipe.data.profile import conflict_errors, conflict_floor
from recipe.findings import Finding, StageResult, Verdict, overall
from recipe.runs import RunFolder, figures
from recipe.stages import watch
from recipe.stages.in_hand import known_before, one_change, rate_found
from recipe.stages.pictures import answers
from recipe.training import (
    Checkpoint,
    Fitted,
    StopAt,
    batch_size,
    deciding_metric,
    evaluate,
    fit,
    new_model,
    predict,
    predictions,
    prepare_runtime,
)
from recipe.training.bare import held_back_by
from recipe.training.callbacks import Rates
from recipe.training.objective import loss_of

GROWTH = (1, 2, 4)
"""Times the width; after these, one more layer at a time at the last width."""

TRIAL_STEPS = 100
"""Steps in which a smaller learning rate must show that it learns (diagnosis: 30 to 100)."""

TRIAL_RATES = 7
"""Factors of 10 by which the learning rate is lowered, at most."""


def run(config: Config, folder: RunFolder) -> StageResult:
    """Find the smallest of a few sizes that fits the training examples."""
    prepare_runtime(config.train.threads)
    data = load(config.data)
    some = data.train.drawn(config.stages.overfit.examples, config.seed)
    target_loss, target_accuracy = _targets(config, some, data)

    findings = known_before(config, data, folder)
    histories: dict[str, list[float]] = {}
    sizes = _sizes(config)
    with folder.progress("sizes", len(sizes)) as advance:
        for tried, (name, size) in enumerate(sizes.items(), start=1):
            bare = without_regularization(size)
            followed, rates = watch.dynamics(data), Rates()
            log = [followed, rates, *watch.inside(folder, name, some)]
            targets = (target_loss, target_accuracy)
            fitted = _fit_to_floor(bare, data, some, targets, folder, name, log)
            model, histories[name] = fitted.model, fitted.history["train_loss"]
            reached = evaluate(model, some, data, config.train.loss)
            advance(f"{name}: training loss {reached['loss']:.4g}")
            measured = (reached["loss"], reached.get("accuracy"), target_loss, target_accuracy)
            floor = check_reaches_floor(*measured, sizes=tried)
            if floor.verdict is Verdict.PASS:
                break
            if tried == 1:
                rate = _smaller_steps(bare, data, some)
                findings.append(rate)
                if rate.verdict is Verdict.FAIL:
                    floor = check_reaches_floor(*measured, sizes=tried, cause=rate.code)
                    break
    findings += [
        floor,
        check_regularization_off(held_back_by(model)),
        check_decay(np.array(rates.rates), best=len(rates.rates), constant=True),
        rate_found(bare, data, some, floor.verdict is Verdict.PASS, folder),
    ]
    watch.draw_dynamics(followed, folder)

    metric = deciding_metric(config, data.task)
    unseen = evaluate(model, data.val, data, config.train.loss)
    findings.append(one_change(config, data, unseen[metric], folder))
    folder.keep(
        "predictions",
        predictions(predict(model, some.x), some, "train", data, config.train.loss)
        | predictions(predict(model, data.val.x), data.val, "val", data, config.train.loss),
    )
    title, floor_line = "Down to the floor?", {"target": target_loss}
    folder.figure(
        "loss", figures.curves(histories, "training loss", title, targets=floor_line, log=True)
    )
    folder.figure("answers", answers(model, some, data, "Training examples: label and prediction"))
    model.save(folder.file("model.keras"))
    folder.write_config("overfit.yaml", size, f"from: recipe overfit, {name}: {floor.message}")
    return StageResult(
        stage="overfit",
        verdict=overall(findings),
        headline=(
            f"train loss {reached['loss']:.4f}, {metric} {reached[metric]:.4f} "
            f"({floor.expected}), {name}; val {metric} {unseen[metric]:.4f}"
        ),
        metrics={
            **{f"train_{key}": value for key, value in reached.items()},
            **{f"val_{key}": value for key, value in unseen.items()},
            "parameters": model.count_params(),
        },
        findings=findings,
    )


def _sizes(config: Config) -> dict[str, Config]:
    """The config at each size to try; one alone for a family that can't be grown from here."""
    sizes = {f"width x{width}": grown(config, width) for width in GROWTH}
    for layers in range(1, config.stages.overfit.sizes):
        sizes[f"width x{GROWTH[-1]}, +{layers} layers"] = grown(config, GROWTH[-1], layers)
    distinct = {name: size for name, size in sizes.items() if size != config or name == "width x1"}
    return dict(list(distinct.items())[: config.stages.overfit.sizes])


def _targets(config: Config, some: Split, data: Dataset) -> tuple[float, float | None]:
    """Row 3.1: loss and accuracy that pass, counting in what equal inputs leave possible."""
    settings, loss = config.stages.overfit, loss_of(data.task, config.train.loss)
    if data.task is Task.REGRESSION:
        errors = conflict_errors(some.groups, some.y, partial(best_constant, loss))
        least_loss = float(each(loss, errors, np.zeros(errors.shape[1])).mean())
        return least_loss + shrunk_loss(loss, some.y, settings.loss), None
    best_accuracy, least_loss = conflict_floor(some.groups, some.y)
    fraction = settings.loss * prior_loss(loss, some.y, len(data.classes))
    return least_loss + fraction, best_accuracy - (1 - settings.accuracy)


def _fit_to_floor(
    config: Config,
    data: Dataset,
    some: Split,
    targets: tuple[float, float | None],
    folder: RunFolder,
    name: str,
    log: list[keras.callbacks.Callback],
) -> Fitted:
    """Train until the target is met in inference mode, or the steps are spent."""
    target_loss, target_accuracy = targets

    def reached(_: object, logs: dict[str, float]) -> bool:
        accurate = target_accuracy is not None and logs["train_accuracy"] >= target_accuracy
        return accurate or logs["train_loss"] <= target_loss

    size = batch_size(config, len(some))
    model = new_model(config, data, config.seed)
    return fit(
        model,
        some,
        val=data.val,
        sample=some,
        batch_size=size,
        epochs=max(1, config.stages.overfit.steps // -(-len(some) // size)),
        seed=config.seed,
        checkpoint=Checkpoint(folder.checkpoint(name)),
        norms=config.train.norm_statistics,
        callbacks=[StopAt(reached), *log],
    )


def _smaller_steps(config: Config, data: Dataset, some: Split) -> Finding:
    """Before blaming the size: does a smaller learning rate learn from the same weights?"""

    def loss_after(learning_rate: float) -> float:
        trial = config.replace({"train.learning_rate": learning_rate})
        size = batch_size(trial, len(some))
        model = new_model(trial, data, config.seed)
        epochs = max(1, TRIAL_STEPS // -(-len(some) // size))
        fit(model, some, batch_size=size, epochs=epochs, seed=config.seed)
        return evaluate(model, some, data, config.train.loss)["loss"]

    rate = config.train.learning_rate
    smaller = {rate / 10**k: loss_after(rate / 10**k) for k in range(1, TRIAL_RATES + 1)}
    floor = prior_loss(loss_of(data.task, config.train.loss), some.y, len(data.classes))
    return check_learning_rate(loss_after(rate), smaller, rate, floor)
