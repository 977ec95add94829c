"""What the data stage draws: the examples as they are, and as the net will see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import pandas as pd

from recipe.config import Config, Task
from recipe.data import Dataset
from recipe.data.columns import Kind, values
from recipe.data.dataset import Examples
from recipe.data.features import ImageFeatures
from recipe.data.sources.examples import take
from recipe.models.build import augmentation
from recipe.runs import RunFolder, figures
from recipe.runs.files import write_atomically
from recipe.training import batch_size
from recipe.training.batches import first_batch

SHEET = 100
"""Examples on a contact sheet."""

EACH = 10
"""Examples of each class, and of each extreme."""

MOST_CLASSES = 20
"""Classes on a sheet: more can't be read."""

EXTREMES = ("brightness", "contrast", "sharpness")


def counts(labels: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Examples of each class or label; one outside of the classes is the baseline's to find."""
    if labels.ndim == 2:
        return np.asarray(labels.sum(axis=0).astype(int))
    inside = labels[(labels >= 0) & (labels < len(classes))]
    return np.bincount(inside, minlength=len(classes))


def draw_classes(of: Mapping[str, np.ndarray], classes: Sequence[str], folder: RunFolder) -> None:
    """Whether train and val hold the same classes."""
    folder.figure("classes", figures.class_balance(of, classes))


def draw(
    examples: Examples, data: Dataset, known: pd.DataFrame, config: Config, folder: RunFolder
) -> None:
    """Train examples at random, of each class, at the extremes; and the first batch."""
    train = known[known["part"] == "train"]
    if isinstance(examples.raw.x, pd.DataFrame):
        _draw_columns(examples, folder)
    else:
        _draw_images(examples, data, train, folder)
    _draw_batch(data, known, config, folder)


def _draw_columns(examples: Examples, folder: RunFolder) -> None:
    """Every column before it becomes features."""
    table, columns = examples.raw.x, examples.columns
    assert isinstance(table, pd.DataFrame)
    assert columns is not None
    train = table.iloc[examples.parts["train"]]
    used = {
        c.name: values(c, train[c.name]).to_numpy()
        for c in columns.values()
        if c.kind is not Kind.DROP
    }
    folder.figure("columns", figures.column_histograms(used, "Columns in train, as they were read"))


def _draw_images(examples: Examples, data: Dataset, train: pd.DataFrame, folder: RunFolder) -> None:
    def sheet(name: str, some: pd.DataFrame, title: str) -> None:
        images = np.asarray(take(examples.raw.x, some.index.to_numpy()))
        titles = [label if isinstance(label, str) else f"{label:.3g}" for label in some["label"]]
        folder.figure(name, figures.contact_sheet(images, titles, title))

    some = train.iloc[np.random.default_rng(0).permutation(len(train))]
    sheet("examples", some[:SHEET], f"{min(len(some), SHEET)} training examples, drawn at random")
    if data.task in (Task.BINARY, Task.MULTICLASS):
        shown = data.classes[:MOST_CLASSES]
        each = pd.concat([some[some["label"] == name][:EACH] for name in shown])
        more = f" (first {MOST_CLASSES})" if len(data.classes) > MOST_CLASSES else ""
        sheet("each_class", each, f"{EACH} of each class{more}")
    ends = [
        train.sort_values(of, ascending=lowest, kind="stable")[:EACH]
        for of in EXTREMES
        for lowest in (True, False)
    ]
    rows = ", ".join(f"lowest and highest {of}" for of in EXTREMES)
    sheet("extremes", pd.concat(ends), f"{EACH} a row: {rows}")
    if "label_quality" in train:
        doubtful = train.sort_values("label_quality", kind="stable")[: SHEET // 2]
        sheet("suspects", doubtful, "Labels that fit least, the most doubtful first")


def _draw_batch(data: Dataset, known: pd.DataFrame, config: Config, folder: RunFolder) -> None:
    """The first batch of the first epoch just before the net, decoded (checklist row 2.10)."""
    batch = first_batch(data.train, batch_size(config, len(data.train)), config.seed)
    labels = [str(label) for label in known.loc[batch.ids, "label"]]
    x = batch.x
    keras.utils.set_random_seed(config.seed)
    for layer in augmentation(config.train.augment, data.shape):
        x = np.asarray(layer(x, training=True))
    said = (
        f"x {x.dtype} {x.shape}: min {np.nanmin(x):.4g}, mean {np.nanmean(x):.4g}, "
        f"max {np.nanmax(x):.4g}, std {np.nanstd(x):.4g}; y {batch.y.dtype} {batch.y.shape}"
    )
    write_atomically(folder.file("batch.txt"), said + "\n")
    title = "The first batch, just before the net"
    if isinstance(data.features, ImageFeatures):
        images = data.features.scaling.undo(x)[:SHEET]
        drawn = figures.contact_sheet(images, labels[:SHEET], f"{title}, decoded")
    else:
        drawn = figures.feature_values(x, data.features.names, labels, title)
    folder.figure("batch", drawn)
