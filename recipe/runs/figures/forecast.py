"""Figures of what was learnt from: the learning curve and its forecast; what units answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from recipe.runs.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    SKY,
    SMALL,
    dress,
    grid,
    legend,
    plain,
)


def learning_curve(
    sizes: Sequence[int],
    errors: Sequence[Sequence[float]],
    places: np.ndarray,
    band: np.ndarray,
    twice: tuple[float, float, float],
    best: tuple[str, float] | None,
    title: str,
    ylabel: str,
) -> Figure:
    """Errors against examples, the power laws that fit them, and twice the data.

    Args:
        sizes: examples of each part, rising; the last is all of them.
        errors: (sizes, seeds) of each training.
        places: (places,) examples at which the curve is known.
        band: (3, places) lower end, median and upper end of it.
        twice: lower end, median and upper end of what is forecast at twice the last size.
        best: name of the best regularizer and the error with it.
        title: of the figure.
        ylabel: the error and its unit.
    """
    figure, (axes,) = grid(title, 3.8)
    dress(axes, "training examples", ylabel, "both")
    axes.set_xscale("log")
    axes.fill_between(places, band[0], band[2], color=SKY, alpha=0.3, linewidth=0,
                      label="power laws that fit")  # fmt: skip
    axes.plot(places, band[1], color=BLUE, linewidth=1.8, label="their median")
    for size, each in zip(sizes, errors, strict=True):
        axes.plot([size] * len(each), each, "o", color=GREY, markersize=4, alpha=0.6)
    ended = [np.asarray(each)[np.isfinite(each)] for each in errors]
    means = [each.mean() if len(each) else np.nan for each in ended]
    axes.plot(sizes, means, "D", color=INK, markersize=5, label="measured, mean of seeds")
    low, middle, high = twice
    axes.plot([2 * sizes[-1]] * 2, [low, high], color=ORANGE, linewidth=3)
    axes.plot(2 * sizes[-1], middle, "D", color=ORANGE, markersize=7, label="twice the data")
    if best is not None:
        axes.axhline(best[1], color=GREEN, linestyle="--", linewidth=1.4,
                     label=f"all, with {plain(best[0], 24)}")  # fmt: skip
    axes.set_xticks([*sizes, 2 * sizes[-1]], minor=False)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda *_: ""))
    axes.tick_params(axis="x", rotation=30)
    legend(axes, ncols=3)
    return figure


def activations(layers: Mapping[str, np.ndarray], title: str) -> Figure:
    """What units answer: a row is an example, a column a unit; a white column is dead.

    Args:
        layers: name -> (examples, units); the 60 units that vary most are drawn, of at most four
            layers.
        title: of the figure.
    """
    shown = dict([*layers.items()][:4])
    figure, places = grid(title, 1.0 + 1.9 * len(shown), len(shown), 1)
    for axes, (name, values) in zip(places, shown.items(), strict=True):
        finite = np.nan_to_num(values, posinf=0.0, neginf=0.0)
        order = np.argsort(-finite.std(axis=0), kind="stable")[:60]
        limit = float(np.quantile(np.abs(finite), 0.99)) or 1.0
        drawn = axes.imshow(finite[:, order], cmap="RdBu_r", vmin=-limit, vmax=limit,
                            aspect="auto", interpolation="nearest")  # fmt: skip
        dress(axes, "unit, the most varied first", "example", lines="")
        many = f" ({len(order)} of {values.shape[1]} units)" if len(order) < values.shape[1] else ""
        axes.set_title(plain(f"{name}{many}", 60), fontsize=SMALL, color=INK)
        bar = figure.colorbar(drawn, ax=axes, fraction=0.03, pad=0.02)
        bar.ax.tick_params(labelsize=SMALL)
    return figure
