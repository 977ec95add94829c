"""Losses with two weights, on which an optimizer's path can be drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np


@dataclass(frozen=True)
class Surface:
    """A loss of two weights."""

    name: str
    loss: Callable[[np.ndarray], float]
    """Of a point (2,)."""

    gradient: Callable[[np.ndarray], np.ndarray]
    """At a point, (2,)."""

    start: tuple[float, float]
    lowest: tuple[tuple[float, float], ...]
    """Where it is lowest."""


STEEP = 40.0
"""Curvature across the ravine over that along it."""

SURFACES = (
    Surface(
        "bowl",
        lambda w: float(0.5 * (w**2).sum()),
        lambda w: np.array(w, np.float64),
        (-1.6, 1.2),
        ((0.0, 0.0),),
    ),
    Surface(
        "ravine",
        lambda w: float(0.5 * (w[0] ** 2 + STEEP * w[1] ** 2)),
        lambda w: np.array([w[0], STEEP * w[1]]),
        (-1.6, 0.6),
        ((0.0, 0.0),),
    ),
    # flat at (0, 0), down to both sides of it, and bounded
    Surface(
        "saddle",
        lambda w: float(w[0] ** 2 - w[1] ** 2 + 0.5 * w[1] ** 4),
        lambda w: np.array([2 * w[0], -2 * w[1] + 2 * w[1] ** 3]),
        (-1.6, 0.02),
        ((0.0, 1.0), (0.0, -1.0)),
    ),
)


def path(
    optimizer: keras.optimizers.Optimizer, surface: Surface, steps: int, noise: float, seed: int
) -> np.ndarray:
    """Where a Keras optimizer goes, (steps + 1, 2).

    Args:
        optimizer: fresh.
        surface: on which.
        steps: to take.
        noise: standard deviation of what is added to each gradient, as batches would.
        seed: of the noise.
    """
    draws = np.random.default_rng(seed)
    weights = keras.Variable(np.array(surface.start, np.float32))
    optimizer.build([weights])
    seen = [np.array(surface.start)]
    for _ in range(steps):
        gradient = surface.gradient(seen[-1]) + noise * draws.normal(size=2)
        optimizer.apply([keras.ops.convert_to_tensor(gradient.astype(np.float32))], [weights])
        seen.append(np.array(weights.numpy(), np.float64))
    return np.array(seen)
