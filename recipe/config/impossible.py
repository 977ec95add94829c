"""Options that cannot work together, whatever the data are: refused when a config is read.

What is only likely wrong is left to `recipe/checks/options.py`, which `baseline` asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recipe.config.types import Config


def impossible(config: Config) -> Iterator[tuple[tuple[str, str], str]]:
    """Section and key of each option that can't work, and why."""
    model, train = config.model, config.train
    dense = bool(model.widths) and model.family != "layers"
    if model.norm == "batch" and dense and train.batch_size == 1:
        yield (
            ("train", "batch_size"),
            "a batch of 1 minus its own mean is 0, so batch norm lets nothing through; write 32, "
            "or model.norm: layer",
        )
    if train.metric == "loss" and "train.loss" in config.search.space:
        yield (
            ("search", "space"),
            "nets with other losses can't be compared by their loss; write train.metric: r2",
        )
    if config.data.task not in ("auto", "regression") and train.loss != "auto":
        yield (
            ("train", "loss"),
            f"{train.loss} is for a regression, got data.task: {config.data.task}; write auto",
        )
    if config.data.task == "regression":
        if train.label_smoothing:
            yield ("train", "label_smoothing"), "a regression has no labels to smooth; write 0.0"
        if train.class_weight != "none":
            yield ("train", "class_weight"), "a regression has no classes to weigh; write none"
    if train.unfreeze is not None and not model.starts_frozen:
        yield (
            ("train", "unfreeze"),
            "needs model.family: application with model.backbone.weights; write null",
        )
