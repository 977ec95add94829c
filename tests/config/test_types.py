"""What each key accepts and refuses, and how one config becomes another."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from recipe.config import Config
from recipe.config.fields import leaf_keys, section_of

REFUSED = "refused"


def sections(section: type[BaseModel] = Config) -> list[type[BaseModel]]:
    inner = filter(None, (section_of(section, name) for name in section.model_fields))
    return [section, *(below for kind in inner for below in sections(kind))]


def value_of(key: str, given: Any) -> Any:
    try:
        return Config().replace({key: given}).get(key)
    except ValidationError:
        return REFUSED


def test_the_defaults_make_a_valid_config() -> None:
    assert Config.model_validate(Config().model_dump(mode="json")) == Config()


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.__name__)
def test_every_section_is_strict_frozen_and_closed(section: type[BaseModel]) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(section(), next(iter(section.model_fields)), None)
    with pytest.raises(ValidationError, match="Extra inputs"):
        section.model_validate({"no_such_key": 1})
    assert section.model_config["strict"]


@pytest.mark.parametrize("key", leaf_keys(Config))
def test_every_key_takes_its_own_default_and_nothing_absurd(key: str) -> None:
    assert value_of(key, Config().get(key)) == Config().get(key)
    assert value_of(key, {"no": ["such", "value"]}) == REFUSED
    assert value_of(key, float("nan")) == REFUSED
    assert value_of(key, float("inf")) == REFUSED
    switches = ("train.jit", "model.residual", "model.feature_scale", "stages.doctor.apply")
    assert key in switches or value_of(key, True) == REFUSED


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        pytest.param(
            {"kernel_initializer": {"class_name": "HeNormal", "config": {"seed": 3}}},
            "starts every layer with the same numbers", id="a seed of an initializer",
        ),
        pytest.param({"norm": "layer", "widths": (8, 1)}, "leaves nothing of a layer with one",
                     id="layer norm of one unit"),
        pytest.param({"norm": "group", "widths": (8, 1)}, "leaves nothing of a layer with one",
                     id="group norm of one unit"),
        pytest.param({"norm": "layer", "family": "cnn", "filters": (1,)}, "leaves nothing",
                     id="layer norm of one channel"),
    ],
)  # fmt: skip
def test_a_net_in_which_layers_could_not_do_their_work(model: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Config().replace({f"model.{key}": value for key, value in model.items()})


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param({"model.family": "cnn"}, "needs model.family: application", id="no backbone"),
        pytest.param({"model.family": "application"}, "needs model.family: application with",
                     id="no weights"),
    ],
)  # fmt: skip
def test_what_is_not_frozen_can_not_be_unfrozen(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Config().replace({**changes, "train.unfreeze": 0.5})


def test_what_a_backbone_depends_on() -> None:
    def model(**backbone: Any) -> Any:
        return Config().replace({"model.family": "application", "model.backbone": backbone}).model

    assert (model().starts_frozen, model().weights_file) == (False, None)
    pretrained = model(weights="imagenet")
    assert (pretrained.starts_frozen, pretrained.weights_file) == (True, None)
    own = model(weights="my.weights.h5")
    assert (own.starts_frozen, own.weights_file) == (True, "my.weights.h5")
    another = Config().replace({"model.backbone.weights": "my.weights.h5"}).model
    assert (another.starts_frozen, another.weights_file) == (False, None)


def test_a_dense_head_is_said_by_widths() -> None:
    with pytest.raises(ValidationError, match="a dense head is either of them with widths"):
        Config().replace({"model.pooling": "dense"})


@pytest.mark.parametrize(
    ("changes", "key", "problem"),
    [
        pytest.param({"model.norm": "batch", "train.batch_size": 1}, "train.batch_size",
                     "a batch of 1 minus its own mean is 0", id="batch norm of one example"),
        pytest.param({"data.task": "regression", "train.label_smoothing": 0.1},
                     "train.label_smoothing", "no labels to smooth", id="a smoothed quantity"),
        pytest.param({"data.task": "regression", "train.class_weight": "balanced"},
                     "train.class_weight", "no classes to weigh", id="classes of a quantity"),
        pytest.param({"data.task": "binary", "train.loss": "huber"}, "train.loss",
                     "huber is for a regression, got data.task: binary; write auto",
                     id="classes by an error of numbers"),
        pytest.param({"train.metric": "loss", "search.space": {
            "train.loss": {"choice": ["huber", "auto"]}}},
                     "search.space", "can't be compared by their loss", id="losses in two units"),
        pytest.param({"model.dropout": 1.0}, "model.dropout", "less than 1", id="all dropped"),
    ],
)  # fmt: skip
def test_options_that_cannot_work_are_refused_at_their_key(
    changes: dict[str, Any], key: str, problem: str
) -> None:
    with pytest.raises(ValidationError, match=problem) as caught:
        Config().replace(changes)
    assert [".".join(map(str, error["loc"])) for error in caught.value.errors()] == [key]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"model.norm": "layer", "train.batch_size": 1}, id="layer norm of one"),
        pytest.param({"model.norm": "batch", "train.batch_size": 1, "model.family": "cnn",
                      "model.widths": ()}, id="one image has many places"),
        pytest.param({"train.label_smoothing": 0.1}, id="a task that is not known yet"),
    ],
)  # fmt: skip
def test_options_that_can_work_are_not_refused(changes: dict[str, Any]) -> None:
    assert Config().replace(changes)


@pytest.mark.parametrize(
    ("split", "problem"),
    [
        pytest.param({"by": "group"}, "by: group needs column", id="a group without its column"),
        pytest.param({"by": "time"}, "by: time needs column", id="a time without its column"),
        pytest.param({"column": "day"}, "column is for by: group and by: time", id="a column"),
        pytest.param({"folds": 3, "fold": 3}, "fold must be below folds", id="no such fold"),
        pytest.param({"fold": 1}, "fold must be below folds", id="a fold without folds"),
    ],
)
def test_a_split_says_all_it_needs(split: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Config().replace({f"data.split.{key}": value for key, value in split.items()})


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        pytest.param("name", ["a", "A1", "1.b_c-d"], ["", ".a", "-a", "a/b", "a b", "é"]),
        pytest.param("seed", [0, 2**31 - 1], [-1, 2**31, 1.0, "1", None]),
        pytest.param("data.split.val", [0.01, 0.7], [0, 1, 0.71, "0.1"]),
        pytest.param("data.split.test", [0.01, 0.7], [0, 1, 0.71]),
        pytest.param("data.limit", [1, None], [0, 1.5, "all"]),
        pytest.param("data.accept", [(), ("leak",)], ["leak", (1,)]),
        pytest.param("data.task", ["auto", "binary"], ["Binary", "ranking", None]),
        pytest.param("data.missing", ["keep", "drop", "impute"], ["fill", None]),
        pytest.param("data.target", [None, "a", ("a", "b")], [1, ("a", 1)]),
        pytest.param("data.columns", [{}, {"a": "drop"}], [{"a": "number"}, {"a": 1}, ["a"]]),
        pytest.param("data.image_size", [None, (1, 8)], [8, (8,), (0, 8), (8, 8, 3), "8x8"]),
        pytest.param("data.max_memory_gb", [0.1], [0, -1]),
        pytest.param("data.split.folds", [None, 2], [1, 2.0]),
        pytest.param("model.widths", [(), (1,), (8, 8)], [8, (0,), (-1,), (1.0,), (True,)]),
        pytest.param("model.norm", ["none", "batch", "layer"], ["instance", None, False]),
        pytest.param("model.norm_momentum", ["auto", 0, 0.99], [1, -0.1, "none", None]),
        pytest.param("model.dropout", [0, 0.99], [1, -0.01, "0.5", None]),
        pytest.param("model.l2", [0, 5], [-1e-9]),
        pytest.param("model.kernel_initializer", ["auto", "zeros"], ["nope", "GlorotNormal", 1]),
        pytest.param("model.activation", ["relu"], ["auto", "softmax", 1, None]),
        pytest.param("train.optimizer", ["adam"], ["Adam", "auto", [], None]),
        pytest.param("train.learning_rate", [1e-9, 1], [0, -1, "3e-4", None]),
        pytest.param("train.epochs", [1, 10**6], [0, 3.0, "3"]),
        pytest.param("train.batch_size", [1, "full"], [0, "half", 1.0]),
        pytest.param("train.early_stopping", [None, 1], [0, 1.5]),
        pytest.param("train.label_smoothing", [0, 0.1], [1, -0.1, "0.1", None]),
        pytest.param("train.class_weight", ["none", "balanced"], ["equal", None, False]),
        pytest.param("train.strategy", ["single", "mirrored"], ["multi", None]),
        pytest.param("train.jit", ["auto", True, False], ["true", 1, None]),
        pytest.param("stages.data.imbalance", [1.1], [1, 0.5]),
        pytest.param("stages.baseline.batch", [2], [1]),
        pytest.param("stages.tune.seeds", [2, 1000], [1, 1001]),
        pytest.param("stages.tune.confidence", [0.51, 0.99], [0.5, 1]),
        pytest.param("stages.squeeze.longer", [1.5], [1]),
        pytest.param("search.max_trials", [1], [0]),
        pytest.param("search.oracle", ["random"], ["grid"]),
    ],
)
def test_a_key_takes_the_ends_of_its_range_and_nothing_beyond(
    key: str, good: list[Any], bad: list[Any]
) -> None:
    assert [value_of(key, value) for value in good] == good
    assert [value_of(key, value) for value in bad] == [REFUSED] * len(bad)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({}, id="without a class"),
        pytest.param({"class_name": 1}, id="with a number for its class"),
        pytest.param({"class_name": "SGD", "momentum": 0.9}, id="with arguments beside config"),
        pytest.param({"class_name": "SGD", "config": {"x": float("nan")}}, id="with NaN"),
        pytest.param({"class_name": "SGD", "config": {"x": [float("inf")]}}, id="with infinity"),
        pytest.param({"class_name": "SGD", "config": {"x": object()}}, id="with a Python object"),
    ],
)
def test_a_sick_keras_object_is_refused(value: dict[str, Any]) -> None:
    assert value_of("train.optimizer", value) == REFUSED


def test_a_keras_object_keeps_its_arguments() -> None:
    given = {"class_name": "SGD", "config": {"momentum": 0.9, "clipnorm": None}}
    config = Config().replace({"train.optimizer": given})
    assert config.get("train.optimizer").model_dump() == given
    assert config.get("train.optimizer.config.momentum") == 0.9


# One config from another ---------------------------------------------------------------------


def test_replace_changes_these_keys_and_no_other() -> None:
    config = Config()
    changed = config.replace({"model.dropout": 0.5, "train.epochs": 3, "model.widths": (4,)})
    assert config == Config()
    assert (
        changed.replace(
            {key: config.get(key) for key in ("model.dropout", "train.epochs", "model.widths")}
        )
        == Config()
    )
    assert (changed.model.dropout, changed.train.epochs, changed.model.widths) == (0.5, 3, (4,))


def test_replace_reaches_into_a_keras_object() -> None:
    config = Config().replace({"train.optimizer": {"class_name": "SGD"}})
    assert config.replace({"train.optimizer.config.momentum": 0.9}).get(
        "train.optimizer.config"
    ) == {"momentum": 0.9}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        pytest.param({"model.dropout": 1.0}, "less than 1", id="out of range"),
        pytest.param({"model.drpout": 0.1}, "Extra inputs", id="an unknown key"),
        pytest.param({"modle.dropout": 0.1}, "Extra inputs", id="an unknown section"),
        pytest.param({"model": 3}, "valid dictionary", id="a value for a section"),
        pytest.param({"model.dropout.rate": 0.1}, "not a section", id="through a number"),
        pytest.param({"model.widths.0": 8}, "not a section", id="into a list"),
    ],
)
def test_replace_refuses_what_a_file_may_not_say(changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        Config().replace(changes)


def test_an_unknown_key_has_no_value() -> None:
    with pytest.raises(AttributeError):
        Config().get("model.drpout")


# Search spaces -------------------------------------------------------------------------------


def space_errors(space: dict[str, Any]) -> list[tuple[Any, ...]]:
    with pytest.raises(ValidationError) as caught:
        Config().replace({"search.space": space})
    return [error["loc"] for error in caught.value.errors()]


def test_each_sick_key_of_a_space_is_an_error_at_its_place() -> None:
    space = {
        "model.dropout": {"linear": [0, 1]},
        "model.l2": {"log": [1e-5, 1e-2]},
        "model.nope": {"int": [1, 2]},
        "data.limit": {"int": [1, 2]},
    }
    assert space_errors(space) == [
        ("search", "space", "model.dropout"),
        ("search", "space", "model.nope"),
        ("search", "space", "data.limit"),
    ]


@pytest.mark.parametrize(
    ("values", "endpoints"),
    [
        pytest.param({"linear": [0, 0.5]}, (0.0, 0.5), id="linear"),
        pytest.param({"log": [0.1, 0.5]}, (0.1, 0.5), id="log"),
        pytest.param({"choice": [0, 0.1, 0.2]}, (0, 0.1, 0.2), id="every choice"),
    ],
)
def test_endpoints_are_the_values_to_check(
    values: dict[str, Any], endpoints: tuple[float, ...]
) -> None:
    config = Config().replace({"search.space": {"model.dropout": values}})
    assert config.search.space["model.dropout"].endpoints == endpoints


def test_a_config_with_a_space_can_still_be_changed() -> None:
    config = Config().replace({"search.space": {"model.dropout": {"linear": [0, 0.5]}}})
    assert config.replace({"model.dropout": 0.1}).search == config.search


@pytest.mark.parametrize("key", ["learning_rate", "weight_decay"])
def test_a_rate_is_said_once(key: str) -> None:
    optimizer = {"class_name": "SGD", "config": {key: 0.1}}
    with pytest.raises(ValidationError, match=f"write train.{key}"):
        Config().replace({"train.optimizer": optimizer})


def test_a_size_without_a_direction_is_no_hypothesis() -> None:
    with pytest.raises(ValidationError, match="needs direction, up or down"):
        Config().replace({"hypothesis.size": 0.01})
