"""The train section of a config: how the network is trained."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from recipe.config.fields import Fraction, NotNegative, Positive, Section
from recipe.config.identifiers import KerasObject, Optimizer


class AugmentConfig(Section):
    """Images: how each is changed at random whenever it is trained on, never when it is judged."""

    flip: Literal["none", "horizontal", "vertical", "both"] = "none"
    """Mirror it, every second time; not where left and right mean something."""

    shift: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Move it by up to this fraction of its height and width."""

    rotate: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Turn it by up to this fraction of a full turn."""

    zoom: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Make it larger or smaller by up to this fraction."""


class TrainConfig(Section):
    """How the network is trained."""

    loss: Literal["auto", "mean_squared_error", "mean_absolute_error", "huber"] = "auto"
    """Regression: what training lowers, of the scaled target; huber: squared up to one std, then
    a line. auto: squared error; the cross-entropy of the task for classes."""

    optimizer: Optimizer = "adam"
    """Any Keras optimizer: its name, or `{class_name, config}`."""

    learning_rate: Positive = 3e-4
    """Step size of the optimizer: the highest there is, where a schedule changes it."""

    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the learning rate falls from there to 0 over all steps; baseline and overfit keep it
    constant."""

    warmup: Fraction = 0.0
    """Fraction of all steps in which the learning rate rises in a line to its highest."""

    clipnorm: Positive | None = None
    """Largest norm of all gradients together; larger ones are scaled down to it. null: none."""

    weight_decay: NotNegative = 0.0
    """Decoupled weight decay per step (times the learning rate); not on biases and norms."""

    epochs: PositiveInt = 30
    """Passes over the training examples."""

    batch_size: PositiveInt | Literal["full"] = 32
    """Examples per step; full: all of them (gradient descent)."""

    label_smoothing: Fraction = 0.0
    """Share of each label that is spread over all classes, in the training loss."""

    class_weight: Literal["none", "balanced"] = "none"
    """balanced: every class weighs the same in the training loss, however rare it is."""

    augment: AugmentConfig = AugmentConfig()
    """Images: random changes in training."""

    mixup: NotNegative = 0.0
    """Train on pairs of examples, inputs and labels mixed alike: alpha of the Beta distribution
    of the shares, 0.1 to 0.4. 0: none."""

    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Judge and keep an average of the weights over the steps, its momentum per step. null: the
    weights of the last step."""

    norm_statistics: Literal["auto", "moving", "population"] = "auto"
    """What batch norm divides by in each validation. moving: averages from training; population:
    measured over all training examples; auto: over up to 10,000 of them until the averages have
    seen enough, else moving."""

    early_stopping: PositiveInt | None = None
    """Epochs without a better validation metric before it stops; the best epoch's weights are
    kept in any case."""

    metric: Literal["auto", "accuracy", "r2", "loss"] = "auto"
    """The one number, on validation examples, that decides every comparison; auto: accuracy or
    r2."""

    unfreeze: Fraction | None = None
    """Fraction of the epochs after which the backbone's weights learn too; null: they never do."""

    unfreeze_rate: Positive = 0.01
    """Times the learning rate, from then on."""

    strategy: Literal["single", "mirrored"] = "single"
    """mirrored: each batch is divided among all GPUs (tf.distribute), by Keras's own fit."""

    jit: Literal["auto"] | bool = "auto"
    """Compile with XLA; auto: dense nets without dropout and noise, if it is earned back."""

    threads: PositiveInt | None = None
    """CPU threads of TensorFlow; another number changes the last bits. null: all cores."""

    @model_validator(mode="after")
    def _says_each_rate_once(self) -> Self:
        """What the optimizer's own arguments set, no stage could change."""
        if isinstance(self.optimizer, KerasObject):
            given = {"learning_rate": "learning_rate", "weight_decay": "weight_decay"}
            for argument, key in {**given, "use_ema": "ema"}.items():
                if argument in self.optimizer.config:
                    raise ValueError(
                        f"write train.{key}, not {argument} among the optimizer's arguments"
                    )
        return self
