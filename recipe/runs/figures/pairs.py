"""The figure of a comparison: two configs, seed by seed, and what each look said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from recipe.runs.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    RED,
    SKY,
    SMALL,
    dress,
    finite_range,
    grid,
    legend,
    plain,
)

Look = tuple[int, float, float, float]
"""Seeds so far, mean gain, and the ends of its interval."""


def pairs(
    scores: dict[str, Sequence[float]],
    gains: Sequence[float],
    looks: Sequence[Look],
    smallest: float,
    title: str,
    metric: str,
) -> Figure:
    """Left: the scores of both, joined seed by seed. Right: the gain at each look.

    Args:
        scores: name of the config -> score of each seed; two of them.
        gains: of each seed, positive if the second config is better.
        looks: in their order.
        smallest: gain that matters.
        title: of the figure.
        metric: and its unit.
    """
    figure, (left, right) = grid(title, 3.6, columns=2)
    _joined(left, scores, gains, metric)
    _narrowing(right, looks, smallest, metric)
    return figure


def _joined(
    axes: Axes, scores: dict[str, Sequence[float]], gains: Sequence[float], metric: str
) -> None:
    dress(axes, "a line: a seed; diamonds: the means", metric)
    old, new = scores.values()
    looks = {
        "better": (BLUE, "-"),
        "worse": (RED, "--"),
        "the same": (GREY, ":"),
        "diverged": (INK, ""),
    }
    said = [
        "better" if gain > 0 else "worse" if gain < 0 else "the same" if gain == 0 else "diverged"
        for gain in gains
    ]
    for verdict, (color, dash) in looks.items():
        chosen = [pair for pair, one in zip(zip(old, new, strict=True), said, strict=True)
                  if one == verdict]  # fmt: skip
        for place, pair in enumerate(chosen):
            name = f"{verdict}: {len(chosen)}" if place == 0 else None
            axes.plot([0, 1], pair, dash, color=color, linewidth=1, marker="o", markersize=4,
                      alpha=0.75, label=name)  # fmt: skip
    for place, side in enumerate((old, new)):
        if np.isfinite(side).all():
            axes.plot(place, np.mean(side), "D", color=INK, markersize=7, zorder=3)
    axes.set_xticks([0, 1], [plain(name, 20) for name in scores], fontsize=SMALL)
    axes.set_xlim(-0.3, 1.3)
    legend(axes, ncols=2)


def _narrowing(axes: Axes, looks: Sequence[Look], smallest: float, metric: str) -> None:
    dress(axes, "seeds so far", f"gain in {metric}")
    seeds, means, lows, highs = (np.array(column) for column in zip(*looks, strict=True))
    axes.axhspan(-smallest, smallest, color=SKY, alpha=0.2, linewidth=0,
                 label="does not\nmatter")  # fmt: skip
    axes.axhline(0, color=INK, linewidth=1.2)
    axes.vlines(seeds, lows, highs, color=GREY, linewidth=2)
    axes.plot(seeds, means, "o", color=GREY, markersize=5, label="each look")
    axes.vlines(seeds[-1:], lows[-1:], highs[-1:], color=ORANGE, linewidth=3)
    axes.plot(seeds[-1], means[-1], "D", color=ORANGE, markersize=7, label="the last")
    # the first looks know so little that they would flatten the others
    low, high = finite_range(np.concatenate([lows, highs, [-smallest, smallest]]))
    room = 4 * max(smallest, *np.abs([lows[-1], highs[-1]])) if np.isfinite(means[-1]) else high
    axes.set_ylim(max(low, -room) * 1.05, min(high, room) * 1.05)
    axes.set_xlim(min(seeds) - 1, max(seeds) + 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    legend(axes, ncols=3)
