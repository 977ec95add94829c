"""Figures that compare: intervals of differences, scores on one axis, a search's trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipe.runs.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    RED,
    SMALL,
    TEXT,
    dress,
    finite_range,
    grid,
    legend,
    name_ticks,
    plain,
)

LOOKS = {"better": (BLUE, "^"), "worse": (RED, "v"), "equivalent": (GREEN, "s"),
         "inconclusive": (GREY, "o")}  # fmt: skip
"""Colour and marker of a verdict; the marker says it again without colour."""


def intervals(
    rows: Sequence[tuple[str, float, float, float, str]],
    title: str,
    xlabel: str,
    zero: str = "incumbent",
    noise: float | None = None,
) -> Figure:
    """Differences with their intervals: what leaves the line at 0 out is decided.

    Args:
        rows: (name, difference, low, high, verdict), the verdict "better", "worse",
            "equivalent" or "inconclusive", or a word for what was not decided: its ends may be
            NaN.
        title: of the figure.
        xlabel: the difference and its unit.
        zero: name of what everything is compared with.
        noise: standard deviation of its score from seed to seed, drawn as a band.
    """
    figure, (axes,) = grid(title, 1.25 + 0.3 * max(len(rows), 1))
    if noise is not None and np.isfinite(noise):
        axes.axvspan(-noise, noise, color=GREY, alpha=0.18, linewidth=0, label="noise floor")
    axes.axvline(0, color=INK, linewidth=1.2)
    for verdict in dict.fromkeys([*LOOKS, *(row[4] for row in rows)]):
        chosen = [(i, row) for i, row in enumerate(rows) if row[4] == verdict]
        color, marker = LOOKS.get(verdict, (ORANGE, "s"))
        for n, (i, (_, middle, low, high, _)) in enumerate(chosen):
            axes.plot([low, high], [i, i], color=color, linewidth=2, solid_capstyle="butt")
            name = plain(verdict) if n == 0 else None
            axes.plot(middle, i, marker, color=color, markersize=7, linestyle="", label=name)
    axes.locator_params(axis="x", nbins=6)
    said = [_in_words(middle, low, high) for _, middle, low, high, _ in rows]
    _rows(axes, [row[0] for row in rows], said, f"{xlabel} (0 = {zero})")
    if rows:
        legend(axes)
    return figure


def _in_words(middle: float, low: float, high: float) -> str:
    if not np.isfinite(middle):
        return "not measured"
    return f"{middle:+.3g}" + ("" if np.isnan(low) else f"  [{low:+.3g}, {high:+.3g}]")


Score = tuple[str, float, float | None, float | None]
"""Name, score, and the ends of its interval; None where there is none."""


def ladder_of_scores(rows: Sequence[Score], title: str, xlabel: str) -> Figure:
    """From the dumbest baseline to the ensemble, on one axis.

    Args:
        rows: top to bottom.
        title: of the figure.
        xlabel: the score and its unit.
    """
    figure, (axes,) = grid(title, 1.0 + 0.3 * max(len(rows), 1))
    said = []
    for i, (_, score, low, high) in enumerate(rows):
        axes.plot(score, i, "o", color=BLUE, markersize=7)
        said.append(f"{score:.4g}" if np.isfinite(score) else "not measured")
        if low is not None and high is not None:
            axes.plot([low, high], [i, i], color=BLUE, linewidth=2, solid_capstyle="butt")
            said[-1] += f"  [{low:.4g}, {high:.4g}]"
    _rows(axes, [row[0] for row in rows], said, xlabel)
    return figure


def _rows(axes: Axes, names: Sequence[str], said: Sequence[str], xlabel: str) -> None:
    """Names on the left, the numbers in words on the right, the first row on top."""
    dress(axes, xlabel, lines="both")
    name_ticks(axes, "y", names, 30)
    axes.set_ylim(max(len(names), 1) - 0.4, -0.6)
    place = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": SMALL}
    for i, words in enumerate(said):
        axes.text(1.02, i, words, color=INK, **place)


def trials(
    values: Mapping[str, Sequence[Any]],
    scores: Sequence[float],
    metric: str,
    direction: Literal["max", "min"] = "max",
    title: str = "",
) -> Figure:
    """The score against each hyperparameter, one panel each.

    Args:
        values: hyperparameter -> its value in each trial.
        scores: (trials,); NaN where a trial had no finite score.
        metric: name of the score, and its unit.
        direction: which score is best.
        title: of the figure; made from the best score by default.
    """
    score = np.asarray(scores, np.float64)
    fits = np.isfinite(score)
    pick = np.nanargmax if direction == "max" else np.nanargmin
    best = int(pick(np.where(fits, score, np.nan))) if fits.any() else None
    if not title:
        said = "no feasible trial" if best is None else f"best {metric} {score[best]:.4g}"
        title = f"{len(score)} trials, {said}"
    columns = min(3, max(len(values), 1))
    rows = max(-(-len(values) // columns), 1)
    figure, places = grid(title, 0.95 + 1.75 * rows, rows, columns, sharey=True)
    # the red crosses stand below every score: they have none
    low, high = finite_range(score)
    floor = low - 0.12 * ((high - low) or 1.0)
    for axes, (name, column) in zip(places, values.items(), strict=False):
        x = _axis_of(axes, column)
        dress(axes, plain(name, 26), lines="y")
        axes.plot(x[fits], score[fits], "o", color=BLUE, alpha=0.6, markersize=5)
        axes.plot(x[~fits], np.full((~fits).sum(), floor), "x", color=RED, markersize=6)
        if best is None:
            axes.set_yticks([])
        else:
            axes.plot(x[best], score[best], "*", color=ORANGE, mec=INK, mew=0.8, ms=13)
    for axes in places[len(values) :]:
        axes.axis("off")
    figure.supylabel(plain(metric), fontsize=TEXT, color=INK)
    words = "star: best" + (f", red cross: infeasible ({(~fits).sum()})" if not fits.all() else "")
    figure.supxlabel(words, fontsize=SMALL, color=INK)
    return figure


def _axis_of(axes: Axes, column: Sequence[Any]) -> np.ndarray:
    """Places of one hyperparameter's values: numbers drawn at random as they are, else by name."""
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in column)
    names = sorted(set(column)) if numbers else sorted({str(v) for v in column})
    few = len(names) <= 6 and len(column) >= 2 * len(names)
    if numbers and not few:
        x = np.asarray(column, np.float64)
        if len(x) and x.min() > 0 and x.max() > 30 * x.min():
            axes.set_xscale("log")
        return x
    name_ticks(axes, "x", names, 14, room=24)
    axes.set_xlim(-0.6, len(names) - 0.4)
    return np.asarray([names.index(v if numbers else str(v)) for v in column], np.float64)
