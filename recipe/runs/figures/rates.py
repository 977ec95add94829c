"""The figure of a range test: the loss against a rising learning rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from recipe.runs.figures.style import BLUE, INK, ORANGE, SMALL, dress, finite_range, grid, legend


def range_curve(
    rates: Sequence[np.ndarray],
    losses: Sequence[np.ndarray],
    suggestion: tuple[float, float, float],
    current: float,
    title: str,
) -> Figure:
    """Smoothed loss against learning rate: flat, falling, rising, and where the suggestion lies.

    Args:
        rates: of each seed's steps, (steps,) each; drawn are those that all seeds have made.
        losses: smoothed, of the same steps.
        suggestion: the rate, and the ends of its interval.
        current: the config's rate.
        title: of the figure.
    """
    figure, (axes,) = grid(title, 3.6)
    dress(axes, "learning rate (log scale), rising with each step", "training loss, smoothed",
          lines="both")  # fmt: skip
    axes.set_xscale("log")
    shared = min(map(len, losses))
    together = np.stack([line[:shared] for line in losses])
    x, spread = rates[0][:shared], together.std(axis=0)
    for place, line in enumerate(together):
        name = f"each of {len(losses)} seeds" if place == 0 else None
        axes.plot(x, line, color=BLUE, alpha=0.3, linewidth=0.9, label=name)
    middle = together.mean(axis=0)
    band = {"color": BLUE, "alpha": 0.15, "linewidth": 0}
    axes.fill_between(x, middle - spread, middle + spread, label="± 1 std", **band)
    axes.plot(x, middle, color=BLUE, linewidth=2, label="mean")
    rate, low, high = suggestion
    axes.axvspan(low, high, color=ORANGE, alpha=0.25, linewidth=0)
    axes.axvline(rate, color=ORANGE, linewidth=2, label=f"suggestion {rate:.2g}")
    axes.axvline(current, color=INK, linestyle="--", linewidth=1.4, label=f"config {current:.2g}")
    least, most = finite_range(middle)
    # one seed that explodes would flatten all that there is to see
    start = float(middle[0])
    top = max(start + 0.25 * (start - least), min(most, 1.5 * start))
    axes.set_ylim(least - 0.08 * (top - least), top + 0.02 * (top - least))
    legend(axes, ncols=5)
    axes.tick_params(labelsize=SMALL)
    return figure
