"""Which nets the resident epoch may train, and where XLA pays: explicit rules.

What is not on the list goes to Keras's own `fit`, which computes the same, slower.
"""

from __future__ import annotations

from collections.abc import Iterable

import keras

from recipe.training.layers import leaves

OWN_STEPS = (
    "fit", "evaluate", "train_step", "test_step", "make_train_function", "make_test_function",
    "compute_loss", "compute_metrics", "get_metrics_result", "reset_metrics",
)  # fmt: skip
"""Methods of a model that the resident epoch calls as Keras wrote them, or does not call."""

BATCH_HOOKS = (
    "on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end",
    "on_test_begin", "on_test_end", "on_test_batch_begin", "on_test_batch_end",
)  # fmt: skip
"""Hooks of a callback that the resident epoch never comes to."""

FAST_UNDER_XLA = (
    keras.layers.InputLayer, keras.layers.Flatten, keras.layers.Dense, keras.layers.Activation,
    keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.ELU, keras.layers.BatchNormalization,
    keras.layers.LayerNormalization, keras.layers.Add,
)  # fmt: skip
"""Dense nets alone: on the CPU convolutions compile for minutes, and random numbers are slow
(measured: an epoch of the digits MLP in a third of the time, with dropout in four fifths)."""

XLA_STEPS = 20_000
"""Steps of all trainings that share a compiled function, from which on XLA's 1.5 s of compiling
come back (measured: 0.2 ms saved per step of the digits MLP)."""

XLA_WEIGHTS = 80_000
"""Weights that save as much again, for the optimizer's work on them is fused: a step of an MLP
784-256-128-10 (235,000 weights) saves four times what a step of the digits MLP does."""


def why_not_fast(
    model: keras.Model,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    *,
    on_disk: bool = False,
) -> str | None:
    """Why a compiled net must be trained by Keras's own `fit`; None if it need not be.

    Args:
        model: the net.
        callbacks: of the training.
        on_disk: whether its examples are larger than memory.
    """
    if on_disk:
        return "the examples are larger than data.max_memory_gb, and stay on disk"
    if model.distribute_strategy.num_replicas_in_sync > 1:
        return "train.strategy: mirrored"
    if model.run_eagerly:
        return "it was compiled with run_eagerly"
    for name in OWN_STEPS:
        if name in vars(model) or getattr(type(model), name) is not getattr(keras.Model, name):
            return f"{type(model).__name__} has a {name} of its own"
    # a subclass of Keras's Model has no such attributes
    for ends in ("inputs", "outputs"):
        if len(getattr(model, ends, None) or ()) != 1:
            return "it does not have one input and one output"
    for layer in leaves(model):
        if not _is_known(layer):
            return f"the layer {layer.name!r} ({type(layer).__name__}) is not one of Keras's"
        if getattr(layer, "stateful", False):
            return f"the layer {layer.name!r} keeps a state from batch to batch"
    for callback in callbacks:
        hook = _batch_hook(callback)
        if hook:
            return f"the callback {type(callback).__name__} has {hook}"
    return None


def xla_pays(model: keras.Model, steps: int) -> bool:
    """Whether XLA's compiling is earned back.

    Args:
        model: built.
        steps: of all trainings that will share the compiled function.
    """
    worth = steps * (1 + model.count_params() // XLA_WEIGHTS)
    return worth >= XLA_STEPS and all(type(layer) in FAST_UNDER_XLA for layer in leaves(model))


def _is_known(layer: keras.layers.Layer) -> bool:
    return type(layer).__module__.partition(".")[0] in ("keras", "recipe")


def _batch_hook(callback: keras.callbacks.Callback) -> str | None:
    """The first hook that would not be called."""
    if isinstance(callback, keras.callbacks.ModelCheckpoint) and callback.save_freq == "epoch":
        return None  # it looks at batches only to count them
    for hook in BATCH_HOOKS:
        own = hook in vars(callback)
        if own or getattr(type(callback), hook) is not getattr(keras.callbacks.Callback, hook):
            return hook
    return None
