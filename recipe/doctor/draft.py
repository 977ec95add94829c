"""A repair under way, and its steps that concern the net: head, widths, scales.

Each step looks at the program as it is, and notes in the plan what is to be built otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from recipe.doctor.before import activating
from recipe.doctor.change import moments, target_moments
from recipe.doctor.flow import MOVING, Flow, width_of
from recipe.doctor.head import Head
from recipe.doctor.rebuild import Plan, Refused
from recipe.doctor.right import right
from recipe.doctor.subject import Subject

WIDTH = 64
"""Units of a hidden layer that was too narrow."""

POWER = {"mean_squared_error": 2, "huber": 2, "mean_absolute_error": 1, "log_cosh": 1}
"""Loss -> the power of the target's unit that it is in."""

LOSSES = {
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
}


@dataclass
class Draft:
    """What a program is to become."""

    subject: Subject
    """With its examples, mended ones."""

    plan: Plan = field(default_factory=Plan)
    settings: list[tuple[Any, str, Any]] = field(default_factory=list)
    """(layer of the old net, attribute, value)."""

    loss: Any = None
    """Another one; None: that of the user."""

    weight: float = 1.0
    """What the loss is multiplied with."""

    is_suited: bool = False
    """The head was looked at: what a trial did to it is settled."""

    said: list[str] = field(default_factory=list)
    """What was done, in words."""

    def stands_before(self, number: int, part: Any) -> None:
        """Put a layer in front of an input, behind those that stand there."""
        self.plan.front.setdefault(number, []).append(part)


def suit_head(draft: Draft, flow: Flow, head: Head) -> None:
    """Units, last activation and loss that suit the target."""
    wanted, draft.is_suited = right(head), True
    if wanted.units != head.units:
        last = flow.heads[0]
        if last is None or not isinstance(last.layer, keras.layers.Dense):
            raise Refused(f"the target wants {wanted.units} units, and the last layer is not Dense")
        draft.plan.units[id(last.layer)] = wanted.units
        draft.said.append(f"{wanted.units} units in the last layer")
    if wanted.loss is not None:
        draft.loss = wanted.loss
        draft.said.append(f"the loss {wanted.loss}")
    if wanted.activation == head.activation:
        return
    if head.activation is None:  # an operation of the user's: the loss alone can be told
        name = wanted.loss or head.loss
        if name not in LOSSES:
            raise Refused(f"{name} wants {wanted.activation}, and the last activation is no layer")
        draft.loss = LOSSES[name](from_logits=True)
        draft.said.append(f"{name} with from_logits=True")
        return
    _activate(draft, flow, wanted.activation)


def _activate(draft: Draft, flow: Flow, name: str) -> None:
    """In the last layer, in the place of the layer that is the last activation, or behind it."""
    layer, call = activating(flow, flow.outputs[0]), flow.producers[id(flow.outputs[0])]
    while isinstance(call.layer, MOVING) and (before := flow.one_before(call)):
        call = before
    if call.layer is layer:
        draft.settings.append((layer, "activation", keras.activations.get(name)))
        return
    draft.said.append(f"{name} at the end of the net")
    if isinstance(call.layer, keras.layers.Softmax | keras.layers.ReLU | keras.layers.LeakyReLU):
        draft.plan.swaps[id(call.layer)] = lambda: keras.layers.Activation(name)
    else:
        draft.plan.back.append(keras.layers.Activation(name))


def widen(draft: Draft, flow: Flow) -> None:
    """Hidden layers as wide as a small task needs; two of them, where there is none."""
    for call in flow.hidden:
        if width_of(call) < WIDTH:
            draft.plan.units[id(call.layer)] = WIDTH
    heads = [call for call in flow.heads if call is not None]
    for call in heads if not flow.hidden else ():
        layers = [keras.layers.Dense(WIDTH, activation="relu") for _ in range(2)]
        draft.plan.before[id(call.layer)] = layers
    draft.said.append(f"hidden layers of {WIDTH} units")


def scale_inputs(draft: Draft) -> None:
    """A Normalization by the training examples in front of each input of numbers."""
    for number, part in enumerate(draft.subject.inputs):
        if part.dtype.kind not in "fiub":
            continue
        seen = part
        for each in draft.plan.front.get(number, ()):
            seen = np.asarray(each(seen))
        mean, std = moments(seen)
        axis = -1 if part.ndim > 1 else None
        draft.stands_before(
            number, keras.layers.Normalization(axis, mean=mean, variance=np.square(std))
        )
    draft.said.append("a Normalization by the training examples in front of the net")


def scale_target(draft: Draft, heads: list[Head]) -> None:
    """The output in the target's unit, and the loss as if it were in units of its std."""
    if len(heads) != 1:
        raise Refused("only of one output it is known how to scale it")
    mean, std = target_moments(draft.subject.targets()[0])
    loss = heads[0].loss or ""
    draft.plan.back.append(keras.layers.Rescaling(std, mean.tolist()))
    draft.weight = std ** -POWER.get(loss, 0)
    if loss == "huber":
        draft.loss = keras.losses.Huber(delta=std)
    draft.said.append(
        f"the output times {std:.4g} and around the mean of the target, the loss by its std"
    )
