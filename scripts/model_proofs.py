"""The parts of `make proof` about models: options that meet, initializers, deep nets, batch norm.

`DATA=` names a folder with mnist/mnist.npz, for the part that needs it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rows import at_most, measured
from scipy import stats
from sklearn.datasets import load_digits

from recipe.config import read
from recipe.data import load
from recipe.training import prepare_runtime, train
from tests.models import combinations as drawn_combinations
from tests.training import evaluated_norms as norms
from tests.training.test_data_init import farthest_from_one

BUILDS = 300
DEPTH = 30
WIDTH = 32
SEEDS = range(3)
CHANCE = float(np.log(10))
"""Nats: the loss of a net that knows nothing of ten classes."""

DAMAGED_SEEDS = range(10)
SOUND_MLPS, SOUND_CNNS = 12, 8
MNIST_TRAIN, MNIST_CNN_TRAIN, MNIST_VAL = 55_000, 20_000, 5_000
STEPS = (20, 50, 100, 200)
"""Of an epoch, after which there is a validation loss."""

LAST_STEP = 1_000


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
    """A ReLU net of 30 layers on digits: `auto` (He) learns where Glorot, Keras's own, stalls.

    Adam makes up for gradients that are small everywhere, so it only falls behind there.
    """
    prepare_runtime(None)
    scores: dict[str, list[float]] = {}
    falls: dict[str, list[float]] = {}
    momentum = "{class_name: SGD, config: {momentum: 0.9}}"
    for initializer in ("auto", "glorot_uniform"):
        common = [f"model.widths={[WIDTH] * DEPTH}", f"model.kernel_initializer={initializer}",
                  "train.epochs=30"]  # fmt: skip
        adam = read("configs/digits.yaml", [*common, "train.learning_rate=1e-3"])
        data = load(adam.data)
        scores[initializer] = [max(train(adam, data, seed).history["val_accuracy"])
                               for seed in SEEDS]  # fmt: skip
        print(f"{initializer}: val accuracy {scores[initializer]}", flush=True)
        settings = [*common, "train.learning_rate=1e-2", f"train.optimizer={momentum}"]
        sgd = read("configs/digits.yaml", settings)
        lowest = [min(train(sgd, data, seed).history["loss"]) for seed in SEEDS]
        falls[initializer] = [1 - loss / CHANCE for loss in lowest]
        print(f"{initializer}, SGD: fall of the loss {falls[initializer]}", flush=True)
    gains = np.subtract(scores["auto"], scores["glorot_uniform"])
    name = f"{DEPTH} ReLU layers: val accuracy of auto above glorot_uniform, {len(SEEDS)} seeds"
    fell = f"{DEPTH} ReLU layers, SGD with momentum: training loss below log 10, share of it"
    learns, stalls = falls["auto"], falls["glorot_uniform"]
    return [
        measured(name, float(gains.mean()), float(gains.min()), float(gains.max()), 0.1),
        measured(f"{fell}: auto", float(np.mean(learns)), min(learns), max(learns), 0.3),
        at_most(f"{fell}: glorot_uniform", float(np.mean(stalls)), min(stalls), max(stalls), 0.01),
    ]


def lsuv(home: Path) -> list[dict[str, Any]]:
    """LSUV: how far the variance of any layer's output is from 1, in nets of many kinds."""
    prepare_runtime(None)
    worst = {}
    for activation in ("relu", "leaky_relu", "elu", "selu", "gelu", "tanh", "sigmoid"):
        for depth in (2, 10, 30):
            for changes in (
                {"model.widths": (WIDTH,) * depth},
                {"model.widths": (WIDTH,) * depth, "model.residual": True},
                {"model.family": "cnn", "model.filters": (8,) * depth},
            ):
                kind = {**changes, "model.activation": activation}
                worst[str(kind)] = farthest_from_one(kind)
        print(f"{activation}: {max(worst.values()):.3f} so far", flush=True)
    name = f"LSUV: distance of a layer's variance from 1, the worst of {len(worst)} nets"
    return [at_most(name, max(worst.values()), min(worst.values()), max(worst.values()), 0.1)]


def recalibrate(home: Path) -> list[dict[str, Any]]:
    """Batch norm at evaluation: dropout's damage mended, sound nets left alone, early losses.

    From and to are 95 % intervals over seeds for means, else the lowest and highest.
    """
    prepare_runtime(1)
    return [*_mended(), *_left_alone(), *_early()]


def _mended() -> list[dict[str, Any]]:
    """Fact 5: dropout before batch norm. It counts if it costs at least 10 points."""
    data = norms.blobs(examples=8_000, val=2_000, features=784, spread=0.25)
    damages, regained = [], []
    for seed in DAMAGED_SEEDS:
        sound, sick, mended = norms.damaged(data, seed, norms.DAMAGED)
        damages.append(sound - sick)
        regained.append(mended - sick)
        print(f"seed {seed}: {sound:.4f}, {sick:.4f} -> {mended:.4f}", flush=True)
    name = f"dropout .5 before batch norm, {len(damages)} seeds: val accuracy"
    return [
        measured(f"{name} lost against dropout after the last", *_interval(damages), 0.1),
        measured(f"{name} regained by recalibrating", *_interval(regained), 0.1),
    ]


def _left_alone() -> list[dict[str, Any]]:
    """Sound nets on MNIST: rates that fall to 0, as a training is ended, and no early dropout."""
    path = Path(os.environ.get("DATA") or "nowhere") / "mnist" / "mnist.npz"
    if not path.is_file():
        print("DATA= names no folder with mnist/mnist.npz: sound nets are not measured")
        return []
    with np.load(path) as held:
        x = np.concatenate([held["x_train"], held["x_test"]])[..., np.newaxis].astype(np.float32)
        y = np.concatenate([held["y_train"], held["y_test"]]).astype(np.int32)
    changes = []
    for number in range(SOUND_MLPS + SOUND_CNNS):
        is_cnn = number >= SOUND_MLPS
        size = MNIST_CNN_TRAIN if is_cnn else MNIST_TRAIN
        rows = np.r_[:size, MNIST_TRAIN : MNIST_TRAIN + MNIST_VAL, -10_000:0]
        data = norms.dataset(x[rows], y[rows], size)
        test = data.val.take(slice(MNIST_VAL, None)).loaded()
        data = replace(data, val=data.val.take(slice(MNIST_VAL)))
        before, after = norms.unseen(data, number, _sound(number), test)
        changes.append(after - before)
        print(f"sound net {number}: {before:.4f} -> {after:.4f}", flush=True)
    name = f"{len(changes)} sound nets on MNIST's test images: change of accuracy by recalibrating"
    mean, low, high = _interval(changes)
    return [
        at_most(f"{name}, size of the mean", abs(mean), low, high, 0.001),
        measured(f"{name}, the worst", min(changes), min(changes), max(changes), -0.004),
    ]


def _sound(number: int) -> dict[str, Any]:
    """One of the sound nets: they differ in family, size, activation, dropout and seed."""
    body: dict[str, Any] = {"model.widths": ((128,), (128, 64), (256, 128, 64))[number % 3]}
    if number >= SOUND_MLPS:
        filters = ((8, 16), (16, 16))[number % 2]
        body = {"model.family": "cnn", "model.filters": filters, "model.widths": (32,)}
    return {
        **body,
        "model.norm": "batch",
        "model.activation": "tanh" if number % 4 == 3 else "relu",
        "model.dropout": 0.2 if number % 2 else 0.0,
        "train.epochs": 4,
        "train.batch_size": 128,
        "train.learning_rate": 2e-3,
        "train.schedule": "cosine",
    }


def _early() -> list[dict[str, Any]]:
    """Fact 7: what is validated after few steps, against population statistics."""
    bodies: dict[str, dict[str, Any]] = {
        "mlp": {"model.widths": (64, 64)},
        "tanh": {"model.widths": (64, 64, 64), "model.activation": "tanh"},
        "quick": {"model.widths": (128, 128), "train.learning_rate": 1e-2},
        "cnn": {"model.family": "cnn", "model.filters": (8, 16), "model.widths": (32,)},
    }
    digits = load_digits()
    images, labels = digits.images[..., np.newaxis].astype(np.float32), digits.target
    apart: dict[int, list[float]] = {steps: [] for steps in STEPS}
    for per_epoch, (name, body) in itertools.product(STEPS, bodies.items()):
        batch = 32 if name != "cnn" else 24
        if name != "cnn":
            data = norms.blobs(examples=batch * per_epoch, val=2_000, features=50, spread=0.7)
        elif batch * per_epoch < len(images):
            data = norms.dataset(images, labels.astype(np.int32), batch * per_epoch)
        else:
            continue
        settings = {"train.learning_rate": 1e-3, **body, "train.batch_size": batch,
                    "train.epochs": -(-LAST_STEP // per_epoch)}  # fmt: skip
        ratios = norms.against_population(data, 0, settings)
        for epoch, ratio in enumerate(ratios, start=1):
            since = max(steps for steps in STEPS if steps <= epoch * per_epoch)
            apart[since].append(abs(ratio - 1))
        said = f"{min(ratios):.3f} to {max(ratios):.3f}"
        print(f"{name}, {per_epoch} steps an epoch: {said}", flush=True)
    name = "how far the validation loss is from that under population statistics, the worst of"
    return [
        at_most(f"from step {steps}: {name} {len(values)}", max(values), min(values),
                max(values), 0.05)
        for steps, values in apart.items()
    ]  # fmt: skip


def _interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and Student's 95 % interval."""
    mean = float(np.mean(values))
    half = float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
    return mean, mean - half, mean + half
