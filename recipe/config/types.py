"""Everything that can be set, with its meaning, unit, default and allowed values.

The docstring under a field is its documentation everywhere: `configs/base.yaml`, the JSON
schema and `docs/config.md` are generated from it. The sections model, train, stages and search
have files of their own beside this one; reading files is `reader.py`'s work.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveInt, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from recipe.config.fields import ImageSize, Names, NotNegative, Positive, Section, Seed
from recipe.config.impossible import impossible
from recipe.config.model import ModelConfig
from recipe.config.search import SEARCHABLE, Range, SearchConfig
from recipe.config.stages import StagesConfig
from recipe.config.train import TrainConfig


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


class HypothesisConfig(Section):
    """What is expected of this config, where it is compared with another: said beforehand."""

    metric: Literal["auto", "accuracy", "r2", "loss"] = "auto"
    """Of what on val; auto: `train.metric`, and nothing else can be compared."""

    direction: Literal["up", "down"] | None = None
    """Where it is expected to go; null: there is no hypothesis."""

    size: NotNegative = 0.0
    """By how much at least, in the metric's unit."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.size and self.direction is None:
            raise ValueError(f"size: {self.size:g} needs direction, up or down")
        return self


class Config(Section):
    """Everything that can be set. A file gives what differs; the rest has these defaults."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] | None = None
    """Name of the run's folder; null: the stem of the config file."""

    seed: Seed = 0
    """Seed of weights, batches, dropout, noise and search."""

    hypothesis: HypothesisConfig = HypothesisConfig()
    """What `recipe compare` confirms or refutes."""

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
