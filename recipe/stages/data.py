"""Stage 1. Become one with the data: look at it before any net does.

Counts what is in it, divides it once and for all, asks cheap models what can be learnt from it, and
draws what a person should see. No net is trained, and of the test examples only counts are
reported: none is shown.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from recipe.checks import data as checks
from recipe.checks import parts, probes
from recipe.config import Config, RequestError, Task
from recipe.data import Dataset
from recipe.data.cheap import label_quality
from recipe.data.columns import Kind, values
from recipe.data.copies import Copies, near_copies_of_images, near_copies_of_rows
from recipe.data.dataset import Examples, dataset_of, read_examples, repeats
from recipe.data.drift import drift
from recipe.data.equal import content_keys
from recipe.data.leaks import leaks, row_order
from recipe.data.needs import detail, learning_curve, shrink
from recipe.data.profile import (
    across,
    channel_table,
    column_table,
    conflict_floor,
    duplicate_share,
    far_values,
    image_properties,
)
from recipe.data.splits import as_table
from recipe.data.stored import BLOCK, Stored
from recipe.findings import Finding, StageResult, Verdict, listed, overall
from recipe.runs import RunFolder
from recipe.stages import sights

SMALL_SIDE = 32
"""Pixels: images that stay on disk are looked at no larger than this."""

SUSPECTS = 100
"""Most doubtful labels that are listed."""


def run(config: Config, folder: RunFolder) -> StageResult:
    """Look at the data of a config."""
    examples = read_examples(config.data)
    data = dataset_of(examples, config.data)
    _say_what_was_read(examples, folder)
    splits = as_table(examples.parts, examples.keys, examples.named(np.arange(len(examples.keys))))
    splits.to_csv(folder.file("splits.csv"), index=False)
    seen = data.train.ids, data.val.ids
    known = _known(examples, np.sort(np.concatenate(seen)))

    with folder.progress("looking", 6) as advance:
        findings = _values(examples, config, folder)
        advance("values counted")
        copies = _copies(examples)
        findings += _duplicates(examples, copies, config)
        advance("duplicates looked for")
        findings += _labels(examples, data, known, config, folder)
        advance("labels judged")
        findings += _columns(examples, data)
        advance("leaks and drift looked for")
        findings += _needs(examples, data)
        advance("learning curve measured")
        findings.append(checks.check_repeats_itself(repeats(config.data)))
        _note_copies(known, copies)
        known.to_csv(folder.file("examples.csv"), index_label="row")
        sights.draw(examples, data, known, config, folder)
        advance("drawn")

    findings = _with_accepted(findings, config)
    sizes = {name: len(ids) for name, ids in examples.parts.items()}
    count, task = len(examples.keys), examples.targets.task
    what = f"{len(data.classes)} classes" if data.classes else f"targets: {data.prior.size}"
    return StageResult(
        stage="data",
        verdict=overall(findings),
        headline=(
            f"{count} examples, {what} ({task.value}): "
            f"train {sizes['train']}, val {sizes['val']}, test {sizes['test']}"
        ),
        metrics={"examples": count, **sizes, "features": int(np.prod(data.shape))},
        findings=findings,
    )


def _say_what_was_read(examples: Examples, folder: RunFolder) -> None:
    """Every decision that was made about the data, aloud."""
    raw = examples.raw
    folder.say(f"task: {examples.targets.task.value}, because {examples.targets.why}")
    for remark in raw.remarks:
        folder.say(remark)
    if examples.left_out:
        folder.say(f"data.missing: drop left out {examples.left_out} examples")
    if examples.columns:
        for kind in Kind:
            of = [column for column in examples.columns.values() if column.kind is kind]
            if of and kind is not Kind.DROP:
                folder.say(f"{kind.value}: {listed([column.name for column in of])}")
        for column in examples.columns.values():
            if column.kind is Kind.DROP:
                folder.say(f"not used: {column.name}, because {column.why}")


def _known(examples: Examples, rows: np.ndarray) -> pd.DataFrame:
    """What is known of each train and val example before anything is learnt."""
    raw, targets = examples.raw, examples.targets
    part = np.full(len(examples.keys), "", dtype="U5")
    for name, ids in examples.parts.items():
        part[ids] = name
    known = pd.DataFrame({"example": examples.named(rows), "part": part[rows]}, index=rows)
    y = targets.y[rows]
    if targets.task is Task.REGRESSION:
        for place in range(y.shape[1]):
            known["label" if place == 0 else f"label_{place}"] = y[:, place]
    elif targets.task is Task.MULTILABEL:
        known["label"] = ["|".join(np.array(targets.classes)[label == 1]) for label in y]
    else:
        known["label"] = [_class_name(label, targets.classes) for label in y]
    counts = pd.Series(examples.keys).map(pd.Series(examples.keys).value_counts())
    known["copies"] = counts.to_numpy()[rows] - 1
    if isinstance(raw.x, pd.DataFrame):
        assert examples.columns is not None
        table = raw.x.iloc[rows]
        known["missing"] = table.isna().sum(axis=1).to_numpy()
        for column in examples.columns.values():
            if column.kind is Kind.TEXT:
                words = values(column, table[column.name])
                known[f"{column.name} words"] = words.str.split().str.len().to_numpy()
                known[f"{column.name} length"] = words.str.len().to_numpy()
    else:
        properties = image_properties(_taken(raw.x, rows))
        known = known.join(properties.set_axis(rows))
    return known


def _values(examples: Examples, config: Config, folder: RunFolder) -> list[Finding]:
    """Sizes, missing values, constants, outliers, and what could not be read."""
    raw, columns, limits = examples.raw, examples.columns, config.stages.data
    count = len(examples.keys)
    bad = {"target": int((~np.isfinite(examples.targets.y)).sum())}
    far: dict[str, int] = {}
    imputed: dict[str, int] = {}
    if isinstance(raw.x, pd.DataFrame):
        assert columns is not None
        table = column_table(raw.x, columns)
        table.to_csv(folder.file("features.csv"))
        gone = table["missing"][table["kind"].isin(["numeric", "date"])].to_dict()
        if config.data.missing == "impute":
            imputed = {name: number for name, number in gone.items() if number}
        else:
            bad |= gone
        constant = table.index[table["distinct"] <= 1].tolist()
        far = far_values(raw.x.iloc[examples.parts["train"]], columns).to_dict()
        unreadable = {c.name: c.unreadable for c in columns.values() if c.unreadable}
    else:
        table = channel_table(raw.x)
        table.to_csv(folder.file("features.csv"))
        bad |= (table["missing"] + table["infinite"]).to_dict()
        constant = table.index[table["min"] == table["max"]].tolist()
        unreadable = {}
    return [
        checks.check_size(count, limits.min_examples),
        checks.check_readable(raw.corrupt, count + len(raw.corrupt), unreadable),
        checks.check_finite(bad, count, imputed),
        checks.check_constant(constant, len(table)),
        checks.check_outliers(far),
    ]


def _copies(examples: Examples) -> Copies | None:
    """Near copies among all examples; None where copies can't be told from neighbours."""
    x, columns = examples.raw.x, examples.columns
    if not isinstance(x, pd.DataFrame):
        return near_copies_of_images(_small(x), examples.parts)
    assert columns is not None
    numeric = [c for c in columns.values() if c.kind is Kind.NUMERIC]
    others = [c.name for c in columns.values() if c.kind not in (Kind.NUMERIC, Kind.DROP)]
    if not numeric:
        return None
    numbers = np.stack([values(c, x[c.name]).to_numpy(np.float64) for c in numeric], axis=1)
    rest = content_keys(x[others]).view(np.int64) if others else np.zeros(len(x), np.int64)
    return near_copies_of_rows(numbers, rest, examples.parts)


def _duplicates(examples: Examples, copies: Copies | None, config: Config) -> list[Finding]:
    """Equal and nearly equal examples, within the data and across its parts."""
    limits, keys, targets = config.stages.data, examples.keys, examples.targets
    possible = None
    if targets.task is not Task.REGRESSION:
        rows = examples.parts["train"]
        possible = conflict_floor(keys[rows], targets.y[rows])[0]
    return [
        checks.check_duplicates(duplicate_share(keys), possible),
        parts.check_across(across(keys, examples.parts), limits.max_shared),
        parts.check_near_copies(copies, limits.shared),
    ]


def _labels(
    examples: Examples, data: Dataset, known: pd.DataFrame, config: Config, folder: RunFolder
) -> list[Finding]:
    """Balance of the classes, and labels that do not fit what the other examples teach."""
    task, classes = data.task, data.classes
    if task is Task.REGRESSION:
        return []
    counts = {name: sights.counts(getattr(data, name).y, classes) for name in ("train", "val")}
    findings = [checks.check_class_balance(counts["train"], classes, config.stages.data.imbalance)]
    sights.draw_classes(counts, classes, folder)
    if task is Task.MULTILABEL:
        return findings
    x, y = _as_the_net_sees(data, known.index.to_numpy(), examples)
    quality = label_quality(x, y, config.data.split.seed)
    findings.append(probes.check_label_noise(quality))
    if quality is not None:
        known["label_quality"] = quality.scores
        suspects = known.sort_values("label_quality", kind="stable").head(SUSPECTS)
        suspects.to_csv(folder.file("suspects.csv"), index_label="row")
    return findings


def _columns(examples: Examples, data: Dataset) -> list[Finding]:
    """Columns that tell the target, and columns that differ from part to part."""
    task, x, targets = data.task, examples.raw.x, examples.targets
    rows = np.sort(np.concatenate([data.train.ids, data.val.ids]))  # test targets stay locked
    y = (targets.y[:, 0] if targets.y.ndim == 2 else targets.y)[rows]
    seed = 0
    order = row_order(y, task is Task.REGRESSION, seed)
    if not isinstance(x, pd.DataFrame):
        return [parts.check_leakage(None, order)]
    assert examples.columns is not None
    features, _ = _as_the_net_sees(data, rows, examples)
    dropped = _dropped(examples, rows)
    found = leaks(
        np.concatenate([features, *dropped.values()], axis=1),
        y,
        task is Task.REGRESSION,
        np.array([*data.features.origin, *dropped]),
        seed,
    )
    used = [c for c in examples.columns.values() if c.kind is not Kind.DROP]
    raw = {
        c.name: values(c, x[c.name]) if c.kind in (Kind.NUMERIC, Kind.DATE) else x[c.name]
        for c in used
        if c.kind is not Kind.TEXT
    }
    drifted = drift(pd.DataFrame(raw), examples.parts)
    return [parts.check_leakage(found, order, tuple(dropped)), parts.check_drift(drifted)]


def _dropped(examples: Examples, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Columns that the net is not shown and that may tell the target, (examples, 1) each."""
    x, found = examples.raw.x, {}
    assert isinstance(x, pd.DataFrame)
    for column in (examples.columns or {}).values():
        if column.kind is Kind.DROP and x[column.name].nunique() > 1:
            raw = x[column.name].iloc[rows]
            is_number = pd.api.types.is_numeric_dtype(raw)
            codes = raw if is_number else raw.astype("category").cat.codes
            found[column.name] = np.nan_to_num(codes.to_numpy(np.float32))[:, np.newaxis]
    return found


def _needs(examples: Examples, data: Dataset) -> list[Finding]:
    """Would more examples help, and would smaller images do?"""
    regression = data.task is Task.REGRESSION
    if data.task is Task.MULTILABEL or not np.isfinite(examples.targets.y).all():
        return []  # of a missing target, the stage fails for it, not in here
    train_x, train_y = _as_the_net_sees(data, data.train.ids, examples)
    val_x, val_y = _as_the_net_sees(data, data.val.ids, examples)
    curve = learning_curve(train_x, train_y, val_x, val_y, regression)
    findings = [probes.check_more_data(curve)]
    if data.is_images:
        sizes = detail(train_x, train_y, val_x, val_y, regression, 0)
        findings.append(probes.check_detail(sizes))
    return findings


def _as_the_net_sees(
    data: Dataset, ids: np.ndarray, examples: Examples
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and first target of train and val examples by row number; large images are small."""
    y = examples.targets.y[ids]
    y = y[:, 0] if y.ndim == 2 else y
    if data.is_images:
        return _small(_taken(examples.raw.x, ids)), y
    x = np.concatenate([data.train.x, data.val.x])
    place = pd.Series(np.arange(len(x)), np.concatenate([data.train.ids, data.val.ids]))
    # where missing values were kept, the stage fails for them, not in here
    return np.nan_to_num(x[place[ids].to_numpy()]), y


def _note_copies(known: pd.DataFrame, copies: Copies | None) -> None:
    """Which other example each is nearly equal to, as its row number."""
    if copies is not None and len(copies.pairs):
        both = np.concatenate([copies.pairs, copies.pairs[:, ::-1]])
        of = pd.Series(both[:, 1], both[:, 0])
        known["near_copy_of"] = of[~of.index.duplicated()].reindex(known.index)


def _taken(x: np.ndarray | Stored | pd.DataFrame, rows: np.ndarray) -> np.ndarray | Stored:
    assert not isinstance(x, pd.DataFrame)
    return x.take(rows) if isinstance(x, Stored) else x[rows]


def _small(x: np.ndarray | Stored) -> np.ndarray:
    """Images in memory: those on disk, averaged down."""
    if isinstance(x, np.ndarray):
        return x
    factor = max(min(x.shape[1:3]) // SMALL_SIDE, 1)
    blocks = [shrink(x[start : start + BLOCK], factor) for start in range(0, len(x), BLOCK)]
    return np.concatenate(blocks).astype(np.float32)


def _class_name(label: int, classes: tuple[str, ...]) -> str:
    """A label outside of the classes is the baseline's to find."""
    return classes[label] if 0 <= label < len(classes) else f"? {label}"


def _with_accepted(findings: list[Finding], config: Config) -> list[Finding]:
    """A failure that the config accepts by name becomes a warning that says so.

    Raises:
        RequestError: there is no check of an accepted name.
    """
    unknown = set(config.data.accept) - {finding.check for finding in findings}
    if unknown:
        known = ", ".join(finding.check for finding in findings)
        raise RequestError(f"data.accept: no check {sorted(unknown)[0]!r}; one of {known}")
    return [
        finding.model_copy(
            update={
                "verdict": Verdict.WARN,
                "message": f"{finding.message} (accepted by data.accept)",
            }
        )
        if finding.verdict is Verdict.FAIL and finding.check in config.data.accept
        else finding
        for finding in findings
    ]
