"""Stage 1. Become one with the data: look at it before any net does.

Counts what is in it, divides it once and for all, and draws what a person should see. Nothing
is learnt here, and of the test examples only counts are reported: none is shown.
"""

from __future__ import annotations

import numpy as np

from recipe.checks import data as checks
from recipe.config import Config, RequestError, Task
from recipe.data import Dataset, load
from recipe.data.dataset import read_examples, repeats, split_examples
from recipe.data.profile import (
    conflict_floor,
    duplicate_share,
    far_values,
    feature_table,
    shared_examples,
)
from recipe.findings import Finding, StageResult, Verdict, overall
from recipe.runs import RunFolder, figures

SHEET = 100
"""Examples on the contact sheet."""


def run(config: Config, folder: RunFolder) -> StageResult:
    """Look at the data of a config."""
    limits = config.stages.data
    raw, targets = read_examples(config.data)
    parts = split_examples(config.data, raw, targets)
    data = load(config.data)

    table = feature_table(raw.x, raw.feature_names)
    table.to_csv(folder.file("features.csv"))
    bad = (table["missing"] + table["infinite"]).to_dict()
    bad["target"] = int((~np.isfinite(targets.y)).sum())
    constant = table.index[table["distinct"] <= 1].tolist()
    train_x = raw.x[parts["train"]]

    findings = [
        checks.check_size(len(raw.x), limits.min_examples),
        checks.check_finite(bad, len(raw.x)),
        checks.check_constant(constant, len(table)),
        checks.check_outliers(far_values(train_x, raw.feature_names)),
        checks.check_duplicates(duplicate_share(raw.x), _conflict_accuracy(data)),
        checks.check_shared(
            shared_examples(data.scaling.apply(raw.x), parts), limits.shared, limits.max_shared
        ),
        checks.check_repeats_itself(repeats(config.data)),
    ]
    if targets.task is not Task.REGRESSION:
        counts = {name: _counts(getattr(data, name).y, data) for name in ("train", "val")}
        findings.append(checks.check_class_balance(counts["train"], data.classes, limits.imbalance))
        folder.figure("classes", figures.class_balance(counts, data.classes))
    _draw_examples(data, train_x, folder)

    sizes = {name: len(ids) for name, ids in parts.items()}
    unknown = set(config.data.accept) - {finding.check for finding in findings}
    if unknown:
        known = ", ".join(finding.check for finding in findings)
        raise RequestError(f"data.accept: no check {sorted(unknown)[0]!r}; one of {known}")
    findings = [_accepted(finding, config) for finding in findings]
    what = f"{len(data.classes)} classes" if data.classes else f"targets: {data.prior.size}"
    return StageResult(
        stage="data",
        verdict=overall(findings),
        headline=(
            f"{len(raw.x)} examples, {what} ({targets.task.value}): "
            f"train {sizes['train']}, val {sizes['val']}, test {sizes['test']}"
        ),
        metrics={"examples": len(raw.x), **sizes, "features": len(table)},
        findings=findings,
    )


def _conflict_accuracy(data: Dataset) -> float | None:
    return conflict_floor(data.train.x, data.train.y)[0] if data.classes else None


def _counts(labels: np.ndarray, data: Dataset) -> np.ndarray:
    """Examples of each class; a label outside of the classes is the baseline's to find."""
    inside = labels[(labels >= 0) & (labels < len(data.classes))]
    return np.bincount(inside, minlength=len(data.classes))


def _draw_examples(data: Dataset, train_x: np.ndarray, folder: RunFolder) -> None:
    """Images as a contact sheet with their labels, tables as histograms."""
    if train_x.ndim == 2:
        title = "Features in train, before scaling"
        folder.figure("features", figures.feature_histograms(train_x, data.feature_names, title))
        return
    rows = np.random.default_rng(0).permutation(len(train_x))[:SHEET]
    if data.classes:
        labels = data.train.y[rows]
        known = (labels >= 0) & (labels < len(data.classes))
        titles = [data.classes[y] if ok else f"? {y}" for y, ok in zip(labels, known, strict=True)]
    else:
        assert data.target_scaling is not None
        titles = [f"{y[0]:.3g}" for y in data.target_scaling.undo(data.train.y[rows])]
    title = f"{len(rows)} training examples, drawn at random"
    folder.figure("examples", figures.contact_sheet(train_x[rows], titles, title))


def _accepted(finding: Finding, config: Config) -> Finding:
    """A failure that the config accepts by name becomes a warning that says so."""
    if finding.verdict is not Verdict.FAIL or finding.check not in config.data.accept:
        return finding
    return finding.model_copy(
        update={
            "verdict": Verdict.WARN,
            "message": f"{finding.message} (accepted by data.accept)",
        }
    )
