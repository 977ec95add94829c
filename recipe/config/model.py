"""The model section of a config: which network to build."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import field_validator, model_validator

from recipe.config.fields import Fraction, NotNegative, Positive, Section, Sizes
from recipe.config.identifiers import Activation, Initializer, KerasObject, Layers
from recipe.config.model_parts import BackboneConfig, PeriodicConfig


class NoiseConfig(Section):
    """Gaussian noise in training, as a standard deviation."""

    input: NotNegative = 0.0
    """Noise on the scaled input."""

    activation: NotNegative = 0.0
    """Noise after each hidden activation."""

    weight: NotNegative = 0.0
    """Noise on the kernels in each step, taken off again before they are changed."""

    gradient: NotNegative = 0.0
    """Noise on each gradient in the first step; its variance falls as (1 + step) ** -0.55."""


class ModelConfig(Section):
    """Which network to build. Strings are Keras identifiers, e.g. `he_normal`."""

    family: str = "mlp"
    """`mlp`, `cnn`, `resnet`, `application` (the backbone below), `layers` (those listed below), or
    `module:function` that returns the layers of a body of your own."""

    widths: Sizes = (64, 64)
    """Units of each hidden dense layer, first to last."""

    filters: Sizes = (16, 32)
    """cnn: filters of each 3x3 convolution block, first to last; each halves the image. resnet:
    of each pair of convolutions; each but the first halves the image."""

    layers: Layers = ()
    """family layers: names of Keras layers, or `{class_name, config}`, first to last, without the
    head."""

    backbone: BackboneConfig = BackboneConfig()
    """family application: which net, and its weights."""

    embedding: Literal["none", "periodic"] = "none"
    """Tables: what each number becomes before the first layer; categories and text stay as they
    are."""

    periodic: PeriodicConfig = PeriodicConfig()
    """embedding periodic: its sizes."""

    feature_scale: bool = False
    """Tables: a learnable factor, 1 at first, for each feature that the first layer reads."""

    residual: bool = False
    """mlp: add each block's input to what stands before its activation."""

    pooling: Literal["gap", "flatten"] = "flatten"
    """cnn, resnet, application: what stands between the last convolution and the dense layers of
    `widths`; gap: global average."""

    activation: Activation = "relu"
    """Activation of every hidden layer."""

    norm: Literal["none", "batch", "layer", "group"] = "none"
    """Normalization in every hidden block; the bias before it is dropped. group: 16 units or
    channels each."""

    norm_position: Literal["auto", "pre", "post"] = "auto"
    """Before or after the activation; auto: after tanh and sigmoid, else before."""

    norm_momentum: Literal["auto"] | Fraction = "auto"
    """Batch norm's moving-average momentum; auto: at most 0.99, and settled by the first epoch's
    end."""

    norm_epsilon: Positive = 1e-3
    """Added to the variance by which any norm divides."""

    dropout: Fraction = 0.0
    """Fraction of units DROPPED in training (Keras's rate, not a keep probability)."""

    dropout_position: Literal["auto", "before_norm", "after_norm", "last"] = "auto"
    """Where in the blocks; auto: once, after the last block, if there is batch norm, else in
    every block."""

    kernel_initializer: Initializer = "auto"
    """auto: He for ReLU-like activations, LeCun for selu, Glorot for the rest; lsuv, krahenbuhl:
    scaled by what the layers say of training examples."""

    l1: NotNegative = 0.0
    """L1 penalty on hidden and head kernels, never on biases and norms."""

    l2: NotNegative = 0.0
    """L2 penalty on hidden and head kernels, never on biases and norms."""

    max_norm: Positive | None = None
    """Largest norm of the weights into a hidden unit; longer ones are cut. null: none."""

    noise: NoiseConfig = NoiseConfig()
    """Gaussian noise in training."""

    head_bias: Literal["auto", "zeros"] = "auto"
    """auto: the head starts at the constant of lowest loss: log class shares, log odds, or the
    mean (absolute error: median) of the target."""

    @property
    def starts_frozen(self) -> bool:
        """Whether weights are read and left as they are."""
        return self.family == "application" and self.backbone.weights is not None

    @property
    def weights_file(self) -> str | None:
        """The file that they are read from, if there is one: what is measured depends on it."""
        return self.backbone.file if self.family == "application" else None

    @field_validator("pooling", mode="before")
    @classmethod
    def _says_what_a_dense_head_is(cls, given: Any) -> Any:
        if given == "dense":
            raise ValueError(
                "must be 'gap' or 'flatten'; a dense head is either of them with widths, e.g. "
                "widths: [128], and a head without dense layers has widths: []"
            )
        return given

    @model_validator(mode="after")
    def _lets_layers_differ(self) -> Self:
        given = self.kernel_initializer
        if isinstance(given, KerasObject) and "seed" in given.config:
            raise ValueError(
                "a seed among the initializer's arguments starts every layer with the same "
                "numbers; write the key seed at the top instead"
            )
        return self

    @model_validator(mode="after")
    def _norms_leave_something(self) -> Self:
        """Measured: of a single unit, layer norm puts out beta whatever comes in."""
        sizes = (*self.widths, *(self.filters if self.family in ("cnn", "resnet") else ()))
        if self.norm == "layer" and 1 in sizes:
            raise ValueError("norm: layer leaves nothing of a layer with one unit; write batch")
        if self.norm == "group" and 1 in self.widths and self.family != "layers":
            raise ValueError("norm: group leaves nothing of a layer with one unit; write batch")
        return self
