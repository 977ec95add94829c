"""Training and evaluation: the only `compile()` and the only steps of an optimizer."""

from recipe.training.baselines import dumb_logits
from recipe.training.callbacks import LogEpochs, StopAt
from recipe.training.compile import batch_size, new_model, steps_per_epoch
from recipe.training.ensemble import average, export
from recipe.training.evaluate import evaluate, losses, predict, probabilities, scores
from recipe.training.fit import compiled_loss, diverged, fit, restore_best, train
from recipe.training.metric import HIGHER_IS_BETTER, deciding_metric, gain
from recipe.training.runtime import prepare_runtime

__all__ = [
    "HIGHER_IS_BETTER",
    "LogEpochs",
    "StopAt",
    "average",
    "batch_size",
    "compiled_loss",
    "deciding_metric",
    "diverged",
    "dumb_logits",
    "evaluate",
    "export",
    "fit",
    "gain",
    "losses",
    "new_model",
    "predict",
    "prepare_runtime",
    "probabilities",
    "restore_best",
    "scores",
    "steps_per_epoch",
    "train",
]
