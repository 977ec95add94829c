"""Figures of what goes into the net: images, classes, features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
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


def column_histograms(
    columns: Mapping[str, np.ndarray], title: str = "Values of each column"
) -> Figure:
    """The shape of each column: constants, outliers, codes that stand for "missing".

    Args:
        columns: name -> values (examples,): numbers as a histogram, NaN where missing; text as
            its most frequent values, "" where missing. The first 24 are drawn.
        title: of the figure.
    """
    total, shown = len(columns), dict(list(columns.items())[:24])
    if len(shown) < total:
        title = f"{title} (first {len(shown)} of {total})"
    across = min(4, len(shown))
    rows = -(-len(shown) // across)
    figure, places = grid(title, 0.9 + 1.05 * rows, rows, across)
    for (name, values), axes in zip(shown.items(), places, strict=False):
        draw = _draw_numbers if values.dtype.kind == "f" else _draw_words
        missing = draw(axes, values)
        axes.set_title(plain(name, 20), fontsize=SMALL, color=INK)
        if missing:
            place = {"ha": "right", "va": "top", "transform": axes.transAxes}
            axes.text(0.98, 0.96, f"{missing:.1%} missing", fontsize=SMALL, color=RED, **place)
    for axes in places[len(shown) :]:
        axes.axis("off")
    figure.supxlabel("value, in the column's own unit", fontsize=TEXT, color=INK)
    figure.supylabel("examples", fontsize=TEXT, color=INK)
    return figure


def _draw_numbers(axes: Axes, values: np.ndarray) -> float:
    """A histogram; the share that is missing."""
    finite = values[np.isfinite(values)].astype(np.float64)
    axes.hist(finite, bins=30, color=BLUE)
    dress(axes, lines="")
    axes.locator_params(nbins=3)
    return 1 - len(finite) / max(len(values), 1)


def _draw_words(axes: Axes, values: np.ndarray, most: int = 6) -> float:
    """The most frequent values as bars, the rest as one; the share that is missing."""
    words, counts = np.unique(values.astype(str), return_counts=True)
    order = np.lexsort((words, -counts))
    order = order[words[order] != ""]
    names = [plain(words[i], 8) for i in order[:most]]
    heights = [int(counts[i]) for i in order[:most]]
    if len(order) > most:
        names.append("other")
        heights.append(int(counts[order[most:]].sum()))
    axes.bar(range(len(heights)), heights, color=BLUE)
    dress(axes, lines="")
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", fontsize=SMALL - 2)
    axes.locator_params(axis="y", nbins=3)
    return float((values == "").mean())


def feature_values(
    x: np.ndarray, names: Sequence[str], labels: Sequence[str], title: str
) -> Figure:
    """Examples of a table as the net sees them: one a row, its label in front, numbers inside.

    Args:
        x: (examples, features); the first 16 examples and 12 features are drawn.
        names: (features,).
        labels: one for each example.
        title: of the figure.
    """
    total, x = x.shape[1], x[:16, :12]
    if total > x.shape[1]:
        title = f"{title} (first {x.shape[1]} of {total} features)"
    figure, (axes,) = grid(title, 1.6 + 0.24 * len(x))
    axes.imshow(np.nan_to_num(x), cmap="RdBu_r", vmin=-4, vmax=4, aspect="auto")
    for (row, column), value in np.ndenumerate(x):
        ink = INK if abs(value) < 2.5 else "white"
        axes.text(column, row, f"{value:.2g}", ha="center", va="center", fontsize=SMALL - 2,
                  color=ink)  # fmt: skip
    dress(axes, "feature", "label of the example", lines="")
    ticks = [plain(name, 16) for name in names[: x.shape[1]]]
    axes.set_xticks(range(x.shape[1]), ticks, rotation=30, ha="right", fontsize=SMALL - 1)
    axes.set_yticks(range(len(x)), [plain(label, 14) for label in labels[: len(x)]], fontsize=SMALL)
    return figure
