"""The ladder on scores that are drawn: who is tried with what, what is kept, and what is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from recipe.checks.curves import Fit, check_fit
from recipe.compare import Scored
from recipe.config import Config, read
from recipe.data import Dataset, load
from recipe.findings import StageResult, Verdict
from recipe.runs import RunFolder
from recipe.runs.console import Console
from recipe.runs.fingerprint import digest
from recipe.stages import regularize
from recipe.stages.regularize import race
from recipe.stages.regularize.evidence import NOTHING
from recipe.stages.regularize.race import rates_around
from recipe.stages.regularize.rungs import NotTried, Rung
from tests.stages.running import finding, table, write

Score = Callable[[Config], float]
NAN = float("nan")
RATE = 1e-3

FIT = Fit("overfits", 1.0, 0.8, 0.2, 0.01, False, False, "the gap is beyond chance")

DROPOUT = Rung("dropout", "4.9", {"model.dropout": 0.2})
DECAY = Rung("decay", "4.10", {"train.weight_decay": 0.1})
NORM = Rung("norm", "2.4", {"model.norm": "batch"})
SMALLER = Rung("smaller", "4.7", {"model.widths": [8]})
BOTH = Rung("both", "4.9", {"model.dropout": 0.1, "model.noise.input": 0.1})


def plain(config: Config) -> float:
    """What dropout gains and a smaller net loses; noise comes on top."""
    return 0.8 + 0.5 * config.model.dropout - 0.2 * (config.model.widths == (8,))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ladder")
    table().to_csv(folder / "my.csv", index=False)
    return write(folder, {"source": f"csv:{folder / 'my.csv'}"})


@pytest.fixture(scope="module")
def data(home: Path) -> Dataset:
    return load(read(home).data)


class Stage:
    """Runs of the stage, in which nothing is trained: a config's score is asked of a function."""

    def __init__(self, path: Path, data: Dataset, runs: Path, patch: pytest.MonkeyPatch) -> None:
        self.path, self.data, self.runs, self.patch = path, data, runs, patch
        self.trained: list[tuple[Config, int]] = []
        self.killed_after = 10**6
        patch.setattr(regularize, "load", lambda _: data)
        patch.setattr(regularize, "gather", lambda *_: NOTHING)
        patch.setattr(regularize, "loss_curves", lambda *_: (FIT, check_fit(FIT, "accuracy", 5)))
        patch.setattr(regularize, "look_inside", lambda *_: [])
        patch.setattr(race.Race, "net", lambda *_: None)
        patch.setattr(race.Race, "can_train", lambda *_: True)
        patch.setattr(race.Race, "error_over_examples", lambda *_: 0.02)
        patch.setattr(RunFolder, "figure", lambda *_: None)

    def __call__(self, score: Score, ladder: list[Rung], *settings: str) -> StageResult:
        self.patch.setattr(
            regularize, "rungs", lambda *_: (ladder, [NotTried("GAP", "4.7", "flat")])
        )
        self.patch.setattr(race, "score_seed", self.training(score))
        given = [f"train.learning_rate={RATE}", "stages.regularize.data_trainings=0"]
        config = read(self.path, [*given, *settings])
        self.folder = RunFolder(self.runs, Console(quiet=True))
        self.folder.begin("regularize", config, "the same")
        return regularize.run(config, self.folder)

    def training(self, score: Score) -> Callable[..., Scored]:
        def score_seed(
            config: Config, data: Dataset, seed: int, kept: Path, trainings: int
        ) -> Scored:
            if not kept.exists():
                if len(self.trained) == self.killed_after:
                    raise KeyboardInterrupt
                self.trained.append((config, seed))
                kept.parent.mkdir(exist_ok=True)
                kept.touch()
            drawn = digest(config.model.model_dump(), config.train.model_dump(), seed)
            noise = np.random.default_rng(int(drawn, 16)).normal(0, 0.01)
            return Scored(score(config) + noise, {})

        return score_seed

    @property
    def winner(self) -> Config:
        return read(self.folder.file("regularized.yaml"))

    def seeds_of(self, rung: Rung) -> set[int]:
        """Seeds with which the rung was trained, and nothing else but a rate."""
        own = read(self.path).replace(rung.changes)
        return {
            seed
            for config, seed in self.trained
            if config.replace({"train.learning_rate": own.train.learning_rate}) == own
        }


@pytest.fixture
def stage(home: Path, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(home, data, tmp_path, monkeypatch)


def test_what_helps_is_kept_with_its_evidence(stage: Stage) -> None:
    result = stage(plain, [SMALLER, DROPOUT, DECAY, NORM])
    assert result.verdict is Verdict.PASS
    assert "4 rungs, the best 4 x 5 seeds: kept dropout; val accuracy 0.79" in result.headline
    assert result.metrics["gain_dropout"] == pytest.approx(0.1, abs=0.03)
    assert result.metrics["gain_smaller"] == pytest.approx(-0.2, abs=0.03)
    assert stage.winner.model.dropout == 0.2
    assert stage.winner.model.norm == "none"
    written = stage.folder.file("regularized.yaml").read_text()
    (line,) = [line for line in written.splitlines() if "dropout:" in line]
    assert "# dropout, alone: better: accuracy 0.8" in line
    assert "5 seeds" in line
    assert written.startswith(
        "# from: recipe regularize, keeping dropout\n# combination: better: accuracy"
    )


def test_the_noise_floor_is_known_before_the_first_rung(stage: Stage) -> None:
    result = stage(plain, [DROPOUT])
    first = stage.trained[:5]
    assert [seed for _, seed in first] == [0, 1, 2, 3, 4]
    assert {config.model.dropout for config, _ in first} == {0.0}
    assert finding(result, "noise_floor").measured == pytest.approx(0.02, abs=0.01)


def test_what_is_chosen_by_is_not_what_is_compared_nor_what_is_confirmed(stage: Stage) -> None:
    stage(plain, [DROPOUT, SMALLER])
    asked = read(stage.path)
    other_rates = {s for c, s in stage.trained if c.train.learning_rate not in (RATE,)}
    confirmed = {s for c, s in stage.trained if c.model.dropout and s not in range(5)} - {10}
    assert asked.seed == 0
    assert {10} <= other_rates
    assert confirmed == {5, 6, 7, 8, 9}


def test_where_nothing_helps_the_incumbent_stays_and_the_stage_passes(stage: Stage) -> None:
    result = stage(lambda _: 0.8, [DROPOUT, DECAY, NORM])
    assert result.verdict is Verdict.PASS
    assert "kept nothing" in result.headline
    assert stage.winner.model == read(stage.path).model
    text = stage.folder.file("regularized.yaml").read_text()
    assert text.startswith("# from: recipe regularize, keeping nothing")


def test_each_rung_has_a_rate_of_its_own_and_the_incumbent_as_many(stage: Stage) -> None:
    def faster(config: Config) -> float:
        return 0.8 + 0.1 * (config.model.norm == "batch") * (config.train.learning_rate > 2e-3)

    result = stage(faster, [NORM, DROPOUT])
    assert "kept norm" in result.headline
    assert stage.winner.train.learning_rate == 0.0032
    rates = {
        name: {c.train.learning_rate for c, s in stage.trained if s == 10 and part(c)}
        for name, part in {
            "incumbent": lambda c: c.model == read(stage.path).model and not c.train.weight_decay,
            "norm": lambda c: c.model.norm == "batch" and not c.model.dropout,
        }.items()
    }  # fmt: skip
    assert rates["incumbent"] == rates["norm"] == {RATE, 0.00032, 0.0032}


def test_a_rung_must_beat_the_incumbent_at_its_best_rate_too(stage: Stage) -> None:
    """Every net gains by a higher rate here, and a rung brings nothing but its choice of rates."""
    result = stage(lambda c: 0.8 + 0.1 * (c.train.learning_rate > 2e-3), [DROPOUT, NORM])
    assert result.metrics["gain_learning rate 0.0032"] == pytest.approx(0.1, abs=0.03)
    assert abs(result.metrics["gain_dropout"]) < 0.05
    assert "kept learning rate 0.0032" in result.headline
    assert stage.winner.train.learning_rate == 0.0032
    assert stage.winner.model.dropout == 0


def test_what_helps_only_together_is_found_as_a_cocktail(stage: Stage) -> None:
    def together(config: Config) -> float:
        return 0.8 + 0.1 * (config.model.dropout > 0 and config.train.weight_decay > 0)

    result = stage(together, [DROPOUT, DECAY])
    assert "kept" in result.headline
    assert stage.winner.model.dropout == 0.2
    assert stage.winner.train.weight_decay == 0.1
    (confirmed,) = [f for f in result.findings if f.check == "confirmed"]
    assert confirmed.measured == pytest.approx(0.1, abs=0.03)


def test_several_that_help_are_combined(stage: Stage) -> None:
    def each(config: Config) -> float:
        return 0.8 + 0.1 * (config.model.dropout > 0) + 0.1 * (config.train.weight_decay > 0)

    result = stage(each, [DECAY, DROPOUT, BOTH])
    assert "kept dropout + decay; val accuracy 0.79" in result.headline
    assert result.metrics["gain_combination (fresh seeds)"] == pytest.approx(0.2, abs=0.02)
    assert stage.winner.train.weight_decay == 0.1
    said = finding(result, "both").message
    assert "Confounded: 2 things change (dropout, noise)" in said


def test_a_gain_of_a_few_examples_is_not_kept(stage: Stage) -> None:
    stage.patch.setattr(race.Race, "error_over_examples", lambda *_: 0.2)
    result = stage(plain, [DROPOUT])
    assert "kept nothing" in result.headline
    said = next(f for f in result.findings if f.check == "confirmed").message
    assert "better: " in said
    assert said.endswith("over validation examples its standard error is 0.2.")


def test_what_keras_refuses_together_is_not_combined(stage: Stage) -> None:
    def each(config: Config) -> float:
        return 0.8 + 0.1 * (config.model.dropout > 0) + 0.05 * (config.train.weight_decay > 0)

    def can_train(_: race.Race, config: Config) -> bool:
        return not (config.model.dropout and config.train.weight_decay)

    stage.patch.setattr(race.Race, "can_train", can_train)
    assert "kept dropout;" in stage(each, [DECAY, DROPOUT]).headline


def test_an_incumbent_that_diverges_ends_the_stage(stage: Stage) -> None:
    result = stage(lambda c: NAN, [DROPOUT])
    assert result.verdict is Verdict.FAIL
    assert finding(result, "every_seed_trains").code == "nan_loss"
    assert len(stage.trained) == 5


def test_a_rung_that_diverges_is_the_worst_there_is(stage: Stage) -> None:
    result = stage(lambda c: NAN if c.model.norm == "batch" else plain(c), [NORM, DROPOUT])
    assert "kept dropout" in result.headline
    assert result.metrics["gain_norm"] == float("-inf")


def test_what_was_not_tried_is_said(stage: Stage) -> None:
    ladder = [Rung(f"dropout {n}", "4.9", {"model.dropout": n / 100}) for n in range(1, 31)]
    result = stage(lambda c: 0.8 + c.model.dropout / 100, ladder, "stages.regularize.trainings=50")
    said = finding(result, "not_tried")
    assert said.severity == "advice"
    assert "dropout 30" in said.message
    assert finding(result, "does_not_apply").message == "Not tried: GAP (flat)."
    dropped = finding(result, "first_look")
    assert result.metrics["rungs"] == dropped.measured + result.metrics["compared"]
    assert result.metrics["trainings"] == len(stage.trained) <= 50
    assert str(said.prescription).startswith("stages.regularize.trainings: ")


def test_a_killed_stage_trains_nothing_twice(stage: Stage) -> None:
    ladder = [SMALLER, DROPOUT, DECAY, NORM]
    stage.killed_after = 37
    with pytest.raises(KeyboardInterrupt):
        stage(plain, ladder)
    stage.killed_after = 10**6
    after = stage(plain, ladder)
    made = len(stage.trained)
    assert len({(c.model_dump_json(), s) for c, s in stage.trained}) == made
    assert after.metrics["trainings"] == made
    undisturbed = Stage(stage.path, stage.data, stage.runs / "other", stage.patch)
    assert undisturbed(plain, ladder) == after


@pytest.mark.parametrize(
    ("count", "rates"),
    [
        pytest.param(1, [1e-3], id="its own alone"),
        pytest.param(3, [1e-3, 3.2e-4, 3.2e-3], id="half a decade to each side"),
        pytest.param(5, [1e-3, 3.2e-4, 3.2e-3, 1e-4, 1e-2], id="a decade"),
    ],
)
def test_rates_that_are_tried(count: int, rates: list[float]) -> None:
    assert rates_around(1e-3, count) == pytest.approx(rates)
