"""Paired seeds, intervals and three answers, against SciPy."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest
from scipy import stats

from recipe.compare import Scored, bootstrap, paired, score_seeds
from recipe.compare import seeds as seeds_module
from recipe.config import Config, Task

NAN, INF = float("nan"), float("inf")
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("seeds", [2, 5, 30])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
@pytest.mark.parametrize("metric", ["accuracy", "loss"])
def test_the_interval_is_that_of_students_paired_t(
    seeds: int, confidence: float, metric: str
) -> None:
    new, old = RNG.normal(0.9, 0.01, seeds), RNG.normal(0.89, 0.01, seeds)
    got = paired(list(new), list(old), metric, confidence)
    better, worse = (new, old) if metric == "accuracy" else (old, new)
    expected = stats.ttest_rel(better, worse).confidence_interval(confidence)
    assert (got.low, got.high) == pytest.approx((expected.low, expected.high))
    assert got.difference == pytest.approx((better - worse).mean())
    assert (got.new, got.old) == pytest.approx((new.mean(), old.mean()))
    assert (got.metric, got.seeds) == (metric, seeds)


@pytest.mark.parametrize(
    ("metric", "new", "old", "verdict"),
    [
        pytest.param("accuracy", [0.95, 0.96, 0.97], [0.90, 0.91, 0.92], "better", id="higher"),
        pytest.param("accuracy", [0.90, 0.91, 0.92], [0.95, 0.96, 0.97], "worse", id="lower"),
        pytest.param("loss", [0.10, 0.11, 0.12], [0.20, 0.21, 0.22], "better", id="a lower loss"),
        pytest.param("loss", [0.20, 0.21, 0.22], [0.10, 0.11, 0.12], "worse", id="a higher loss"),
        pytest.param("accuracy", [0.95, 0.80, 0.97], [0.90, 0.91, 0.92], "inconclusive",
                     id="sometimes higher"),
        pytest.param("accuracy", [0.9, 0.8, 0.7], [0.9, 0.8, 0.7], "inconclusive", id="equal"),
        pytest.param("r2", [0.5, 0.5], [0.25, 0.25], "better", id="the same gain for every seed"),
    ],
)  # fmt: skip
def test_the_answer(metric: str, new: list[float], old: list[float], verdict: str) -> None:
    got = paired(new, old, metric)
    assert got.verdict == verdict
    assert str(got).startswith(f"{verdict}: {metric} {np.mean(old):.4f} -> {np.mean(new):.4f}")
    assert f"{len(new)} seeds" in str(got)


def test_more_confidence_asks_for_more() -> None:
    new, old = [0.92, 0.94, 0.95], [0.90, 0.91, 0.92]
    assert paired(new, old, "accuracy", confidence=0.9).verdict == "better"
    assert paired(new, old, "accuracy", confidence=0.99).verdict == "inconclusive"


@pytest.mark.parametrize("metric", ["accuracy", "loss"])
@pytest.mark.parametrize(
    ("new", "old", "verdict", "gain"),
    [
        pytest.param([0.9, NAN, 0.9], [0.8, 0.8, 0.8], "worse", -INF, id="the new one, once"),
        pytest.param([NAN, NAN], [0.8, 0.8], "worse", -INF, id="the new one, always"),
        pytest.param([INF, 0.9], [0.8, 0.8], "worse", -INF, id="the new one is infinite"),
        pytest.param([0.9, 0.9], [0.8, NAN], "better", INF, id="the old one"),
        pytest.param([0.9, NAN], [NAN, 0.8], "inconclusive", NAN, id="both"),
    ],
)
def test_a_training_that_diverged_is_the_worst_there_is(
    metric: str, new: list[float], old: list[float], verdict: str, gain: float
) -> None:
    got = paired(new, old, metric)
    assert got.verdict == verdict
    for number in (got.difference, got.low, got.high):
        assert number == pytest.approx(gain, nan_ok=True)
    assert verdict in str(got)


@pytest.mark.parametrize(
    ("new", "smallest", "verdict"),
    [
        pytest.param([0.901, 0.899, 0.9005], 0.01, "equivalent", id="no difference that matters"),
        pytest.param([0.901, 0.9011, 0.9012], 0.01, "equivalent", id="better, but too little"),
        pytest.param([0.901, 0.9011, 0.9012], None, "better", id="nobody said what matters"),
        pytest.param([0.911, 0.9111, 0.9112], 0.01, "better", id="by more than what matters"),
        pytest.param([0.889, 0.8891, 0.8892], 0.01, "worse", id="worse by more"),
        pytest.param([0.92, 0.89, 0.90], 0.01, "inconclusive", id="too wide to tell"),
    ],
)
def test_two_configs_are_equivalent_if_nothing_that_matters_is_left(
    new: list[float], smallest: float | None, verdict: str
) -> None:
    assert paired(new, [0.9, 0.9, 0.9], "accuracy", smallest=smallest).verdict == verdict


@pytest.mark.parametrize(
    ("metric", "direction", "size", "answer"),
    [
        pytest.param("accuracy", "up", 0.0, "confirmed", id="up"),
        pytest.param("accuracy", "up", 0.02, "inconclusive", id="up by as much as was seen"),
        pytest.param("accuracy", "up", 0.05, "refuted", id="up by more"),
        pytest.param("accuracy", "down", 0.0, "refuted", id="down"),
        pytest.param("loss", "up", 0.0, "confirmed", id="a loss up: a config that is worse"),
        pytest.param("loss", "down", 0.0, "refuted", id="a loss down"),
    ],
)
def test_what_was_expected_is_confirmed_or_refuted(
    metric: str, direction: Literal["up", "down"], size: float, answer: str
) -> None:
    seen = paired([0.92, 0.921, 0.923], [0.9, 0.902, 0.901], metric)
    assert seen.against(direction, size) == answer


def test_without_scores_nothing_is_confirmed() -> None:
    assert paired([NAN, 0.9], [NAN, 0.9], "r2").against("up", 0.0) == "inconclusive"
    assert paired([NAN, 0.9], [0.8, 0.9], "r2").against("up", 0.0) == "refuted"


@pytest.mark.parametrize("seeds", [3, 10])
def test_the_effect_size_is_not_biased_by_few_seeds(seeds: int) -> None:
    gains = RNG.normal(1.0, 1.0, (2000, seeds))
    effects = [paired(list(each), [0.0] * seeds, "r2").effect for each in gains]
    raw = gains.mean(axis=1) / gains.std(axis=1, ddof=1)
    assert np.mean(effects) == pytest.approx(1.0, abs=0.06)
    assert raw.mean() > 1.06


@pytest.mark.parametrize(
    ("metric", "epochs", "steady"),
    [
        pytest.param("accuracy", [0.9] * 39 + [0.94], 0.92, id="two epochs of forty share it"),
        pytest.param("accuracy", [0.8] * 20 + [0.94] * 20, 0.94, id="no luck: it stays there"),
        pytest.param("loss", [0.5] * 39 + [0.3], 0.4, id="a loss goes the other way"),
        pytest.param("accuracy", [0.5, 0.94, 0.5], 0.94, id="too few epochs to tell"),
        pytest.param("accuracy", [NAN] * 40, 0.94, id="a curve that broke off"),
        pytest.param("accuracy", [], 0.94, id="no curve"),
    ],
)
def test_a_steady_score_is_one_without_the_luck_of_its_epoch(
    metric: str, epochs: list[float], steady: float
) -> None:
    score = 0.3 if metric == "loss" else 0.94
    assert Scored(score, {f"val_{metric}": epochs}).steady(metric) == pytest.approx(steady)


def test_unpaired_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        paired([0.9, 0.8], [0.9], "accuracy")


def test_each_seed_is_trained_once_and_scored_by_the_deciding_metric(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained: list[Any] = []

    def train(
        config: Config, data: Any, seed: int, *, checkpoint: Any, trainings: int
    ) -> SimpleNamespace:
        assert trainings == 3, "that share a compiled function"
        trained.append((config, data, seed, checkpoint and checkpoint.path.name))
        return SimpleNamespace(model=seed, diverged=seed == 9, history={})

    class Data:
        task = Task.MULTICLASS
        val = "val"

    def evaluate(model: int, split: str, data: Any, loss: str) -> dict[str, float]:
        assert (split, loss) == ("val", "auto")
        return {"accuracy": model / 10, "loss": 5.0}

    monkeypatch.setattr(seeds_module, "train", train)
    monkeypatch.setattr(seeds_module, "evaluate", evaluate)
    notes: list[str] = []
    config, data = Config(), Data()
    scores = score_seeds(config, data, range(3, 6), notes.append, "incumbent")  # type: ignore
    assert scores == [0.3, 0.4, 0.5]
    assert trained == [(config, data, seed, None) for seed in (3, 4, 5)]
    assert notes[0] == "incumbent, seed 3: val accuracy 0.3000"
    assert len(notes) == 3

    trained.clear()
    kept = (config, data, range(7, 10), notes.append, "rung", lambda name: Path(f"{name}.npz"))
    scores = score_seeds(*kept)  # type: ignore[arg-type]
    assert scores == [0.7, 0.8, pytest.approx(NAN, nan_ok=True)], "one that diverged has none"
    assert trained[0] == (config, data, 7, "rung, seed 7.npz")


def share(right: np.ndarray) -> Callable[[np.ndarray], float]:
    return lambda rows: float(right[rows].mean())


def test_the_bootstrap_interval_is_scipys() -> None:
    values = RNG.normal(5, 2, 200)
    low, high = bootstrap(share(values), 200, 5000, 0.95, seed=0)
    expected = stats.bootstrap((values,), np.mean, method="percentile", rng=1)
    assert high - low > 0.4
    assert (low, high) == pytest.approx(
        (expected.confidence_interval.low, expected.confidence_interval.high), abs=0.02
    )
    assert low < values.mean() < high


def test_the_bootstrap_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(200):
        right = np.random.default_rng(seed).random(100) < 0.8
        low, high = bootstrap(share(right), 100, 200, 0.9, seed)
        covered += low <= 0.8 <= high
    assert 0.83 < covered / 200 < 0.96


def test_more_confidence_is_a_wider_interval() -> None:
    right = RNG.random(100) < 0.8
    narrow = bootstrap(share(right), 100, 500, 0.8, seed=0)
    wide = bootstrap(share(right), 100, 500, 0.99, seed=0)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_the_bootstraps_seed_decides() -> None:
    right = RNG.random(100) < 0.8
    first, again, other = (bootstrap(share(right), 100, 50, 0.95, seed) for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize("examples", [5, 100])
def test_all_right_is_no_certainty(examples: int) -> None:
    low, high = bootstrap(share(np.ones(examples)), examples, 50, 0.95, seed=0)
    wilson = stats.binomtest(examples, examples).proportion_ci(0.95, method="wilson")
    assert high == 1.0
    assert low == pytest.approx(wilson.low)
    assert low < 1


@pytest.mark.parametrize("value", [0.0, 0.5], ids=["no difference", "the same difference"])
def test_a_score_that_never_changes_is_its_own_interval(value: float) -> None:
    assert bootstrap(lambda rows: value, 10, 50, 0.95, seed=0) == (value, value)


def test_a_score_that_is_nan_has_no_interval() -> None:
    assert np.isnan(bootstrap(lambda rows: NAN, 10, 50, 0.95, seed=0)).all()


def test_seeds_that_agree_to_one_example_are_rounded_and_not_free_of_noise() -> None:
    old, new = [0.9, 0.9, 0.9], [0.9 + 1 / 30] * 3
    assert paired(new, old, "accuracy").verdict == "better"
    assert paired(new, old, "accuracy", resolution=1 / 30).verdict == "inconclusive"
