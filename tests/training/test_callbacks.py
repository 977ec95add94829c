"""What goes to TensorBoard after each epoch."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from recipe.training import LogEpochs


class Board:
    """Takes down what is written."""

    def __init__(self) -> None:
        self.points: list[tuple[dict[str, float], int]] = []
        self.histograms: list[tuple[str, int]] = []
        self.closed = False

    def scalars(self, values: dict[str, float], step: int) -> None:
        self.points.append((values, step))

    def histogram(self, tag: str, array: np.ndarray, step: int) -> None:
        assert array.shape == (2,)
        self.histograms.append((tag, step))

    def close(self) -> None:
        self.closed = True


def weight(name: str) -> Any:
    return SimpleNamespace(name=name, numpy=lambda: np.zeros(2))


MODEL: Any = SimpleNamespace(
    optimizer=SimpleNamespace(learning_rate=np.float32(0.25)),
    layers=[
        SimpleNamespace(name="dense", weights=[weight("kernel"), weight("bias")]),
        SimpleNamespace(name="dropout", weights=[]),
    ],
)
LOGS = {"loss": 1.0, "accuracy": 0.5, "val_loss": 2.0, "val_accuracy": 0.4}


@pytest.fixture
def boards() -> tuple[Any, Any]:
    return Board(), Board()


def log(boards: tuple[Any, Any], epochs: int, **settings: Any) -> None:
    callback = LogEpochs(*boards, **settings)
    callback.set_model(MODEL)
    for epoch in range(epochs):
        callback.on_epoch_end(epoch, dict(LOGS))
    callback.on_train_end()


def test_scores_of_train_and_validation_go_to_their_boards(boards: tuple[Any, Any]) -> None:
    log(boards, epochs=2)
    train, validation = boards
    fitted = {"epoch_loss": 1.0, "epoch_accuracy": 0.5, "epoch_learning_rate": 0.25}
    assert train.points == [(fitted, 0), (fitted, 1)]
    unseen = {"epoch_loss": 2.0, "epoch_accuracy": 0.4}
    assert validation.points == [(unseen, 0), (unseen, 1)]
    assert validation.histograms == []
    assert train.closed
    assert validation.closed


@pytest.mark.parametrize(
    ("every", "epochs", "at"), [(10, 21, [0, 10, 20]), (2, 3, [0, 2]), (5, 1, [0])]
)
def test_histograms_come_rarely(
    boards: tuple[Any, Any], every: int, epochs: int, at: list[int]
) -> None:
    log(boards, epochs, histogram_epochs=every)
    tags = ("dense/kernel", "dense/bias")
    assert boards[0].histograms == [(tag, step) for step in at for tag in tags]
