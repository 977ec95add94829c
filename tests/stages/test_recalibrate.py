"""`recipe recalibrate`: batch norm's statistics anew, on the nets that squeeze ended with."""

from pathlib import Path

import keras
import numpy as np
import pytest

from recipe.config import RequestError
from recipe.config.render import to_yaml
from recipe.data import load
from recipe.findings import Verdict
from recipe.training import export, train
from recipe.training.ensemble import members_of
from tests.stages.running import finding, opened, run, table, write

BEFORE = (
    "model.norm=batch", "model.dropout=0.5", "model.dropout_position=before_norm",
    "model.widths=[32, 32]", "train.epochs=15", "train.learning_rate=3e-3",
    "train.norm_statistics=moving",
)  # fmt: skip


@pytest.fixture
def squeezed(tmp_path: Path) -> Path:
    """A config with two nets where squeeze would have left them, without a column that did harm."""
    table().to_csv(tmp_path / "my.csv", index=False)
    path = write(tmp_path, {"source": f"csv:{tmp_path / 'my.csv'}"})
    config, folder = opened(path, *BEFORE)
    slim = config.replace({"data.columns": {"built": "drop"}})
    data = load(slim.data)
    (folder.path / "squeeze").mkdir(parents=True)
    (folder.path / "squeeze" / "squeezed.yaml").write_text(to_yaml(slim, "from: recipe squeeze"))
    nets = [train(slim, data, seed).model for seed in (0, 1)]
    export(nets, data).save(folder.path / "squeeze" / "model.keras")
    return path


def test_the_shift_is_found_and_the_new_net_has_none(squeezed: Path) -> None:
    result = run(squeezed, *BEFORE, stages=("recalibrate",))["recalibrate"]
    assert finding(result, "variance_shift").verdict is Verdict.WARN
    assert finding(result, "recalibration_gain").verdict is Verdict.PASS
    _, folder = opened(squeezed, *BEFORE)
    old, new = (
        keras.models.load_model(folder.path / stage / "model.keras")
        for stage in ("squeeze", "recalibrate")
    )
    assert [len(members_of(model)) for model in (old, new)] == [2, 2]
    for before, after in zip(members_of(old), members_of(new), strict=True):
        for mine, theirs in zip(before.trainable_weights, after.trainable_weights, strict=True):
            np.testing.assert_array_equal(mine, theirs)  # nothing was trained
        moved = [
            not np.array_equal(a, b)
            for a, b in zip(before.non_trainable_weights, after.non_trainable_weights, strict=True)
            if a.name == "moving_variance"
        ]
        assert moved == [True, True]
    assert set(result.metrics) == {"val_accuracy_before", "val_accuracy_after"}


def test_without_a_net_it_says_what_it_needs(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "my.csv", index=False)
    path = write(tmp_path, {"source": f"csv:{tmp_path / 'my.csv'}"})
    with pytest.raises(RequestError, match="recalibrate needs the net that squeeze ends with"):
        run(path, stages=("recalibrate",))


def test_a_net_without_batch_norm_is_refused(squeezed: Path) -> None:
    plain = ("model.norm=none", "train.epochs=1")
    config, folder = opened(squeezed, *plain)
    data = load(config.data)
    net = train(config, data, 0).model
    export([net], data).save(folder.path / "squeeze" / "model.keras")
    with pytest.raises(RequestError, match="no batch norm to recalibrate"):
        run(squeezed, *plain, stages=("recalibrate",))
