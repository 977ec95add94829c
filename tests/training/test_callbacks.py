"""What goes to TensorBoard after each epoch."""

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from recipe.training import LogEpochs, StopAt


class Board:
    """Takes down what is written."""

    def __init__(self) -> None:
        self.points: list[tuple[dict[str, float], int]] = []
        self.closed = False

    def scalars(self, values: dict[str, float], step: int) -> None:
        self.points.append((values, step))

    def close(self) -> None:
        self.closed = True


LOGS = {"loss": 1.0, "accuracy": 0.5, "val_loss": 2.0, "val_accuracy": 0.4}


def log(logs: dict[str, float], optimizer: Any) -> tuple[Board, Board]:
    train: Any = Board()
    validation: Any = Board()
    callback = LogEpochs(train, validation)
    callback.set_model(SimpleNamespace(optimizer=optimizer))
    for epoch in range(2):
        callback.on_epoch_end(epoch, dict(logs))
    callback.on_train_end()
    return train, validation


def test_scores_of_train_and_validation_go_to_their_boards() -> None:
    train, validation = log(LOGS, SimpleNamespace(learning_rate=np.float32(0.25)))
    fitted = {"epoch_loss": 1.0, "epoch_accuracy": 0.5, "epoch_learning_rate": 0.25}
    assert train.points == [(fitted, 0), (fitted, 1)]
    unseen = {"epoch_loss": 2.0, "epoch_accuracy": 0.4}
    assert validation.points == [(unseen, 0), (unseen, 1)]
    assert train.closed
    assert validation.closed


def test_what_there_is_not_is_not_written() -> None:
    train, validation = log({"loss": 1.0, "train_loss": 0.9}, None)
    assert train.points == [({"epoch_loss": 1.0}, 0), ({"epoch_loss": 1.0}, 1)]
    assert validation.points == []


def test_training_examples_in_inference_mode_have_a_board_of_their_own() -> None:
    boards: Any = [Board(), Board(), Board()]
    callback = LogEpochs(*boards)
    callback.set_model(SimpleNamespace(optimizer=None))
    callback.on_epoch_end(0, LOGS | {"train_loss": 0.9, "train_accuracy": 0.6})
    callback.on_train_end()
    assert boards[2].points == [({"epoch_loss": 0.9, "epoch_accuracy": 0.6}, 0)]
    assert boards[2].closed


def test_a_schedule_is_asked_for_its_rate_now() -> None:
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.5, 0.25])
    optimizer = keras.optimizers.SGD(schedule)
    optimizer.iterations.assign(2)
    train, _ = log({}, optimizer)
    assert train.points[0] == ({"epoch_learning_rate": 0.25}, 0)


@pytest.mark.parametrize(
    ("losses", "epochs"),
    [
        pytest.param([3.0, 2.0, 0.5], 3, id="reached"),
        pytest.param([3.0, 2.0, 2.0], None, id="never"),
    ],
)
def test_stop_at(losses: list[float], epochs: int | None) -> None:
    stop = StopAt(lambda model, logs: logs["loss"] < 1)
    model: Any = SimpleNamespace(stop_training=False)
    stop.set_model(model)
    for epoch, loss in enumerate(losses):
        stop.on_epoch_end(epoch, {"loss": loss})
    assert stop.epochs == epochs
    assert model.stop_training is (epochs is not None)
