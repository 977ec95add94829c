"""What the units of a trained net answer to examples, layer by layer: values, dead, saturated."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from recipe.data import Split
from recipe.training.layers import named, recorded
from recipe.training.signals import CUT_OFF, RANGES, SATURATED, activation_of


@dataclass(frozen=True)
class Units:
    """Of one layer that has an activation."""

    name: str
    values: np.ndarray
    """(examples, units) that the activation puts out, the mean over the places of an image."""

    dead: float | None
    """Share of the units that are 0 for every example; None: this activation is never cut off."""

    saturated: float | None
    """Share of the units that are saturated for at least 85 % of the examples (DeepCrime's limit,
    as TheDeepChecker measures it); None: this activation has no ends."""


MOSTLY = 0.85
"""Part of the examples for which a unit that has saturated is at an end of its range."""


def units_of(model: keras.Model, examples: Split) -> list[Units]:
    """Call a net, in inference mode, and change nothing.

    Args:
        model: of any kind.
        examples: in memory.

    Returns:
        The layers whose activation is cut off or has ends, first to last.
    """
    names = {id(layer): name for name, layer in named(model).items()}
    with recorded(model) as calls:
        model(np.asarray(examples.x), training=False)
    found = []
    for call in calls:
        function = activation_of(call.layer)
        if function not in CUT_OFF and function not in RANGES:
            continue
        output = np.asarray(call.output, np.float32)
        values = output.reshape(-1, output.shape[-1])
        dead = saturated = None
        if function in CUT_OFF:
            dead = float((values <= 0).all(axis=0).mean())
        else:
            low, high = RANGES[function]
            at_end = np.abs(values - (low + high) / 2) > SATURATED * (high - low) / 2
            saturated = float((at_end.mean(axis=0) >= MOSTLY).mean())
        of_examples = output.reshape(len(output), -1, output.shape[-1]).mean(axis=1)
        found.append(Units(names[id(call.layer)], of_examples, dead, saturated))
    return found
