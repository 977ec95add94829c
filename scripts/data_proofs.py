"""The parts of `make proof` about the data stage: what it finds, and that it is quiet otherwise.

scikit-learn's bundled sets are always measured. `DATA=` names a folder with more: the tables
adult, california, phoneme, spambase, wine_white and sms_spam as train.csv.gz and test.csv.gz,
and mnist/mnist.npz; every row says on how many sets it was measured.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rows import measured

from recipe.config import DataConfig, Task
from recipe.data import Dataset
from recipe.data.cheap import label_quality
from recipe.data.columns import Kind, values
from recipe.data.copies import near_copies_of_images, near_copies_of_rows
from recipe.data.dataset import Examples, dataset_of, read_examples
from recipe.data.equal import content_keys, equal_groups
from recipe.data.leaks import leaks
from recipe.data.profile import duplicate_share
from recipe.runs.files import read_json
from recipe.stages import STAGES
from tests.data import planted

BUNDLED = ("breast_cancer", "diabetes", "digits", "iris", "wine")
TABLES = ("adult", "california", "phoneme", "spambase", "wine_white", "sms_spam")

MOST_WARNINGS = 3
COPIES = 500
"""Planted in each set, or a third of its test examples."""

FLIPPED = 0.05
SEED = 0

Change = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Set:
    """A data set as the product reads it."""

    name: str
    config: DataConfig
    examples: Examples

    @property
    def numbers(self) -> np.ndarray:
        """Its numeric columns, (examples, columns)."""
        table, columns = self.examples.raw.x, self.examples.columns
        assert isinstance(table, pd.DataFrame)
        assert columns is not None
        chosen = [c for c in columns.values() if c.kind is Kind.NUMERIC]
        return np.stack([values(c, table[c.name]).to_numpy(np.float64) for c in chosen], axis=1)

    @property
    def dataset(self) -> Dataset:
        """What the net is given."""
        return dataset_of(self.examples, self.config)


def quiet(home: Path) -> list[dict[str, Any]]:
    """By the defaults: no failure and few warnings; in bundled sets through all six stages."""
    # linnerud is failed, as it should be: 20 examples are too few to train and to judge a net
    configs = {name: f"data:\n  source: sklearn:{name}\n" for name in BUNDLED}
    if _more():
        for name in TABLES:
            command = [sys.executable, "-m", "recipe", "init", str(_more() / name)]
            made = subprocess.run(command, capture_output=True, text=True, check=True)
            configs[name] = made.stdout
    quiet_sets = passed = whole = 0
    home.mkdir(parents=True, exist_ok=True)
    for name, text in configs.items():
        path = home / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        is_bundled = name in BUNDLED
        shutil.rmtree(home / name, ignore_errors=True)
        for command in ("run",) if is_bundled else ("data", "baseline"):
            typed = [sys.executable, "-m", "recipe", command, str(path), "--runs", str(home)]
            subprocess.run([*typed, "--quiet"], check=False)
        verdicts = {}
        for stage in STAGES if is_bundled else ("data", "baseline"):
            result = read_json(home / name / stage / "result.json") or {"findings": []}
            verdicts[stage] = [finding["verdict"] for finding in result["findings"]]
        said = {stage: (v.count("warn"), v.count("fail")) for stage, v in verdicts.items()}
        print(f"{name}: warnings and failures {said}", flush=True)
        quiet = {
            stage: bool(verdicts[stage]) and warnings <= MOST_WARNINGS and failures == 0
            for stage, (warnings, failures) in said.items()
        }
        quiet_sets += quiet["data"]
        passed += bool(verdicts["baseline"]) and said["baseline"][1] == 0
        whole += is_bundled and all(quiet.values())
    of, bundled = len(configs), len(BUNDLED)
    return [
        _share_of(
            f"data: {of} sets with no fail and at most {MOST_WARNINGS} warn", quiet_sets / of
        ),
        _share_of(f"baseline: passed on {of} sets without a hand edit", passed / of),
        _share_of(
            f"all six stages: {bundled} bundled sets with no fail and at most {MOST_WARNINGS} "
            "warn a stage", whole / bundled,
        ),
    ]  # fmt: skip


def found(home: Path) -> list[dict[str, Any]]:
    """Faults planted in clean data, and the share of them that is found."""
    tables, images = list(_tables()), list(_images())
    rows = [
        _least("exact duplicates: equal to pandas' count", _duplicates(tables), 1),
        _least("near copies with 1 % noise, found", _row_copies(tables), 0.9),
    ]
    for change in (planted.shifted, planted.compressed, planted.brightened):
        name = f"images {change.__name__}, found"
        rows.append(_least(name, _image_copies(images, change), 0.9))
    for leak in (planted.target_copy, planted.noisy_target, planted.sorted_id):
        name = f"leaks ({leak.__name__.replace('_', ' ')}), named"
        rows.append(_least(name, _leaks(tables, leak), 1))
    apart, overlapping = _flipped()
    rows.append(_least("flipped labels in the lowest tenth", apart, 0.85))
    if overlapping:
        name = "flipped labels in the lowest twentieth, times the base rate (classes overlap)"
        rows.append(_least(name, overlapping, 6))
    return rows


def _duplicates(sets: list[Set]) -> dict[str, float]:
    """Whether as many rows repeat an earlier one as pandas counts."""
    said = {}
    for one in sets:
        table = one.examples.raw.x
        rows = np.random.default_rng(SEED).integers(0, len(table), len(table) // 20)
        doubled = pd.concat([table, table.iloc[rows]], ignore_index=True)
        ours = duplicate_share(content_keys(doubled)) * len(doubled)
        said[one.name] = float(round(ours) == int(doubled.duplicated().sum()))
    return said


def _row_copies(sets: list[Set]) -> dict[str, float]:
    """Where copies can be told from neighbours at all."""
    said = {}
    for one in sets:
        numbers = one.numbers
        parts = planted.random_parts(len(numbers), SEED)
        rows, pairs = planted.row_copies(numbers, parts, _count(parts), SEED)
        copies = near_copies_of_rows(rows, np.zeros(len(rows), np.int64), parts)
        if copies is not None:
            said[one.name] = _share(pairs, copies.pairs, equal_groups(rows))
    return said


def _image_copies(sets: list[tuple[str, np.ndarray]], change: Change) -> dict[str, float]:
    said = {}
    for name, images in sets:
        parts = planted.random_parts(len(images), SEED)
        changed, pairs = planted.image_copies(images, parts, change, _count(parts))
        copies = near_copies_of_images(changed, parts)
        assert copies is not None
        said[name] = _share(pairs, copies.pairs, equal_groups(changed))
    return said


def _leaks(sets: list[Set], leak: Callable[[np.ndarray, int], np.ndarray]) -> dict[str, float]:
    """Whether the planted column is named, beside the features of the others."""
    said = {}
    for one in sets:
        data, y = one.dataset, one.examples.targets.y
        regression = one.examples.targets.task is Task.REGRESSION
        y = (y[:, 0] if y.ndim == 2 else y)[data.train.ids]
        x = np.column_stack([data.train.x, leak(y.astype(np.float64), SEED)])
        columns = np.array([*data.features.origin, "planted"])
        named = [found.column for found in leaks(x, y, regression, columns, SEED)]
        said[one.name] = float("planted" in named)
    return said


def _flipped() -> tuple[dict[str, float], dict[str, float]]:
    """Where classes are apart, recall in the lowest tenth; else precision over the base rate."""
    apart: dict[str, float] = {}
    overlapping: dict[str, float] = {}
    for one in (*_some("sklearn:digits", "sklearn:breast_cancer"), *_with_labels()):
        data, y = one.dataset, one.examples.targets.y
        labels, rows = planted.flipped_labels(y[data.train.ids], FLIPPED, SEED)
        quality = label_quality(np.asarray(data.train.x), labels, SEED)
        assert quality is not None
        order = np.argsort(quality.scores)
        if one.name in ("adult", "phoneme"):
            lowest = order[: round(FLIPPED * len(order))]
            overlapping[one.name] = float(np.isin(lowest, rows).mean() / FLIPPED)
        else:
            lowest = order[: len(order) // 10]
            apart[one.name] = float(np.isin(rows, lowest).mean())
    return apart, overlapping


def _tables() -> Iterator[Set]:
    yield from _some(*(f"sklearn:{name}" for name in BUNDLED if name != "digits"))
    if _more():
        yield from _some(*(f"csv:{_more() / name}" for name in TABLES if name != "sms_spam"))


def _images() -> Iterator[tuple[str, np.ndarray]]:
    yield "made", planted.landscapes(2000, SEED)
    if _more():
        yield "mnist", read_examples(DataConfig(source=_mnist())).raw.x


def _with_labels() -> Iterator[Set]:
    if _more():
        yield from _some(_mnist(), f"csv:{_more() / 'adult'}", f"csv:{_more() / 'phoneme'}")


def _some(*sources: str) -> Iterator[Set]:
    for source in sources:
        name = Path(source.partition(":")[2]).stem
        config = DataConfig(source=source, target="target" if source.startswith("csv") else None)
        yield Set(name, config, read_examples(config))


def _mnist() -> str:
    return f"npz:{_more() / 'mnist' / 'mnist.npz'}"


def _more() -> Path | None:
    given = os.environ.get("DATA")
    return Path(given) if given else None


def _count(parts: planted.Parts) -> int:
    return min(COPIES, len(parts["test"]) // 3)


def _share(planted_pairs: np.ndarray, pairs: np.ndarray, groups: np.ndarray) -> float:
    """Of the planted pairs, how many are among those found; equal examples stand for each other."""
    known = {tuple(sorted(pair)) for pair in groups[pairs].tolist()}
    asked = [tuple(sorted(pair)) for pair in groups[planted_pairs].tolist()]
    return float(np.mean([pair in known for pair in asked]))


def _least(name: str, of: dict[str, float], bar: float) -> dict[str, Any]:
    """The worst set decides; the row says of how many."""
    for one, value in of.items():
        print(f"{name}: {one} {value:.4f}", flush=True)
    least, most = min(of.values()), max(of.values())
    return measured(f"{name}: the least of {len(of)} sets", least, least, most, bar)


def _share_of(name: str, share: float) -> dict[str, Any]:
    """A part of the sets, which should be all."""
    return measured(name, share, share, share, 1)
