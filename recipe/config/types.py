"""Everything that can be set, with its meaning, unit, default and allowed values.

The docstring under a field is its documentation everywhere: `configs/base.yaml`, the JSON
schema and `docs/config.md` are generated from it. The stages' thresholds are in `stages.py`, the
search in `search.py`; reading files is `reader.py`'s work.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveInt, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from recipe.config.fields import (
    Fraction,
    ImageSize,
    Names,
    NotNegative,
    Positive,
    Section,
    Seed,
    Sizes,
)
from recipe.config.identifiers import Activation, Initializer, KerasObject, Layers, Optimizer
from recipe.config.impossible import impossible
from recipe.config.model_parts import BackboneConfig, PeriodicConfig
from recipe.config.search import SEARCHABLE, Range, SearchConfig
from recipe.config.stages import StagesConfig


class Task(StrEnum):
    """What the target asks of the net."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    REGRESSION = "regression"


class SplitConfig(Section):
    """How the examples are divided: shuffled, stratified by class, equal rows kept together."""

    val: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Fraction of all examples that decides between models."""

    test: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Fraction of all examples that is locked until `squeeze` opens it, once."""

    by: Literal["auto", "random", "files", "group", "time"] = "auto"
    """files: as the source gives them; group: all examples of a value of `column` in one part;
    time: the latest in test; auto: files where the source has a train and a test part, else
    random."""

    column: str | None = None
    """The column of a split by group or time; it is not shown to the net."""

    folds: Annotated[int, Field(ge=2)] | None = None
    """Divide what is not test into so many folds, and use one of them as val."""

    fold: Annotated[int, Field(ge=0)] = 0
    """Which fold is val, counted from 0."""

    keep: str | None = None
    """A `splits.csv` of an earlier data stage: examples listed there stay in their part."""

    seed: Seed = 0
    """Seed of the shuffle; the training seed is the key `seed` at the top."""

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> Self:
        if self.val + self.test > 0.9:
            raise ValueError("val + test must leave at least 0.1 of the examples for training")
        return self

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.by in ("group", "time") and self.column is None:
            raise ValueError(f"by: {self.by} needs column, the name of the {self.by} column")
        if self.by not in ("group", "time") and self.column is not None:
            raise ValueError(f"column is for by: group and by: time, got by: {self.by}")
        if self.fold >= (self.folds or 1):
            raise ValueError(f"fold must be below folds, got fold {self.fold} of {self.folds}")
        return self


class DataConfig(Section):
    """Where the examples come from and what is done to them before the net."""

    source: str = "sklearn:digits"
    """KIND:NAME, KIND one of sklearn, keras, csv, parquet, npz, images, or `module:function`
    (docs/data.md)."""

    target: str | Names | None = None
    """Tables: the column to predict, or several; null: the one called target, label, class or y."""

    task: Literal["auto", "binary", "multiclass", "multilabel", "regression"] = "auto"
    """What to predict; auto: classes where the target has class names, is text or holds at most
    20 whole numbers, multilabel where it is several columns of 0 and 1, else regression."""

    split: SplitConfig = SplitConfig()
    """How the examples are divided into train, val and test."""

    columns: dict[str, Literal["numeric", "category", "text", "date", "drop"]] = {}
    """Tables: what a column is, where what `recipe data` says of it is wrong."""

    missing: Literal["impute", "drop", "keep"] = "impute"
    """Missing and infinite values. impute: numbers by train's median, with an indicator, and
    categories as a value of their own; drop: such examples; keep: the data stage fails on them."""

    scaling: Literal["auto", "none", "standardize", "robust"] = "auto"
    """standardize: mean 0, std 1, learnt on train, per feature (tables) or over all pixels
    (images); robust: median 0, quartiles 1 apart, far values drawn in; auto: standardize."""

    target_scaling: Literal["auto", "none", "standardize"] = "auto"
    """The same for a regression target; scores are reported in the original unit."""

    image_size: ImageSize | None = None
    """images: [height, width] to which all are resized; null: the most frequent size."""

    image_mode: Literal["auto", "gray", "rgb"] = "auto"
    """images: what all are converted to; auto: gray if a hundred of them, from all over, are."""

    max_memory_gb: Positive = 4.0
    """Examples that take more than this as float32 stay on disk and are read batch by batch."""

    limit: PositiveInt | None = None
    """Use at most this many examples, drawn at random with the split's seed."""

    accept: Names = ()
    """Names of data checks whose failure is known and accepted (the result says so)."""


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
    """auto: the head starts at the prior: log class shares, log odds or the mean."""

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


class Config(Section):
    """Everything that can be set. A file gives what differs; the rest has these defaults."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] | None = None
    """Name of the run's folder; null: the stem of the config file."""

    seed: Seed = 0
    """Seed of weights, batches, dropout, noise and search."""

    data: DataConfig = DataConfig()
    """Where the examples come from."""

    model: ModelConfig = ModelConfig()
    """Which network to build."""

    train: TrainConfig = TrainConfig()
    """How it is trained."""

    stages: StagesConfig = StagesConfig()
    """Thresholds, seeds and budgets of the stages."""

    search: SearchConfig = SearchConfig()
    """The hyperparameter search."""

    @model_validator(mode="after")
    def _options_can_work_together(self) -> Self:
        problems = {
            place: PydanticCustomError("impossible", said) for place, said in impossible(self)
        }
        if problems:
            raise _invalid(problems)
        return self

    @model_validator(mode="after")
    def _space_gives_valid_configs(self) -> Self:
        """Every end of every range must make a valid config, before the first trial."""
        bare = self.model_copy(update={"search": self.search.model_copy(update={"space": {}})})
        problems = {
            key: problem
            for key, values in self.search.space.items()
            if (problem := _space_problem(bare, key, values))
        }
        if problems:
            raise _invalid(problems, "search", "space")
        return self

    def replace(self, changes: Mapping[str, Any]) -> Config:
        """This config with dotted keys changed, e.g. `{"model.dropout": 0.2}`.

        Raises:
            pydantic.ValidationError: if the result is no valid config.
        """
        plain = self.model_dump(mode="json")
        for key, value in changes.items():
            *sections, last = key.split(".")
            place = plain
            for section in sections:
                place = place.setdefault(section, {})
                if not isinstance(place, dict):
                    said = f"{section!r} is a value, not a section: replace it whole"
                    raise _invalid({key: PydanticCustomError("not_a_section", said)})
            place[last] = list(value) if isinstance(value, tuple) else value
        return Config.model_validate(plain)

    def get(self, key: str) -> Any:
        """The value at a dotted key, e.g. `config.get("model.dropout")`."""
        value: Any = self
        for part in key.split("."):
            value = value[part] if isinstance(value, dict) else getattr(value, part)
        return value


UNKNOWN_IN_SPACE = "unknown_in_space"
"""Type of pydantic's error for a key of `search.space` that no config has."""


def _space_problem(bare: Config, key: str, values: Range) -> PydanticCustomError | None:
    """What is wrong with one key of a search space. `bare`: the config without a space."""
    if key.split(".")[0] not in SEARCHABLE:
        said = f"only keys of {' and '.join(SEARCHABLE)} can be searched"
        return PydanticCustomError("not_searchable", said)
    refused: dict[str, list[str]] = {}
    for value in values.endpoints:
        try:
            bare.replace({key: value})
        except ValidationError as error:
            first = error.errors()[0]
            if first["type"] == "extra_forbidden" and ".".join(map(str, first["loc"])) == key:
                return PydanticCustomError(UNKNOWN_IN_SPACE, "unknown key")
            refused.setdefault(first["msg"], []).append(repr(value))
    said = "; ".join(f"no valid config with {', '.join(v)}: {rule}" for rule, v in refused.items())
    return PydanticCustomError("no_valid_config", said) if said else None


def _invalid(problems: Mapping[Any, PydanticCustomError], *below: str) -> ValidationError:
    """One error for several keys, each a name or a path of names.

    Raised in a validator, pydantic keeps their locations.
    """
    return ValidationError.from_exception_data(
        Config.__name__,
        [
            InitErrorDetails(
                type=said, loc=(*below, *((key,) if isinstance(key, str) else key)), input=None
            )
            for key, said in problems.items()
        ],
    )
