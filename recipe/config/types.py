"""Everything that can be set, with its meaning, unit, default and allowed values.

The docstring under a field is its documentation everywhere: `configs/base.yaml`, the JSON
schema and `docs/config.md` are generated from it. Reading files is `reader.py`'s work.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    PositiveInt,
    Tag,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from recipe.config.fields import (
    Bounds,
    Choices,
    Fraction,
    IntBounds,
    Names,
    NotNegative,
    Plain,
    Positive,
    Section,
    Seed,
    SeedCount,
    Sizes,
)
from recipe.config.names import ACTIVATIONS, INITIALIZERS, OPTIMIZERS


class Task(StrEnum):
    """What the target asks of the net."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


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
    _one_of("initializer", ("auto", *INITIALIZERS)),
    _enum(("auto", *INITIALIZERS)),
    Tag("name"),
]
_Optimizer = Annotated[str, _one_of("optimizer", OPTIMIZERS), _enum(OPTIMIZERS), Tag("name")]

Activation = Annotated[_Activation | _OBJECT, _BY_FORM]
Initializer = Annotated[_Initializer | _OBJECT, _BY_FORM]
Optimizer = Annotated[_Optimizer | _OBJECT, _BY_FORM]


class SplitConfig(Section):
    """How the examples are divided: shuffled, stratified by class, equal rows kept together."""

    val: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Fraction of all examples that decides between models."""

    test: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Fraction of all examples that is locked until `squeeze` opens it, once."""

    seed: Seed = 0
    """Seed of the shuffle; the training seed is the key `seed` at the top."""

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> Self:
        if self.val + self.test > 0.9:
            raise ValueError("val + test must leave at least 0.1 of the examples for training")
        return self


class DataConfig(Section):
    """Where the examples come from and what is done to them before the net."""

    source: str = "sklearn:digits"
    """`sklearn:NAME` (bundled with scikit-learn) or `module:function` (see docs/data.md)."""

    task: Literal["auto", "binary", "multiclass", "regression"] = "auto"
    """What to predict; auto: classes where the target has class names, is text or holds at most
    20 whole numbers, else regression."""

    split: SplitConfig = SplitConfig()
    """How the examples are divided into train, val and test."""

    missing: Literal["keep", "drop"] = "keep"
    """Examples with a missing or infinite value: keep (the data stage fails on them) or drop."""

    scaling: Literal["auto", "none", "standardize"] = "auto"
    """standardize: mean 0, std 1, learnt on train, per feature (tables) or over all pixels
    (images); auto: standardize."""

    target_scaling: Literal["auto", "none", "standardize"] = "auto"
    """The same for a regression target; scores are reported in the original unit."""

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


class ModelConfig(Section):
    """Which network to build. Strings are Keras identifiers, e.g. `he_normal`."""

    family: str = "mlp"
    """`mlp`, `cnn`, or `module:function` that returns the layers of a body of your own."""

    widths: Sizes = (64, 64)
    """Units of each hidden dense layer, first to last."""

    filters: Sizes = (16, 32)
    """cnn: filters of each 3x3 convolution block, first to last; each halves the image."""

    pooling: Literal["gap", "flatten"] = "flatten"
    """cnn: what stands between the last convolution and the dense layers; gap: global average."""

    activation: Activation = "relu"
    """Activation of every hidden layer."""

    norm: Literal["none", "batch", "layer"] = "none"
    """Normalization in every hidden block; the bias before it is dropped."""

    norm_position: Literal["auto", "pre", "post"] = "auto"
    """Before or after the activation; auto: after tanh and sigmoid, else before."""

    norm_momentum: Literal["auto"] | Fraction = "auto"
    """Batch norm's moving-average momentum; auto: at most 0.99, and settled by the first epoch's
    end."""

    dropout: Fraction = 0.0
    """Fraction of units DROPPED in training (Keras's rate, not a keep probability)."""

    dropout_position: Literal["auto", "before_norm", "after_norm", "last"] = "auto"
    """Where in the blocks; auto: once, after the last block, if there is batch norm, else in
    every block."""

    kernel_initializer: Initializer = "auto"
    """auto: He for ReLU-like activations, LeCun for selu, Glorot for the rest."""

    l2: NotNegative = 0.0
    """L2 penalty on hidden and head kernels, never on biases and norms."""

    noise: NoiseConfig = NoiseConfig()
    """Gaussian noise in training."""

    head_bias: Literal["auto", "zeros"] = "auto"
    """auto: the head starts at the prior: log class shares, log odds or the mean."""


class TrainConfig(Section):
    """How the network is trained."""

    optimizer: Optimizer = "adam"
    """Any Keras optimizer: its name, or `{class_name, config}`."""

    learning_rate: Positive = 3e-4
    """Step size of the optimizer, constant."""

    weight_decay: NotNegative = 0.0
    """Decoupled weight decay per step (times the learning rate); not on biases and norms."""

    epochs: PositiveInt = 30
    """Passes over the training examples."""

    batch_size: PositiveInt | Literal["full"] = 32
    """Examples per step; full: all of them (gradient descent)."""

    early_stopping: PositiveInt | None = None
    """Epochs without a better validation metric before it stops and restores the best weights."""

    metric: Literal["auto", "accuracy", "r2", "loss"] = "auto"
    """The one number, on validation examples, that decides every comparison; auto: accuracy or
    r2."""

    threads: PositiveInt | None = None
    """CPU threads of TensorFlow; another number changes the last bits. null: all cores."""


class DataStage(Section):
    """Thresholds of the data stage."""

    min_examples: PositiveInt = 50
    """Fewer examples than this can't be divided in three and trusted."""

    max_shared: Fraction = 0.5
    """Largest fraction of val or test that may also stand in train."""

    imbalance: Annotated[float, Field(gt=1)] = 10.0
    """Largest class over smallest class from which it warns (checklist row 1.4)."""


class BaselineStage(Section):
    """Thresholds and budget of the baseline stage."""

    learning_rate: Positive = 1e-3
    """Adam's rate in this stage, which tests the pipeline and not your optimizer."""

    epochs: PositiveInt = 20
    """Epochs of each of the nets on real, zeroed and permuted inputs."""

    batch: Annotated[int, Field(ge=2)] = 16
    """Examples in the one batch that must be memorized."""

    steps: PositiveInt = 1000
    """Steps in which it must be memorized."""

    init_tolerance: Positive = 0.01
    """Allowed relative difference between the loss of a zeroed head and the prior's loss."""

    gain: Positive = 0.05
    """By how much real inputs must beat zeroed and permuted ones, relative to their loss."""


class OverfitStage(Section):
    """Target and budget of the overfit stage."""

    examples: PositiveInt = 2000
    """Training examples to drive to the floor (all, if there are fewer)."""

    accuracy: Fraction = 0.99
    """Classification passes at this training accuracy, or at the loss below."""

    loss: Positive = 0.05
    """Classification: loss at most this fraction of the label entropy; regression: of Var(y)."""

    steps: PositiveInt = 6000
    """Steps allowed for each size of net."""

    sizes: PositiveInt = 5
    """Sizes to try: width x1, x2, x4, then one more layer each."""


class RegularizeStage(Section):
    """Seeds of the regularize stage."""

    seeds: SeedCount = 5
    """Trainings of each rung, with the same seeds as the incumbent's."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of the interval that must leave zero out before a rung counts as better."""


class TuneStage(Section):
    """Gate and confirmation of the tune stage."""

    seeds: SeedCount = 5
    """Fresh seeds on which the winner must beat the incumbent."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of the interval that must leave zero out before the winner replaces the incumbent."""

    infeasible: Fraction = 0.5
    """Largest fraction of trials that may diverge."""


class SqueezeStage(Section):
    """Members, budget and resamples of the squeeze stage."""

    members: SeedCount = 5
    """Nets of the ensemble, one seed each."""

    longer: Annotated[float, Field(gt=1)] = 2.0
    """Times the epochs for "leave it training"."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of every interval in this stage, the test score's too."""

    resamples: PositiveInt = 2000
    """Bootstrap resamples of the test examples."""


class StagesConfig(Section):
    """Thresholds, seeds and budgets of the stages."""

    data: DataStage = DataStage()
    """Become one with the data."""

    baseline: BaselineStage = BaselineStage()
    """The end-to-end skeleton and dumb baselines."""

    overfit: OverfitStage = OverfitStage()
    """A net large enough to drive the training loss to its floor."""

    regularize: RegularizeStage = RegularizeStage()
    """Give up training loss for validation score, one change at a time."""

    tune: TuneStage = TuneStage()
    """Search the hyperparameters."""

    squeeze: SqueezeStage = SqueezeStage()
    """Ensemble, train longer, and open the test set once."""


class Range(Section):
    """Values of one hyperparameter: exactly one of `log`, `linear`, `int` and `choice`."""

    log: Bounds | None = None
    """[low, high], floats, uniform in the logarithm."""

    linear: Bounds | None = None
    """[low, high], floats, uniform."""

    int: IntBounds | None = None
    """[low, high], whole numbers, both ends included."""

    choice: Choices | None = None
    """A list of values."""

    @model_validator(mode="after")
    def _is_one_range(self) -> Self:
        given = {k: v for k, v in self if v is not None}
        if len(given) != 1:
            got = ", ".join(given) or "none"
            raise ValueError(f"give exactly one of log, linear, int and choice, got {got}")
        (kind, values) = next(iter(given.items()))
        if kind != "choice" and not values[0] < values[1]:
            raise ValueError(f"{kind} needs low < high, got {list(values)}")
        if kind == "log" and values[0] <= 0:
            raise ValueError(f"log needs low > 0, got {list(values)}")
        return self

    @property
    def endpoints(self) -> tuple[Any, ...]:
        """The values to check: both ends, or every choice."""
        return next(value for _, value in self if value is not None)


class SearchConfig(Section):
    """The hyperparameter search of the tune stage."""

    oracle: Literal["random", "bayesian"] = "random"
    """How KerasTuner proposes trials."""

    max_trials: PositiveInt = 12
    """Trials in total; raise it later and the study goes on."""

    epochs: PositiveInt | None = None
    """Epochs of a trial; null: train.epochs."""

    space: dict[str, Range] = {}
    """Dotted config keys and their ranges; empty: a default space for the model's family."""


SEARCHABLE = ("model", "train")
"""Sections a search space may change: the others would change what is measured."""


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


def _invalid(problems: Mapping[str, PydanticCustomError], *below: str) -> ValidationError:
    """One error for several keys. Raised in a validator, pydantic keeps their locations."""
    return ValidationError.from_exception_data(
        Config.__name__,
        [
            InitErrorDetails(type=said, loc=(*below, key), input=None)
            for key, said in problems.items()
        ],
    )
