"""One forward and backward pass, before the first step or after the last: do signals arrive?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.doctor.change import Change
from recipe.doctor.flow import KERNELS, RECURRENT, Flow, activation_of, array, flow_of
from recipe.doctor.head import Head
from recipe.doctor.layers import once
from recipe.doctor.subject import Subject
from recipe.doctor.suspect import Suspect
from recipe.findings import listed
from recipe.training.signals import CUT_OFF, RANGES, SATURATED

VANISHED = 1e-3
"""Rule 21: gradient of the first kernel over that of the last."""

BURST, RATIO, LARGE = 1e3, 70.0, 10.0
"""Rule 21: a kernel's gradient above, or so many times the last one's and above."""

SHIFT = 0.8
"""Rules 14 and 33: variance met over variance learnt, below (checklist, fact 5: 0.42 to 0.56 behind
dropout, 1.00 to 1.02 without)."""

DEAD, STUCK = 0.6, 0.5
"""Rule 20: share of a layer's units that are 0 for every example; of values beyond 97 %."""


@dataclass(frozen=True)
class Pulse:
    """What one pass says of each layer."""

    gradients: list[tuple[str, float]]
    """(name, norm) of each kernel's gradient, in the order of the forward pass."""

    dead: dict[str, float]
    """Layer -> share of units that are 0 for every example."""

    saturated: dict[str, float]
    """Layer -> share of values where the activation is flat."""

    loss: float

    shifts: dict[str, float]
    """Batch norm -> variance that it meets over the one that it has learnt, the median of its
    channels."""

    @property
    def ratio(self) -> float:
        """Of the first gradient to the last."""
        norms = [norm for _, norm in self.gradients]
        return norms[0] / norms[-1] if len(norms) > 1 and norms[-1] > 0 else 1.0


def looked(subject: Subject) -> tuple[Flow, Pulse]:
    """One pass forward and one back on the probe, for both."""
    with tf.GradientTape() as tape:
        flow = flow_of(subject.model, subject.probe())
        loss = _loss(subject, flow.output)
    return flow, _pulse(subject, flow, loss, tape)


def pulse_of(subject: Subject, flow: Flow) -> Pulse:
    """Measure on the probe, in inference mode."""
    x = keras.tree.map_structure(tf.constant, subject.probe())
    with tf.GradientTape() as tape:
        loss = _loss(subject, subject.model(x, training=False))
    return _pulse(subject, flow, loss, tape)


def _loss(subject: Subject, output: Any) -> Any:
    x = keras.tree.map_structure(tf.constant, subject.probe())
    y = None  # of a model that adds its loss itself
    if subject.y is not None:
        y = keras.tree.map_structure(tf.constant, subject.probe(y=True))
    return subject.model.compute_loss(x, y, output, None)


def _pulse(subject: Subject, flow: Flow, loss: Any, tape: tf.GradientTape) -> Pulse:
    kernels: dict[int, str] = {}
    for call in flow.kernels:
        for variable in call.layer.trainable_weights:
            if len(variable.shape) > 1:
                kernels.setdefault(id(variable), call.layer.name)
    variables = [v for v in subject.model.trainable_variables if id(v) in kernels]
    place = {key: number for number, key in enumerate(kernels)}
    variables.sort(key=lambda v: place[id(v)])
    found = tape.gradient(loss, [v.value for v in variables])
    gradients = [
        (kernels[id(v)], 0.0 if g is None else float(tf.norm(tf.convert_to_tensor(g))))
        for v, g in zip(variables, found, strict=True)
    ]
    return replace(activity(flow), gradients=gradients, loss=float(loss))


def activity(flow: Flow) -> Pulse:
    """What one pass forward says: all but the gradients and the loss."""
    dead, saturated = {}, {}
    for call in flow.calls:
        name = activation_of(call.layer)
        if name not in (*CUT_OFF, *RANGES) or isinstance(call.output, list | tuple | dict):
            continue
        values = array(call.output)
        units = values.reshape(-1, values.shape[-1])
        if name in CUT_OFF:
            dead[call.layer.name] = float((units == 0).all(axis=0).mean())
        else:
            low, high = RANGES[name]
            middle, half = (low + high) / 2, (high - low) / 2
            saturated[call.layer.name] = float((np.abs(units - middle) > SATURATED * half).mean())
    return Pulse([], dead, saturated, float("nan"), _shifts(flow))


def shifted(suspect: Suspect, pulse: Pulse) -> Suspect:
    """Rule 33: a batch norm behind dropout that meets another variance than it has learnt."""
    off = min(pulse.shifts.values(), default=1.0)
    if suspect.code != "dropout_before_bn" or off > SHIFT:
        return suspect
    said = f"{suspect.said}: the variance that it meets is {off:.2f} of the one it has learnt"
    return replace(suspect, said=said, is_certain=True)


def _shifts(flow: Flow) -> dict[str, float]:
    found = {}
    for call in flow.calls:
        if isinstance(call.layer, keras.layers.BatchNormalization):
            values = array(call.inputs)
            met = values.reshape(-1, values.shape[-1]).var(axis=0)
            learnt = np.asarray(call.layer.moving_variance, np.float64)
            alive = (met > 1e-6) & (learnt > 1e-6)
            if alive.any():
                found[call.layer.name] = float(np.median(met[alive] / learnt[alive]))
    return found


def at_init(pulse: Pulse, flow: Flow, heads: list[Head]) -> Iterator[Suspect]:
    """Rules 20 and 21, before the first step."""
    outputs = {call.layer.name for call in flow.heads if call is not None}
    hidden = [
        call.layer for call in flow.kernels
        if isinstance(call.layer, KERNELS) and call.layer.name not in outputs
    ]  # fmt: skip
    layers = [*{id(layer): layer for layer in hidden}.values()]
    curved = [layer for layer in layers if activation_of(layer) in RANGES]
    between = [c.layer for c in flow.calls if isinstance(c.layer, keras.layers.Activation)]
    curved += [
        layer for layer in between
        if activation_of(layer) in RANGES and layer.name not in _ends(flow)
    ]  # fmt: skip
    norms = [norm for _, norm in pulse.gradients]
    if len(norms) > 2 and pulse.ratio < VANISHED and curved:
        relu = keras.activations.get("relu")
        yield Suspect(
            "vanishing_gradient", "error", "init",
            f"the gradient of {pulse.gradients[0][0]!r} is {pulse.ratio:.1e} of that of "
            f"{pulse.gradients[-1][0]!r}", pulse.ratio, f"{VANISHED:g} at least",
            "diagnosis rule 21; Glorot and Bengio 2010",
            "relu with he_normal, a norm in each block, or shortcuts", {"model.activation": "relu"},
            Change(
                settings=tuple((layer, "activation", relu) for layer in curved),
                drawn=tuple((layer, "he_normal") for layer in layers),
            ),
        )  # fmt: skip
    burst = any(not norm <= BURST for norm in norms)  # NaN is no number to compare
    if burst or (len(norms) > 2 and pulse.ratio > RATIO and max(norms) > LARGE):
        name, norm = max(pulse.gradients, key=lambda each: np.nan_to_num(each[1], nan=np.inf))
        yield Suspect(
            "exploding_gradient", "error", "init", f"the gradient of {name!r} is {norm:.3g} long",
            norm, f"at most {BURST:g}", "diagnosis rule 21; Pascanu et al. 2013",
            "clip gradients at a norm of 1, or draw smaller weights", {"train.clipnorm": 1.0},
            Change(
                settings=(("optimizer", "global_clipnorm", 1.0),),
                drawn=tuple((each, None) for each in once(flow) if isinstance(each, RECURRENT)),
            ),
        )  # fmt: skip
    dead = [name for name, share in pulse.dead.items() if share > DEAD and name not in outputs]
    if dead:
        yield Suspect(
            "bad_init", "error", "init",
            f"of {listed(dead)}, {max(pulse.dead.values()):.0%} of the units are 0 for every "
            "example", max(pulse.dead.values()), f"at most {DEAD:.0%}", "diagnosis rule 20",
            "he_normal, and biases of 0", {"model.kernel_initializer": "auto"},
            Change(drawn=tuple((layer, None) for layer in layers)),
        )  # fmt: skip
    flat = pulse.saturated
    stuck = [name for name, share in flat.items() if share > STUCK and name not in outputs]
    if stuck:
        yield Suspect(
            "bad_init", "error", "init",
            f"of {listed(stuck)}, {max(flat.values()):.0%} of the values are where the "
            "activation is flat", max(flat.values()), f"at most {STUCK:.0%}",
            "diagnosis rule 20", "glorot_uniform, and inputs that are scaled",
            {"model.kernel_initializer": "auto"},
            Change(drawn=tuple((layer, None) for layer in layers)),
        )  # fmt: skip


def died(before: Pulse, after: Pulse, flow: Flow) -> Iterator[Suspect]:
    """Rule 24: units that were alive, and have died in training."""
    outputs = _ends(flow)
    names = [
        name for name, share in after.dead.items()
        if share > STUCK and share > before.dead.get(name, 0.0) + 0.1 and name not in outputs
    ]  # fmt: skip
    if names:
        leaky = keras.activations.get("leaky_relu")
        layers = [call.layer for call in flow.calls if call.layer.name in names]
        yield Suspect(
            "dying_relu", "error", "during",
            f"of {listed(names)}, {max(after.dead[name] for name in names):.0%} of the units have "
            "died: they are 0 for every example", max(after.dead[name] for name in names),
            f"at most {STUCK:.0%}", "diagnosis rule 24; Maas et al. 2013",
            "a third of the learning rate, or leaky_relu", {"model.activation": "leaky_relu"},
            Change(settings=tuple(
                (layer, "activation", leaky) for layer in layers if hasattr(layer, "activation")
            )),
        )  # fmt: skip


def _ends(flow: Flow) -> set[str]:
    found = {call.layer.name for call in flow.heads if call is not None}
    for output in flow.outputs:
        call = flow.producers.get(id(output))
        if call is not None:
            found.add(call.layer.name)
    return found
