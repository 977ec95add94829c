"""Search spaces: from dotted config keys and ranges to KerasTuner's hyperparameters and back."""

from __future__ import annotations

import json
from typing import Any

import keras_tuner as kt

from recipe.config import Config, Range

_COMMON = {
    "train.learning_rate": Range(log=(1e-4, 1e-2)),
    "train.weight_decay": Range(log=(1e-5, 1e-1)),
}

DEFAULTS: dict[str, dict[str, Range]] = {
    "mlp": {
        **_COMMON,
        "model.widths": Range(choice=([64], [64, 64], [128, 128], [256, 256], [128, 128, 128])),
        "model.dropout": Range(linear=(0.0, 0.5)),
    },
    "cnn": {
        **_COMMON,
        "model.filters": Range(choice=([16, 32], [32, 64], [32, 64, 64])),
        "model.dropout": Range(linear=(0.0, 0.5)),
    },
    "resnet": {
        **_COMMON,
        "model.filters": Range(choice=([16, 32], [32, 64], [16, 32, 64])),
        "model.dropout": Range(linear=(0.0, 0.5)),
    },
    "application": {
        **_COMMON,
        "model.widths": Range(choice=([], [64], [256])),
        "model.dropout": Range(linear=(0.0, 0.5)),
    },
}
"""What matters most for each family; log scales for rates (tuning playbook; checklist 5.1)."""


def space_of(config: Config) -> dict[str, Range]:
    """The config's own space, or the one for its family."""
    return config.search.space or DEFAULTS.get(config.model.family, _COMMON)


def declare(space: dict[str, Range]) -> kt.HyperParameters:
    """The whole space as KerasTuner's, before the first trial."""
    hyperparameters = kt.HyperParameters()
    for key, values in space.items():
        if values.choice is not None:
            # KerasTuner's choices are single values of one type; a list of widths is none
            hyperparameters.Choice(key, [json.dumps(v) for v in values.choice], ordered=False)
        elif values.int is not None:
            hyperparameters.Int(key, *values.int)
        elif values.log is not None:
            hyperparameters.Float(key, *values.log, sampling="log")
        elif values.linear is not None:
            hyperparameters.Float(key, *values.linear)
    return hyperparameters


def changes(space: dict[str, Range], values: dict[str, Any]) -> dict[str, Any]:
    """KerasTuner's values as config changes, NumPy scalars as Python's."""

    def plain(key: str, value: Any) -> Any:
        if space[key].choice is not None:
            return json.loads(value)
        return int(value) if space[key].int is not None else float(value)

    return {key: plain(key, values[key]) for key in space}
