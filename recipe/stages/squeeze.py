"""Stage 6. Squeeze out the juice: an ensemble, a longer training, and the test set, once.

What is decided here is decided on validation examples. Only then are the test targets read, and
the reading is recorded: a number that was looked at twice is no longer a test.
"""

from __future__ import annotations

import keras
import numpy as np

from recipe.checks.learning import check_prediction_jitter, check_trains
from recipe.checks.norm import check_variance_shift
from recipe.compare import Comparison, bootstrap, paired, resolution_of
from recipe.config import Config, Task
from recipe.data import Dataset, load
from recipe.data.dataset import fingerprint as data_fingerprint
from recipe.data.test_set import open_test_set
from recipe.findings import Finding, StageResult, Verdict, judge, overall
from recipe.runs import RunFolder, figures, fingerprint
from recipe.runs.console import Advance
from recipe.runs.manifest import record_opening
from recipe.stages import human, watch
from recipe.training import (
    Checkpoint,
    Dynamics,
    average,
    deciding_metric,
    dumb_logits,
    evaluate,
    export,
    gain,
    predict,
    predictions,
    prepare_runtime,
    scores,
    train,
)
from recipe.training.population import has_dropout_and_batch_norm, variance_shift

SOURCE = 'Karpathy, "A Recipe for Training Neural Networks" (2019), step 6'


def run(config: Config, folder: RunFolder) -> StageResult:
    """Decide between one net and several, short and long training; then judge, once."""
    prepare_runtime(config.train.threads)
    settings = config.stages.squeeze
    best = folder.winner("tune", "best.yaml", config)
    data = load(best.data)
    metric = deciding_metric(best, data.task)
    longer = best.replace({"train.epochs": round(best.train.epochs * settings.longer)})

    with folder.progress("trainings", 2 * settings.members) as advance:
        followed, patiently = watch.dynamics(data), watch.dynamics(data)
        members = _members(best, data, folder, "members", followed, advance)
        patient = _members(longer, data, folder, "longer", patiently, advance)
    single = _val_scores(best, members, data)
    trains = check_trains(single, metric)
    if trains.verdict is Verdict.FAIL:  # the test set stays closed
        return StageResult(
            stage="squeeze", verdict=Verdict.FAIL, headline=trains.message, findings=[trains]
        )
    least = resolution_of(metric, data)
    waited = paired(_val_scores(best, patient, data), single, metric, settings.confidence, least)
    findings = [
        trains,
        _finding("longer_training", f"{longer.train.epochs} epochs: {waited}", waited),
    ]
    if waited.verdict == "better":
        members, single, best = patient, _val_scores(best, patient, data), longer
        followed = patiently
    findings.append(check_prediction_jitter(followed.flips, followed.jitter, len(followed.epochs)))
    if has_dropout_and_batch_norm(members[0]):
        findings.append(check_variance_shift(variance_shift(members[0], data.train.x)))
    watch.draw_dynamics(followed, folder)

    averaged = average([predict(m, data.val.x) for m in members], data.task)
    together = scores(averaged, data.val.y, data, best.train.loss)
    alone = float(np.mean(single))
    gained = gain(metric, together[metric], alone)
    members = members if gained > 0 else members[:1]
    kept = "averaged" if gained > 0 else "one kept"
    findings.append(
        judge(
            "ensemble",
            Verdict.PASS,
            f"{settings.members} nets: val {metric} {together[metric]:.4f} averaged, "
            f"{alone:.4f} alone; {kept}.",
            measured=gained,
            expected="above 0, else a single net is kept",
            source=f"{SOURCE}, ensembles; checklist row 6.1",
        )
    )
    folder.write_config("squeezed.yaml", best, f"from: recipe squeeze, {len(members)} members")
    export(members, data).save(folder.file("model.keras"))

    tested, baselines = _open_test_set(best, members, data, folder, metric, findings)
    score, low, high = tested
    rows: list[figures.Score] = [
        *((name, value, None, None) for name, value in baselines.items()),
        *human.row(human.score(config, folder), metric),
        (f"squeezed ({kept})", score, low, high),
    ]
    folder.figure(
        "test", figures.ladder_of_scores(rows, "The test set, opened once", f"test {metric}")
    )
    return StageResult(
        stage="squeeze",
        verdict=overall(findings),
        headline=(
            f"{settings.members} members, {kept}: test {metric} {score:.4f}, "
            f"{settings.confidence:.0%} interval {low:.4f} to {high:.4f}"
        ),
        metrics={
            f"test_{metric}": score,
            f"test_{metric}_low": low,
            f"test_{metric}_high": high,
            f"val_{metric}_single": alone,
            f"val_{metric}_ensemble": together[metric],
            "confidence": settings.confidence,
            "members": len(members),
            **{f"test_{name}_{metric}": value for name, value in baselines.items()},
        },
        findings=findings,
    )


def _members(
    config: Config,
    data: Dataset,
    folder: RunFolder,
    kind: str,
    followed: Dynamics,
    advance: Advance,
) -> list[keras.Model]:
    """One net for each seed; the first is looked into, the others differ by their seed alone."""
    models = []
    members = config.stages.squeeze.members
    for seed in range(config.seed, config.seed + members):
        name = f"{kind}_{seed}"
        kept = Checkpoint(folder.checkpoint(name))
        if seed == config.seed:
            log = [followed, *watch.inside(folder, name, data.train)]
            sample = data.train.drawn(len(data.val))
        else:
            log, sample = [watch.curves(folder, name)], None
        fitted = train(config, data, seed, log, sample=sample, checkpoint=kept, trainings=members)
        models.append(fitted.model)
        advance(f"{kind}, seed {seed}, {config.train.epochs} epochs")
    return models


def _val_scores(config: Config, models: list[keras.Model], data: Dataset) -> list[float]:
    metric = deciding_metric(config, data.task)
    return [evaluate(m, data.val, data, config.train.loss)[metric] for m in models]


def _open_test_set(
    config: Config,
    members: list[keras.Model],
    data: Dataset,
    folder: RunFolder,
    metric: str,
    findings: list[Finding],
) -> tuple[tuple[float, float, float], dict[str, float]]:
    """Read the test targets, record it, and score the members and the dumb baselines."""
    settings, loss = config.stages.squeeze, config.train.loss
    weights = [weight.tobytes() for model in members for weight in model.get_weights()]
    opened = [*weights, data.test_ids.tobytes(), data_fingerprint(config.data).encode()]
    openings = record_opening(folder, fingerprint.of_bytes(opened))
    test = open_test_set(config.data, data)
    on_val, logits = (
        average([predict(model, split.x) for model in members], data.task)
        for split in (data.val, test)
    )
    interval = bootstrap(
        lambda rows: scores(logits[rows], test.y[rows], data, loss)[metric],
        len(test), settings.resamples, settings.confidence, config.seed,
    )  # fmt: skip
    folder.keep(
        "predictions",
        predictions(on_val, data.val, "val", data, loss)
        | predictions(logits, test, "test", data, loss),
    )
    score = scores(logits, test.y, data, loss)[metric]
    baselines = {
        name: scores(z, test.y, data, loss)[metric]
        for name, z in dumb_logits(data, test.x, loss).items()
    }
    strongest = max(baselines, key=lambda name: gain(metric, baselines[name], 0.0))
    worst_end = min(interval, key=lambda value: gain(metric, value, 0.0))
    above = gain(metric, worst_end, baselines[strongest]) > 0
    findings += [
        judge(
            "test_beats_baselines",
            Verdict.PASS if above else Verdict.WARN,
            f"Test {metric} {score:.4f} [{interval[0]:.4f}, {interval[1]:.4f}] on "
            f"{len(test)} examples; {strongest} reaches {baselines[strongest]:.4f}.",
            measured=score,
            expected=f"the whole interval better than {baselines[strongest]:.4f}",
            source=f"{SOURCE}; bootstrap, {settings.resamples} resamples",
            prescription=f"consider the {strongest} model: it is simpler",
        ),
        judge(
            "test_openings",
            Verdict.PASS if openings == 1 else Verdict.WARN,
            f"The test targets were opened for {openings} model{'s' * (openings > 1)}.",
            measured=openings,
            expected="1",
            source="checklist row 6.4",
        ),
    ]
    if data.task in (Task.BINARY, Task.MULTICLASS):
        guesses = logits.argmax(axis=1) if logits.shape[1] > 1 else (logits[:, 0] > 0).astype(int)
        matrix = np.zeros((len(data.classes),) * 2, int)
        np.add.at(matrix, (test.y, guesses), 1)
        folder.figure("confusion", figures.confusion(matrix, data.classes))
    return (score, *interval), baselines


def _finding(check: str, message: str, found: Comparison) -> Finding:
    return judge(
        check,
        Verdict.PASS,
        message,
        measured=found.difference,
        expected="better: the whole interval above 0; else the shorter training stays",
        source=f"{SOURCE}, leave it training; checklist row 6.3",
    )
