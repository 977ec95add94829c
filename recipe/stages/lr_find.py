"""Learning rate: raise it step by step, and verify what that suggests in short trainings.

An experiment beside the stages: it needs none of them, and none waits for it. A range test takes
seconds and is a guess; so nets are trained for as many steps at constant rates around it and at the
config's own, with paired seeds that the range test has not seen. A short training likes higher
rates than a long one: it finds the right order of magnitude, `tune` the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace

import numpy as np

from recipe.checks import rate as checks
from recipe.compare import Comparison, paired, score_seeds
from recipe.config import Config
from recipe.data import Dataset, load
from recipe.findings import Finding, StageResult, Verdict, overall
from recipe.runs import RunFolder, figures
from recipe.training import batch_size, losses, new_model, prepare_runtime, steps_per_epoch
from recipe.training.objective import example_weights, prior_logits
from recipe.training.range_test import (
    BEGUN,
    SETTLED,
    Curve,
    Estimate,
    over_seeds,
    range_test,
    suggestion,
)

AROUND = (1 / 3, 1, 3)
"""Times the suggestion: the rates that are verified, beside the config's own."""


def run(config: Config, folder: RunFolder) -> StageResult:
    """Suggest a learning rate, and verify it."""
    prepare_runtime(config.train.threads)
    asked, config = (
        config,
        config.replace(
            {
                "train.strategy": "single",  # the same, sooner
                "train.schedule": "constant",  # a short training must not end its fall early
                "train.warmup": 0.0,
            }
        ),
    )
    settings, current = config.stages.lr_find, config.train.learning_rate
    data = load(config.data)

    curves = _curves(config, data, folder)
    findings = [_check_first_steps(config, curves)]
    if findings[0].verdict is Verdict.FAIL:
        return _result(findings, "no rate to suggest", {"config_rate": current})
    guess = suggestion(curves, settings.confidence)
    suggested = _two_digits(guess.value)
    findings.append(_check_range(config, curves, guess))
    _draw_curves(curves, guess, current, folder)

    around = [_two_digits(guess.value * times) for times in AROUND]
    scores = _short_trainings(config, data, list(dict.fromkeys([*around, current])), folder)
    findings.append(_check_learns(config, data, scores))
    metrics = _metrics(curves, guess, current, scores)
    if findings[-1].verdict is Verdict.FAIL:
        return _result(findings, f"{suggested:g} suggested, but nothing learns", metrics)

    def gain(new: float, old: float) -> Comparison:
        return paired(scores[new], scores[old], "loss", settings.confidence)

    others = {rate: gain(rate, suggested) for rate in scores if rate != suggested}
    better = [rate for rate, compared in others.items() if compared.verdict == "better"]
    found = min(better, key=lambda rate: others[rate].new) if better else suggested
    over = gain(found, current)
    diverged = int((~np.isfinite(scores[current])).sum())
    findings += [
        checks.check_suggestion(suggested, {r: _ends(c) for r, c in others.items()}, found),
        checks.check_config_rate(current, found, _ends(over), diverged),
    ]
    _draw_gains(others, suggested, config, folder)
    kept = found if over.verdict == "better" else current
    said = f"{found:g} against the config's {current:g}: {over}"
    if found == current:
        said = "the config's own, no other is better"
    elif diverged:
        said = f"the config's {current:g} diverged on {diverged} of {settings.seeds} seeds"
    won = asked.replace({"train.learning_rate": kept})
    folder.write_config("rate.yaml", won, f"from: recipe lr-find, keeping {kept:g}; {said}")
    metrics |= {"verified_rate": found, "gain": over.difference, "gain_low": over.low}
    metrics |= {"gain_high": over.high, "rate": kept}
    return _result(findings, f"train.learning_rate: {kept:g}; {said}", metrics)


def _curves(config: Config, data: Dataset, folder: RunFolder) -> list[Curve]:
    """One range test for each seed; their mean goes to TensorBoard."""
    settings = config.stages.lr_find
    tests = range_test(
        lambda seed: new_model(config, data, seed),
        data.train,
        seeds=range(config.seed, config.seed + settings.seeds),
        rates=np.geomspace(settings.low, settings.high, settings.steps),
        batch_size=batch_size(config, len(data.train)),
        weights=example_weights(config, data),
    )
    curves = []
    with folder.progress("range tests", settings.seeds) as advance:
        for curve in tests:
            curves.append(curve)
            advance(
                f"loss {curve.losses[0]:.4g} to {curve.smoothed.min():.4g}, "
                f"{len(curve.losses)} steps up to {curve.rates[-1]:.2g}"
                if len(curve.losses)
                else "the first loss is not finite"
            )
    with folder.board("range_test") as board:
        for step in range(min(len(curve.losses) for curve in curves)):
            seen = {
                "batch_loss": np.mean([curve.losses[step] for curve in curves]),
                "batch_loss_smoothed": np.mean([curve.smoothed[step] for curve in curves]),
                "batch_learning_rate": curves[0].rates[step],
            }
            board.scalars({tag: float(value) for tag, value in seen.items()}, step)
    return curves


def _check_first_steps(config: Config, curves: Sequence[Curve]) -> Finding:
    made = [len(curve.losses) for curve in curves]
    return checks.check_first_steps(made, 2 * BEGUN, config.stages.lr_find.low)


def _check_range(config: Config, curves: Sequence[Curve], guess: Estimate) -> Finding:
    settings = config.stages.lr_find
    fall = over_seeds([curve.fall for curve in curves], settings.confidence)
    is_at_end = any(curve.lowest >= settings.steps - SETTLED for curve in curves)
    return checks.check_range(astuple(guess), astuple(fall), is_at_end, settings.high)


def _draw_curves(
    curves: Sequence[Curve], guess: Estimate, current: float, folder: RunFolder
) -> None:
    ends = f"{guess.value:.2g} [{guess.low:.2g}, {guess.high:.2g}]"
    figure = figures.range_curve(
        [curve.rates for curve in curves],
        [curve.smoothed for curve in curves],
        astuple(guess),
        current,
        f"Range test: {ends} suggested, {len(curves)} seeds",
    )
    folder.figure("range_test", figure)


def _draw_gains(
    others: Mapping[float, Comparison], suggested: float, config: Config, folder: RunFolder
) -> None:
    settings = config.stages.lr_find
    rows = [(f"rate {rate:g}", *_ends(c), c.verdict) for rate, c in sorted(others.items())]
    title = f"Short trainings: does {suggested:g} hold? {settings.seeds} seeds each"
    label = f"gain in validation loss, {settings.confidence:.0%} interval"
    folder.figure("verified", figures.intervals(rows, title, label, zero=f"rate {suggested:g}"))


def _metrics(
    curves: Sequence[Curve],
    guess: Estimate,
    current: float,
    scores: Mapping[float, Sequence[float]],
) -> dict[str, float]:
    return {
        "suggestion": guess.value,
        "suggestion_low": guess.low,
        "suggestion_high": guess.high,
        "lowest_rate": _middle([curve.rates[curve.lowest] for curve in curves]),
        "largest_rate": _middle([curve.rates[curve.largest] for curve in curves]),
        "steepest_rate": _middle([curve.rates[curve.steepest] for curve in curves]),
        "config_rate": current,
        **{f"val_loss_at_{rate:g}": float(np.mean(seeds)) for rate, seeds in scores.items()},
    }


def _short_trainings(
    config: Config, data: Dataset, rates: Sequence[float], folder: RunFolder
) -> dict[float, list[float]]:
    """Validation loss at each rate, after as many steps as a range test has, for each seed."""
    settings = config.stages.lr_find
    data = replace(_few(config, data), val=_balanced(config, data).val)
    short = config.replace(
        {
            "train.metric": "loss",
            "train.early_stopping": None,
            "train.epochs": -(-settings.steps // steps_per_epoch(config, len(data.train))),
        }
    )
    # not those of the range test, which chose the rate
    seeds = range(config.seed + settings.seeds, config.seed + 2 * settings.seeds)
    with folder.progress("trainings", len(rates) * len(seeds)) as advance:
        return {
            rate: score_seeds(
                short.replace({"train.learning_rate": rate}),
                data, seeds, advance, f"rate {rate:g}", folder.checkpoint,
            )
            for rate in rates
        }  # fmt: skip


def _few(config: Config, data: Dataset) -> Dataset:
    """No more training examples than the steps take: the budget is in steps, not in epochs."""
    most = config.stages.lr_find.steps * batch_size(config, len(data.train))
    rows = np.random.default_rng(config.seed).permutation(len(data.train))[:most]
    return replace(data, train=data.train.take(np.sort(rows)))


def _balanced(config: Config, data: Dataset) -> Dataset:
    """Where training weighs classes the same, validation does too: rare ones are repeated."""
    if config.train.class_weight == "none":
        return data
    counts = np.bincount(data.val.y, minlength=len(data.classes))
    times = np.rint(counts.max() / np.maximum(counts, 1)).astype(int)[data.val.y]
    return replace(data, val=data.val.take(np.repeat(np.arange(len(data.val)), times)))


def _check_learns(
    config: Config, data: Dataset, scores: Mapping[float, Sequence[float]]
) -> Finding:
    """The best rate that diverged on no seed, against what is known without any input."""
    val = _balanced(config, data).val
    bias = prior_logits(config.replace({"train.label_smoothing": 0.0}), data)
    prior = float(losses(np.tile(bias, (len(val), 1)), val.y, data.task, config.train.loss).mean())
    sound = {rate: float(np.mean(s)) for rate, s in scores.items() if np.isfinite(s).all()}
    if not sound:
        nothing = (float("nan"),) * 3
        return checks.check_rate_learns(min(scores), nothing)
    best = min(sound, key=lambda rate: sound[rate])
    gains = [(prior - score) / prior for score in scores[best]]
    found = over_seeds(gains, config.stages.lr_find.confidence)
    return checks.check_rate_learns(best, astuple(found))


def _ends(compared: Comparison) -> checks.Interval:
    return compared.difference, compared.low, compared.high


def _middle(rates: Sequence[float]) -> float:
    """Geometric mean: rates are compared by how many times one is the other."""
    return float(np.exp(np.mean(np.log(rates))))


def _two_digits(rate: float) -> float:
    """More would promise what no seed keeps."""
    return float(f"{rate:.1e}")


def _result(findings: list[Finding], headline: str, metrics: dict[str, float]) -> StageResult:
    return StageResult(
        stage="lr-find",
        verdict=overall(findings),
        headline=headline,
        metrics=metrics,
        findings=findings,
    )
