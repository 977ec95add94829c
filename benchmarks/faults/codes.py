"""The causes that a diagnosis can name, and the symptoms that it can tell."""

from __future__ import annotations

CAUSES = (
    "unscaled_input", "target_scale", "nan_input", "train_val_mismatch", "train_val_overlap",
    "label_leakage", "corrupt_labels", "label_encoding", "class_imbalance", "unshuffled_data",
    "wrong_loss", "wrong_output_activation", "logits_mismatch", "missing_activation", "bad_init",
    "dying_relu", "vanishing_gradient", "exploding_gradient", "lr_too_high", "lr_too_low",
    "undertraining", "batch_size", "excess_clipping", "frozen_layers", "bn_small_batch",
    "dropout_before_bn", "excess_dropout", "excess_regularization", "overfitting", "underfitting",
)  # fmt: skip

SYMPTOMS = (
    "no_learning", "oscillating_loss", "slow_convergence", "nan_loss", "saturated_activation",
    "suspicious_accuracy", "high_initial_loss",
)  # fmt: skip
