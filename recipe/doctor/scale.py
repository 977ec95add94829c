"""Inputs and targets of a size that a net can work with: around 0, and about 1 wide.

Numbers of rules are those of the table in `docs/doctor.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from recipe.doctor.change import Change
from recipe.doctor.flow import Flow, array, tensors
from recipe.doctor.head import SQUARED, Head
from recipe.doctor.suspect import Suspect

PRE = "before"


class Spread(NamedTuple):
    """Rule 2: how far inputs may be from a mean of 0 and a std of 1."""

    largest: float
    widest: float
    """Std of a feature."""

    smallest: float
    """No value at all above."""

    uneven: float
    """Ratio of two features' stds."""


FAR_IN, NEAR_IN = Spread(50.0, 10.0, 0.05, 1e3), Spread(10.0, 5.0, 0.2, 100.0)
"""Suspicious in any net; in one that is ill, and for whose illness nothing else was found."""


class Away(NamedTuple):
    """Rule 3: how far a number to predict may be from a mean of 0 and a std of 1."""

    narrowest: float
    widest: float
    off: float
    """Mean in stds, or in units if the std is smaller than these."""


FAR_OUT, NEAR_OUT = Away(0.05, 20.0, 20.0), Away(0.2, 5.0, 5.0)
"""The same of targets."""


def input_scale(flow: Flow, may: Spread = FAR_IN) -> Iterator[Suspect]:
    """Rule 2: what reaches the first kernels is around 0 and about 1 wide, whoever saw to it."""
    for call in flow.first:
        for tensor in tensors(call.inputs)[:1]:
            if not tensor.dtype.is_floating and not tensor.dtype.is_integer:
                continue
            values = array(tensor)
            columns = values.reshape(-1, values.shape[-1])
            columns = columns[:, np.isfinite(columns).all(axis=0)]
            std = columns.std(axis=0)
            alive = std > 1e-7 * np.maximum(np.abs(columns).max(axis=0, initial=0), 1e-30)
            if not alive.any():
                continue
            columns, std = columns[:, alive], std[alive]
            largest, widest = float(np.abs(columns).max()), float(std.max())
            amounts_only = std[[len(np.unique(c)) > 2 for c in columns.T]]
            ratio = float(amounts_only.max() / amounts_only.min()) if len(amounts_only) else 1.0
            why = (
                f"values up to {largest:.4g}" if largest > may.largest
                else f"a feature with std {widest:.4g}" if widest > may.widest
                else f"no value above {largest:.2g}" if largest < may.smallest
                else f"one feature {ratio:.3g} times as wide as another" if ratio > may.uneven
                else None
            )  # fmt: skip
            if why:
                yield Suspect(
                    "unscaled_input", "error", PRE,
                    f"{why} reach{'es' if why.startswith(('a ', 'one', 'no ')) else ''} the layer "
                    f"{call.layer.name!r}, the first with weights",
                    largest if largest > may.largest else widest,
                    f"at most {may.largest:g}, std at most {may.widest:g}, not all below "
                    f"{may.smallest:g}",
                    "diagnosis rule 2; LeCun et al. 1998, \"Efficient BackProp\", section 4.3",
                    "standardize the inputs by the training examples: a Normalization layer",
                    {"data.scaling": "standardize"}, Change(scale_x=True),
                )  # fmt: skip
                return


def target_scale(heads: Sequence[Head], may: Away = FAR_OUT) -> Iterator[Suspect]:
    """Rule 3: a linear unit starts near 0, and has a long way to a target that is far off."""
    for head in heads:
        if head.loss not in SQUARED or head.target.kind != "real" or len(heads) > 1:
            continue
        std, mean = float(np.std(head.y)), float(np.mean(head.y))
        if may.narrowest <= std <= may.widest and abs(mean) <= may.off * max(std, 1):
            continue
        yield Suspect(
            "target_scale", "error", PRE, f"the target has mean {mean:.4g} and std {std:.4g}",
            std, f"std between {may.narrowest:g} and {may.widest:g}, mean within {may.off:g} stds",
            "diagnosis rule 3",
            "standardize the target, and start the last bias at its mean",
            {"data.target_scaling": "standardize"}, Change(scale_y=True),
        )  # fmt: skip
