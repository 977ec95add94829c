"""Which rungs a config and its data get, and what is said of the others. Nothing is trained."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from recipe.config import Config, Task
from recipe.config.differences import groups_of
from recipe.data import Dataset
from recipe.stages.regularize.evidence import NOTHING, Evidence
from recipe.stages.regularize.rungs import Rung, promising, rungs
from recipe.training.consistency import Consistency, Strength
from recipe.training.importance import Importance
from tests.training.tiny import dataset

TABLE = dataset()
IMAGES = dataset(shape=(8, 8, 1))
QUANTITY = dataset(Task.REGRESSION)
HUNDRED = {"train.epochs": 100, "train.batch_size": "full", "train.learning_rate": 0.01}
"""Steps, at a rate with which a decay of 1 takes away all."""
CNN = {"model.family": "cnn", "model.filters": [4], "model.widths": [8]}

SURE = Evidence(
    consistency=Consistency(
        (
            Strength("weak", {"shift": 0.05}, 0.97, True, {"flip horizontal": 0.3}),
            Strength("medium", {"shift": 0.05}, 0.97, False, {"shift": 0.8}),
            Strength("strong", {"shift": 0.05, "zoom": 0.2}, 0.96, True, {"shift": 0.5}),
        ),
        300,
    ),
    importance=Importance(("a", "b", "c"), np.array([1.0, 0, 0]), np.full(3, 0.1), ("b", "c")),
)


def tried(
    data: Dataset = TABLE, evidence: Evidence = NOTHING, **changes: object
) -> dict[str, Mapping[str, object]]:
    config = Config().replace({key.replace("__", "."): value for key, value in changes.items()})
    return {rung.name: rung.changes for rung in rungs(config, data, evidence)[0]}


def why_not(name: str, config: Config, data: Dataset = TABLE, evidence: Evidence = NOTHING) -> str:
    (why,) = [each.why for each in rungs(config, data, evidence)[1] if each.name == name]
    return why


@pytest.mark.parametrize("data", [TABLE, IMAGES, QUANTITY], ids=["table", "images", "quantity"])
def test_a_rung_changes_one_group_to_a_valid_config_and_has_a_name_of_its_own(
    data: Dataset,
) -> None:
    bare = Config().replace(CNN if data is IMAGES else {})
    found, left = rungs(bare, data, SURE)
    for rung in found:
        assert len(groups_of(rung.changes)) == 1
        assert bare.replace(rung.changes) != bare
    names = [each.name for each in [*found, *left]]
    assert len(names) == len(set(names))
    assert all("\n" not in each.why for each in left)


def test_the_order_is_that_of_the_essay() -> None:
    found, left = rungs(Config().replace(CNN), IMAGES, SURE)
    rows = [int(each.row.partition(".")[2]) for each in found if each.row not in ("4.0", "P22")]
    assert rows == sorted(rows)
    assert {each.row for each in [*found, *left]} >= {
        f"4.{number}" for number in (2, 3, 4, *range(6, 13))
    }


def test_images_are_augmented_as_far_as_the_label_is_kept() -> None:
    found = tried(IMAGES, SURE, **CNN)
    assert found["augmentation weak"] == {"train.augment.shift": 0.05}
    assert found["augmentation strong"] == {"train.augment.shift": 0.05, "train.augment.zoom": 0.2}
    said = why_not("augmentation medium", Config().replace(CNN), IMAGES, SURE)
    assert said == "no more of it keeps the label (with shift 80% is kept)"


def test_no_column_goes_where_examples_would_come_and_go_with_it() -> None:
    config = Config().replace({"data.missing": "drop"})
    assert "other examples" in why_not("fewer columns", config, TABLE, SURE)


def test_columns_that_are_useless_are_dropped_beside_those_that_were() -> None:
    found = tried(TABLE, SURE, data__columns={"when": "date"})
    assert found["2 of 3 columns dropped"] == {
        "data.columns": {"when": "date", "b": "drop", "c": "drop"}
    }


@pytest.mark.parametrize(
    ("has", "name"),
    [
        pytest.param({"model.dropout": 0.5}, "dropout 0.2", id="more of it"),
        pytest.param({"model.norm": "layer"}, "batch norm", id="another of its kind"),
        pytest.param({"train.mixup": 0.2}, "mixup 0.2", id="the very same"),
    ],
)
def test_what_the_config_has_is_not_weakened(has: dict[str, object], name: str) -> None:
    (key,) = has
    assert why_not(name, Config().replace(has)) == f"the config has {key}: {has[key]}"


@pytest.mark.parametrize(
    ("changes", "data", "name", "said"),
    [
        ({}, QUANTITY, "label smoothing", "no labels"),
        ({}, TABLE, "augmentation", "for images"),
        ({}, IMAGES, "augmentation", "no net is at hand"),
        ({}, TABLE, "GAP head", "no convolutions"),
        ({**CNN, "model.pooling": "gap", "model.widths": []}, IMAGES, "GAP head", "has"),
        ({}, TABLE, "fewer columns", "no net is at hand"),
        ({"data.scaling": "none"}, TABLE, "input noise 0.1", "not scaled"),
        ({"train.strategy": "mirrored"}, TABLE, "weight noise 0.03", "mirrored"),
        ({"train.batch_size": 8}, TABLE, "smaller batch", "8 examples"),
        ({"train.batch_size": 1}, TABLE, "batch norm", "a batch of 1"),
        ({"train.weight_decay": 0.2}, TABLE, "L2 0.0001", "train.weight_decay: 0.2"),
        ({"model.l2": 0.2, **HUNDRED}, TABLE, "weight decay 0.3", "model.l2: 0.2"),
        ({}, TABLE, "pretrained backbone", "no pretrained nets"),
        (CNN, IMAGES, "pretrained backbone", "application has"),
        (CNN, IMAGES, "smaller images", "images in files"),
        ({}, TABLE, "early stopping", "its best epoch"),
    ],
)  # fmt: skip
def test_what_does_not_apply_says_why(
    changes: dict[str, object], data: Dataset, name: str, said: str
) -> None:
    assert said in why_not(name, Config().replace(changes), data)


def test_weight_decay_follows_the_rate_and_the_steps() -> None:
    found = tried(**HUNDRED)
    assert found["weight decay 0.3"] == {"train.weight_decay": 0.3}
    assert found["weight decay 1"] == {"train.weight_decay": 1.0}
    assert "weight decay 0.1" in tried(**{**HUNDRED, "train.epochs": 1000})


def test_dropout_is_sparing_with_batch_norm_and_stands_after_the_last() -> None:
    found = tried(model__norm="batch", model__dropout_position="before_norm")
    assert found["dropout 0.1"] == {"model.dropout": 0.1, "model.dropout_position": "auto"}
    assert next(name for name in found if name.startswith("dropout")) == "dropout 0.1"
    assert tried(model__norm="batch")["dropout 0.2"] == {"model.dropout": 0.2}
    assert "dropout 0.05" in tried(model__activation="selu")


def test_what_a_list_of_layers_does_not_read_is_not_tried() -> None:
    listed = Config().replace({"model.family": "layers", "model.layers": ["Flatten"]})
    names = {rung.name for rung in rungs(listed, TABLE)[0]}
    assert names >= {"mixup 0.2", "L2 0.0001", "input noise 0.1", "weight noise 0.03"}
    assert why_not("dropout 0.2", listed) == "family layers does not read model.dropout"
    assert why_not("larger x2", listed) == "a net of family layers can't be resized here"


def test_weights_are_looked_for_in_the_cache_and_never_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    backbone = {"model.family": "application", "model.pooling": "gap", "model.widths": []}
    config = Config().replace(backbone)
    assert "nothing is downloaded" in why_not("pretrained backbone", config, IMAGES)
    has = config.replace({"model.backbone.weights": "imagenet"})
    assert why_not("pretrained backbone", has, IMAGES) == "the config has model.backbone.weights"
    assert why_not("batch norm", config, IMAGES) == "family application does not read model.norm"


def test_the_most_promising_come_first_and_a_second_amount_after_other_ideas() -> None:
    names = [rung.name for rung in promising(rungs(Config().replace(CNN), IMAGES, SURE)[0])]
    assert names[0] == "batch norm"
    assert names.index("larger x2") < names.index("dropout 0.1") < names.index("dropout 0.2")
    assert names.index("mixup 0.2") < names.index("dropout 0.2")
    same = [Rung("one", "4.0", {}), Rung("other", "4.0", {})]
    assert promising(same) == same


def test_a_net_that_underfits_is_made_larger_before_anything_else() -> None:
    ladder = rungs(Config().replace(CNN), IMAGES, SURE)[0]
    assert [rung.row for rung in promising(ladder, "both")][:2] == ["4.12", "4.12"]
    assert promising(ladder, "overfits") == promising(ladder)
