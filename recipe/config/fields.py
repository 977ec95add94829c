"""Kinds of values: what is checked of each. What a key means stands in `types.py`."""

from __future__ import annotations

import json
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt


class Section(BaseModel):
    """A part of the config: strict types, no unknown keys, never changed after reading."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True
    )


def list_as_tuple(value: Any) -> Any:
    """YAML has lists, a frozen config has tuples, and strict pydantic mixes neither."""
    return tuple(value) if isinstance(value, list) else value


def _pair(value: Any) -> Any:
    if isinstance(value, list | tuple) and len(value) != 2:
        raise ValueError("must be [low, high]")
    return list_as_tuple(value)


def _height_width(value: Any) -> Any:
    if isinstance(value, list | tuple) and len(value) != 2:
        raise ValueError("must be [height, width]")
    return list_as_tuple(value)


def _plain(value: Any) -> Any:
    """What YAML and JSON both have, so that a config can be written and read back."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise ValueError(
            "must be made of text, finite numbers, true, false, null, lists and mappings"
        ) from None
    return value


Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
SeedCount = Annotated[int, Field(ge=2, le=1000)]
Plain = Annotated[Any, AfterValidator(_plain)]
Names = Annotated[tuple[str, ...], BeforeValidator(list_as_tuple)]
Sizes = Annotated[tuple[PositiveInt, ...], BeforeValidator(list_as_tuple)]
ImageSize = Annotated[tuple[PositiveInt, PositiveInt], BeforeValidator(_height_width)]
Bounds = Annotated[tuple[float, float], BeforeValidator(_pair)]
IntBounds = Annotated[tuple[int, int], BeforeValidator(_pair)]
Choices = Annotated[tuple[Plain, ...], BeforeValidator(list_as_tuple), Field(min_length=1)]


def section_of(section: type[BaseModel], name: str) -> type[Section] | None:
    """The type of a key that is a section, and so merges key by key, else None.

    A value that happens to be a mapping (a Keras object, a search space) is replaced whole.
    """
    info = section.model_fields.get(name)
    kind = info.annotation if info else None
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The first pydantic model in a field's type: a section, a Keras object or a range."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(model_in, get_args(annotation))), None)


def leaf_keys(section: type[BaseModel], prefix: str = "") -> list[str]:
    """Every dotted key that is no section, in order."""
    keys = []
    for name in section.model_fields:
        inner = section_of(section, name)
        keys += leaf_keys(inner, f"{prefix}{name}.") if inner else [prefix + name]
    return keys
