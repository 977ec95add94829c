"""Small experiments that prove a pipeline: what a fresh net says, one batch, blind nets.

They measure and return numbers; `checks/` judges them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import keras
import numpy as np

from recipe.checks.constant import curvature
from recipe.checks.formulas import TINY
from recipe.config import Config, Task
from recipe.data import Dataset, Split
from recipe.data.stored import Stored
from recipe.models import HEAD, PREPARED, preprocessing, prior_bias
from recipe.training.batches import column
from recipe.training.callbacks import StopAt
from recipe.training.checkpoint import Checkpoint
from recipe.training.compile import batch_size, new_model
from recipe.training.evaluate import BLOCK, losses, predict, probabilities
from recipe.training.fit import fit
from recipe.training.objective import (
    class_weights,
    example_weights,
    loss_of,
    prior_logits,
    trained_prior,
)
from recipe.training.train import train

FRESH_SEEDS = 3
"""Initializations over which the first loss is averaged (checklist row 2.4)."""

FRESH_EXAMPLES = 2048
"""Examples for the first loss; at least 1,024 where there are so many (checklist row 2.4)."""


SIZES_EXAMPLES = 2_000
"""On which nets of several sizes are compared at most: they are held in memory."""


@dataclass(frozen=True)
class FreshNets:
    """What nets say before their first step, averaged over initializations."""

    loss: float
    variance: float
    """Of the logits about the prior's."""

    predicted: np.ndarray
    """Mean prediction: shares (classes,), or scaled targets (targets,)."""

    prior: np.ndarray
    """The same of the training targets."""

    spread: float
    """Loss per half unit of logit variance, to second order: 1 - sum of squared shares for a
    softmax, p(1-p) for a sigmoid, 2 for a squared error; of other numbers as it is measured."""

    unit: float
    """What a difference of predictions is judged by: the largest share, or 1 (scaled target)."""

    @property
    def scatter(self) -> float:
        """Standard error of the mean logit."""
        return float(np.sqrt(self.variance / FRESH_SEEDS))


def zeroed_head_loss(config: Config, data: Dataset) -> float:
    """Training loss, as Keras computes it, of a net whose head says the prior whatever comes in.

    Weights of classes and label smoothing are counted in, penalties are not.
    """
    model = new_model(config, data, config.seed)
    head = model.get_layer(HEAD)
    head.kernel.assign(np.zeros(head.kernel.shape))
    head.bias.assign(prior_logits(config, data))
    weights = example_weights(config, data)
    total = 0.0
    for start in range(0, len(data.train), BLOCK):
        rows = slice(start, start + BLOCK)
        some = data.train.take(rows).loaded()
        said = model(some.x, training=False)
        weight = None if weights is None else weights[rows]
        loss = model.compute_loss(y=column(some.y), y_pred=said, sample_weight=weight)
        total += (float(loss) - sum(map(float, model.losses))) * len(some)
    return total / len(data.train)


def fresh_nets(config: Config, data: Dataset) -> FreshNets:
    """Measure untrained nets on training examples."""
    some = data.train.drawn(FRESH_EXAMPLES, config.seed)
    models = [new_model(config, data, config.seed + k) for k in range(FRESH_SEEDS)]
    logits = np.stack([predict(model, some.x) for model in models])
    together = logits.reshape(-1, logits.shape[-1])
    p = trained_prior(config, data)
    variance = float(((logits - prior_bias(data.task, p)) ** 2).mean())
    loss = loss_of(data.task, config.train.loss)
    if data.task is Task.REGRESSION:
        predicted, prior = together.mean(axis=0), p
        spread = curvature(loss, data.train.y, p, max(variance, TINY) ** 0.5)
    else:
        predicted = probabilities(together, data.task).mean(axis=0)
        prior = np.r_[1 - p, p] if data.task is Task.BINARY else p
        one_of_them = data.task is Task.MULTICLASS
        spread = float(1 - (p**2).sum()) if one_of_them else float((p * (1 - p)).mean())
    weights = class_weights(config, data)
    weight = 1.0 if weights is None else weights[some.y]
    each = [losses(z, some.y, data.task, config.train.loss) * weight for z in logits]
    return FreshNets(
        loss=float(np.mean(each)),
        variance=variance,
        predicted=predicted,
        prior=prior,
        spread=spread,
        unit=1.0 if data.task is Task.REGRESSION else float(prior.max()),
    )


def backbone_input(
    config: Config, data: Dataset, x: np.ndarray, raw: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What enters a pretrained backbone, and what its own preprocessing makes of the same images.

    Args:
        config: of family application.
        data: that the net is made for.
        x: examples as the net sees them, (examples, height, width, 1 or 3).
        raw: the same examples as the source has them.
    """
    model = new_model(config, data, config.seed)
    upto = keras.Model(model.inputs[0], model.get_layer(PREPARED).output)
    pixels = np.asarray(raw, np.float32) * (255 / config.model.backbone.white)
    # a copy: Keras changes an array in place
    rgb = np.array(np.broadcast_to(pixels, (*pixels.shape[:-1], 3)))
    return np.asarray(upto(x, training=False)), np.asarray(preprocessing(config.model)(rgb))


def memorize(
    config: Config, data: Dataset, batch: Split, target: float, steps: int
) -> tuple[keras.Model, int | None]:
    """Train on one batch until its loss is at most `target` and all its labels are right.

    Both are measured in inference mode, as they will be used.

    Returns:
        The model, and the steps it took, None if it did not get there.
    """

    def memorized(_: object, logs: dict[str, float]) -> bool:
        return logs["val_loss"] <= target and logs.get("val_accuracy", 1.0) == 1.0

    stop = StopAt(memorized)
    model = new_model(config, data, config.seed)
    fit(
        model,
        batch,
        val=batch,
        batch_size=len(batch),
        epochs=steps,
        seed=config.seed,
        callbacks=[stop],
    )
    return model, stop.epochs


def losses_of_sizes(
    sizes: Mapping[str, Config], data: Dataset, seeds: int, steps: int
) -> dict[str, np.ndarray]:
    """How far nets of several sizes come in equally many steps, on the same examples.

    Args:
        sizes: name -> what to train.
        data: a part of its training examples is used: an epoch has at most `steps` steps.
        seeds: trainings of each size, from the config's own seed on.
        steps: of each training.

    Returns:
        name -> training loss after each epoch in inference mode, (seeds, epochs); from the epoch
        on in which it diverges, NaN.
    """
    found = {}
    for name, config in sizes.items():
        size = batch_size(config, len(data.train))
        some = data.train.drawn(min(size * steps, SIZES_EXAMPLES), config.seed)
        size = min(size, len(some))
        epochs = max(1, steps // -(-len(some) // size))
        found[name] = np.full((seeds, epochs), np.nan)
        for place in range(seeds):
            seed = config.seed + place
            fitted = fit(
                new_model(config, data, seed),
                some,
                val=some,
                batch_size=size,
                epochs=epochs,
                seed=seed,
                norms=config.train.norm_statistics,
            )
            if not fitted.diverged:
                found[name][place] = fitted.history["val_loss"]
    return found


@dataclass(frozen=True)
class Sighted:
    """A net that was trained on real, zeroed or permuted inputs, at its best epoch."""

    model: keras.Model
    losses: np.ndarray
    """Validation loss of each example, (examples,)."""

    history: list[float]
    """Validation loss of each epoch."""


def train_blind(
    config: Config,
    data: Dataset,
    callbacks: Callable[[str], Iterable[keras.callbacks.Callback]],
    checkpoint: Callable[[str], Checkpoint | None] = lambda name: None,
) -> dict[str, Sighted]:
    """Train the same net on "real", "zeroed" and "permuted" inputs.

    Zeroed inputs are zero in validation too; permuted ones belong to other examples' labels in
    training only.

    Args:
        config: what to train.
        data: the real examples.
        callbacks: from the name of a training to its callbacks.
        checkpoint: from the name of a training to what keeps it.
    """
    order = np.random.default_rng(config.seed).permutation(len(data.train))
    variants = {
        "real": data,
        "zeroed": replace(data, train=_zeroed(data.train), val=_zeroed(data.val)),
        "permuted": replace(data, train=replace(data.train, x=data.train.take(order).x)),
    }
    trained = {}
    for name, variant in variants.items():
        fitted = train(
            config,
            variant,
            config.seed,
            callbacks(name),
            sample=data.train.drawn(len(data.val)) if name == "real" else None,
            monitor="val_loss",
            checkpoint=checkpoint(name),
            trainings=len(variants),
        )
        logits = predict(fitted.model, variant.val.x)
        seen = losses(logits, data.val.y, data.task, config.train.loss)
        trained[name] = Sighted(fitted.model, seen, fitted.history["val_loss"])
    return trained


def _zeroed(split: Split) -> Split:
    if isinstance(split.x, Stored):
        return replace(split, x=split.x.map(np.zeros_like, split.x.dtype))
    return replace(split, x=np.zeros_like(split.x))
