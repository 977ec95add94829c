"""A slice of the combinations of options; `make proof ONLY=combinations` tries them all."""

import keras
import pytest

from tests.models.combinations import all_pairs, draw, pairs_of, problem
from tests.training.pretrained import stand_in

DRAWN = draw(20)


@pytest.mark.parametrize("place", range(len(DRAWN)))
def test_options_work_together(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # MobileNet takes ten times as long; the proof builds it
    monkeypatch.setattr(keras.applications, "MobileNet", stand_in)
    assert problem(DRAWN[place]) is None, DRAWN[place]


def test_drawing_goes_on_until_every_pair_has_met() -> None:
    met = set().union(*map(pairs_of, draw(300, until_all=True)))
    assert met >= all_pairs()
