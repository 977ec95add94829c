"""Changes that turn one config into another: everything a stage tries is one of these."""

from __future__ import annotations

from collections.abc import Sequence

from recipe.config.identifiers import KerasObject
from recipe.config.types import Config

SIZES = {
    "mlp": ("widths",),
    "cnn": ("filters", "widths"),
    "resnet": ("filters", "widths"),
    "application": ("widths",),
}
"""Family -> the keys that say how large the net is; a family that is not here can't be grown."""


def without_regularization(config: Config) -> Config:
    """The bare net of `baseline` and `overfit`: nothing holds it back from fitting.

    A schedule goes too: it can end a training before the net has learnt. Source: Karpathy, "A
    Recipe for Training Neural Networks" (2019), steps 2 and 3; norms stay, for they are part of
    how the net trains. A backbone that is frozen stays so: what is asked is whether pipeline and
    head work, and fine-tuning fits anything.
    """
    changes: dict[str, object] = {
        "model.dropout": 0.0,
        "model.l1": 0.0,
        "model.l2": 0.0,
        "model.max_norm": None,
        "model.noise": {},
        "train.weight_decay": 0.0,
        "train.label_smoothing": 0.0,
        "train.augment": {},
        "train.mixup": 0.0,
        "train.ema": None,
        "train.schedule": "constant",
        "train.warmup": 0.0,
        "train.early_stopping": None,
        "train.unfreeze": None,
    }
    if config.model.family == "layers":
        changes["model.layers"] = _bare(config.model.layers)
    return config.replace(changes)


HOLDING_BACK = (
    "ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise",
    "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
)  # fmt: skip
"""Keras's layers that do nothing else, beside those that change examples at random."""

ARGUMENTS = ("_regularizer", "_constraint", "dropout")
"""Ends of names of arguments by which other layers do it too."""


def _bare(layers: Sequence[str | KerasObject]) -> list[object]:
    """A list of layers without those that hold a net back from fitting."""
    found: list[object] = []
    for given in layers:
        name = given if isinstance(given, str) else given.class_name
        if name in HOLDING_BACK or name.startswith("Random"):
            continue
        rest = given if isinstance(given, str) else {
            "class_name": name,
            "config": {k: v for k, v in given.config.items() if not k.endswith(ARGUMENTS)},
        }  # fmt: skip
        found.append(rest)
    return found


def grown(config: Config, width: float = 1.0, layers: int = 0) -> Config:
    """A net `width` times as wide, with `layers` more hidden layers like its last.

    For convolutions the filters grow; more layers are dense ones.
    """
    sizes = SIZES.get(config.model.family, ())
    changes: dict[str, object] = {
        f"model.{name}": [max(1, round(n * width)) for n in getattr(config.model, name)]
        for name in sizes
    }
    if layers and sizes:
        widths = changes["model.widths"]
        assert isinstance(widths, list)
        changes["model.widths"] = widths + (widths[-1:] or [64]) * layers
    return config.replace(changes)
