"""A pretrained backbone: first the head learns while it is frozen, then all of it, slowly.

A head that knows nothing sends large gradients, which would undo what the backbone knows. So the
second part begins when the head has learnt, with a fresh optimizer at a lower rate (Keras's guide
"Transfer learning & fine-tuning"; gradual unfreezing: Howard and Ruder 2018, ULMFiT).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import keras

from recipe.config import Config, Task
from recipe.models import unfreeze
from recipe.training.best import KeepBest
from recipe.training.checkpoint import Checkpoint
from recipe.training.compile import compile_anew
from recipe.training.fit import Fitted
from recipe.training.metric import gain

FitUpTo = Callable[[int, int, Checkpoint | None], tuple[Fitted, KeepBest]]
"""(epochs, begin, checkpoint): `fit` with all else decided, and what kept its best epoch."""


def frozen_then_tuned(
    model: keras.Model,
    config: Config,
    task: Task,
    steps: int,
    fit_up_to: FitUpTo,
    checkpoint: Checkpoint | None,
) -> Fitted:
    """Fit, unfreeze, fit on; the net ends with the weights of the best epoch of both parts.

    The second part goes on from the best epoch of the first. A schedule runs over each of them,
    and patience begins anew.

    Args:
        model: compiled, its backbone frozen.
        config: its train section is used.
        task: of the data.
        steps: per epoch.
        fit_up_to: trains the net.
        checkpoint: of the first part; the second has a file beside it.
    """
    epochs = config.train.epochs
    share = config.train.unfreeze or 0.0
    first = min(round(share * epochs), epochs - 1)
    if first == 0:
        _unfreeze(model, config, task, epochs * steps)
        return fit_up_to(epochs, 0, checkpoint)[0]
    with model.distribute_strategy.scope():
        compile_anew(model, config, task, first * steps)
    frozen, best = fit_up_to(first, 0, checkpoint)
    if frozen.diverged:
        return frozen
    weights, done = model.get_weights(), len(frozen.history["loss"])
    _unfreeze(model, config, task, (epochs - first) * steps)
    after = checkpoint.then if checkpoint else None
    tuned, best_tuned = fit_up_to(done + epochs - first, done, after)
    if not _is_better(best_tuned, best):
        model.set_weights(weights)
    history = {name: [*frozen.history[name], *values] for name, values in tuned.history.items()}
    return replace(tuned, history=history)


def _unfreeze(model: keras.Model, config: Config, task: Task, steps: int) -> None:
    """With a fresh optimizer at a lower rate, for a training of so many steps."""
    unfreeze(model)
    rate = config.train.learning_rate * config.train.unfreeze_rate
    with model.distribute_strategy.scope():
        compile_anew(model, config.replace({"train.learning_rate": rate}), task, steps)


def _is_better(tuned: KeepBest, frozen: KeepBest) -> bool:
    """Whether fine-tuning has found an epoch above the best one before it."""
    if tuned.best is None or frozen.best is None:
        return tuned.best is not None
    return gain(tuned.metric, tuned.best, frozen.best) > 0
