"""Keras identifiers in a config: a known name, or `{class_name, config}` with arguments."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Tag, WithJsonSchema

from recipe.config.fields import Plain, Section, list_as_tuple
from recipe.config.names import (
    ACTIVATIONS,
    APPLICATIONS,
    INITIALIZERS,
    OPTIMIZERS,
    OWN_INITIALIZERS,
)


class KerasObject(Section):
    """A Keras object with arguments, e.g. `{class_name: SGD, config: {momentum: 0.9}}`."""

    class_name: str
    """Name of the class in Keras."""

    config: dict[str, Plain] = {}
    """Arguments of its constructor."""


def _one_of(kind: str, names: tuple[str, ...]) -> AfterValidator:
    def known(value: str) -> str:
        if value not in names:
            raise ValueError(f"no {kind} of this name; one of {', '.join(names)}")
        return value

    return AfterValidator(known)


def _enum(names: tuple[str, ...]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": list(names)})


def _form(value: Any) -> str | None:
    if isinstance(value, str):
        return "name"
    return "object" if isinstance(value, dict | KerasObject) else None


_OBJECT = Annotated[KerasObject, Tag("object")]
_BY_FORM = Discriminator(
    _form,
    custom_error_type="identifier",
    custom_error_message="must be a name or {class_name, config}",
)
_Activation = Annotated[str, _one_of("activation", ACTIVATIONS), _enum(ACTIVATIONS), Tag("name")]
_Initializer = Annotated[
    str,
    _one_of("initializer", ("auto", *OWN_INITIALIZERS, *INITIALIZERS)),
    _enum(("auto", *OWN_INITIALIZERS, *INITIALIZERS)),
    Tag("name"),
]
_Optimizer = Annotated[str, _one_of("optimizer", OPTIMIZERS), _enum(OPTIMIZERS), Tag("name")]

_Application = Annotated[
    str, _one_of("application", APPLICATIONS), _enum(APPLICATIONS), Tag("name")
]

Activation = Annotated[_Activation | _OBJECT, _BY_FORM]
Initializer = Annotated[_Initializer | _OBJECT, _BY_FORM]
Optimizer = Annotated[_Optimizer | _OBJECT, _BY_FORM]
Application = Annotated[_Application | _OBJECT, _BY_FORM]
Layers = Annotated[
    tuple[Annotated[Annotated[str, Tag("name")] | _OBJECT, _BY_FORM], ...],
    BeforeValidator(list_as_tuple),
]
