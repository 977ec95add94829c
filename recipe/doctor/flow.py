"""How numbers flow through any net: which layer hands what to which, seen in one forward pass.

Works for sequential, functional and subclassed nets alike, for it follows the tensors themselves
and no names. Where a tensor passes through an operation that is no layer, the trail ends: what is
unknown is never held against anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.training.layers import Call, recorded

KERNELS = (
    keras.layers.Dense, keras.layers.EinsumDense, keras.layers.Conv1D, keras.layers.Conv2D,
    keras.layers.Conv3D, keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose,
    keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
)  # fmt: skip
"""Layers that weigh their inputs and add them up."""

RECURRENT = (keras.layers.RNN, keras.layers.Bidirectional)

MOVING = (
    keras.layers.Flatten, keras.layers.Reshape, keras.layers.Permute, keras.layers.RepeatVector,
    keras.layers.Dropout, keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D,
    keras.layers.GaussianNoise, keras.layers.GaussianDropout, keras.layers.Identity,
    keras.layers.Cropping1D, keras.layers.Cropping2D, keras.layers.ZeroPadding1D,
    keras.layers.ZeroPadding2D, keras.layers.UpSampling1D, keras.layers.UpSampling2D,
    keras.layers.ActivityRegularization,
)  # fmt: skip
"""Layers that move, drop or repeat numbers without bending them."""

LINEAR = (
    *MOVING, keras.layers.BatchNormalization, keras.layers.Rescaling,
    keras.layers.Normalization, keras.layers.AveragePooling1D, keras.layers.AveragePooling2D,
    keras.layers.GlobalAveragePooling1D, keras.layers.GlobalAveragePooling2D,
)  # fmt: skip
"""Layers that are linear in what they are given, as the net is used."""

OWN_FUNCTION: dict[type, str] = {
    keras.layers.ReLU: "relu", keras.layers.LeakyReLU: "leaky_relu", keras.layers.ELU: "elu",
    keras.layers.PReLU: "leaky_relu", keras.layers.Softmax: "softmax",
}  # fmt: skip
"""Layers that are an activation, and the name of it."""


@dataclass
class Flow:
    """One forward pass in inference mode."""

    calls: list[Call]
    outputs: list[Any]
    """The model's outputs, tensors, in its order."""

    given: list[Any]
    """The tensors that it was given."""

    output: Any = None
    """What the net returned, in the structure that it has."""

    @cached_property
    def producers(self) -> dict[int, Call]:
        """Id of a tensor -> the call that put it out last."""
        return {id(t): call for call in self.calls for t in tensors(call.output)}

    @cached_property
    def readers(self) -> dict[int, list[Call]]:
        """Id of a tensor -> the calls that read it."""
        found: dict[int, list[Call]] = {}
        for call in self.calls:
            for tensor in tensors(call.inputs):
                found.setdefault(id(tensor), []).append(call)
        return found

    @property
    def kernels(self) -> list[Call]:
        """The calls of layers with a kernel, and recurrent ones."""
        return [call for call in self.calls if isinstance(call.layer, KERNELS + RECURRENT)]

    @property
    def hidden(self) -> list[Call]:
        """Those calls in which no output ends."""
        ends = {id(call.layer) for call in self.heads if call is not None}
        return [call for call in self.kernels if id(call.layer) not in ends]

    @cached_property
    def heads(self) -> list[Call | None]:
        """The layer with a kernel in which each output ends; None where the trail is lost."""
        return [self._head(output) for output in self.outputs]

    @cached_property
    def first(self) -> list[Call]:
        """The kernel layers that no other stands before: they read the inputs as they come in.

        Behind an operation that is no layer nobody knows what stands before: only the very first
        kernel is taken for one then.
        """
        given = {id(tensor) for tensor in self.given}
        found: list[Call] = []
        for call in self.kernels:
            above = [each for tensor in tensors(call.inputs) for each in self._above(tensor)]
            read = {id(t) for each in (call, *above) for t in tensors(each.inputs)}
            if any(isinstance(each.layer, KERNELS + RECURRENT) for each in above):
                continue
            if not found or read & given:
                found.append(call)
        return found

    def activation(self, output: Any) -> str | None:
        """The name of the last activation before a tensor; None: it can't be told."""
        call = self.producers.get(id(output))
        while call is not None:
            name = activation_of(call.layer)
            if name not in (None, "linear") or isinstance(call.layer, KERNELS + RECURRENT):
                return name
            if not isinstance(call.layer, (*MOVING, keras.layers.Activation)):
                return None
            call = self.one_before(call)
        return None

    def next_kernels(self, call: Call) -> list[Call]:
        """Kernel layers that read what a call put out, with nothing between that bends it."""
        found: list[Call] = []
        for tensor in tensors(call.output):
            for reader in self.readers.get(id(tensor), []):
                if isinstance(reader.layer, KERNELS):
                    found.append(reader)
                elif isinstance(reader.layer, LINEAR) or activation_of(reader.layer) == "linear":
                    found += self.next_kernels(reader)
        return found

    def after(self, call: Call) -> list[Call]:
        """All calls that depend on what a call put out."""
        found: dict[int, Call] = {}
        queue = [*tensors(call.output)]
        while queue:
            for reader in self.readers.get(id(queue.pop()), []):
                if id(reader) not in found:
                    found[id(reader)] = reader
                    queue += tensors(reader.output)
        return [*found.values()]

    def _above(self, tensor: Any) -> list[Call]:
        found, queue, seen = [], [tensor], set()
        while queue:
            call = self.producers.get(id(queue.pop()))
            if call is not None and id(call) not in seen:
                seen.add(id(call))
                found.append(call)
                queue += tensors(call.inputs)
        return found

    def one_before(self, call: Call) -> Call | None:
        """The call that put out what this one reads, if that is one tensor."""
        given = tensors(call.inputs)
        return self.producers.get(id(given[0])) if len(given) == 1 else None

    def _head(self, output: Any) -> Call | None:
        call = self.producers.get(id(output))
        while call is not None and not isinstance(call.layer, KERNELS + RECURRENT):
            if not isinstance(call.layer, (*MOVING, keras.layers.Activation, *OWN_FUNCTION)):
                return None
            call = self.one_before(call)
        return call


def flow_of(model: keras.Model, x: Any) -> Flow:
    """Send examples through a net and note who read what.

    Raises:
        Exception: whatever the net raises.
    """
    # constants of the type that layers compute in, so that a tensor is one object all the way
    given = keras.tree.map_structure(_constant, x)
    if not all(layer.built for layer in model._flatten_layers()):
        model(given, training=False)  # a subclassed net builds itself in its first call
    with recorded(model) as calls:
        output = model(given, training=False)
    plain = [call._replace(layer=_unwrapped(call.layer)) for call in calls]
    return Flow(plain, [*keras.tree.flatten(output)], tensors(given), output)


def _unwrapped(layer: Any) -> Any:
    """A layer that is applied to each step by itself is that layer."""
    wraps = isinstance(layer, keras.layers.TimeDistributed)
    return layer.layer if wraps and not isinstance(layer.layer, keras.Model) else layer


def _constant(part: Any) -> Any:
    return tf.constant(part, keras.config.floatx() if part.dtype.kind == "f" else None)


def tensors(structure: Any) -> list[Any]:
    """The tensors in a structure."""
    return [part for part in keras.tree.flatten(structure) if isinstance(part, tf.Tensor)]


def width_of(call: Call) -> int:
    """Units, channels or filters that a call puts out."""
    return int(tensors(call.output)[0].shape[-1])


def activation_of(layer: keras.layers.Layer) -> str | None:
    """The name of a layer's activation; None: it has none, or none that has a name."""
    if type(layer) in OWN_FUNCTION:
        return OWN_FUNCTION[type(layer)]
    inner = getattr(layer, "forward_layer", layer)  # of a bidirectional one
    inner = getattr(inner, "cell", inner)
    given = getattr(inner, "activation", None)
    return getattr(given, "__name__", None)


def array(tensor: Any) -> np.ndarray:
    """A tensor's numbers in double precision, (examples, ...)."""
    return np.asarray(tf.cast(tensor, tf.float64))
