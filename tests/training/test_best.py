"""The weights of the best epoch, and when to stop waiting for a better one."""

from typing import Any

import keras
import numpy as np
import pytest

from recipe.training import KeepBest, fit, new_model
from tests.training.random_configs import unequal
from tests.training.tiny import config, dataset


class Script(keras.callbacks.Callback):
    """Puts scores into the logs as if the net had reached them, and notes its weights."""

    def __init__(self, name: str, values: list[float]) -> None:
        super().__init__()
        self.name, self.values = name, values
        self.weights: list[list[np.ndarray]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs[self.name] = self.values[epoch]
        self.weights.append([np.array(weight.numpy()) for weight in self.model.weights])


def trained(script: Script, keep: keras.callbacks.Callback, epochs: int = 6) -> tuple[Any, int]:
    """The net that is left, and the epochs that it took."""
    data = dataset()
    model = new_model(config(model__norm="batch"), data, seed=0)
    fitted = fit(
        model, data.train, val=data.val, batch_size=8, epochs=epochs, seed=0,
        callbacks=[script, keep],
    )  # fmt: skip
    return model, len(fitted.history["loss"])


CASES = [
    pytest.param("val_loss", [3, 1, 2, 2, 2, 2], 2, 4, 1, id="the loss worsens"),
    pytest.param("val_loss", [3, 1, 2, 0.5, 2, 2], 2, 6, 3, id="one worse epoch is noise"),
    pytest.param("val_loss", [3, 1, 2, 2, 2, 2], None, 6, 1, id="to the end, then the best"),
    pytest.param("val_accuracy", [0.1, 0.9, 0.8, 0.8, 0.8, 0.8], 1, 3, 1,
                 id="more accuracy is better"),
    pytest.param("val_r2", [-3, -1, -2, -2, -2, -2], 1, 3, 1, id="less far below zero is better"),
    pytest.param("val_loss", [6, 5, 4, 3, 2, 1], 1, 6, 5, id="it always improves"),
    pytest.param("val_loss", [2, 2, 2, 2, 2, 2], 3, 4, 0, id="the first of equals"),
    pytest.param("loss", [1, 2, 3, 4, 5, 6], 5, 6, 0, id="of the training loss"),
]  # fmt: skip
WHOLE = ("monitor", "values", "patience", "epochs", "best")


@pytest.mark.parametrize(WHOLE, CASES)
def test_the_best_weights_are_in_place(
    monitor: str, values: list[float], patience: int | None, epochs: int, best: int
) -> None:
    script, keep = Script(monitor, values), KeepBest(monitor, patience)
    model, took = trained(script, keep)
    assert took == epochs
    assert unequal("weight", script.weights[best], model.weights) == []
    assert (keep.best, keep.best_epoch) == (values[best], best)
    assert keep.since_best == epochs - 1 - best


@pytest.mark.parametrize(WHOLE, CASES)
def test_it_does_what_early_stopping_does(
    monitor: str, values: list[float], patience: int | None, epochs: int, best: int
) -> None:
    script = Script(monitor, values)
    mode = "min" if monitor.endswith("loss") else "max"
    stopping = keras.callbacks.EarlyStopping(
        monitor, patience=patience or 99, mode=mode, restore_best_weights=True
    )
    model, took = trained(script, stopping)
    assert took == epochs
    assert unequal("weight", script.weights[best], model.weights) == []


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("monitor", "values", "best"),
    [
        pytest.param("val_loss", [NAN, 3, 2, NAN, INF, NAN], 2, id="in between"),
        pytest.param("val_r2", [-5, INF, -3, NAN, -4, -4], 2, id="infinity is not a great score"),
        pytest.param("val_loss", [-INF, 2, 3, 3, 3, 3], 1, id="nor is minus infinity a loss"),
    ],
)
def test_a_score_that_is_not_finite_is_never_the_best(
    monitor: str, values: list[float], best: int
) -> None:
    script = Script(monitor, values)
    model, _ = trained(script, KeepBest(monitor))
    assert unequal("weight", script.weights[best], model.weights) == []


def test_without_a_finite_score_the_last_weights_stay() -> None:
    script, keep = Script("val_loss", [NAN] * 6), KeepBest("val_loss", patience=4)
    model, took = trained(script, keep)
    assert (took, keep.best, keep.best_epoch) == (4, None, None)
    assert unequal("weight", script.weights[3], model.weights) == []


class Breaks(keras.callbacks.Callback):
    """Makes a weight NaN, of which an accuracy can be measured all the same."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.epoch:
            self.model.weights[0].assign(self.model.weights[0] * NAN)


def test_a_net_with_a_weight_that_is_not_finite_is_never_the_best() -> None:
    keep = KeepBest("val_accuracy")
    data = dataset()
    model = new_model(config(), data, seed=0)
    callbacks = [Script("val_accuracy", [0.5, 0.9]), Breaks(1), keep]
    fit(model, data.train, val=data.val, batch_size=8, epochs=2, seed=0, callbacks=callbacks)
    assert (keep.best, keep.best_epoch) == (0.5, 0)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_a_second_training_begins_anew() -> None:
    keep = KeepBest("val_loss")
    trained(Script("val_loss", [1, 2]), keep, epochs=2)
    script = Script("val_loss", [5, 4])
    model, _ = trained(script, keep, epochs=2)
    assert (keep.best, keep.best_epoch) == (4, 1)
    assert unequal("weight", script.weights[1], model.weights) == []


@pytest.mark.parametrize("monitor", ["val_auc", "loss_val"])
def test_a_score_that_nobody_measures(monitor: str) -> None:
    with pytest.raises(KeyError):
        trained(Script("val_loss", [1, 2]), KeepBest(monitor), epochs=1)
