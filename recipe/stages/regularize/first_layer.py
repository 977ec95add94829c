"""What a trained net's first layer looks at, and what its units answer (checklist row 4.13)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from recipe.checks.first_layer import (
    check_first_layer,
    check_units,
    separation,
    skipped_first_layer,
    smoothness,
)
from recipe.config import Config
from recipe.data import Dataset
from recipe.findings import Finding
from recipe.runs import RunFolder, figures
from recipe.training import new_model
from recipe.training.data_init import KERNELS
from recipe.training.units import units_of

FRESH = 100
"""Layers that are drawn: five of them lie above the 95 % quantile."""

ASKED = 512
"""Validation examples: a unit that is 0 for all of them is dead."""

SMALLEST = 4
"""Pixels of a side."""

SHOWN = 64
"""Of these, in the figure."""


def look_inside(
    config: Config, data: Dataset, model: keras.Model, seed: int, folder: RunFolder
) -> list[Finding]:
    """Draw the first layer and the activations, and measure whether they are still noise or dead.

    Args:
        config: as the net was trained.
        data: on which.
        model: trained.
        seed: of its training: how it began.
        folder: for the figures.
    """
    return [_first_layer(config, data, model, seed, folder), _units(data, model, folder)]


def _first_layer(
    config: Config, data: Dataset, model: keras.Model, seed: int, folder: RunFolder
) -> Finding:
    layer = _first(model)
    if layer is None or config.model.family == "application":
        return skipped_first_layer("The first layer is a backbone's, or has no kernel.", None)
    kernel = np.asarray(layer.kernel)
    began = _first(new_model(config, data, seed))
    assert began is not None
    start = np.asarray(began.kernel)
    moved = float(np.linalg.norm(kernel - start) / max(float(np.linalg.norm(start)), 1e-30))
    is_seen = kernel.ndim == 4 or len(kernel) == np.prod(data.shape)
    if kernel.ndim not in (2, 4) or not is_seen:
        return skipped_first_layer("The first layer reads numbers that were embedded.", moved)
    folder.figure("first_layer", figures.first_layer(kernel, data.shape, names=data.features.names))
    if not data.is_images:
        return skipped_first_layer(
            "Columns of a table have no neighbours to be like, so noise can't be told.", moved
        )
    if kernel.ndim == 4 or min(data.shape[:2]) < SMALLEST:
        return skipped_first_layer(
            "Pictures of so few pixels can't be told from noise, in sound nets neither.", moved
        )
    some = data.val.drawn(ASKED)

    def both(weights: np.ndarray) -> tuple[float, float]:
        return smoothness(weights, data.shape), separation(weights, some.x, some.y)

    fresh = [both(_drawn(layer, seed)) for seed in range(FRESH)]
    return check_first_layer(*both(kernel), fresh, moved)


def _units(data: Dataset, model: keras.Model, folder: RunFolder) -> Finding:
    some = data.val.drawn(ASKED)
    layers = units_of(model, some)
    dead = {each.name: each.dead for each in layers if each.dead is not None}
    saturated = {each.name: each.saturated for each in layers if each.saturated is not None}
    if layers:
        # examples of a class together: what they share is seen as a band
        order = np.argsort(some.y if some.y.ndim == 1 else some.y[:, 0], kind="stable")
        rows = order[:: max(len(order) // SHOWN, 1)][:SHOWN]
        folder.figure(
            "activations",
            figures.activations(
                {each.name: each.values[rows] for each in layers},
                f"What the units answer to {len(rows)} validation examples, sorted by target",
            ),
        )
    return check_units(dead, saturated, len(some))


def _first(model: keras.Model) -> Any | None:
    """The first layer with a kernel."""
    return next((layer for layer in model.layers if isinstance(layer, KERNELS)), None)


def _drawn(layer: Any, seed: int) -> np.ndarray:
    """A kernel as the layer could have begun."""
    given = layer.kernel_initializer
    config = {**given.get_config(), "seed": seed}
    return np.asarray(type(given).from_config(config)(layer.kernel.shape))
