"""Figures that more than one stage draws of a net's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from recipe.config import Task
from recipe.data import Dataset, Split
from recipe.runs import figures
from recipe.training import predict, probabilities

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 40
"""Examples in a heat map of answers: more can't be read."""


def answers(model: keras.Model, split: Split, data: Dataset, title: str) -> Figure:
    """What was asked and what the net said: a heat map of classes, or a scatter of numbers."""
    logits = predict(model, split.x)
    if data.target_scaling is not None:
        undo = data.target_scaling.undo
        return figures.label_against_prediction(undo(split.y), undo(logits), title)
    if data.task is Task.MULTILABEL:
        p = probabilities(logits, data.task)
        return figures.label_against_prediction(split.y, p, title, unit="0 or 1, and probability")
    return figures.class_predictions(
        split.y[:MOST], probabilities(logits[:MOST], data.task), data.classes, title
    )
