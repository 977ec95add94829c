"""The average of the weights is what is judged, kept and handed out."""

from typing import Any

import keras
import numpy as np
import pytest

from recipe.training import evaluate, train
from recipe.training.averaged import averaged, averages
from tests.training.random_configs import Looks
from tests.training.tiny import config, dataset

MOMENTUM = 0.6


class Weights(keras.callbacks.Callback):
    """The net as callbacks see it after each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        found = [np.ravel(weight.numpy()) for weight in self.model.trainable_weights]
        self.seen.append(np.concatenate(found))


@pytest.mark.parametrize("more", [[], [Looks]], ids=["resident", "Keras's fit"])
def test_callbacks_see_the_average_and_training_goes_on_without_it(more: list[Any]) -> None:
    data = dataset()
    # one step an epoch, so that all weights there ever were are seen
    settings = config(train__batch_size="full", train__epochs=5, train__optimizer="sgd")
    plain, smooth = Weights(), Weights()
    train(settings, data, 1, [plain, *(kind() for kind in more)])
    fitted = train(settings.replace({"train.ema": MOMENTUM}), data, 1,
                   [smooth, *(kind() for kind in more)])  # fmt: skip
    average = plain.seen[0]
    for raw, seen in zip(plain.seen, smooth.seen, strict=True):
        average = MOMENTUM * average + (1 - MOMENTUM) * raw
        np.testing.assert_allclose(seen, average, rtol=1e-4, atol=1e-6)
    best = int(np.argmax(fitted.history["val_accuracy"]))
    kept = np.concatenate([np.ravel(w.numpy()) for w in fitted.model.trainable_weights])
    np.testing.assert_array_equal(kept, smooth.seen[best])
    assert evaluate(fitted.model, data.val, data)["loss"] == pytest.approx(
        fitted.history["val_loss"][best], rel=1e-5
    )


def test_batch_norm_is_measured_under_the_average() -> None:
    data = dataset()
    settings = config(train__ema=0.9, model__norm="batch", train__epochs=3)
    fitted = train(settings, data, 1)
    (norm,) = [each for each in fitted.model.layers if each.name.endswith("_norm")]
    seen = np.asarray(keras.Model(fitted.model.inputs[0], norm.input)(data.train.x))
    np.testing.assert_allclose(norm.moving_mean, seen.mean(axis=0), rtol=1e-4, atol=1e-5)


def test_without_it_nothing_is_swapped() -> None:
    model = train(config(), dataset(), 0).model
    assert averages(model) == []
    before = model.get_weights()
    with averaged(model):
        for now, then in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(now, then)
