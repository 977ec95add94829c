"""Checks of a pretrained backbone: does it get pixels as it got them when it was trained?"""

from __future__ import annotations

import numpy as np

from recipe.findings import Finding, judge

SOURCE = "Keras Applications: each model expects a specific kind of input preprocessing"


def check_backbone_input(
    raw: np.ndarray, entered: np.ndarray, expected: np.ndarray, white: float
) -> Finding:
    """Weights of pixels from -1 to 1 know nothing of pixels from 0 to 255, and nothing says so.

    Args:
        raw: pixels of training examples as the source has them, any shape.
        entered: the same examples as they enter the backbone, (examples, height, width, 3).
        expected: as the application's own `preprocess_input` makes them, of the same shape.
        white: what a white pixel is said to be in the source.
    """
    low, high = float(raw.min()), float(raw.max())
    off = float(np.abs(entered - expected).max()) / max(float(np.ptp(expected)), 1e-7)
    # of thousands of pixels, one at least is brighter than half
    if low < 0 or high > white or high < white / 2:
        fits = low >= 0
        return judge(
            "backbone_input",
            False,
            f"Pixels run from {low:g} to {high:g}, where model.backbone.white is {white:g}.",
            measured=high,
            expected=f"pixels from 0 to {white:g}, the brightest above {white / 2:g}",
            source=SOURCE,
            code="unscaled_input",
            prescription=f"model.backbone.white: {white:g} -> {high:g}"
            if fits
            else "give the source pixels from 0 (black) to 255 (white)",
        )
    return judge(
        "backbone_input",
        off <= 1e-3,
        f"What enters the backbone differs from its own preprocessing by {off:.2g} of its range.",
        measured=off,
        expected="at most 0.001: rounding",
        source=SOURCE,
        code="unscaled_input",
        prescription="leave scaling to data.scaling, and the pixels to the application",
    )
