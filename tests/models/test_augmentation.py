"""Images that are changed at random in training, and never when they are judged."""

from typing import Any

import keras
import numpy as np
import pytest

from recipe.config import Config, RequestError, Task, without_regularization
from recipe.models import build
from recipe.models.build import augmentation
from recipe.training import predict, train
from tests.training.tiny import config, dataset

SHAPE = (9, 9, 1)
SPOT = np.zeros((1, *SHAPE), np.float32)
SPOT[0, 4, 1] = 1.0


def changed(times: int = 60, **augment: Any) -> np.ndarray:
    """The image with a spot left of its middle, augmented so many times."""
    settings = Config().replace({f"train.augment.{key}": value for key, value in augment.items()})
    keras.utils.set_random_seed(0)
    x = np.repeat(SPOT, times, axis=0)
    for layer in augmentation(settings.train.augment, SHAPE):
        x = np.asarray(layer(x, training=True))
    return x[..., 0]


def spots(x: np.ndarray) -> set[tuple[int, int]]:
    """Where the spot is, in images that it has not left."""
    return {divmod(int(image.argmax()), 9) for image in x if image.max() > 0.3}


@pytest.mark.parametrize(
    ("flip", "places"),
    [
        ("none", {(4, 1)}),
        ("horizontal", {(4, 1), (4, 7)}),
        ("vertical", {(4, 1)}),
        ("both", {(4, 1), (4, 7)}),
    ],
)
def test_flips(flip: str, places: set[tuple[int, int]]) -> None:
    assert spots(changed(flip=flip)) == places


def test_a_shift_moves_both_ways_and_no_further_than_asked() -> None:
    moved = spots(changed(shift=0.25))  # of 9 pixels: 2.25
    assert {y for y, _ in moved} <= {2, 3, 4, 5, 6}
    assert {x for _, x in moved} <= {0, 1, 2, 3}
    assert len(moved) > 6


@pytest.mark.parametrize("changes", [{"rotate": 0.25}, {"zoom": 0.5}])
def test_other_changes_change_something(changes: dict[str, float]) -> None:
    images = changed(**changes)
    assert len(np.unique(images.round(3), axis=0)) > 30


def test_in_inference_nothing_is_changed_and_no_weight_is_added() -> None:
    data = dataset(shape=(6, 6, 1))
    plain = config(model__family="cnn", model__filters=(2,))
    augmented = plain.replace({"train.augment": {"flip": "both", "shift": 0.2, "rotate": 0.1}})
    models = [train(settings, data, 0).model for settings in (plain, augmented)]
    assert len(models[0].trainable_weights) == len(models[1].trainable_weights)
    first, again = (predict(models[1], data.val.x) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_it_changes_what_is_learnt() -> None:
    data = dataset(shape=(6, 6, 1))
    settings = config(model__family="cnn", model__filters=(2,))
    losses = [
        train(some, data, 0).history["loss"]
        for some in (settings, settings.replace({"train.augment.flip": "both"}))
    ]
    assert losses[0] != losses[1]


def test_the_same_seed_gives_the_same_training() -> None:
    data = dataset(shape=(6, 6, 1))
    settings = config(model__family="cnn", model__filters=(2,), train__augment={"shift": 0.3})
    first, again, other = (train(settings, data, seed) for seed in (0, 0, 1))
    assert first.history == again.history != other.history
    assert first.fallback is None


def test_a_table_cannot_be_augmented() -> None:
    settings = Config().replace({"train.augment.shift": 0.1, "model.norm_momentum": 0.9})
    with pytest.raises(RequestError, match=r"^train\.augment: is for images, got .*\(5,\)"):
        build(settings.model, (5,), Task.REGRESSION, np.zeros(1), settings.train.augment)


def test_the_bare_net_is_not_augmented() -> None:
    settings = Config().replace({"train.augment.shift": 0.1})
    assert without_regularization(settings).train.augment == Config().train.augment
