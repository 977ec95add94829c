"""A slice of `make proof ONLY=recalibrate`: batch norm at evaluation."""

from dataclasses import replace

import pytest

from tests.training.evaluated_norms import DAMAGED, against_population, blobs, damaged, unseen

FEW = blobs(examples=640, val=500, features=50, spread=0.7)
TWENTY_STEPS = {"model.widths": (32, 32), "train.batch_size": 32, "train.epochs": 3,
                "train.learning_rate": 1e-3}  # fmt: skip


def test_what_dropout_before_batch_norm_damages_is_regained_in_part() -> None:
    data = blobs(examples=8_000, val=1_000, features=50, spread=0.7)
    sound, sick, mended = damaged(data, 0, DAMAGED | {"model.widths": (64,) * 6})
    assert sound - sick > 0.1
    assert mended - sick > 0.02


def test_a_sound_net_is_left_as_it_was() -> None:
    data = blobs(examples=4_000, val=1_500, features=50, spread=0.7)
    test = data.val.take(slice(500, None)).loaded()
    data = replace(data, val=data.val.take(slice(500)))
    changes = {"model.norm": "batch", "train.epochs": 8, "train.learning_rate": 3e-3,
               "train.schedule": "cosine"}  # fmt: skip
    before, after = unseen(data, 0, changes, test)
    assert before > 0.8
    assert abs(after - before) <= 0.01


@pytest.mark.parametrize("steps_are_few", [True, False])
def test_a_validation_after_twenty_steps_is_that_of_population_statistics(
    steps_are_few: bool,
) -> None:
    changes = TWENTY_STEPS if steps_are_few else TWENTY_STEPS | {"train.epochs": 20}
    ratios = against_population(FEW, 0, changes)
    assert ratios == [pytest.approx(1, abs=0.05)] * len(ratios)


def test_kerass_moving_averages_are_off() -> None:
    """What the measure is for: it can fail."""
    keras_way = {"train.norm_statistics": "moving", "model.norm_momentum": 0.99,
                 "train.learning_rate": 3e-2}  # fmt: skip
    ratios = against_population(FEW, 0, TWENTY_STEPS | keras_way)
    assert max(abs(ratio - 1) for ratio in ratios) > 0.05
