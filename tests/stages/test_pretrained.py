"""A pretrained backbone in the stages: its pixels are checked, and its weights are depended on."""

from pathlib import Path

import keras
import numpy as np
import pytest

from recipe.findings import Verdict
from recipe.stages.runner import Runner
from tests.stages.running import TINY, finding, images, opened, run, write
from tests.training.pretrained import stand_in

BUDGET = {**TINY, "stages.overfit.steps": "200", "stages.overfit.sizes": "1"}


def weights(path: Path) -> None:
    keras.utils.set_random_seed(0)  # what a frozen net can learn depends on its weights
    stand_in(input_shape=(12, 12, 3), name="x").save_weights(path)


@pytest.mark.slow
def test_from_the_raw_images_to_a_net_that_fits_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras.applications, "MobileNet", stand_in)
    file = tmp_path / "my.weights.h5"
    weights(file)
    path = write(tmp_path, {"source": f"images:{images(tmp_path / 'pets')}"})
    with path.open("a", encoding="utf-8") as config:
        config.write(
            "model:\n  family: application\n  pooling: gap\n"
            f"  backbone: {{name: MobileNet, weights: {file}}}\n"
            "train: {unfreeze: 0.5}\n"
        )
    budget = [f"{key}={value}" for key, value in BUDGET.items()]
    results = run(path, *budget, stages=("data", "baseline", "overfit"))
    assert finding(results["baseline"], "backbone_input").verdict is Verdict.PASS
    assert results["baseline"].verdict is not Verdict.FAIL, results["baseline"]
    assert results["overfit"].verdict is Verdict.PASS, [
        f.message for f in results["overfit"].findings if f.verdict is not Verdict.PASS
    ]

    _, folder = opened(path)
    overfitted = keras.models.load_model(folder.path / "overfit" / "model.keras")
    kernel = overfitted.get_layer("backbone").get_layer("conv").kernel.numpy()
    begun = stand_in(input_shape=(12, 12, 3), name="backbone")
    begun.load_weights(file)
    np.testing.assert_array_equal(kernel, begun.get_layer("conv").kernel)

    dark = run(path, *budget, "model.backbone.white=2000", stages=("baseline",))["baseline"]
    assert finding(dark, "backbone_input").verdict is Verdict.FAIL
    assert [one.check for one in dark.findings][-1] == "backbone_input"

    weights(file)
    config, folder = opened(path, *budget)
    runner = Runner(config, path, folder, budget, "a test")
    assert runner.standing("data") is not None
    assert runner.standing("overfit") is None
