"""Sees what each layer of a net puts out, whatever kind of net it is.

Functional nets could be cut open at their tensors; subclassed and nested ones can't. So every
layer's `call` is wrapped for as long as the net is called, also while a `tf.function` is traced.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import tensorflow as tf

WHOLE = (keras.layers.RNN, keras.layers.Bidirectional, keras.layers.Wrapper)
"""Layers that run others in a loop of their own, out of which no tensor can be handed."""


def named(model: keras.Model) -> dict[str, keras.layers.Layer]:
    """The layers that hold no other layers, and those that run theirs in a loop.

    Each stands under the names on the way to it, e.g. "block_1/dense"; of layers that two ways
    lead to, under the first.
    """
    found: dict[str, keras.layers.Layer] = {}
    seen: set[int] = set()

    def visit(layer: keras.layers.Layer, name: str) -> None:
        if id(layer) in seen:
            return
        seen.add(id(layer))
        # pinned by a test: Keras has no public list of the layers in a layer
        inner = [] if isinstance(layer, WHOLE) else layer._layers
        for each in inner:
            visit(each, f"{name}/{each.name}" if name else each.name)
        if not inner:
            # two layers of a subclassed net may have one name
            free = (f"{name}_{n}" if n > 1 else name for n in itertools.count(1))
            found[next(each for each in free if each not in found)] = layer

    for layer in model._layers or [model]:
        visit(layer, layer.name)
    return found


def leaves(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers that hold no other layers, and those that run theirs in a loop."""
    return [*named(model).values()]


class Call(NamedTuple):
    """One call of a layer."""

    layer: keras.layers.Layer
    inputs: Any
    """The first argument of `call`: a tensor, or a structure of them."""
    output: Any
    """What it returned: the same."""


@contextlib.contextmanager
def recorded(model: keras.Model) -> Iterator[list[Call]]:
    """Record each call of a leaf layer, in their order; a layer that is used twice stands twice."""
    seen: list[Call] = []

    def watched(layer: keras.layers.Layer) -> Any:
        call = layer.call

        def recording(*args: Any, **kwargs: Any) -> Any:
            output = _apart(call(*args, **kwargs), args[:1])
            seen.append(Call(layer, args[0] if args else None, output))
            return output

        return recording

    layers = leaves(model)
    try:
        for layer in layers:
            # past Keras's own __setattr__, which would look for variables in it
            object.__setattr__(layer, "call", watched(layer))
        yield seen
    finally:
        for layer in layers:
            layer.__dict__.pop("call", None)


def _apart(output: Any, inputs: Any) -> Any:
    """The output as tensors of its own: a layer may hand on the very one that it was given."""
    given = {id(tensor) for tensor in keras.tree.flatten(inputs)}
    return keras.tree.map_structure(
        lambda tensor: tf.identity(tensor) if id(tensor) in given else tensor, output
    )
