"""Figures of a training: curves, predictions as they move, the first layer's filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from matplotlib.figure import Figure

from recipe.runs.figures.style import (
    DASHES,
    INK,
    ORANGE,
    RED,
    SERIES,
    SMALL,
    WIDTH,
    dress,
    finite_range,
    grid,
    legend,
    name_ticks,
    plain,
)

NO_TARGETS: Mapping[str, float] = MappingProxyType({})


def curves(
    lines: Mapping[str, Sequence[float]],
    ylabel: str,
    title: str,
    xlabel: str = "epoch",
    targets: Mapping[str, float] = NO_TARGETS,
    log: bool = False,
    first: int = 1,
) -> Figure:
    """One quantity over time, with the values it should reach.

    Args:
        lines: name -> one value for each epoch or step; a red cross at the top
            marks where values stop being finite.
        ylabel: the quantity and its unit.
        title: of the figure.
        xlabel: "epoch" or "step".
        targets: name -> value of a dotted line.
        log: a logarithmic axis; values of 0 and below are left out.
        first: place of the first value: 1 when it was taken after the first epoch, 0 before.
    """
    figure, (axes,) = grid(title, 3.4)
    dress(axes, xlabel, ylabel, lines="both")
    if log:
        axes.set_yscale("log")
    lost: set[int] = set()
    for i, (name, line) in enumerate(lines.items()):
        values = np.asarray(line, np.float64)
        places = first + np.arange(len(values))
        gone = ~np.isfinite(values)
        lost.update(places[gone & ~np.r_[False, gone[:-1]]])  # where each gap begins
        drawn = np.where(np.isfinite(values) & ((values > 0) | (not log)), values, np.nan)
        look = {"color": SERIES[i % len(SERIES)], "linestyle": DASHES[i % len(DASHES)]}
        # points show where a line has gaps, or is one point; on a long line they are noise
        points = {"marker": "o", "markersize": 3} if len(values) <= 40 else {}
        axes.plot(places, drawn, label=plain(name, 30), linewidth=1.8, **look, **points)
    if lost:
        cross = {"color": RED, "markersize": 8, "markeredgewidth": 2, "linestyle": ""}
        top, name = axes.get_xaxis_transform(), f"not finite from {xlabel} {min(lost)}"
        axes.plot(sorted(lost), [0.96] * len(lost), "x", transform=top, label=name, **cross)
    for name, value in targets.items():
        if np.isfinite(value) and (value > 0 or not log):
            axes.axhline(value, color=INK, linestyle=":", linewidth=1.4)
            place = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "bottom"}
            axes.text(0.995, value, f"{plain(name)}: {value:.4g}", fontsize=SMALL, **place)
    longest = max((len(line) for line in lines.values()), default=1)
    axes.set_xlim(first - 0.02 * longest, first + max(longest - 1, 1) + 0.02 * longest)
    axes.xaxis.get_major_locator().set_params(integer=True)
    legend(axes)
    return figure


def dynamics(
    values: np.ndarray,
    flipped: np.ndarray | None,
    epochs: Sequence[int],
    title: str,
    unit: str = "probability of the label",
    limits: tuple[float, float] | None = (0.0, 1.0),
) -> Figure:
    """How predictions on fixed examples move: calm rows have come to rest, dots are flips.

    Args:
        values: (looks, examples), e.g. the probability of the label.
        flipped: (looks, examples), where the predicted class is another than a look before;
            None where there are no classes.
        epochs: that were done at each look.
        title: of the figure.
        unit: of the values.
        limits: of the colours; None: the smallest and largest value.
    """
    if not len(values):
        values, flipped, epochs = np.full((1, values.shape[1]), np.nan), None, [0]
    looks, examples = values.shape
    last = values[-max(looks // 4, 1) :]
    # a value that is not finite is the lowest: it has no place between the others
    order = np.argsort(-np.where(np.isfinite(last), last, -np.inf).mean(axis=0), kind="stable")
    figure, (axes,) = grid(title, 1.6 + min(0.06 * examples, 4.0))
    low, high = limits or finite_range(values)
    axes.set_facecolor(RED)  # no colour of the map: not finite
    drawn = axes.imshow(
        values.T[order], cmap="Blues", vmin=low, vmax=high, aspect="auto", interpolation="nearest"
    )
    if flipped is not None:
        rows, columns = np.nonzero(flipped.T[order])
        size = float(np.clip(240 / max(looks, 1), 1.5, 5))
        axes.plot(columns, rows, "o", color=ORANGE, markersize=size, markeredgewidth=0,
                  label=f"predicted class changed ({len(rows):,} times)")  # fmt: skip
        legend(axes)
    dress(axes, "epoch", "example, highest on top", lines="")
    places = range(0, looks, 1 + looks // 16)
    axes.set_xticks(places, [str(epochs[i]) for i in places])
    axes.set_yticks([])
    bar = figure.colorbar(drawn, ax=axes, fraction=0.03, pad=0.02)
    bar.set_label(plain(unit), fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)
    return figure


def first_layer(
    kernel: np.ndarray,
    shape: Sequence[int],
    title: str = "First layer: what each unit looks at",
    names: Sequence[str] = (),
) -> Figure:
    """The first layer's weights as pictures: edges and strokes, or still the noise of the start.

    Args:
        kernel: (features, units) of a dense layer or (height, width, channels, filters) of a
            convolution; the 60 of largest norm are drawn.
        shape: of one example: (height, width, channels) or (features,).
        title: of the figure.
        names: of the features of a table.
    """
    units = kernel.shape[-1]
    norms = np.linalg.norm(kernel.reshape(-1, units), axis=0)
    order = np.argsort(-norms, kind="stable")[:60]
    if len(order) < units:
        title = f"{title} ({len(order)} of {units}, largest first)"
    limit = float(np.nanmax(np.abs(kernel[..., order]), initial=0.0)) or 1.0
    shades = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit, "interpolation": "nearest"}
    if kernel.ndim == 2 and len(shape) == 1:
        figure, (axes,) = grid(title, min(1.3 + 0.16 * len(kernel), 8))
        drawn = axes.imshow(kernel[:, order], aspect="auto", **shades)
        dress(axes, "unit, largest norm first", "" if len(names) else "feature", lines="")
        if len(names):
            name_ticks(axes, "y", names)
    else:
        filters = kernel if kernel.ndim == 4 else kernel.reshape(*shape, units)
        # channels are averaged: one picture for each unit shows a sign, not a hue
        pictures = np.moveaxis(filters.mean(axis=2)[..., order], -1, 0)
        sheet = _mosaic(pictures, columns=max(min(12, len(order)), 6))
        figure, (axes,) = grid(title, 0.5 + 0.87 * WIDTH * sheet.shape[0] / sheet.shape[1])
        axes.set_facecolor("#909090")  # no colour of the map: white is a weight of 0
        drawn = axes.imshow(sheet, **shades)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    bar = figure.colorbar(drawn, ax=axes, fraction=0.03, pad=0.02)
    bar.set_label("weight", fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)
    return figure


def _mosaic(pictures: np.ndarray, columns: int, zoom: int = 8) -> np.ndarray:
    """Pictures (n, height, width) in one array, NaN between them, each pixel `zoom` squared."""
    large = pictures.repeat(zoom, axis=1).repeat(zoom, axis=2)
    count, height, width = large.shape
    gap = max(width // 8, 2)
    rows = -(-count // columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap), np.nan)
    for i, picture in enumerate(large):
        top, left = gap + i // columns * (height + gap), gap + i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet
