"""The part of `make proof` about comparisons: how often they err, and how often they find a gain.

The scores are those of real trainings, computed here; comparisons are drawn from them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rows import at_most, measured
from scipy import stats

from recipe.compare import Looks, resolution_of, seeds_needed
from recipe.config import Config, read
from recipe.data import Dataset, load
from recipe.runs import fingerprint
from recipe.runs.files import read_json, write_atomically
from recipe.training import evaluate, prepare_runtime, train

CONFIG = "configs/digits.yaml"
POOL = 64
FIRST_SEED = 10_000
COMPARISONS = 200
FALSE = 10 / 200
"""Nominal are 2.5 %, five of 200: that more than ten are drawn has a chance of 1 %."""

GAIN = 0.01
"""A point of accuracy."""


def null(home: Path) -> list[dict[str, Any]]:
    """A config against itself, looked at after each seed, by drawing from real trainings.

    From and to are 95 % intervals of the share (Clopper and Pearson 1934).
    """
    prepare_runtime(1)
    config = read(CONFIG)
    data = load(config.data)
    pool = _pool(config, data, home / "pool.json")
    plan = Looks(config.stages.compare.seeds, config.stages.compare.confidence)
    rows = []
    for metric in ("accuracy", "loss"):
        resolution = resolution_of(metric, data)
        rng = np.random.default_rng(0)
        better = 0
        for _ in range(COMPARISONS):
            old, new = _drawn(pool[metric], plan.most, rng)
            # never equivalent: it goes on to the last look, where the product would have stopped
            better += _compared(plan, new, old, metric, resolution, None) == "better"
        name = (
            f"digits against itself, {COMPARISONS} times {plan.most} of {POOL} trainings, looked "
            f"at after each seed: called better by val {metric}"
        )
        rows.append(at_most(name, *_share(better), FALSE))
    return [*rows, _power(plan, pool["accuracy"], resolution_of("accuracy", data))]


def _power(plan: Looks, scores: Sequence[float], resolution: float) -> dict[str, Any]:
    """A gain of a point, with as many seeds as a comparison of the config with itself advises."""
    rng = np.random.default_rng(1)
    found, advised = 0, []
    for _ in range(COMPARISONS):
        old, new = _drawn(scores, plan.most, rng)
        first = plan.look(new, old, "accuracy", resolution)
        seeds = seeds_needed(first.spread, first.seeds, GAIN, plan.confidence)
        assert seeds is not None
        advised.append(seeds)
        old, new = _drawn(scores, seeds, rng)
        then = Looks(seeds, plan.confidence)
        said = _compared(then, [s + GAIN for s in new], old, "accuracy", resolution, GAIN)
        found += said == "better"
    name = (
        f"digits with {GAIN:g} added, {COMPARISONS} times the advised {min(advised)} to "
        f"{max(advised)} seeds: called better by val accuracy"
    )
    return measured(name, *_share(found), 0.8)


def _pool(config: Config, data: Dataset, path: Path) -> dict[str, list[float]]:
    """Metric -> validation scores of real trainings, one a seed; a stopped proof goes on."""
    about = fingerprint.digest(
        fingerprint.of_code("recipe.training"), config.model_dump(mode="json")
    )
    kept = read_json(path) or {}
    scores = kept["scores"] if kept.get("about") == about else {"accuracy": [], "loss": []}
    for seed in range(FIRST_SEED + len(scores["loss"]), FIRST_SEED + POOL):
        fitted = train(config, data, seed, trainings=POOL)
        measured_now = evaluate(fitted.model, data.val, data, config.train.loss)
        for metric, values in scores.items():
            values.append(measured_now[metric])
        write_atomically(path, json.dumps({"about": about, "scores": scores}) + "\n")
        print(f"seed {seed}: {measured_now}", flush=True)
    return scores


def _drawn(
    scores: Sequence[float], seeds: int, rng: np.random.Generator
) -> tuple[list[float], list[float]]:
    """Two sides of disjoint trainings."""
    rows = rng.permutation(len(scores))[: 2 * seeds]
    assert len(rows) == 2 * seeds
    return [scores[row] for row in rows[:seeds]], [scores[row] for row in rows[seeds:]]


def _compared(
    plan: Looks,
    new: Sequence[float],
    old: Sequence[float],
    metric: str,
    resolution: float,
    smallest: float | None,
) -> str:
    """The verdict at the look at which it is settled, or at the last."""
    for seeds in plan.seeds:
        seen = plan.look(new[:seeds], old[:seeds], metric, resolution, smallest)
        if plan.is_over(seen):
            break
    return seen.verdict


def _share(count: int) -> tuple[float, float, float]:
    """Of the comparisons, with its interval."""
    doubt = stats.binomtest(count, COMPARISONS).proportion_ci(0.95)
    return count / COMPARISONS, float(doubt.low), float(doubt.high)
