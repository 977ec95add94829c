"""The figure of optimizers' paths on losses of two weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from recipe.runs.figures.lab import look
from recipe.runs.figures.style import INK, SMALL, TEXT, dress, grid

LIMITS = ((-2.0, 1.2), (-1.5, 1.5))
"""Of the two weights that are drawn."""

FINENESS = 120

Drawn = tuple[
    str, Callable[[np.ndarray], float], Sequence[tuple[float, float]], Mapping[str, np.ndarray]
]
"""Name of the surface, its loss, where it is lowest, and name -> path (steps + 1, 2)."""


def paths(surfaces: Sequence[Drawn], title: str) -> Figure:
    """One panel for each surface: contours, and where each optimizer goes."""
    figure, places = grid(title, 4.1, 1, len(surfaces), sharey=True)
    (left, right), (low, high) = LIMITS
    across, up = np.linspace(left, right, FINENESS), np.linspace(low, high, FINENESS)
    for axes, (name, loss, lowest, walked) in zip(places, surfaces, strict=True):
        dress(axes, "weight 1", "weight 2" if axes is places[0] else "", "")
        heights = np.array([[loss(np.array([x, y])) for x in across] for y in up])
        levels = np.quantile(heights, np.linspace(0, 1, 16))
        axes.contourf(across, up, heights, np.unique(levels), cmap="Greys", alpha=0.35)
        for place, (who, line) in enumerate(walked.items()):
            inside = np.clip(line, [left, low], [right, high])
            axes.plot(inside[:, 0], inside[:, 1], linewidth=1.5, label=who, marker=".",
                      markersize=2.5, **look(place))  # fmt: skip
            axes.plot(*inside[-1], "o", color=look(place)["color"], markersize=5)
        start = next(iter(walked.values()))[0]
        axes.plot(*start, "s", color=INK, markersize=6)
        for x, y in lowest:
            axes.plot(x, y, "*", color="white", markeredgecolor=INK, markersize=12, zorder=5)
        axes.set(xlim=(left, right), ylim=(low, high))
        axes.set_title(name, fontsize=TEXT, fontweight="bold", color=INK)
    handles, names = places[0].get_legend_handles_labels()
    signs = {"start": ("s", INK), "lowest loss": ("*", "white")}
    handles += [
        Line2D([], [], marker=marker, color=color, markeredgecolor=INK, linestyle="", markersize=9)
        for marker, color in signs.values()
    ]
    figure.legend(handles, [*names, *signs], loc="outside lower center", ncols=5, fontsize=SMALL,
                  frameon=False, labelcolor=INK, handlelength=2.2, columnspacing=1.4)  # fmt: skip
    return figure
