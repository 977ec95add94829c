"""The sections within the model section of a config: what only some nets have."""

from __future__ import annotations

from pydantic import PositiveInt, field_validator

from recipe.config.fields import Positive, Section
from recipe.config.identifiers import Application, KerasObject
from recipe.config.names import APPLICATIONS


class PeriodicConfig(Section):
    """The periodic embedding of a number: cosines of learnt frequencies, mixed by a dense layer."""

    frequencies: PositiveInt = 16
    """Cosines of each number."""

    std: Positive = 0.1
    """Standard deviation with which frequencies start, in periods per unit of the scaled number."""

    size: PositiveInt = 3
    """Features that each number becomes, besides itself."""


class BackboneConfig(Section):
    """A net of keras.applications, without its head."""

    name: Application = "MobileNetV2"
    """Which: its name, or `{class_name, config}` with arguments of its constructor."""

    weights: str | None = None
    """imagenet: from Keras's cache, or downloaded to it; or the path of a weights file. They stay
    as they are (train.unfreeze lets them learn). null: drawn at random, and learnt."""

    white: Positive = 255.0
    """Value of a white pixel in the source; black is 0."""

    @property
    def file(self) -> str | None:
        """The path of a weights file, if one is named."""
        return None if self.weights == "imagenet" else self.weights

    @field_validator("name")
    @classmethod
    def _names_an_application_and_what_is_open(cls, given: str | KerasObject) -> str | KerasObject:
        if isinstance(given, KerasObject):
            if given.class_name not in APPLICATIONS:
                raise ValueError(f"no application of this name; one of {', '.join(APPLICATIONS)}")
            taken = sorted(set(given.config) & set(SET_ELSEWHERE))
            if taken:
                why = SET_ELSEWHERE[taken[0]]
                raise ValueError(f"{taken[0]} is no argument to give here; {why}")
        return given


SET_ELSEWHERE = {
    "weights": "write model.backbone.weights",
    "pooling": "write model.pooling",
    "input_shape": "it is that of the images",
    "input_tensor": "it is that of the images",
    "include_top": "the head is added for you",
    "classes": "the head is added for you",
    "classifier_activation": "the head is added for you",
    "include_preprocessing": "pixels arrive as the net expects them by default",
    "name": "it is called backbone",
}
"""Arguments of an application that other keys decide, and which."""
