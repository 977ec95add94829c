"""Figures of the batch norm laboratory: distributions that move, and the loss along a step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from recipe.runs.figures.lab import label_ends, look
from recipe.runs.figures.style import BIG, GREY, INK, SMALL, TEXT, dress, grid

SHARES = (5, 25, 50, 75, 95)
"""Percentiles that are drawn of a distribution over time."""

HEIGHT = 4.2


def distributions(
    losses: Mapping[str, np.ndarray],
    percentiles: Mapping[str, np.ndarray],
    steps: Sequence[int],
    title: str,
) -> Figure:
    """Two nets: their loss, and how the pre-activations of layer 1 are distributed over time.

    Args:
        losses: name -> (steps,) smoothed.
        percentiles: name -> (looks, len(SHARES)).
        steps: of the looks.
        title: of the figure.
    """
    figure, places = grid(title, HEIGHT, 1, 1 + len(percentiles))
    _losses(places[0], losses)
    low, high = _limits(percentiles)
    for place, (axes, (name, bands)) in enumerate(
        zip(places[1:], percentiles.items(), strict=True)
    ):
        dress(axes, "step", "pre-activation of layer 1" if place == 0 else "", "both")
        color = look(place)["color"]
        for outer, alpha in ((0, 0.15), (1, 0.3)):
            axes.fill_between(steps, bands[:, outer], bands[:, -1 - outer], color=color,
                              alpha=alpha, linewidth=0)  # fmt: skip
        axes.plot(steps, bands[:, 2], color=color, linewidth=2)
        axes.set_ylim(low, high)
        axes.set_title(name, fontsize=TEXT, fontweight="bold", color=color)
    words = "bands: 5 to 95 % and 25 to 75 % of all units and examples, line: the median"
    figure.supxlabel(words, fontsize=SMALL, color=GREY)
    return figure


def moving(
    losses: Mapping[str, np.ndarray],
    counts: Mapping[str, np.ndarray],
    edges: np.ndarray,
    steps: Sequence[int],
    title: str,
) -> Iterator[Figure]:
    """The same as pictures one after another: histograms as they are, beside the loss so far.

    Args:
        losses: name -> (steps,) smoothed.
        counts: name -> (looks, bins), shares of the values.
        edges: of the bins, (bins + 1,).
        steps: of the looks.
        title: of the figure.

    Yields:
        One figure, drawn anew for each look.
    """
    figure, places = grid(title, HEIGHT, 1, 1 + len(counts))
    _losses(places[0], losses, faint=True)
    marks = [places[0].plot([], [], "o", markersize=8, color=look(n)["color"])[0]
             for n in range(len(losses))]  # fmt: skip
    top = max(float(each.max()) for each in counts.values()) * 1.08
    bars = []
    for place, (axes, (name, each)) in enumerate(zip(places[1:], counts.items(), strict=True)):
        dress(axes, "pre-activation of layer 1", "share of values" if place == 0 else "", "")
        color = look(place)["color"]
        axes.stairs(each[0], edges, color=INK, linewidth=1.2, linestyle=":", label="at step 0")
        bars.append(axes.stairs(each[0], edges, color=color, fill=True, alpha=0.55))
        axes.set_ylim(0, top)
        axes.set_title(name, fontsize=TEXT, fontweight="bold", color=color)
        axes.legend(fontsize=SMALL, frameon=False, loc="upper right")
    words = figure.supxlabel(f"step {steps[-1]}", fontsize=BIG, fontweight="bold", color=INK)
    for number, step in enumerate(steps):
        words.set_text(f"step {step}")
        for mark, line in zip(marks, losses.values(), strict=True):
            at = max(step, 1)
            mark.set_data([at], [line[at - 1]])
        for bar, each in zip(bars, counts.values(), strict=True):
            bar.set_data(each[number])
        yield figure
        figure.set_layout_engine("none")  # once laid out, it stays


def along(
    steps: Sequence[int],
    spreads: Mapping[str, np.ndarray],
    turns: Mapping[str, np.ndarray],
    title: str,
) -> Figure:
    """How the loss varies on the line of a step, and how far the gradient turns on it.

    Args:
        steps: of the looks.
        spreads: name -> highest less lowest loss from half to four times the step, (looks,).
        turns: name -> change of the gradient over its norm, (looks,).
        title: of the figure.
    """
    figure, (left, right) = grid(title, 3.7, 1, 2)
    dress(left, "step", "highest less lowest loss", "both")
    dress(right, "step", "change of the gradient / its norm", "both")
    left.set_yscale("log")
    ends = []
    for place, (name, values) in enumerate(spreads.items()):
        style = look(place)
        left.plot(steps, values, linewidth=1.8, **style)
        right.plot(steps, turns[name], linewidth=1.8, **style)
        ends.append((name, float(turns[name][-1]), style["color"]))
    right.set_ylim(bottom=0)
    label_ends(right, ends)
    left.set_title("from ½ to 4 times the step", fontsize=SMALL, color=GREY)
    right.set_title("over the step; 0: a straight slope", fontsize=SMALL, color=GREY)
    return figure


def _losses(axes, losses: Mapping[str, np.ndarray], faint: bool = False) -> None:  # type: ignore[no-untyped-def]
    dress(axes, "step", "training loss, smoothed", "both")
    ends = []
    for place, (name, line) in enumerate(losses.items()):
        style = look(place)
        axes.plot(np.arange(1, len(line) + 1), line, linewidth=1.5 if faint else 2,
                  alpha=0.6 if faint else 1.0, label=name, **style)  # fmt: skip
        ends.append((name, float(line[-1]), style["color"]))
    axes.set_ylim(bottom=0 if min(line[-1] for line in losses.values()) >= 0 else None)
    axes.legend(fontsize=SMALL, frameon=False, labelcolor=INK, loc="upper right")


def _limits(percentiles: Mapping[str, np.ndarray]) -> tuple[float, float]:
    every = np.concatenate(list(percentiles.values()))
    low, high = float(np.nanmin(every)), float(np.nanmax(every))
    room = 0.05 * ((high - low) or 1.0)
    return low - room, high + room
