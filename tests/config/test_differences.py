"""How two configs differ, whether they can be compared, and what is called confounded."""

from __future__ import annotations

import pytest

from recipe.config import Config, RequestError
from recipe.config.differences import (
    COMPARED,
    GROUPS,
    called,
    challenger,
    differences,
    file_name,
    groups_of,
    is_compared,
)
from recipe.config.fields import leaf_keys

OLD = Config(name="old")


def changed(**values: object) -> Config:
    """With dotted keys, a dot written as two underlines."""
    return OLD.replace({key.replace("__", "."): value for key, value in values.items()})


def test_what_differs_is_named_as_yaml_has_it() -> None:
    new = changed(model__widths=(8,), train__learning_rate=0.1, stages__compare__seeds=5, seed=3)
    assert differences(OLD, new) == {
        "model.widths": ([64, 64], [8]),
        "train.learning_rate": (3e-4, 0.1),
    }


@pytest.mark.parametrize(
    ("keys", "groups"),
    [
        pytest.param(["model.dropout"], ["dropout"], id="one key"),
        pytest.param(["model.norm", "model.norm_position"], ["norm"], id="one idea"),
        pytest.param(["model.noise.input", "model.noise.weight"], ["noise"], id="a section"),
        pytest.param(["model.widths", "train.learning_rate"], ["size and shape"],
                     id="the rate goes with anything"),
        pytest.param(["train.learning_rate"], ["optimizer"], id="the rate alone"),
        pytest.param(["model.dropout", "train.weight_decay"], ["dropout", "penalties"],
                     id="two ideas"),
        pytest.param(["data.scaling", "data.missing"], ["data"], id="the data"),
        pytest.param(["model.new_key", "model.norm"], ["norm", "model.new_key"],
                     id="a key that nobody has placed"),
    ],
)  # fmt: skip
def test_a_change_is_of_so_many_ideas(keys: list[str], groups: list[str]) -> None:
    assert groups_of(keys) == groups


def test_no_key_is_in_two_groups() -> None:
    keys = [key for key in leaf_keys(Config) if key.split(".")[0] in COMPARED]
    for key in keys:
        if key != "train.learning_rate":
            assert len(groups_of([key])) == 1
    assert len({name for names in GROUPS.values() for name in names}) == sum(
        map(len, GROUPS.values())
    )


def test_what_is_compared_is_the_net_and_not_how_it_is_judged() -> None:
    new = changed(model__dropout=0.5, stages__compare__seeds=5, seed=3)
    other = challenger(OLD, new)
    assert (other.model, other.train, other.data) == (new.model, new.train, new.data)
    assert other == challenger(OLD, new.replace({"seed": 4, "stages.data.min_examples": 70}))
    asked = OLD.replace({"stages.compare.seeds": 7})
    assert challenger(asked, new).stages.compare.seeds == 7, "how is said by the first"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({}, "nothing to compare", id="the same"),
        pytest.param({"seed": 5}, "nothing to compare", id="another seed is none"),
        pytest.param({"data.source": "sklearn:iris"}, "data.source is", id="other examples"),
        pytest.param({"data.split.seed": 7}, "data.split.seed is 0 and 7", id="another split"),
        pytest.param({"data.limit": 70}, "data.limit is null and 70", id="fewer examples"),
        pytest.param({"train.metric": "loss"}, "auto and loss", id="another unit"),
    ],
)
def test_scores_that_are_not_about_the_same_are_refused(
    change: dict[str, object], said: str
) -> None:
    with pytest.raises(RequestError, match=said):
        challenger(OLD, OLD.replace(change))


@pytest.mark.parametrize(
    ("new", "name", "file"),
    [
        pytest.param(OLD.replace({"name": "v2.1"}), "v2.1", "v2-1", id="by its name"),
        pytest.param(changed(model__dropout=0.2, model__norm="batch"),
                     "norm=batch+dropout=0.2", "norm=batch+dropout=0-2", id="by its change"),
        pytest.param(changed(model__widths=(8, 8)), "widths=[8, 8]", "widths=-8-8", id="a list"),
    ],
)  # fmt: skip
def test_it_has_a_name_and_one_for_its_files(new: Config, name: str, file: str) -> None:
    assert called(OLD, new) == name
    assert file_name(name) == file


def test_long_changes_are_cut_and_still_told_apart() -> None:
    names = {called(OLD, changed(model__widths=[64] * 40 + [last])) for last in (1, 2)}
    assert len(names) == 2
    assert max(map(len, names)) < 80


def test_settings_of_the_comparison_are_not_compared() -> None:
    assert is_compared("model.dropout=0.2")
    assert not is_compared("stages.compare.seeds=5")
    assert not is_compared("modelling=1")
