"""Figures of what goes into the net: images, classes, features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from recipe.runs.figures.style import (
    BLUE,
    INK,
    ORANGE,
    RED,
    SERIES,
    SMALL,
    TEXT,
    WIDTH,
    dress,
    finite_range,
    grid,
    legend,
    name_ticks,
    plain,
)


def contact_sheet(x: np.ndarray, titles: Sequence[str], title: str, columns: int = 10) -> Figure:
    """Images side by side, on one scale; a pixel that is not finite is orange.

    Args:
        x: (images, height, width, channels), in any unit; the first three of more are shown.
        titles: one for each image, or empty.
        title: of the sheet.
        columns: images in a row.
    """
    if x.shape[-1] not in (1, 3):  # an alpha channel, or bands: what can be shown as a color
        x = x[..., :3] if x.shape[-1] > 3 else x.mean(axis=-1, keepdims=True)
    count, height, width, channels = x.shape
    columns = max(min(columns, count), 5)
    low, high = finite_range(x)
    shades = np.nan_to_num((x.astype(np.float64) - low) / ((high - low) or 1.0))
    shades = np.broadcast_to(np.clip(shades, 0, 1), (count, height, width, 3)).copy()
    shades[~np.isfinite(x).all(axis=-1)] = to_rgb(ORANGE)

    tile = WIDTH / columns  # inches; the unit of the axes
    label = 0.2 / tile if len(titles) else 0.0
    cell, rows = height / width + label, max(-(-count // columns), 1)
    figure, (axes,) = grid(title, 0.6 + rows * cell * tile)
    for i, image in enumerate(shades):
        left, top = i % columns, (i // columns) * cell
        edges = (left + 0.04, left + 0.96, top + cell - 0.04, top + label + 0.04)
        axes.imshow(image, extent=edges, interpolation="nearest")
        if len(titles):
            name = plain(titles[i], int(tile * 16))
            axes.text(left + 0.5, top + label, name, ha="center", va="bottom", fontsize=SMALL)
    axes.set(xlim=(0, columns), ylim=(rows * cell, 0))
    axes.axis("off")
    scale = f"{low:.4g} is black, {high:.4g} is white"
    scale = scale if channels == 1 else f"channels from {low:.4g} to {high:.4g}"
    figure.supxlabel(scale, fontsize=SMALL, color=INK)
    return figure


def class_balance(
    counts: Mapping[str, np.ndarray],
    class_names: Sequence[str],
    title: str = "Share of each class, by split",
) -> Figure:
    """Whether the splits hold the same classes, and how rare the rarest is.

    Args:
        counts: split -> examples of each class, shape (classes,).
        class_names: (classes,).
        title: of the figure.
    """
    figure, (axes,) = grid(title, 3.2)
    width = 0.8 / max(len(counts), 1)
    for i, (split, count) in enumerate(counts.items()):
        total = int(np.sum(count))
        share = 100 * np.asarray(count) / max(total, 1)
        places = np.arange(len(share)) + (i - (len(counts) - 1) / 2) * width
        name = f"{plain(split)} ({total:,} examples)"
        axes.bar(places, share, width * 0.92, label=name, color=SERIES[i % len(SERIES)])
    dress(axes, "class", "share of the split (%)")
    name_ticks(axes, "x", class_names)
    legend(axes)
    return figure


def feature_histograms(
    x: np.ndarray, names: Sequence[str], title: str = "Values of each feature"
) -> Figure:
    """The shape of each feature: constants, outliers, codes that stand for "missing".

    Args:
        x: (examples, features); the first 24 features are drawn.
        names: (features,).
        title: of the figure.
    """
    total, shown = x.shape[1], min(x.shape[1], 24)
    if shown < total:
        title = f"{title} (first {shown} of {total})"
    columns = min(4, shown)
    rows = -(-shown // columns)
    figure, places = grid(title, 0.9 + 1.05 * rows, rows, columns)
    for i, axes in enumerate(places[:shown]):
        values = np.asarray(x[:, i], np.float64)
        finite = values[np.isfinite(values)]
        axes.hist(finite, bins=30, color=BLUE)
        dress(axes, lines="")
        axes.locator_params(nbins=3)
        axes.set_title(plain(names[i], 20), fontsize=SMALL, color=INK)
        if len(finite) < len(values):
            lost = f"{1 - len(finite) / len(values):.1%} missing"
            place = {"ha": "right", "va": "top", "transform": axes.transAxes}
            axes.text(0.98, 0.96, lost, fontsize=SMALL, color=RED, **place)
    for axes in places[shown:]:
        axes.axis("off")
    figure.supxlabel("value, in the feature's own unit", fontsize=TEXT, color=INK)
    figure.supylabel("examples", fontsize=TEXT, color=INK)
    return figure
