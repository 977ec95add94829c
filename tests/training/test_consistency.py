"""What augmentation does to labels, judged by answers whose invariances are known."""

from dataclasses import replace

import numpy as np
import pytest

from recipe.data import Dataset, Split
from recipe.data.features import ImageFeatures, learn_scaling
from recipe.training.consistency import consistency
from tests.training.tiny import dataset

SIDE = 12


def images(bright: str) -> Dataset:
    """Three classes of images by where they are bright."""
    rng = np.random.default_rng(0)
    y = np.arange(240) % 3
    x = rng.normal(0, 0.1, (240, SIDE, SIDE, 1)).astype(np.float32)
    for image, label in zip(x, y, strict=True):
        if bright == "columns":
            image[:, 4 * label : 4 * label + 4] += 1
        else:  # all over
            image += label
    some = dataset(shape=(SIDE, SIDE, 1))
    ids = np.arange(len(x))
    val = Split(x, y.astype(np.int32), ids, ids)
    features = ImageFeatures(learn_scaling(x, "none"), (SIDE, SIDE, 1))
    return replace(some, val=val, features=features)


def by_columns(x: np.ndarray) -> np.ndarray:
    return np.stack([x[:, :, 4 * k : 4 * k + 4].mean(axis=(1, 2, 3)) for k in range(3)], axis=1)


def by_brightness(x: np.ndarray) -> np.ndarray:
    return -np.abs(x.mean(axis=(1, 2, 3))[:, np.newaxis] - np.arange(3))


def test_a_flip_that_makes_another_class_is_refused_and_one_that_does_not_is_kept() -> None:
    found = consistency(by_columns, images("columns"))
    weak, _, strong = found.strengths
    assert weak.augment.flip == "vertical"
    assert weak.refused["flip horizontal"] == pytest.approx(0, abs=0.05)
    assert weak.kept >= found.least
    # of 240 images, all known: 0.95 less 1.645 standard errors of a share of two thirds of them
    assert found.least == pytest.approx(0.95 - 1.645 * (0.95 * 0.05 / 160) ** 0.5, abs=1e-3)
    # a sixth of a turn off, columns are columns no more
    assert strong.augment.rotate < 0.2
    assert "flip horizontal" in strong.said


def test_what_changes_nothing_of_what_the_label_is_about_is_taken_in_full() -> None:
    found = consistency(by_brightness, images("all over"))
    assert [each.augment.flip for each in found.strengths] == ["both"] * 3
    assert [each.augment.shift for each in found.strengths] == [0.05, 0.1, 0.15]
    assert [each.is_more for each in found.strengths] == [True] * 3
    assert [dict(each.refused) for each in found.strengths] == [{}] * 3


def test_a_net_that_knows_nothing_says_nothing() -> None:
    constant = consistency(lambda x: np.tile([1.0, 0, 0], (len(x), 1)), images("columns"))
    assert constant.strengths == ()
