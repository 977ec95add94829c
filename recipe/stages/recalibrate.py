"""Recalibrate: measure what batch norms divide by anew, with dropout off, and see if it helps.

An experiment on the nets that `squeeze` ended with. Nothing is trained: only the statistics of
batch norm change, and both nets are judged on the same validation examples.
"""

from __future__ import annotations

import keras
import numpy as np

from recipe.checks.norm import check_variance_shift
from recipe.compare import bootstrap
from recipe.config import Config, RequestError
from recipe.data import Dataset, load
from recipe.findings import Finding, StageResult, Verdict, judge, overall
from recipe.runs import RunFolder
from recipe.training import deciding_metric, export, gain, predict, prepare_runtime, scores
from recipe.training.ensemble import average, members_of
from recipe.training.population import batch_norms, recalibrate, variance_shift

RESAMPLES = 1000
"""Of the validation examples, for the interval of the gain."""


def run(config: Config, folder: RunFolder) -> StageResult:
    """Recalibrate the nets in `squeeze/model.keras`."""
    prepare_runtime(config.train.threads)
    path = folder.path / "squeeze" / "model.keras"
    if not path.is_file():
        raise RequestError(f"{path}: not there; recalibrate needs the net that squeeze ends with")
    # without the columns that regularize left out, if it did
    data = load(folder.winner("squeeze", "squeezed.yaml", config).data)
    members = members_of(keras.models.load_model(path))
    if not any(batch_norms(member) for member in members):
        raise RequestError("model.norm: this net has no batch norm to recalibrate")

    metric = deciding_metric(config, data.task)
    before = _logits(members, data)
    findings = [check_variance_shift(variance_shift(members[0], data.train.x))]
    for member in members:
        recalibrate(member, data.train.x)
    after = _logits(members, data)
    findings.append(_gain(before, after, config, data, metric))
    export(members, data).save(folder.file("model.keras"))
    old, new = (scores(z, data.val.y, data, config.train.loss)[metric] for z in (before, after))
    return StageResult(
        stage="recalibrate",
        verdict=overall(findings),
        headline=f"val {metric} {old:.4f} -> {new:.4f}, nets: {len(members)}",
        metrics={f"val_{metric}_before": old, f"val_{metric}_after": new},
        findings=findings,
    )


def _logits(members: list[keras.Model], data: Dataset) -> np.ndarray:
    return average([predict(member, data.val.x) for member in members], data.task)


def _gain(
    before: np.ndarray, after: np.ndarray, config: Config, data: Dataset, metric: str
) -> Finding:
    """The same resampled examples for both: what they share does not blur the difference."""
    loss, confidence = config.train.loss, config.stages.recalibrate.confidence

    def gained(rows: np.ndarray) -> float:
        old, new = (scores(z[rows], data.val.y[rows], data, loss)[metric] for z in (before, after))
        return gain(metric, new, old)

    everything = np.arange(len(data.val))
    low, high = bootstrap(gained, len(data.val), RESAMPLES, confidence, seed=0)
    verdict = "better" if low > 0 else "worse" if high < 0 else "inconclusive"
    return judge(
        "recalibration_gain",
        Verdict.WARN if verdict == "worse" else Verdict.PASS,
        f"{verdict}: gain in val {metric} {gained(everything):+.4f} [{low:+.4f}, {high:+.4f}].",
        measured=gained(everything),
        expected="not worse: the interval is not below 0",
        source=f"bootstrap, {RESAMPLES} resamples of the validation examples",
        prescription="keep squeeze/model.keras",
    )
