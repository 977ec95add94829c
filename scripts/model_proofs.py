"""The parts of `make proof` about models: options that meet, and nets that are deep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rows import measured

from recipe.config import read
from recipe.data import load
from recipe.training import prepare_runtime, train
from tests.models import combinations as drawn_combinations

BUILDS = 300
DEPTH = 30
WIDTH = 32
SEEDS = range(3)


def combinations(home: Path) -> list[dict[str, Any]]:
    """Nets of options that meet: built, trained for a step, saved, loaded and asked again."""
    prepare_runtime(None)
    drawn = drawn_combinations.draw(BUILDS, until_all=True)
    bad = 0
    for number, one in enumerate(drawn, start=1):
        wrong = drawn_combinations.problem(one)
        bad += wrong is not None
        if wrong:
            print(f"{one}: {wrong}", flush=True)
        if number % 50 == 0:
            print(f"{number} of {len(drawn)} built, {bad} wrong", flush=True)
    share = 1 - bad / len(drawn)
    met = len(set().union(*map(drawn_combinations.pairs_of, drawn)))
    name = f"{len(drawn)} nets in which {met} pairs of options meet work"
    return [measured(name, share, share, share, 1.0)]


def deep(home: Path) -> list[dict[str, Any]]:
    """A ReLU net of 30 layers on digits: `auto` (He) learns where Glorot, Keras's own, stalls."""
    prepare_runtime(None)
    scores = {}
    for initializer in ("auto", "glorot_uniform"):
        config = read(
            "configs/digits.yaml",
            [f"model.widths={[WIDTH] * DEPTH}", f"model.kernel_initializer={initializer}",
             "train.epochs=30", "train.learning_rate=1e-3"],
        )  # fmt: skip
        data = load(config.data)
        scores[initializer] = [max(train(config, data, seed).history["val_accuracy"])
                               for seed in SEEDS]  # fmt: skip
        print(f"{initializer}: val accuracy {scores[initializer]}", flush=True)
    gains = np.subtract(scores["auto"], scores["glorot_uniform"])
    name = f"{DEPTH} ReLU layers: val accuracy of auto above glorot_uniform, {len(SEEDS)} seeds"
    return [measured(name, float(gains.mean()), float(gains.min()), float(gains.max()), 0.1)]
