"""How every figure looks: one palette, one size, one way to write text from the data.

The colours are Okabe and Ito's, told apart by colour-blind readers; shapes and words say the
same a second time. Only objects, no pyplot: no figure is registered anywhere, no backend is
chosen, and the fonts of the reader's matplotlibrc (Chinese class names, say) are kept.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, GREY, INK = "#CC79A7", "#56B4E9", "#6E6E6E", "#222222"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, INK)
DASHES = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (3, 1)), (0, (1, 1)))

WIDTH = 6.4
"""Inches. At 640 pixels wide, 100 of them are an inch and 9 points are 12 pixels high."""

DPI = 200
"""Dots an inch of the file: sharp on screens with two dots a pixel."""

BIG, TEXT, SMALL = 11, 9, 8
"""Font sizes in points: titles, labels, everything written inside the axes."""


def plain(text: object, length: int = 200) -> str:
    """Text from the data as matplotlib should draw it: one line, no formulas, not too long."""
    words = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    if len(words) > length:
        words = words[: max(length - 1, 1)] + "…"
    return words.replace("$", r"\$")


def grid(
    title: str, height: float, rows: int = 1, columns: int = 1, **options: bool
) -> tuple[Figure, list[Axes]]:
    """An empty figure and its axes, left to right and top to bottom.

    Args:
        title: above the figure.
        height: of the figure, inches.
        rows: of axes.
        columns: of axes.
        options: of `Figure.subplots`, e.g. `sharey=True`.
    """
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained", facecolor="white")
    lines = textwrap.fill(plain(title), 66)
    figure.suptitle(lines, fontsize=BIG, fontweight="bold", color=INK)
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(axes.flat)


def dress(axes: Axes, xlabel: str = "", ylabel: str = "", lines: str = "y") -> None:
    """Labels, ticks and a faint grid.

    Args:
        axes: to be dressed.
        xlabel: with its unit.
        ylabel: with its unit.
        lines: which axis' values get grid lines: "x", "y", "both" or "" for none.
    """
    axes.set_xlabel(plain(xlabel), fontsize=TEXT, color=INK)
    axes.set_ylabel(plain(ylabel), fontsize=TEXT, color=INK)
    axes.tick_params(which="both", labelsize=SMALL, color=GREY, labelcolor=INK, length=3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.set_axisbelow(True)
    if lines:
        axes.grid(axis=lines, color="#E4E4E4", linewidth=0.8)


def legend(axes: Axes, **options: object) -> None:
    """The legend, without a frame and above the data."""
    settings = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": 4} | options
    axes.legend(fontsize=SMALL, frameon=False, labelcolor=INK, borderaxespad=0.3, **settings)


def name_ticks(
    axes: Axes, axis: str, names: Sequence[object], length: int = 22, room: int = 80
) -> None:
    """One tick for each name at 0, 1, 2, ...; of very many names only every n-th is written.

    Args:
        axes: of the figure.
        axis: "x" or "y".
        names: from the data.
        length: in characters, from which a name is cut.
        room: characters that fit below the axes; more are written at a slant.
    """
    every = 1 + max(len(names) - 1, 0) // 60
    places = range(0, len(names), every)
    shown = [plain(names[i], length) for i in places]
    crowded = axis == "x" and sum(len(name) + 1 for name in shown) > room
    turn: dict[str, object] = {"rotation": 90 if len(shown) > 25 else 40} if crowded else {}
    if crowded and len(shown) <= 25:
        turn |= {"ha": "right", "rotation_mode": "anchor"}
    getattr(axes, f"set_{axis}ticks")(places, shown, fontsize=SMALL, **turn)


def finite_range(values: np.ndarray) -> tuple[float, float]:
    """Smallest and largest finite value; 0 and 1 if there is none."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
