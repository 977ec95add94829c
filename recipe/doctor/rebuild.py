"""A net built anew from somebody's own: the same layers and weights, and some of it otherwise.

By Keras's own means: sequential and functional nets layer by layer, other classes by the config
that they give. A net that can be had by neither is changed in place, and whoever asked is told.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.models.functional import Functional  # which nets have a graph; no public name

from recipe.doctor.subject import Subject

STEPS = ("fit", "train_step", "test_step", "compute_loss", "compute_metrics", "compile")
"""Methods of a class of somebody's own that would be lost in a net around it."""


class Refused(Exception):
    """What was prescribed can't be done to this program, and why."""


@dataclass
class Plan:
    """What is built otherwise. Layers are named by their `id`."""

    front: dict[int, list[Callable[[Any], Any]]] = field(default_factory=dict)
    """Number of an input -> what its tensor goes through before the net, in this order."""

    units: dict[int, int] = field(default_factory=dict)
    """Layer -> its width."""

    swaps: dict[int, Callable[[], keras.layers.Layer]] = field(default_factory=dict)
    """Layer -> what makes the one in its place."""

    before: dict[int, list[keras.layers.Layer]] = field(default_factory=dict)
    """Layer -> those put in front of it."""

    back: list[keras.layers.Layer] = field(default_factory=list)
    """What the one output goes through behind the net, in this order."""


@dataclass(frozen=True)
class Rebuilt:
    """The new net."""

    model: keras.Model
    """Not compiled."""

    twins: dict[int, keras.layers.Layer]
    """`id` of a layer of the old net -> the one that stands for it."""

    is_copy: bool
    """False: the layers are the old ones."""


def layers_of(model: keras.Model) -> list[keras.layers.Layer]:
    """All layers, nested ones too, in an order that two nets of one program share."""
    skipped = keras.layers.InputLayer
    return [layer for layer in model._flatten_layers() if not isinstance(layer, skipped)]


def rebuilt(model: keras.Model, plan: Plan, subject: Subject) -> Rebuilt:
    """Build a net by a plan.

    Args:
        model: somebody's own.
        plan: what is otherwise.
        subject: says what goes in.

    Raises:
        Refused: it can't be built so.
    """
    made = _Rebuilding(model, plan, subject)
    try:
        net = made.net()
    except (NotImplementedError, TypeError, ValueError) as error:
        if plan.units or plan.swaps or plan.before:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise Refused(f"the net can't be built anew: {why}") from error
        twins = {id(layer): layer for layer in layers_of(model)}
        return Rebuilt(_around(model, plan, subject), twins, is_copy=False)
    return Rebuilt(net, made.twins(), is_copy=True)


class _Rebuilding:
    """One copy in the making."""

    def __init__(self, model: keras.Model, plan: Plan, subject: Subject) -> None:
        self.model, self.plan, self.subject = model, plan, subject
        self.pairs: dict[int, tuple[keras.layers.Layer, keras.layers.Layer]] = {}
        """`id` of the old -> old, new."""

    def net(self) -> keras.Model:
        """The copy, with the weights of the old net where their shapes are the same."""
        if type(self.model) is keras.Sequential:
            net = self._sequential()
        elif isinstance(self.model, Functional):
            net = self._functional()
        else:
            net = _around(self._of_a_class(), self.plan, self.subject)
        net(_few(self.subject), training=False)  # a net without an Input builds itself here
        for old, new in self.pairs.values():
            if not isinstance(old, keras.Sequential | Functional):
                for given, taken in zip(old.variables, new.variables, strict=False):
                    if given.shape == taken.shape:
                        taken.assign(given.value)
        return net

    def twins(self) -> dict[int, keras.layers.Layer]:
        """Layer by layer, also those inside layers that were copied as a whole."""
        found: dict[int, keras.layers.Layer] = {}
        for old, new in self.pairs.values():
            found |= {
                id(one): other
                for one, other in zip(layers_of(old), layers_of(new), strict=False)
                if type(one) is type(other)
            }
            found[id(old)] = new
        return found

    def _copied(self, layer: Any) -> Any:
        if not isinstance(layer, keras.layers.Layer):
            return layer  # an operation of a graph: it has no state
        if id(layer) in self.pairs:
            return self.pairs[id(layer)][1]
        made = self._made(layer)
        self.pairs[id(layer)] = layer, made
        return made

    def _made(self, layer: keras.layers.Layer) -> keras.layers.Layer:
        if id(layer) in self.plan.swaps:
            return self.plan.swaps[id(layer)]()
        if isinstance(layer, keras.layers.Lambda):
            return layer  # a function of somebody's own; no weights
        if isinstance(layer, keras.Sequential | Functional):
            with _uncompiled(layer):
                made = keras.models.clone_model(layer, clone_function=self._copied)
            if not layer.trainable:
                made.trainable = False
            return made
        if isinstance(layer, keras.layers.TimeDistributed):
            return keras.layers.TimeDistributed(self._copied(layer.layer), name=layer.name)
        config = layer.get_config()
        if id(layer) in self.plan.units:
            config["units" if "units" in config else "filters"] = self.plan.units[id(layer)]
        return type(layer).from_config(config)

    def _sequential(self) -> keras.Model:
        layers = []
        for layer in self.model.layers:
            layers += [*self.plan.before.get(id(layer), ()), self._copied(layer)]
        given = getattr(self.model, "_layers", [])[:1]
        inputs = _inputs(self.subject) if self.plan.front else [
            keras.Input(batch_shape=each.batch_shape, dtype=each.dtype, name=each.name)
            for each in given if isinstance(each, keras.layers.InputLayer)
        ]  # fmt: skip
        if not self.plan.front:
            return keras.Sequential([*inputs, *layers, *self.plan.back], name=self.model.name)
        tensor = _through(self.plan.front.get(0, ()), inputs[0])
        for layer in [*layers, *self.plan.back]:
            tensor = layer(tensor)
        return keras.Model(inputs[0], tensor, name=self.model.name)

    def _functional(self) -> keras.Model:
        plan, model = self.plan, self.model
        inputs = keras.tree.map_structure(
            lambda t: keras.Input(batch_shape=t.shape, dtype=t.dtype, name=t.name), model.input
        )
        read = {
            id(tensor): _through(plan.front[number], tensor)
            for number, tensor in enumerate(keras.tree.flatten(inputs))
            if number in plan.front
        }
        inserted: dict[int, list[keras.layers.Layer]] = {}

        def called(layer: Any, *args: Any, **kwargs: Any) -> Any:
            args, kwargs = keras.tree.map_structure(lambda t: read.get(id(t), t), (args, kwargs))
            for each in inserted.get(id(layer), ()):
                args = (each(args[0]), *args[1:])
            return layer(*args, **kwargs)

        def copied(layer: Any) -> Any:
            made = self._copied(layer)
            inserted[id(made)] = plan.before.get(id(layer), [])
            return made

        with _uncompiled(model):
            net = keras.models.clone_model(
                model, input_tensors=inputs, clone_function=copied, call_function=called
            )
        if type(net) is not type(model) and _has_own_steps(model):
            raise TypeError(f"{type(model).__name__} can't be made of inputs and outputs alone")
        if plan.back:
            net = type(net)(net.input, _through(plan.back, net.output), name=model.name)
        return net

    def _of_a_class(self) -> keras.Model:
        model = self.model
        # the config that Keras makes up itself holds defaults, not what the net was made with
        if type(model).get_config is keras.Model.get_config:
            raise NotImplementedError(f"{type(model).__name__} has no get_config of its own")
        made = type(model).from_config(model.get_config())
        made(_few(self.subject), training=False)
        self.pairs[id(model)] = model, made
        return made


def _around(model: keras.Model, plan: Plan, subject: Subject) -> keras.Model:
    """A net around one that can't be opened: what stands before and behind it.

    Raises:
        Refused: its class trains in a way of its own, which would be lost.
    """
    if not plan.front and not plan.back:
        return model
    if _has_own_steps(model):
        raise Refused(f"{type(model).__name__} trains in a way of its own: nothing fits around it")
    inputs = _inputs(subject)
    read = [_through(plan.front.get(number, ()), each) for number, each in enumerate(inputs)]
    output = model(keras.tree.pack_sequence_as(subject.x, read))
    return keras.Model(keras.tree.pack_sequence_as(subject.x, inputs), _through(plan.back, output))


def _has_own_steps(model: keras.Model) -> bool:
    return any(getattr(type(model), name) is not getattr(keras.Model, name) for name in STEPS)


def _inputs(subject: Subject) -> list[Any]:
    return [keras.Input(part.shape[1:], dtype=_dtype(part)) for part in subject.inputs]


def _through(parts: Any, tensor: Any) -> Any:
    for part in parts:
        tensor = part(tensor)
    return tensor


def _few(subject: Subject) -> Any:
    return keras.tree.map_structure(lambda part: tf.constant(part, _dtype(part)), subject.probe())


def _dtype(part: np.ndarray) -> str:
    return keras.config.floatx() if part.dtype.kind == "f" else part.dtype.name


@contextlib.contextmanager
def _uncompiled(model: keras.Model) -> Iterator[None]:
    """Keras compiles a clone by the config of its original, which a loss of one's own breaks."""
    was = model.compiled
    object.__setattr__(model, "compiled", False)
    try:
        yield
    finally:
        object.__setattr__(model, "compiled", was)
