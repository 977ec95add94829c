"""Training and evaluation: the only `compile()` and the only steps of an optimizer."""

from recipe.training.baselines import dumb_logits
from recipe.training.best import KeepBest
from recipe.training.callbacks import LogEpochs, StopAt
from recipe.training.checkpoint import Checkpoint
from recipe.training.compile import batch_size, new_model, steps_per_epoch
from recipe.training.dynamics import Dynamics
from recipe.training.ensemble import average, export
from recipe.training.evaluate import evaluate, losses, predict, predictions, probabilities, scores
from recipe.training.fit import Fitted, fit
from recipe.training.metric import HIGHER_IS_BETTER, deciding_metric, gain
from recipe.training.monitor import Monitor
from recipe.training.objective import example_weights
from recipe.training.runtime import prepare_runtime
from recipe.training.train import train

__all__ = [
    "HIGHER_IS_BETTER",
    "Checkpoint",
    "Dynamics",
    "Fitted",
    "KeepBest",
    "LogEpochs",
    "Monitor",
    "StopAt",
    "average",
    "batch_size",
    "deciding_metric",
    "dumb_logits",
    "evaluate",
    "example_weights",
    "export",
    "fit",
    "gain",
    "losses",
    "new_model",
    "predict",
    "predictions",
    "prepare_runtime",
    "probabilities",
    "scores",
    "steps_per_epoch",
    "train",
]
