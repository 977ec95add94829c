"""Which loss each output of a compiled net has, and so which heads there are."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.doctor.flow import Flow
from recipe.doctor.head import Head
from recipe.doctor.subject import Subject


def heads_of(subject: Subject, flow: Flow) -> list[Head]:
    """What each output is meant for."""
    model = subject.model
    targets = subject.targets() if subject.y is not None else []
    losses = compiled_losses(model)
    if len(losses) != len(flow.outputs) and len(flow.outputs) == 1:
        losses = [_resolved(model.loss)]
    if len(targets) != len(flow.outputs) or len(losses) != len(targets):
        return []
    accurate = "accuracy" in str(getattr(model._compile_metrics, "_user_metrics", "")).lower()
    heads = []
    for y, output, loss in zip(targets, flow.outputs, losses, strict=True):
        name, from_logits = loss_name(loss)
        predicted = np.asarray(tf.cast(output, tf.float32))
        if predicted.ndim < 2 or y.dtype.kind not in "fiub":
            return []
        heads.append(Head(y, predicted, flow.activation(output), name, from_logits, accurate))
    return heads


def loss_name(loss: Any) -> tuple[str | None, bool]:
    """Keras's name of a resolved loss, and whether it takes logits; None: somebody's own.

    The arguments of a loss have no public name in Keras; a test pins the one used.
    """
    function = getattr(loss, "fn", loss)
    module = str(getattr(function, "__module__", ""))
    if module.partition(".")[0] != "keras":
        return None, False
    given = getattr(loss, "_fn_kwargs", {})
    return getattr(function, "__name__", None), bool(given.get("from_logits", False))


def compiled_losses(model: keras.Model) -> list[Any]:
    """The resolved losses of a compiled net that has computed its loss once, one an output.

    Keras has no public name for them; a test pins the one used.
    """
    held = model._compile_loss
    flat = getattr(held, "_flat_losses", None) if held is not None else None
    return [each.loss for each in flat] if flat else []


def _resolved(loss: Any) -> Any:
    given = loss[0] if isinstance(loss, list | tuple) and len(loss) == 1 else loss
    return keras.losses.get(given) if isinstance(given, str) else given
