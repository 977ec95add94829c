"""A suspicion: a cause that a rule names, what it saw, and the trial that would prove it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recipe.doctor.change import Change

SYMPTOMS = frozenset(
    {
        "no_learning", "oscillating_loss", "slow_convergence", "nan_loss", "saturated_activation",
        "suspicious_accuracy", "high_initial_loss",
    }
)  # fmt: skip
"""What is seen, and explained by a cause; a symptom is never a cause."""

ORDER = (
    "nan_input", "label_encoding", "wrong_loss", "wrong_output_activation", "logits_mismatch",
    "unscaled_input", "target_scale", "train_val_mismatch", "train_val_overlap", "label_leakage",
    "corrupt_labels", "unshuffled_data", "frozen_layers", "bad_init", "missing_activation",
    "vanishing_gradient", "dying_relu", "exploding_gradient", "bn_small_batch",
    "dropout_before_bn", "excess_clipping", "lr_too_high", "lr_too_low", "batch_size",
    "undertraining", "class_imbalance", "underfitting", "excess_dropout", "excess_regularization",
    "overfitting",
)  # fmt: skip
"""Causes, in the order in which they explain each other: an earlier one can bring about those that
come later (diagnosis, principle 3)."""

SEVERITIES = ("error", "warning", "advice")


@dataclass(frozen=True)
class Suspect:
    """One suspicion."""

    code: str
    severity: str
    """error: must be mended; warning: works worse; advice: unusual, and may be meant."""

    when: str
    """before (the first step), init (a forward and a backward pass), during, after."""

    said: str
    """What was seen, in words."""

    measured: float | str | None
    expected: str
    source: str
    cure: str
    """What to do about it, in words."""

    keys: Mapping[str, Any] = field(default_factory=dict)
    """The same as changes to a config of this project."""

    change: Change | None = None
    """The same as a trial."""

    is_certain: bool = False
    """No trial is needed to name it."""

    least: float = 0.0
    """Of skill, that its trial must bring: where what was seen is not unusual by itself."""

    check: str = ""
    """Its name where it has no code: advice on what is no cause of anything."""
