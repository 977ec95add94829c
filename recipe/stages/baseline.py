"""Stage 2. Build the end-to-end skeleton and dumb baselines, and prove that it works.

Everything that can be known before training is checked first. Then the same net is trained on
real, zeroed and permuted inputs: only if it needs its inputs does it learn from them. Adam at a
safe rate is used throughout, because this stage tests the pipeline and not your optimizer.
"""

from __future__ import annotations

import keras
import numpy as np

from recipe.checks import initial, learning, pipeline
from recipe.checks.backbone import check_backbone_input
from recipe.checks.options import check_options
from recipe.config import Config, without_regularization
from recipe.data import Dataset, load
from recipe.data.dataset import read_examples
from recipe.data.sources.examples import take
from recipe.findings import Finding, StageResult, Verdict, overall
from recipe.runs import RunFolder, figures
from recipe.stages import human, ladder, watch
from recipe.stages.proofs import capacity, one_batch, repeats, tiny
from recipe.stages.skeleton import looked_at
from recipe.training import (
    Checkpoint,
    batch_size,
    deciding_metric,
    dumb_logits,
    example_weights,
    losses,
    new_model,
    predict,
    predictions,
    prepare_runtime,
    steps_per_epoch,
    train,
)
from recipe.training.objective import first_loss, prior_logits
from recipe.training.probes import (
    backbone_input,
    fresh_nets,
    train_blind,
    zeroed_head_loss,
)

SCALE_EXAMPLES = 10_000
"""Examples on which the scale of the inputs is judged."""

PIXELS = 64
"""Examples on which it is compared what enters a backbone."""


def run(config: Config, folder: RunFolder) -> StageResult:
    """Prove that data, labels, loss, head and initialization fit together."""
    prepare_runtime(config.train.threads)
    settings = config.stages.baseline
    data = load(config.data)
    asked = config
    epochs = -(-settings.min_steps // steps_per_epoch(config, len(data.train)))
    config = without_regularization(config).replace(
        {
            "train.optimizer": "adam",
            "train.learning_rate": settings.learning_rate,
            "train.epochs": max(settings.epochs, epochs),
        }
    )

    findings = _before_any_net(data)
    if config.model.family == "application" and overall(findings) is not Verdict.FAIL:
        findings.append(_backbone_input(config, data))
    if overall(findings) is not Verdict.FAIL:
        findings += _options(asked, data)
    if overall(findings) is not Verdict.FAIL:
        findings += looked_at(config, data) + _before_any_step(asked, config, data)
    if overall(findings) is Verdict.FAIL:
        return _result(findings, "stopped before the first training step", {})

    with folder.progress("proofs", 4) as advance:
        findings.append(one_batch(config, data, folder))
        advance(f"one batch: {findings[-1].message}")
        findings.append(repeats(config, data))
        advance(f"seeds: {findings[-1].message}")
        findings.append(capacity(config, data, folder))
        advance(f"sizes: {findings[-1].message}")
        about_inputs, net = _inputs(config, data, folder)
        findings += about_inputs
        advance(f"inputs: {about_inputs[0].message}")

    loss = config.train.loss
    logits = {**dumb_logits(data, data.val.x, loss), **_tiny(config, data, folder)}
    logits["net"] = predict(net, data.val.x)
    folder.keep("predictions", predictions(logits["net"], data.val, "val", data, loss))
    metric = deciding_metric(config, data.task)
    person = human.score(config, folder)
    table = ladder.climb(logits, data, metric, loss)
    findings += [*table.findings, human.finding(person)]
    rows = [*table.rows, *human.row(person, metric)]
    title = "What a net must beat"
    folder.figure("baselines", figures.ladder_of_scores(rows, title, f"validation {metric}"))
    return _result(findings, f"val {metric}: {table.said}", table.metrics)


def _before_any_net(data: Dataset) -> list[Finding]:
    """What goes in and what is asked for, just before the net."""
    targets = np.concatenate([data.train.y, data.val.y])
    return [
        initial.check_labels_fit_head(targets, data.task, len(data.classes)),
        initial.check_input_scale(data.train.drawn(SCALE_EXAMPLES).x),
    ]


def _backbone_input(config: Config, data: Dataset) -> Finding:
    """The same training images on two ways: through the net, and through Keras's own function."""
    some = data.train.drawn(PIXELS)
    raw = np.asarray(take(read_examples(config.data).raw.x, some.ids))
    entered, expected = backbone_input(config, data, some.x, raw)
    return check_backbone_input(raw, entered, expected, config.model.backbone.white)


def _options(asked: Config, data: Dataset) -> list[Finding]:
    """What the config asks for, its regularization too, which no stage before the fourth uses.

    It is built once: what Keras or the task refuses shall not come up two stages later.
    """
    new_model(asked, data, asked.seed)
    example_weights(asked, data)
    features = int(np.prod(data.shape))
    return check_options(asked, data.task, len(data.train), len(data.classes), features)


def _before_any_step(asked: Config, config: Config, data: Dataset) -> list[Finding]:
    """The first loss: exactly with a zeroed head, as it will be trained; by its spread as it is."""
    exact, known = zeroed_head_loss(asked, data), first_loss(asked, data)
    fresh, prior = fresh_nets(config, data), first_loss(config, data)
    findings = [
        initial.check_initial_loss(exact, known, config.stages.baseline.init_tolerance),
        initial.check_prior_bias(
            fresh.predicted, fresh.prior, fresh.unit, fresh.scatter, config.model.head_bias
        ),
    ]
    around_prior = config.model.head_bias == "auto"
    spread = initial.check_initial_spread(fresh.loss, prior, fresh.variance, fresh.spread)
    return [*findings, spread if around_prior else initial.skipped_spread()]


def _inputs(config: Config, data: Dataset, folder: RunFolder) -> tuple[list[Finding], keras.Model]:
    """Does the net need its inputs? The findings, and the net that saw them."""
    followed = watch.dynamics(data)

    def logged(name: str) -> list[keras.callbacks.Callback]:
        if name == "real":
            return [*watch.inside(folder, name, data.train), followed]
        return [watch.curves(folder, name)]

    nets = train_blind(config, data, logged, lambda name: Checkpoint(folder.checkpoint(name)))
    constant = np.tile(prior_logits(config, data), (len(data.val), 1))
    prior = losses(constant, data.val.y, data.task, config.train.loss)
    histories = {f"{name} inputs": net.history for name, net in nets.items()}
    targets = {"the prior's loss": float(prior.mean())}
    title = "Does the net need its inputs?"
    folder.figure("inputs", figures.curves(histories, "validation loss", title, targets=targets))
    real, least = nets["real"].losses, config.stages.baseline.gain
    findings = [
        learning.check_inputs_help(real, nets[kind].losses, kind, least)
        for kind in ("zeroed", "permuted")
    ]
    noise = float(prior.std(ddof=1) / np.sqrt(len(prior)))
    blind = float(nets["zeroed"].losses.mean())
    findings.append(learning.check_blind_knows_prior(blind, float(prior.mean()), noise))
    watch.draw_dynamics(followed, folder)
    looks = len(followed.epochs)
    findings += [
        learning.check_prediction_jitter(followed.flips, followed.jitter, looks),
        pipeline.check_whole_set(
            real, len(data.val), batch_size(config, len(data.train)), min(nets["real"].history)
        ),
    ]
    return findings, nets["real"].model


def _tiny(config: Config, data: Dataset, folder: RunFolder) -> dict[str, np.ndarray]:
    """What the same kind of net says at a quarter of its width; nothing, if it can't be shrunk."""
    smallest = tiny(config)
    if smallest is None:
        return {}
    kept, curves = Checkpoint(folder.checkpoint("tiny")), watch.curves(folder, "tiny")
    fitted = train(smallest, data, config.seed, [curves], monitor="val_loss", checkpoint=kept)
    return {"tiny": predict(fitted.model, data.val.x)}


def _result(findings: list[Finding], headline: str, metrics: dict[str, float]) -> StageResult:
    return StageResult(
        stage="baseline",
        verdict=overall(findings),
        headline=headline,
        metrics=metrics,
        findings=findings,
    )
