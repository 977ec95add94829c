"""Which loss each output of a compiled net has, and so which heads there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.checks.formulas import DEFAULTS, FORMULAS, Loss
from recipe.doctor.flow import Flow
from recipe.doctor.head import Head
from recipe.doctor.subject import Subject
from recipe.doctor.suspect import Suspect
from recipe.training.losses import SmoothedBinary, SmoothedMulticlass

REWARDED = 0.1
"""By how much of itself a loss must be higher for the right answers to be upside down."""

OWN = {
    SmoothedMulticlass: "sparse_categorical_crossentropy",
    SmoothedBinary: "binary_crossentropy",
}
"""Losses of nets from a config with `train.label_smoothing`."""


def heads_of(subject: Subject, flow: Flow) -> list[Head]:
    """What each output is meant for."""
    model = subject.model
    targets = subject.targets() if subject.y is not None else []
    losses = losses_of(model, len(flow.outputs))
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


def upside_down(subject: Subject, heads: list[Head]) -> Iterator[Suspect]:
    """Rule 5: a loss of somebody's own that is higher for the right answer than for a wrong one.

    So it is where a score is given as a loss: what should grow is made small.
    """
    losses = compiled_losses(subject.model)
    if len(heads) != 1 or len(losses) != 1 or heads[0].loss is not None:
        return
    rows = np.linspace(0, len(heads[0].y) - 1, len(heads[0].predicted)).astype(int)
    y = heads[0].y[rows].astype(np.float32)
    if y.size != heads[0].predicted.size or not np.isfinite(y).all():
        return  # what the right answer would be is not for us to say
    y = y.reshape(heads[0].predicted.shape)
    others = np.random.default_rng(0).permutation(y)
    try:
        right, wrong = (float(np.mean(losses[0](y, said))) for said in (y, others))
    except Exception:  # it may want more than two arrays
        return
    if right - wrong > REWARDED * max(abs(right), abs(wrong)):
        yield Suspect(
            "wrong_loss", "error", "before",
            f"where the net is right the loss would be {right:.3g}, and {wrong:.3g} where it gives "
            "the answers of other examples", right, "a loss that is lowest for the right answer",
            "diagnosis rule 5", "the loss with its sign turned, or 1 minus it", is_certain=True,
        )  # fmt: skip


def losses_of(model: keras.Model, outputs: int) -> list[Any]:
    """The resolved losses, one for each of so many outputs, or of another length."""
    losses = compiled_losses(model)
    return [_resolved(model.loss)] if len(losses) != outputs == 1 else losses


def formula_of(loss: Any) -> Loss | None:
    """The loss as it is written down in `checks/formulas.py`; None: it is none of these."""
    name, from_logits = loss_name(loss)
    given = dict(getattr(loss, "_fn_kwargs", {}))
    is_known = name in FORMULAS and hasattr(loss, "reduction")
    if name is None or not is_known or given.get("axis", -1) != -1:
        return None
    smoothing = getattr(loss, "label_smoothing", 0.0) or given.get("label_smoothing", 0.0)
    return Loss(name, from_logits, smoothing, {k: given[k] for k in DEFAULTS if k in given})


def loss_name(loss: Any) -> tuple[str | None, bool]:
    """Keras's name of a resolved loss, and whether it takes logits; None: somebody's own.

    The arguments of a loss have no public name in Keras; a test pins the one used.
    """
    if isinstance(loss, SmoothedMulticlass | SmoothedBinary):  # this project's, of such labels
        return OWN[type(loss)], True
    function = getattr(loss, "fn", loss)
    module = str(getattr(function, "__module__", ""))
    if module.partition(".")[0] != "keras":
        return None, False
    given = getattr(loss, "_fn_kwargs", {})
    return getattr(function, "__name__", None), bool(given.get("from_logits", False))


def compiled_losses(model: keras.Model) -> list[Any]:
    """The resolved losses of a compiled net that has computed its loss once, one an output.

    In the order of its outputs: of a dict Keras keeps that in which its losses were written. It has
    no public name for them; a test pins the one used.
    """
    held = model._compile_loss
    flat = getattr(held, "_flat_losses", None) if held is not None else None
    # outputs that are a dict come in the order of its keys, their losses as they were given
    return [each.loss for each in sorted(flat, key=lambda each: each.path)] if flat else []


def _resolved(loss: Any) -> Any:
    given = loss[0] if isinstance(loss, list | tuple) and len(loss) == 1 else loss
    return keras.losses.get(given) if isinstance(given, str) else given
