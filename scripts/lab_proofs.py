"""The part of `make proof` about what papers show: on MNIST, from the folder that `DATA=` names.

Validation examples are a fifth of MNIST's training part; its test part stays locked. Trainings are
numbers of steps, as in the laboratory.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rows import measured
from scipy import stats

from recipe.config import Config, read
from recipe.data import Dataset, load
from recipe.training import evaluate, new_model, prepare_runtime
from recipe.training.steps import train_steps

SEEDS = range(3)
DROPOUT_SEEDS = range(8)
"""How much a net suffers depends on the seed."""

STD = 0.05
"""Of the initial weights: the paper says "small random Gaussian values" and no more."""

MOMENTS = (1_000, 5_000, 10_000)
"""Steps at which Ioffe and Szegedy 2015, figure 1, is read."""

STALLED = 0.15
"""Accuracy up to which a net has learnt the most frequent class and no more (0.11)."""

Accuracies = dict[str, np.ndarray]
"""Name of a variant -> (seeds, moments)."""


def papers(home: Path) -> list[dict[str, Any]]:
    """What papers show, on MNIST: batch norm's speed, He at 30 layers, where dropout may stand."""
    given = os.environ.get("DATA")
    if not given:
        print("papers: needs DATA=, a folder with mnist/mnist.npz", flush=True)
        return []
    prepare_runtime(1)
    base = read(
        "configs/digits.yaml",
        [f"data.source=npz:{Path(given) / 'mnist' / 'mnist.npz'}", "data.split.by=files",
         "train.batch_size=60"],
    )  # fmt: skip
    data = load(base.data)
    return [*_batch_norm(base, data), *_deep(base, data), *_dropout(base, data)]


def _batch_norm(base: Config, data: Dataset) -> list[dict[str, Any]]:
    """Ioffe and Szegedy 2015, section 4.1: three layers of 100 sigmoids, batches of 60, SGD .1."""
    net = {
        "model.widths": [100, 100, 100],
        "model.activation": "sigmoid",
        "model.norm_position": "pre",
        "model.kernel_initializer": {"class_name": "RandomNormal", "config": {"stddev": STD}},
        "train.optimizer": "sgd",
        "train.learning_rate": 0.1,
    }
    sides = {"without": {"model.norm": "none"}, "with": {"model.norm": "batch"}}
    found = _accuracies(base.replace(net), data, sides, MOMENTS)
    ahead = found["with"] - found["without"]
    about = f"3 x 100 sigmoids, initial std {STD}, {len(SEEDS)} seeds: batch norm ahead"
    each = [
        measured(f"{about} after {step:,} steps", *_mean(ahead[:, at]), bar=bar)
        for at, (step, bar) in enumerate(zip(MOMENTS, (0.25, 0.0, 0.0), strict=True))
    ]
    mean, low, high = _mean(ahead[:, -1])
    return [*each, measured(f"the same after {MOMENTS[-1]:,}: low end of its interval (mean "
                            f"{mean:.4f})", low, low, high, 0.0)]  # fmt: skip


def _deep(base: Config, data: Dataset) -> list[dict[str, Any]]:
    """He et al. 2015, figure 3: thirty ReLU layers, trained by plain SGD."""
    net = {"model.widths": [100] * 30, "train.optimizer": "sgd", "train.learning_rate": 0.01}
    sides = {name: {"model.kernel_initializer": name} for name in ("he_normal", "glorot_uniform")}
    found = _accuracies(base.replace(net), data, sides, (2_000,))
    stalled = float((found["glorot_uniform"] <= STALLED).mean())
    ahead = (found["he_normal"] - found["glorot_uniform"])[:, 0]
    about = f"30 ReLU layers, {len(SEEDS)} seeds, 2,000 steps of SGD"
    return [
        measured(f"{about}: He ahead of Glorot", *_mean(ahead), bar=0.25),
        measured(f"{about}: share of Glorot's that stall", stalled, stalled, stalled, 1.0),
    ]


def _dropout(base: Config, data: Dataset) -> list[dict[str, Any]]:
    """Li et al. 2019: half of the units dropped before each batch norm, or after the last."""
    net = {
        "model.widths": [100] * 6,
        "model.norm": "batch",
        "train.optimizer": "adam",
        "train.learning_rate": 1e-3,
    }
    dropped = {"model.dropout": 0.5}
    sides = {
        "alone": {},
        "before": {**dropped, "model.dropout_position": "before_norm"},
        "last": {**dropped, "model.dropout_position": "last"},
    }
    found = _accuracies(base.replace(net), data, sides, (1_000,), DROPOUT_SEEDS)
    about = f"6 x 100 ReLU with batch norm, dropout 0.5, {len(DROPOUT_SEEDS)} seeds, 1,000 steps"
    lost = (found["alone"] - found["before"])[:, 0]
    kept = (found["last"] - found["alone"])[:, 0]
    return [
        measured(f"{about}: accuracy lost before each norm", *_mean(lost), bar=0.1),
        measured(f"{about}: gained after the last norm", *_mean(kept), bar=-0.005),
    ]


def _accuracies(
    config: Config,
    data: Dataset,
    sides: Mapping[str, Mapping[str, Any]],
    moments: Sequence[int],
    seeds: Sequence[int] = SEEDS,
) -> Accuracies:
    """Validation accuracy of each variant and seed, after so many steps."""
    found = {}
    for name, changes in sides.items():
        changed = config.replace(changes)
        found[name] = np.array([_training(changed, data, seed, moments) for seed in seeds])
        print(f"{name}: val accuracy after {moments} steps {found[name].round(4)}", flush=True)
    return found


def _training(config: Config, data: Dataset, seed: int, moments: Sequence[int]) -> list[float]:
    seen: dict[int, float] = {}

    def look(model: Any, step: int) -> None:
        if step in moments:
            seen[step] = evaluate(model, data.val, data)["accuracy"]

    train_steps(
        new_model(config, data, seed),
        data.train,
        np.full(moments[-1], config.train.learning_rate),
        batch_size=60,
        seed=seed,
        look=look,
        every=100,
    )
    # a training that broke has not come so far
    return [seen.get(step, 0.0) for step in moments]


def _mean(values: np.ndarray) -> tuple[float, float, float]:
    """Mean over seeds, and the ends of its 95 % interval."""
    mean, count = float(values.mean()), len(values)
    half = float(stats.t.ppf(0.975, count - 1) * values.std(ddof=1) / np.sqrt(count))
    return mean, mean - half, mean + half
