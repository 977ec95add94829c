"""What the incumbent's net says about rungs before they are tried.

Two rows of the checklist need a trained net: whether augmentation keeps the label (4.2), and which
columns are of no use (4.6). Nothing is trained here.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from recipe.checks.evidence import check_columns, check_label_consistency
from recipe.config import Config
from recipe.data import Dataset
from recipe.findings import Finding
from recipe.runs import RunFolder, figures
from recipe.training import predict
from recipe.training.consistency import Consistency, changed, consistency
from recipe.training.importance import Importance, importance

SHOWN = 6
"""Images of the figure, before and after."""

MOST_IMPORTANT = 3
"""Columns that the finding names."""


@dataclass(frozen=True)
class Evidence:
    """What was measured; of tables and images one each."""

    consistency: Consistency | None = None
    importance: Importance | None = None

    @property
    def findings(self) -> list[Finding]:
        """In words."""
        found = []
        if self.consistency:
            found.append(_of_labels(self.consistency))
        if self.importance:
            found.append(_of_columns(self.importance))
        return found


NOTHING = Evidence()


def gather(config: Config, data: Dataset, model: keras.Model, folder: RunFolder) -> Evidence:
    """Measure what there is to measure on validation examples, and draw it.

    Args:
        config: the incumbent.
        data: validated on `data.val`.
        model: trained as it says.
        folder: for the figure.
    """

    def answer(x: np.ndarray) -> np.ndarray:
        return predict(model, x)

    if not data.is_images:
        if len(set(data.features.origin)) < 2:
            return NOTHING
        return Evidence(importance=importance(answer, data, config.train.loss, config.seed))
    found = consistency(answer, data, config.seed)
    if found.strengths:
        _draw(found, data, config.seed, folder)
    return Evidence(consistency=found)


def _of_labels(found: Consistency) -> Finding:
    kept = {each.name: each.kept for each in found.strengths if each.is_more}
    refused: dict[str, float] = {}
    for each in found.strengths:
        for part, share in each.refused.items():
            refused.setdefault(part if part.startswith("flip") else f"{each.name} {part}", share)
    knows = bool(found.strengths)
    return check_label_consistency(kept if knows else None, refused, found.least, found.examples)


def _of_columns(found: Importance) -> Finding:
    first = np.argsort(-found.rise)[:MOST_IMPORTANT]
    top = {found.columns[i]: float(found.rise[i]) for i in first}
    return check_columns(found.useless, len(found.columns), found.rise_together, top)


def _draw(found: Consistency, data: Dataset, seed: int, folder: RunFolder) -> None:
    """The same images before and after, with their labels: does each still fit?"""
    some = data.val.drawn(SHOWN, seed)
    labels = [_label(y, data) for y in some.y]
    rows, titles = [some.x], [*labels]
    for each in found.strengths:
        if each.is_more:
            rows.append(changed(some.x, each.augment, seed))
            titles += [f"{label}, {each.name}" for label in labels]
    folder.figure(
        "augmented",
        figures.contact_sheet(
            np.concatenate(rows), titles, "Before and after augmentation: do the labels fit?", SHOWN
        ),
    )


def _label(y: np.ndarray, data: Dataset) -> str:
    """What an example is: its class, its labels, or its numbers in their own unit."""
    if data.target_scaling is not None:
        return ", ".join(f"{value:.3g}" for value in data.target_scaling.undo(y))
    if np.ndim(y) == 0:
        return data.classes[int(y)]
    return ", ".join(name for name, has in zip(data.classes, y, strict=True) if has) or "none"
