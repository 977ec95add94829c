"""The figures of `recipe lab bn`: what `bn.py` has measured, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from recipe.checks.lab import beyond
from recipe.compare import Comparison
from recipe.lab.bench import Bench, Trained
from recipe.lab.watched import Watched
from recipe.runs import figures
from recipe.training.range_test import Estimate

BINS = 60
"""Of the histograms that move."""


def draw_watched(
    bench: Bench, watched: Mapping[str, Watched], found: Mapping[str, Estimate]
) -> None:
    """The lecture's animation, the loss along the step, and both sides for TensorBoard."""
    losses = {name: np.mean([t.smoothed for t in seen.arms], axis=0)
              for name, seen in watched.items()}  # fmt: skip
    shortest = min(len(seen.steps) for seen in watched.values())
    steps = watched["without"].steps[:shortest]
    every = np.concatenate([v for seen in watched.values() for v in seen.values[:shortest]])
    low, high = np.nanpercentile(every[np.isfinite(every)], [0.5, 99.5])
    edges = np.linspace(low, high, BINS + 1)
    counts = {name: np.array([np.histogram(v, edges)[0] / len(v) for v in seen.values[:shortest]])
              for name, seen in watched.items()}  # fmt: skip
    percentiles = {name: np.array([np.percentile(v, figures.SHARES)
                                   for v in seen.values[:shortest]])
                   for name, seen in watched.items()}  # fmt: skip
    moved = found["drift_mean"]
    title = "What layer 1 is given, step by step, without batch norm and with it"
    if moved.value > 0:
        less = moved.value < 1
        times = 1 / moved.value if less else moved.value
        title = (f"What layer 1 is given moves {times:.2g} times {'less' if less else 'more'} per "
                 "step with batch norm")  # fmt: skip
    bench.folder.animation(
        "with_and_without",
        figures.distributions(losses, percentiles, steps, title),
        figures.moving(losses, {n: c[::2] for n, c in counts.items()}, edges, steps[::2], title),
    )  # fmt: skip
    for name, seen in watched.items():
        bench.curve(name, seen.arms)
        with bench.folder.board(name) as board:
            for step, values in zip(seen.steps, seen.values, strict=True):
                share, ends = np.histogram(values, 30)
                buckets = np.stack([ends[:-1], ends[1:], share], axis=1)
                board.histograms({"activations/layer_1_before_activation": buckets}, step)
    spreads, turns = {}, {}
    for name, seen in watched.items():
        whole = [lines[:shortest] for lines in seen.lines if len(lines) >= shortest]
        spreads[name], turns[name] = (
            np.mean([[getattr(line, part) for line in lines] for lines in whole], axis=0)
            for part in ("spread", "turn")
        )
    smooth = beyond(
        (found["loss_range"].value, found["loss_range"].low, found["loss_range"].high), 1,
        ("more", "less"),
    )  # fmt: skip
    title = "Along the step: how smooth is the loss?"
    if smooth != "inconclusive":
        title = f"Along the step, the loss varies {smooth} with batch norm"
    bench.folder.figure("along_the_step", figures.along(steps, spreads, turns, title))


def draw_compared(
    bench: Bench,
    by_rate: Mapping[str, Mapping[float, list[Trained]]],
    by_initializer: Mapping[str, Mapping[str, list[Trained]]],
    placed: Mapping[str, Comparison],
    by_batch: Mapping[str, Mapping[int, list[float]]],
    found: Mapping[str, Estimate],
) -> None:
    """What was compared: rates, initializers, the place of the norm, batch sizes."""

    def point(values: Sequence[float], resolution: float = 0.0) -> tuple[float, float, float]:
        seen = bench.mean(values, resolution)
        return seen.value, seen.low, seen.high

    folder, seeds, level = bench.folder, bench.settings.seeds, f"{bench.settings.confidence:.0%}"
    start = float(np.mean([t.losses[0] for t in next(iter(by_rate["without"].values()))]))
    times = found["largest_rate"].value
    folder.figure("rates", figures.over(
        {name: {rate: point([min(t.last, 2 * start) for t in arm]) for rate, arm in each.items()}
         for name, each in by_rate.items()},
        f"Batch norm bears rates {times:.2g} times as high ({seeds} seeds)"
        if np.isfinite(times) else f"Which rates batch norm bears ({seeds} seeds)",
        "learning rate (log scale)", f"training loss at the end, mean and {level} interval",
        log=10, marks={"your rate": bench.config.train.learning_rate},
    ))  # fmt: skip
    rows = []
    for title in by_initializer["without"]:
        compared = bench.compare(by_initializer["with batch norm"][title],
                                 by_initializer["without"][title])  # fmt: skip
        rows.append((title, compared.difference, compared.low, compared.high, compared.verdict))
    folder.figure("initializers", figures.intervals(
        rows, f"What batch norm adds, by initializer ({seeds} seeds)",
        f"gain in val {bench.metric}, {level} interval", zero="without"))  # fmt: skip
    rows = [(a, c.difference, c.low, c.high, c.verdict) for a, c in placed.items()]
    folder.figure("placement", figures.intervals(
        rows, f"The norm after the activation against before it ({seeds} seeds)",
        f"gain in val {bench.metric}, {level} interval", zero="before"))  # fmt: skip
    folder.figure("batch_sizes", figures.over(
        {name: {size: point(scores, bench.resolution) for size, scores in each.items()}
         for name, each in by_batch.items()},
        "Batch norm needs a batch: scores by batch size",
        "examples in a batch", f"val {bench.metric}, mean and {level} interval", log=2,
    ))  # fmt: skip
