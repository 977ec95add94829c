"""Which rungs a config and its data get, and what is said of the others. Nothing is trained."""

import pytest

from recipe.config import Config
from recipe.stages.rungs import rungs
from tests.training.tiny import dataset

DATA = dataset()


def changed(config: Config) -> dict[str, dict[str, object]]:
    return {rung.name: rung.changes for rung in rungs(config, DATA)[0]}


def test_a_rung_changes_one_group_to_a_valid_config() -> None:
    bare = Config()
    for rung in rungs(bare, DATA)[0]:
        assert rung.group
        assert bare.replace(rung.changes) != bare


@pytest.mark.parametrize(
    ("has", "name"),
    [
        pytest.param({"model.dropout": 0.5}, "dropout 0.2", id="more of it"),
        pytest.param({"model.norm": "layer"}, "batch norm", id="another of its kind"),
        pytest.param({"train.weight_decay": 0.1}, "weight decay 0.1", id="the very same"),
    ],
)
def test_what_the_config_has_is_not_weakened(has: dict[str, object], name: str) -> None:
    tried, left = rungs(Config().replace(has), DATA)
    assert name not in [rung.name for rung in tried]
    (why,) = [each.why for each in left if each.name == name]
    (key,) = has
    assert why == f"the config has {key}: {has[key]}"


def test_what_cannot_be_resized_says_so() -> None:
    _, left = rungs(Config().replace({"model.family": "bodies:mine"}), DATA)
    assert [(each.name, each.why) for each in left] == [
        ("smaller", "family bodies:mine has no sizes here"),
        ("larger", "family bodies:mine has no sizes here"),
    ]


def test_a_change_that_no_config_may_have_is_not_tried() -> None:
    one = Config().replace({"train.batch_size": 1})
    assert "batch norm" not in changed(one)
    (why,) = [each.why for each in rungs(one, DATA)[1] if each.name == "batch norm"]
    assert "a batch of 1" in why
