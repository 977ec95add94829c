"""Doctor: why does this config's net not learn, or learn less than it could?

An experiment beside the stages: it needs none of them. It trains once as the config says, and then
takes away what could be a cause, one thing after another. What it prescribes is a config; whether
that helps is a comparison with seeds of its own.
"""

from __future__ import annotations

import numpy as np
from pydantic import ValidationError

from recipe.compare import Comparison, paired, resolution_of, score_seeds
from recipe.config import Config
from recipe.data import Dataset, load
from recipe.doctor import Diagnosis, diagnose
from recipe.findings import Finding, StageResult, Verdict, judge, overall
from recipe.runs import RunFolder
from recipe.training import batch_size, deciding_metric, new_model, prepare_runtime
from recipe.training.batches import column
from recipe.training.objective import example_weights

MOST = 20_000
"""Training examples that are looked at."""


def run(config: Config, folder: RunFolder) -> StageResult:
    """Diagnose, and try the prescription out if that was asked for."""
    prepare_runtime(config.train.threads)
    settings, data = config.stages.doctor, load(config.data)
    diagnosis = _diagnosed(config, data)
    for note in diagnosis.notes:
        folder.say(f"note: {note}")
    findings: list[Finding] = [*diagnosis.findings]
    if not findings:
        findings.append(
            judge(
                "doctor", True, "Nothing is wrong that this doctor knows of.",
                measured=diagnosis.score, expected="no cause", source="docs/doctor.md",
            )
        )  # fmt: skip
    metrics = {"skill": diagnosis.score, "skill_repaired": diagnosis.repaired}
    prescribed = prescription(config, diagnosis)
    if prescribed != config:
        named = ", ".join(sorted(diagnosis.causes))
        folder.write_config("doctor.yaml", prescribed, f"from: recipe doctor, against {named}")
    causes = ", ".join(sorted(diagnosis.causes)) or "no cause found"
    if prescribed != config and settings.apply:
        helps, compared = _tried(config, prescribed, folder)
        findings.append(helps)
        metrics |= {"gain": compared.difference, "gain_low": compared.low}
        causes += f"; with doctor.yaml it is {compared}"
    return StageResult(
        stage="doctor",
        verdict=overall(findings),
        headline=f"{causes}; skill {diagnosis.score:.2f}",
        metrics=metrics,
        findings=findings,
    )


def prescription(config: Config, diagnosis: Diagnosis) -> Config:
    """The config with all prescriptions that are changes to it, worst cause first."""
    for finding in diagnosis.findings:
        if finding.code not in diagnosis.causes:
            continue
        for key, value in finding.change.items():
            try:
                config = config.replace({key: value})
            except ValidationError:
                continue  # not for this task or family: its words say what to do
    return config


def _diagnosed(config: Config, data: Dataset) -> Diagnosis:
    rows = np.linspace(0, len(data.train) - 1, min(len(data.train), MOST)).astype(int)
    train, val = data.train.take(rows).loaded(), data.val.loaded()
    weights = example_weights(config, data)
    return diagnose(
        new_model(config, data, config.seed),
        train.x,
        column(train.y),
        budget_s=config.stages.doctor.seconds,
        validation_data=(val.x, column(val.y)),
        batch_size=batch_size(config, len(train)),
        epochs=config.train.epochs,
        sample_weight=None if weights is None else weights[rows],
    )


def _tried(config: Config, prescribed: Config, folder: RunFolder) -> tuple[Finding, Comparison]:
    """Train both, with seeds that the diagnosis has not seen."""
    settings = config.stages.doctor
    seeds = range(config.seed + 1, config.seed + 1 + settings.seeds)
    scores = {}
    with folder.progress("trainings", 2 * len(seeds)) as advance:
        for name, each in {"as it is": config, "prescribed": prescribed}.items():
            data = load(each.data)
            scores[name] = score_seeds(each, data, seeds, advance, name, folder.checkpoint)
    metric = deciding_metric(config, data.task)
    compared = paired(
        scores["prescribed"], scores["as it is"], metric, settings.confidence,
        resolution_of(metric, data),
    )  # fmt: skip
    return judge(
        "prescription",
        Verdict.PASS if compared.verdict == "better" else Verdict.WARN,
        f"The prescription is {compared}",
        measured=compared.difference,
        expected="better: the interval is above 0",
        source=f"paired trainings, {settings.seeds} seeds",
        prescription="doctor.yaml is a guess: look at the findings yourself",
    ), compared
