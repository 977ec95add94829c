"""A frozen backbone, then fine-tuned: two trainings that look like one, also after a kill."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from recipe.config import Config
from recipe.models.application import BACKBONE
from recipe.training import Checkpoint, Fitted, train
from recipe.training.best import KeepBest
from tests.training.kill_me import Fragile, Killed
from tests.training.pretrained import settings, stand_in
from tests.training.random_configs import Looks, unequal
from tests.training.tiny import config, dataset

DATA = dataset(shape=(6, 6, 1))
EPOCHS = 4


class Follows(keras.callbacks.Callback):
    """What a callback sees, in a list that it begins anew with each training."""

    def on_train_begin(self, logs: Any = None) -> None:
        self.seen: list[list[float]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        rate = float(np.asarray(self.model.optimizer.learning_rate))
        self.seen.append([epoch, round(rate, 6), self.params["epochs"]])


@pytest.fixture(autouse=True)
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Weights of the stand-in, which is used for the time of a test."""
    monkeypatch.setattr(keras.applications, "MobileNet", stand_in)
    path = tmp_path / "pretrained.weights.h5"
    keras.utils.set_random_seed(1)
    stand_in(input_shape=(6, 6, 3), name="x").save_weights(path)
    return path


def frozen(file: Path, **changes: Any) -> Config:
    backbone = {**settings(file)["model.backbone"], "name": "MobileNet"}
    given = {**settings(file), "model.backbone": backbone, "train.epochs": EPOCHS}
    return config().replace(given | {key.replace("__", "."): v for key, v in changes.items()})


def of_backbone(model: keras.Model) -> dict[str, np.ndarray]:
    return {w.path: w.numpy() for w in model.get_layer(BACKBONE).weights}


def changed(fitted: Fitted, file: Path) -> set[str]:
    """The backbone's weights that are no longer those of the file."""
    net = stand_in(input_shape=(6, 6, 3), name=BACKBONE)
    net.load_weights(file)
    begun = {w.path: w.numpy() for w in net.weights}
    ended = of_backbone(fitted.model)
    return {path for path, value in begun.items() if (ended[path] != value).any()}


def same(one: Fitted, other: Fitted) -> bool:
    return not unequal("weight", one.model.weights, other.model.weights) and (
        repr(one.history) == repr(other.history)
    )


def test_a_backbone_that_is_never_unfrozen_stays_as_it_was(file: Path) -> None:
    assert changed(train(frozen(file), DATA, 0), file) == set()


def test_from_then_on_all_learns_but_batch_norms_at_a_lower_rate(file: Path) -> None:
    follows = Follows()
    settings = frozen(file, train__unfreeze=0.5, train__unfreeze_rate=0.1)
    fitted = train(settings, DATA, 0, [follows], monitor="loss")
    assert fitted.fallback is None
    assert {path.rpartition("/")[2] for path in changed(fitted, file)} == {"kernel", "bias"}
    assert {path.split("/")[-2] for path in changed(fitted, file)} == {"conv"}
    assert {name: len(values) for name, values in fitted.history.items()} == dict.fromkeys(
        ("loss", "accuracy", "val_loss", "val_accuracy"), EPOCHS
    )
    # one training to those who follow it, and one list
    assert follows.seen == [[0, 0.01, 2], [1, 0.01, 2], [2, 0.001, 4], [3, 0.001, 4]]


def test_the_first_part_is_a_training_with_a_frozen_backbone(file: Path) -> None:
    both = train(frozen(file, train__unfreeze=0.5), DATA, 0)
    alone = train(frozen(file, train__epochs=2), DATA, 0)
    assert both.history["loss"][:2] == alone.history["loss"]


def test_it_ends_with_the_best_epoch_of_both_parts(file: Path) -> None:
    bad = frozen(file, train__unfreeze=0.5, train__unfreeze_rate=1e4)
    fitted = train(bad, DATA, 0, monitor="loss")
    first, second = fitted.history["loss"][:2], fitted.history["loss"][2:]
    assert min(second) > min(first)
    alone = train(frozen(file, train__epochs=2), DATA, 0, monitor="loss")
    assert not unequal("weight", fitted.model.weights, alone.model.weights)


def test_unfrozen_from_the_first_epoch(file: Path) -> None:
    follows = Follows()
    settings = frozen(file, train__unfreeze=0.0, train__unfreeze_rate=0.5)
    assert changed(train(settings, DATA, 0, [follows]), file)
    assert [rate for _, rate, _ in follows.seen] == [0.005] * EPOCHS


def test_one_epoch_at_least_is_fine_tuned(file: Path) -> None:
    follows = Follows()
    train(frozen(file, train__unfreeze=0.99), DATA, 0, [follows])
    assert [rate for _, rate, _ in follows.seen] == [0.01, 0.01, 0.01, 0.0001]


def test_each_part_has_the_whole_schedule(file: Path) -> None:
    follows = Follows()
    cosine = frozen(file, train__unfreeze=0.5, train__unfreeze_rate=0.1, train__schedule="cosine")
    train(cosine, DATA, 0, [follows])
    rates = [rate for _, rate, _ in follows.seen]
    assert rates[1] == rates[3] == 0
    assert rates[2] == pytest.approx(rates[0] / 10)


def test_patience_begins_anew(file: Path) -> None:
    """Two epochs of the first part are left out, none of the second is counted as one of them."""
    stops = frozen(
        file, train__epochs=8, train__unfreeze=0.5, train__early_stopping=1,
        train__learning_rate=1e-12,
    )  # fmt: skip
    history = train(stops, DATA, 0, monitor="accuracy").history
    assert len(history["loss"]) == 4


def test_keras_own_fit_does_the_same(file: Path) -> None:
    settings = frozen(file, train__unfreeze=0.5, train__unfreeze_rate=0.3)
    stock = train(settings, DATA, 0, [Looks()])
    assert stock.fallback
    assert same(stock, train(settings, DATA, 0))


class Twice(Fragile):
    """Killed in the part that goes on from it."""

    @property
    def then(self) -> Checkpoint:
        return Fragile(super().then.path, self.left)

    def __init__(self, path: Path, lives: float, left: float) -> None:
        super().__init__(path, lives)
        self.left = left


NEVER = float("inf")


@pytest.mark.parametrize(
    ("lives", "left"),
    [
        pytest.param(1, NEVER, id="in the first epoch"),
        pytest.param(2, NEVER, id="at the end of the first part"),
        pytest.param(3, NEVER, id="between the parts"),
        pytest.param(NEVER, 1, id="in the second part"),
        pytest.param(NEVER, 3, id="at its end"),
    ],
)
def test_killed_and_started_again(file: Path, lives: float, left: float, tmp_path: Path) -> None:
    settings = frozen(file, train__unfreeze=0.5, train__unfreeze_rate=0.3)
    undisturbed, again = Follows(), Follows()
    alone = train(settings, DATA, 0, [undisturbed])
    path = tmp_path / "kept.npz"
    with pytest.raises(Killed):
        train(settings, DATA, 0, [Follows()], checkpoint=Twice(path, lives, left))
    assert same(train(settings, DATA, 0, [again], checkpoint=Checkpoint(path)), alone)
    assert again.seen == undisturbed.seen
    Checkpoint(path).remove()
    assert not list(tmp_path.glob("*.npz"))


def test_a_second_part_that_breaks_has_no_score(file: Path) -> None:
    fitted = train(frozen(file, train__unfreeze=0.5, train__unfreeze_rate=1e38), DATA, 0)
    assert fitted.diverged
    assert len(fitted.history["loss"]) == 3


def test_without_a_score_the_second_part_is_not_better() -> None:
    from recipe.training.finetune import _is_better

    tuned, first = KeepBest("val_loss"), KeepBest("val_loss")
    assert not _is_better(tuned, first)
    first.best = 1.0
    assert not _is_better(tuned, first)
    tuned.best = 0.5
    assert _is_better(tuned, first)
