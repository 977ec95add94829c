"""Figures of the laboratory: several nets side by side, drawn to be read without the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipe.runs.figures.style import (
    DASHES,
    GREY,
    INK,
    RED,
    SERIES,
    SMALL,
    TEXT,
    dress,
    grid,
    name_ticks,
    plain,
)

COLOURS = (*SERIES, RED)


def look(place: int) -> dict[str, object]:
    """Colour and dashes of the n-th line; the dashes say it again without colour."""
    return {"color": COLOURS[place % len(COLOURS)], "linestyle": DASHES[place % len(DASHES)]}


def loss_bands(
    losses: Mapping[str, np.ndarray],
    title: str,
    ylabel: str = "training loss, smoothed",
    log: bool = False,
) -> Figure:
    """Loss against step: the mean over seeds, and from the lowest to the highest of them.

    Args:
        losses: name -> (seeds, steps).
        title: of the figure.
        ylabel: the quantity and its unit.
        log: a logarithmic axis.
    """
    figure, (axes,) = grid(title, 3.6)
    dress(axes, "step", ylabel, lines="both")
    if log:
        axes.set_yscale("log")
    ends = []
    for place, (name, each) in enumerate(losses.items()):
        steps = np.arange(1, each.shape[1] + 1)
        middle = each.mean(axis=0)
        style = look(place)
        axes.fill_between(steps, each.min(axis=0), each.max(axis=0), color=style["color"],
                          alpha=0.18, linewidth=0)  # fmt: skip
        axes.plot(steps, middle, linewidth=2, **style)
        alive = middle[np.isfinite(middle)]
        lost = "" if len(alive) == len(middle) else " (diverged)"
        ends.append((name + lost, alive[-1] if len(alive) else np.nan, style["color"]))
    label_ends(axes, ends)
    axes.text(0.0, 1.01, "line: mean over seeds, band: lowest to highest seed",
              transform=axes.transAxes, fontsize=SMALL, color=GREY)  # fmt: skip
    return figure


def label_ends(axes: Axes, ends: Sequence[tuple[str, float, object]]) -> None:
    """Write each line's name at its right end, in its colour, none over another.

    Args:
        axes: whose lines are drawn.
        ends: (name, value of the last point, colour).
    """
    low, high = axes.get_ylim()
    log = axes.get_yscale() == "log"

    def height(value: float) -> float:
        if log:
            low_, high_, value = np.log([low, high, max(value, low)])
            return float((value - low_) / (high_ - low_))
        return (value - low) / (high - low)

    known = sorted(
        ((float(np.clip(height(value), 0, 1)), name, colour) for name, value, colour in ends
         if np.isfinite(value)), key=lambda end: end[0],
    )  # fmt: skip
    room = 0.19 / axes.get_figure().get_figheight()
    places: list[float] = []
    for at, _, _ in known:
        places.append(max(at, places[-1] + room) if places else at)
    over = max(places[-1] - 1.0, 0.0) if places else 0.0
    for place, (_, name, colour) in zip(places, known, strict=True):
        axes.text(1.015, place - over, plain(name, 30), transform=axes.transAxes, color=colour,
                  fontsize=TEXT, va="center", fontweight="bold")  # fmt: skip


def layer_profiles(
    profiles: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]], title: str
) -> Figure:
    """What each layer puts out and what gradient reaches it, for each activation.

    Args:
        profiles: activation -> initializer -> "mean", "std" and "gradient", (layers,) each.
        title: of the figure.
    """
    rows = {"std": "std of activations", "mean": "|mean| of activations",
            "gradient": "gradient norm"}  # fmt: skip
    figure, places = grid(title, 6.4, len(rows), len(profiles), sharex=True)
    for number, axes in enumerate(places):
        row, column = divmod(number, len(profiles))
        part, words = [*rows.items()][row]
        activation = [*profiles][column]
        dress(axes, "layer" if row == len(rows) - 1 else "", words if column == 0 else "", "both")
        axes.set_yscale("log")
        axes.set_ylim(LOWEST / 3, HIGHEST * 3)
        if row == 0:
            axes.set_title(activation, fontsize=TEXT, fontweight="bold", color=INK)
        for place, (name, seen) in enumerate(profiles[activation].items()):
            values = np.abs(seen[part])
            shown = np.clip(np.where(np.isfinite(values), values, HIGHEST), LOWEST, HIGHEST)
            layers = np.arange(1, len(shown) + 1)
            axes.plot(layers, shown, linewidth=1.6, label=plain(name), **look(place))
        if column == 0:
            small = {
                "va": "center",
                "ha": "right",
                "fontsize": SMALL,
                "color": GREY,
                "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.5},
            }
            axes.text(len(layers), HIGHEST / 20, "explodes ↑", **small)
            axes.text(len(layers), LOWEST * 10, "vanishes ↓", **small)
    handles, names = places[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), fontsize=SMALL,
                  frameon=False, labelcolor=INK, handlelength=2.4, columnspacing=1.2)  # fmt: skip
    return figure


LOWEST, HIGHEST = 1e-8, 1e8
"""Beyond these a line is drawn at the edge: it has vanished, or exploded."""


def gradient_over_depth(
    norms: Mapping[str, Mapping[str, Mapping[int, float]]], title: str
) -> Figure:
    """What gradient reaches the first layer, against depth.

    Args:
        norms: activation -> initializer -> depth -> norm of the gradient in the first layer.
        title: of the figure.
    """
    figure, places = grid(title, 3.1, 1, len(norms), sharey=True)
    for axes, (activation, lines) in zip(places, norms.items(), strict=True):
        first = axes is places[0]
        dress(axes, "hidden layers", "gradient norm in layer 1" if first else "", "both")
        axes.set_yscale("log")
        axes.set_ylim(LOWEST / 3, HIGHEST * 3)
        axes.set_title(activation, fontsize=TEXT, fontweight="bold", color=INK)
        for place, (name, by_depth) in enumerate(lines.items()):
            depths = sorted(by_depth)
            values = np.array([by_depth[depth] for depth in depths])
            shown = np.clip(np.where(np.isfinite(values), values, np.nan), LOWEST, HIGHEST)
            axes.plot(depths, shown, marker="o", markersize=4, linewidth=1.6, label=plain(name),
                      **look(place))  # fmt: skip
            axes.set_xticks(depths)
    handles, names = places[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), fontsize=SMALL,
                  frameon=False, labelcolor=INK, handlelength=2.4, columnspacing=1.2)  # fmt: skip
    return figure


Points = Mapping[float, tuple[float, float, float]]
"""Place on the axis -> value, and the ends of its interval."""


def over(
    lines: Mapping[str, Points],
    title: str,
    xlabel: str,
    ylabel: str,
    log: int = 0,
    logy: bool = False,
    marks: Mapping[str, float] = MappingProxyType({}),
) -> Figure:
    """A score against an amount, with intervals: one line for each variant.

    Args:
        lines: name -> points; those that are not finite are left out, and a cross says so.
        title: of the figure.
        xlabel: the amount and its unit.
        ylabel: the score and its unit.
        log: base of a logarithmic axis of amounts, or 0.
        logy: a logarithmic axis of scores.
        marks: name -> place of a vertical line.
    """
    figure, (axes,) = grid(title, 3.7)
    dress(axes, xlabel, ylabel, lines="both")
    if log:
        axes.set_xscale("log", base=log)
    if logy:
        axes.set_yscale("log")
    ends, places = [], sorted({place for points in lines.values() for place in points})
    for number, (name, points) in enumerate(lines.items()):
        at = np.array(sorted(points))
        values = np.array([points[place] for place in at], np.float64).reshape(-1, 3)
        fits = np.isfinite(values[:, 0])
        style = look(number)
        axes.fill_between(at, values[:, 1], values[:, 2], where=fits & np.isfinite(values).all(1),
                          color=style["color"], alpha=0.15, linewidth=0)  # fmt: skip
        drawn = np.where(fits, values[:, 0], np.nan)  # no line across what was not measured
        axes.plot(at, drawn, marker="o", markersize=5, linewidth=1.8, **style)
        if not fits.all():
            top = axes.get_xaxis_transform()
            axes.plot(at[~fits], np.full((~fits).sum(), 0.03 + 0.045 * number), "x",
                      color=style["color"], transform=top, markersize=7)  # fmt: skip
        ends.append((name, values[fits][-1, 0] if fits.any() else np.nan, style["color"]))
    low, high = axes.get_ylim()
    middles = np.array([point[0] for points in lines.values() for point in points.values()])
    inside = middles[np.isfinite(middles)]
    if inside.size and not logy:  # a wide interval must not flatten what it is about
        room = 0.25 * max(float(np.ptp(inside)), 1e-6)
        axes.set_ylim(max(low, inside.min() - room), min(high, inside.max() + room))
    if log == 2:
        axes.set_xticks(places, [f"{place:g}" for place in places])
    for name, place in marks.items():
        axes.axvline(place, color=GREY, linestyle=":", linewidth=1.2)
        axes.text(place, 1.0, f" {name}", transform=axes.get_xaxis_transform(), fontsize=SMALL,
                  color=GREY, va="top")  # fmt: skip
    label_ends(axes, ends)
    return figure


def ratios(
    rows: Mapping[str, tuple[float, float, float]],
    sound: tuple[float, float],
    title: str,
    xlabel: str,
    name: str,
) -> Figure:
    """Ratios with their intervals on a logarithmic axis, and the band in which they are sound.

    Args:
        rows: name -> ratio, and the ends of its interval.
        sound: ends of the band.
        title: of the figure.
        xlabel: the ratio, in words.
        name: of the band.
    """
    figure, (axes,) = grid(title, 1.3 + 0.32 * len(rows))
    dress(axes, xlabel, lines="x")
    axes.set_xscale("log")
    axes.axvspan(*sound, color=SERIES[2], alpha=0.18, linewidth=0)
    axes.text(1, 1.02, name, transform=axes.get_xaxis_transform(), ha="center", fontsize=SMALL,
              color=GREY)  # fmt: skip
    for place, (middle, low, high) in enumerate(rows.values()):
        inside = sound[0] <= middle <= sound[1]
        color = SERIES[0] if inside else RED
        axes.plot([low, high], [place, place], color=color, linewidth=2, solid_capstyle="butt")
        axes.plot(middle, place, "o" if inside else "v", color=color, markersize=7)
        axes.text(1.02, place, f"{middle:.2f} [{low:.2f}, {high:.2f}]", va="center",
                  transform=axes.get_yaxis_transform(), fontsize=SMALL, color=INK)  # fmt: skip
    name_ticks(axes, "y", list(rows), 30)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    every = [value for row in rows.values() for value in row if np.isfinite(value) and value > 0]
    low, high = min([*every, sound[0]]), max([*every, sound[1]])
    ticks = [tick for tick in (0.1, 0.2, 0.3, 0.5, 0.8, 1, 1.25, 2, 3, 5, 10)
             if low / 1.2 <= tick <= high * 1.2]  # fmt: skip
    axes.set_xlim(low / 1.15, high * 1.15)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    return figure
