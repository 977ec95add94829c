"""What is logged of a training that people will look at, the same in every stage."""

from __future__ import annotations

import keras

from recipe.config import Task
from recipe.data import Dataset, Split
from recipe.runs import RunFolder, figures
from recipe.training import Dynamics, LogEpochs, Monitor

PROBE = 128
"""Training examples on which the inside of a net is measured."""

FIXED = 64
"""Validation examples whose predictions are followed (checklist row 2.11: 16 to 64)."""


def curves(folder: RunFolder, name: str) -> LogEpochs:
    """Loss, metric and learning rate of each epoch, in TensorBoard."""
    boards = (folder.board(f"{name}/{part}") for part in ("train", "validation"))
    return LogEpochs(*boards)


def inside(folder: RunFolder, name: str, train: Split) -> list[keras.callbacks.Callback]:
    """The curves, also in inference mode, and each layer's gradients, updates and activations."""
    runs = ("train", "validation", "train_inference")
    probe = train.drawn(PROBE)
    return [
        LogEpochs(*(folder.board(f"{name}/{part}") for part in runs)),
        Monitor(folder.board(f"{name}/train"), probe.x, probe.y, examples=len(train)),
    ]


def dynamics(data: Dataset) -> Dynamics:
    """Follows the predictions on a few fixed validation examples."""
    some = data.val.drawn(FIXED)
    return Dynamics(some.x, some.y, data.task)


def draw_dynamics(followed: Dynamics, folder: RunFolder) -> None:
    """Their heat map."""
    title = f"Predictions on {len(followed.p_true.T)} validation examples while it trained"
    if followed.task == Task.REGRESSION:
        picture = figures.dynamics(
            followed.p_true, None, followed.epochs, title, "scaled prediction", None
        )
    else:
        picture = figures.dynamics(followed.p_true, followed.flipped, followed.epochs, title)
    folder.figure("dynamics", picture)
