"""Figures of what a net says: predictions beside labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from recipe.runs.figures.style import (
    BLUE,
    INK,
    ORANGE,
    RED,
    SMALL,
    dress,
    finite_range,
    grid,
    legend,
    name_ticks,
)


def label_against_prediction(
    y: np.ndarray, prediction: np.ndarray, title: str, unit: str = "the target's unit"
) -> Figure:
    """Regression: on the dashed line a prediction is right.

    Args:
        y: labels, (examples,) or (examples, 1).
        prediction: of the same shape and unit.
        title: of the figure.
        unit: of both.
    """
    y, prediction = np.ravel(y).astype(np.float64), np.ravel(prediction).astype(np.float64)
    figure, (axes,) = grid(title, 4.6)
    fits = np.isfinite(y) & np.isfinite(prediction)
    low, high = finite_range(np.concatenate([y[fits], prediction[fits]]))
    edge = 0.04 * ((high - low) or 1.0)
    axes.plot([low, high], [low, high], "--", color=INK, linewidth=1.2, label="prediction = label")
    faint = float(np.clip(300 / max(len(y), 1), 0.15, 0.8))
    axes.plot(y[fits], prediction[fits], "o", color=BLUE, markersize=3.5, alpha=faint,
              markeredgewidth=0, label=f"{fits.sum():,} examples")  # fmt: skip
    if not fits.all():
        axes.plot([], [], "x", color=RED, label=f"{(~fits).sum():,} not finite, not drawn")
    dress(axes, f"label ({unit})", f"prediction ({unit})", lines="both")
    axes.set(xlim=(low - edge, high + edge), ylim=(low - edge, high + edge), aspect="equal")
    legend(axes, ncols=3)
    return figure


def class_predictions(
    labels: np.ndarray, probabilities: np.ndarray, class_names: Sequence[str], title: str
) -> Figure:
    """Classification: the probability of every class for every example, the label outlined.

    Args:
        labels: (examples,) class positions; the first 40 examples are drawn.
        probabilities: (examples, classes), rows sum to 1.
        class_names: (classes,).
        title: of the figure.
    """
    labels, probabilities = np.asarray(labels)[:40].astype(int), np.asarray(probabilities)[:40]
    count, classes = probabilities.shape
    figure, (axes,) = grid(title, 1.35 + 0.2 * count)
    drawn = axes.imshow(probabilities, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    wrong = probabilities.argmax(axis=1) != labels
    for row, label in enumerate(labels):
        color = RED if wrong[row] else INK
        box = Rectangle((label - 0.46, row - 0.44), 0.92, 0.88, fill=False, ec=color, lw=1.6)
        axes.add_patch(box)
    if classes <= 12:
        for row, column in zip(*np.nonzero(probabilities >= 0.005), strict=True):
            value = probabilities[row, column]
            ink = "white" if value > 0.55 else INK
            axes.text(column, row, f"{value:.2f}", ha="center", va="center",
                      fontsize=SMALL - 1, color=ink)  # fmt: skip
    dress(axes, "class", "example", lines="")
    name_ticks(axes, "x", class_names)
    name_ticks(axes, "y", [f"wrong  {i}" if wrong[i] else i for i in range(count)])
    for tick, bad in zip(axes.get_yticklabels(), wrong, strict=True):
        tick.set_color(RED if bad else INK)
    bar = figure.colorbar(drawn, ax=axes, fraction=0.03, pad=0.02)
    bar.set_label("predicted probability", fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)
    keys = [Line2D([], [], color=c, marker="s", mfc="none", ls="") for c in (INK, RED)]
    right, missed = count - int(wrong.sum()), int(wrong.sum())
    names = [f"label, predicted ({right})", f"label, not predicted ({missed})"]
    legend(axes, handles=keys, labels=names)
    return figure


def confusion(matrix: np.ndarray, class_names: Sequence[str], title: str = "") -> Figure:
    """Which classes are taken for which: errors orange, agreement blue, each as share of a row.

    Args:
        matrix: counts (classes, classes); rows are labels, columns predictions.
        class_names: (classes,).
        title: stands before the count, e.g. "Validation".
    """
    matrix = np.asarray(matrix)
    classes, total, right = len(matrix), int(matrix.sum()), int(np.trace(matrix))
    says = f"{right:,} of {total:,} right ({right / max(total, 1):.1%})"
    height = min(2.2 + 0.35 * classes, 5.4)
    figure, (axes,) = grid(f"{title}: {says}" if title else f"Confusion: {says}", height)
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    diagonal = np.eye(classes, dtype=bool)
    axes.imshow(np.where(diagonal, share, np.nan), cmap="Blues", vmin=-0.1, vmax=1.6)
    errors = np.where(diagonal | (matrix == 0), np.nan, share)
    # errors on a scale of their own, from a visible tint: one in a hundred must be seen
    worst = max(float(np.nanmax(errors, initial=0.0)), 0.1)
    axes.imshow(errors, cmap="Oranges", vmin=-0.3 * worst, vmax=1.8 * worst)
    if classes <= 25:
        size = SMALL if classes <= 15 else SMALL - 2
        for row, column in zip(*np.nonzero(matrix), strict=True):
            axes.text(column, row, f"{matrix[row, column]:,}", ha="center", va="center",
                      fontsize=size, color=INK)  # fmt: skip
    dress(axes, "predicted class", "true class", lines="")
    name_ticks(axes, "x", class_names)
    name_ticks(axes, "y", class_names)
    keys = [Line2D([], [], color=c, marker="s", ls="") for c in (BLUE, ORANGE)]
    legend(axes, handles=keys, labels=["right", "wrong (darker: larger share of the true class)"])
    return figure
