"""What baseline says of a config's options: before any step, and of the config as it was asked."""

from pathlib import Path

import numpy as np
import pytest

from recipe.config import RequestError
from recipe.findings import Verdict
from tests.stages.running import TINY, finding, run, table, write

BUDGET = tuple(f"{key}={value}" for key, value in TINY.items())
STAGES = ("data", "baseline")


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    table().to_csv(tmp_path / "my.csv", index=False)
    return write(tmp_path, {"source": f"csv:{tmp_path / 'my.csv'}"})


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 3)).astype(np.float32)
    np.savez(tmp_path / "my.npz", x=x, y=x @ [1.0, 2.0, 3.0] + rng.normal(size=240) * 0.1)
    return write(tmp_path, {"source": f"npz:{tmp_path / 'my.npz'}"})


def test_advice_is_about_the_config_as_asked_and_comes_before_the_first_step(houses: Path) -> None:
    """The stage itself trains without dropout; of weights that start equal it trains nothing."""
    settings = (*BUDGET, "model.dropout=0.8", "model.kernel_initializer=zeros")
    result = run(houses, *settings, stages=STAGES)["baseline"]
    assert result.verdict is Verdict.FAIL
    assert result.headline == "stopped before the first training step"
    assert finding(result, "equal_units").code == "bad_init"
    said = finding(result, "dropout_rate")
    assert (said.verdict, said.code) == (Verdict.WARN, "excess_dropout")
    assert said.prescription == "model.dropout: 0.2"


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        pytest.param("train.label_smoothing=0.1", "no labels", id="a smoothed quantity"),
        pytest.param("train.class_weight=balanced", "not one class", id="classes of a quantity"),
        pytest.param("train.augment.flip=both", "is for images", id="a flipped table"),
        pytest.param("train.optimizer={class_name: SGD, config: {beta: 1}}", "SGD",
                     id="an argument that the optimizer does not take"),
    ],
)  # fmt: skip
def test_what_a_later_stage_would_refuse_is_refused_at_once(
    prices: Path, setting: str, problem: str
) -> None:
    with pytest.raises(RequestError, match=problem):
        run(prices, *BUDGET, setting, stages=STAGES)
