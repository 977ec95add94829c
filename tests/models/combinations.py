"""Options that meet: drawn so that every two values of different keys stand in some net together.

Each net is built, trained for one step, saved, loaded and asked again. `make test` draws 20 of
them, `make proof ONLY=combinations` at least 300 and until no pair is missing.
"""

from __future__ import annotations

import atexit
import itertools
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np

from recipe.config import Config, Task
from recipe.config.names import ACTIVATIONS, INITIALIZERS, OWN_INITIALIZERS
from recipe.training import fit, new_model, predict
from tests.training.pretrained import APPLICATION, SIDE, weights
from tests.training.tiny import config, dataset

VALUES: dict[str, tuple[Any, ...]] = {
    "model.family": ("mlp", "cnn", "resnet", "layers", "application"),
    "model.backbone.weights": (None, "a file"),
    "model.embedding": ("none", "periodic"),
    "model.feature_scale": (False, True),
    "model.widths": ((), (4,), (4, 4, 3)),
    "model.residual": (False, True),
    "model.pooling": ("gap", "flatten"),
    "model.activation": ACTIVATIONS,
    "model.norm": ("none", "batch", "layer", "group"),
    "model.norm_position": ("auto", "pre", "post"),
    "model.dropout": (0.0, 0.4),
    "model.dropout_position": ("auto", "before_norm", "after_norm", "last"),
    "model.kernel_initializer": ("auto", *OWN_INITIALIZERS, *INITIALIZERS),
    "model.l1": (0.0, 0.01),
    "model.l2": (0.0, 0.01),
    "model.max_norm": (None, 1.0),
    "model.noise.activation": (0.0, 0.1),
    "model.head_bias": ("auto", "zeros"),
    "train.schedule": ("constant", "linear", "cosine"),
    "train.augment.flip": ("none", "both"),
    "task": (*Task,),
}

LAYERS = [
    {"class_name": "Conv2D", "config": {"filters": 2, "kernel_size": 3}},
    {"class_name": "Dropout", "config": {"rate": 0.2}},
]

FOR_TABLES = (("model.embedding", "periodic"), ("model.feature_scale", "True"))
FOR_IMAGES = (
    *(("model.family", name) for name in ("cnn", "resnet", "layers", "application")),
    ("train.augment.flip", "both"),
)
"""Keys and values, as text, of nets that read nothing else."""

Drawn = dict[str, Any]


def pairs_of(drawn: Drawn) -> set[tuple[Any, ...]]:
    """Every two values that stand together."""
    return set(itertools.combinations(sorted((key, str(v)) for key, v in drawn.items()), 2))


def is_table(drawn: Drawn) -> bool:
    """Whether the net reads a table."""
    return any(str(drawn[key]) == value for key, value in FOR_TABLES)


def all_pairs() -> set[tuple[Any, ...]]:
    """Every two that could."""
    found = set()
    for (one, ones), (other, others) in itertools.combinations(sorted(VALUES.items()), 2):
        found |= {((one, str(a)), (other, str(b))) for a in ones for b in others}
    return {
        pair for pair in found if not (set(pair) & set(FOR_TABLES) and set(pair) & set(FOR_IMAGES))
    }


def draw(count: int, until_all: bool = False, seed: int = 0) -> list[Drawn]:
    """Combinations, each the best of a few random ones: the one with the most new pairs.

    Args:
        count: of combinations at least.
        until_all: whether to go on until every pair was drawn.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    missing, drawn = all_pairs(), []
    while len(drawn) < count or (until_all and missing):
        tried = [_one(rng, missing if until_all and len(drawn) >= count else None)
                 for _ in range(20)]  # fmt: skip
        best = max(tried, key=lambda one: len(pairs_of(one) & missing))
        missing -= pairs_of(best)
        drawn.append(best)
    return drawn


def _one(rng: np.random.Generator, missing: set[tuple[Any, ...]] | None) -> Drawn:
    """A random one; with a missing pair in it, if there is one to be had."""
    drawn = {key: values[rng.integers(len(values))] for key, values in VALUES.items()}
    wanted = sorted(missing)[rng.integers(len(missing))] if missing else ()
    for key, text in wanted:
        drawn[key] = next(value for value in VALUES[key] if str(value) == text)
    # else three of four would be tables, for two keys can make them so
    if set(wanted) & set(FOR_IMAGES) or not (set(wanted) & set(FOR_TABLES) or rng.random() < 0.3):
        drawn |= {"model.embedding": "none", "model.feature_scale": False}
    if is_table(drawn):
        drawn |= {"model.family": "mlp", "train.augment.flip": "none"}
    return drawn


def config_of(drawn: Drawn) -> Config:
    """A config with these values; small and quick otherwise."""
    settings = {key: value for key, value in drawn.items() if key != "task"}
    if settings.pop("model.backbone.weights") and drawn["model.family"] == "application":
        settings["model.backbone.weights"] = _weights()
    settings["model.backbone.name"] = APPLICATION
    return config().replace(
        {"model.filters": (3, 2), "model.layers": LAYERS, "train.epochs": 1, **settings}
    )


@cache
def _weights() -> str:
    """A file of weights, kept for the time of this process."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    return str(weights(folder / "pretrained.weights.h5"))


def problem(drawn: Drawn) -> str | None:
    """What goes wrong with a net of these values; None: nothing."""
    task = drawn["task"]
    side = SIDE if drawn["model.family"] == "application" else 6
    shape = (8,) if is_table(drawn) else (side, side, 1)
    data = dataset(task, shape=shape, train=8, val=6)
    settings = config_of(drawn)
    model = new_model(settings, data, 0)
    fitted = fit(model, data.train, batch_size=8, epochs=1, seed=0)
    if fitted.fallback is not None:
        return f"not trained by the fast path: {fitted.fallback}"
    said = predict(model, data.val.x)
    if said.shape != (6, len(data.prior)):
        return f"says {said.shape}"
    if not fitted.diverged and not np.isfinite(said).all():
        return "says what is not finite, though its loss is"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.keras"
        model.save(path)
        loaded = keras.models.load_model(path, compile=False)
    if not np.array_equal(predict(loaded, data.val.x), said, equal_nan=True):
        return "says something else once it was saved and loaded"
    return None
