"""Batch norm at evaluation, measured: nets that dropout damages, and losses after few steps.

`make proof ONLY=recalibrate` measures whole what the tests hold a slice of.
"""

from typing import Any

import keras
import numpy as np

from recipe.config import Config, Task
from recipe.data import Dataset, Split
from recipe.data.features import ImageFeatures, learn_scaling
from recipe.training import evaluate, new_model, train
from recipe.training.population import recalibrate

CLASSES = 10
CLUSTERS = 4
"""Of each class: no linear model tells them apart."""


def blobs(examples: int, val: int, features: int, spread: float, seed: int = 0) -> Dataset:
    """Classes of several round clusters each, far from their means.

    Args:
        examples: of train.
        val: examples of val.
        features: of an example.
        spread: of the clusters' centers about 0; their own is 1.
        seed: of everything.
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(0, CLASSES, examples + val).astype(np.int32)
    centers = rng.normal(0, spread, (CLASSES, CLUSTERS, features))
    x = centers[y, rng.integers(0, CLUSTERS, len(y))] + rng.normal(size=(len(y), features))
    return dataset(x.astype(np.float32), y, examples)


def dataset(x: np.ndarray, y: np.ndarray, train: int) -> Dataset:
    """Arrays as a net sees them: standardized, the first `train` examples to learn from."""
    scaling = learn_scaling(x[:train], "standardize")
    scaled, ids = scaling.apply(x), np.arange(len(x))
    return Dataset(
        task=Task.MULTICLASS,
        train=Split(scaled[:train], y[:train], ids[:train], ids[:train]),
        val=Split(scaled[train:], y[train:], ids[train:], ids[train:]),
        test_x=scaled[:0],
        test_ids=ids[:0],
        classes=tuple("abcdefghij"),
        features=ImageFeatures(scaling, x.shape[1:]),
        target_scaling=None,
    )


DAMAGED = {
    "model.widths": (256,) * 6, "model.norm": "batch", "model.dropout": 0.5,
    "train.epochs": 6, "train.batch_size": 128, "train.learning_rate": 3e-3,
    "train.norm_statistics": "moving",  # measured before each validation, it would be mended
}  # fmt: skip
"""A net of six layers, which a dropout of .5 before each batch norm damages most: its statistics
are off by more in every layer. 378 steps on 8,000 examples."""


def damaged(data: Dataset, seed: int, changes: dict[str, Any]) -> tuple[float, float, float]:
    """Validation accuracies of one net, for one seed.

    Returns:
        With dropout after the last norm; with dropout before each norm; that one recalibrated.
    """
    sound, sick = (
        train(Config().replace(changes | {"model.dropout_position": where}), data, seed).model
        for where in ("last", "before_norm")
    )
    before = evaluate(sick, data.val, data)["accuracy"]
    recalibrate(sick, data.train.x)
    return (
        evaluate(sound, data.val, data)["accuracy"],
        before,
        evaluate(sick, data.val, data)["accuracy"],
    )


class AgainstPopulation(keras.callbacks.Callback):
    """After each epoch: the validation loss as it is logged, over that under population statistics.

    The net that trains is not touched: its weights are put into a net beside it, and there the
    batch norms are given the statistics of the whole training set.
    """

    def __init__(self, config: Config, data: Dataset) -> None:
        super().__init__()
        self.beside = new_model(config, data, 0)
        self.data = data
        self.ratios: list[float] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        self.beside.set_weights(self.model.get_weights())
        recalibrate(self.beside, self.data.train.x)
        population = evaluate(self.beside, self.data.val, self.data)["loss"]
        self.ratios.append(logs["val_loss"] / population)


def against_population(data: Dataset, seed: int, changes: dict[str, Any]) -> list[float]:
    """The ratio of the two losses after each epoch of a training, (epochs,)."""
    settings = Config().replace({"model.norm": "batch", **changes})
    against = AgainstPopulation(settings, data)
    train(settings, data, seed, [against])
    return against.ratios


def unseen(data: Dataset, seed: int, changes: dict[str, Any], test: Split) -> tuple[float, float]:
    """Accuracy of a trained net on examples that it never saw, before and after recalibrating."""
    model = train(Config().replace(changes), data, seed).model
    before = evaluate(model, test, data)["accuracy"]
    recalibrate(model, data.train.x)
    return before, evaluate(model, test, data)["accuracy"]
