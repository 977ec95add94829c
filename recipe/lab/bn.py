"""Laboratory. Batch norm: what it does to your net, and what it does not do.

Your net is trained with and without it, from the same seeds, and looked at after every step. Then
come what is claimed for it: higher rates, any initializer, a smaller gap; and what it depends on:
its place and the batch size. The drift of activations is measured because the lecture shows it;
it is not why batch norm works (Santurkar et al. 2018), so the loss along the step is shown too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from recipe.checks.lab import answer, beyond
from recipe.compare import Comparison
from recipe.config import Config
from recipe.findings import Finding, StageResult
from recipe.lab import bn_figures
from recipe.lab.bench import Bench, Trained, interval
from recipe.lab.watched import Watched
from recipe.models.blocks import initializer
from recipe.runs import RunFolder
from recipe.training import batch_size
from recipe.training.landscape import AlongStep
from recipe.training.range_test import Estimate
from recipe.training.steps import Look

PLAIN = {"model.norm": "none"}
NORMED = {"model.norm": "batch", "model.norm_position": "pre"}
SIDES = {"without": PLAIN, "with batch norm": NORMED}

INITIALIZERS = {
    "He": "he_normal",
    "Glorot": "glorot_uniform",
    "1/√fan-in": "uniform_fan_in",
    "N(0, 1)": {"class_name": "RandomNormal", "config": {"stddev": 1.0}},
    "N(0, 0.01²)": {"class_name": "RandomNormal", "config": {"stddev": 0.01}},
}

ACTIVATIONS = ("relu", "tanh", "sigmoid")
BATCHES = (2, 4, 8, 32, 128)

FACTOR = 10**0.5
POWERS = range(7)
"""Rates that are tried: yours times FACTOR to these powers."""

EXACT = "population statistics"
IOFFE = "Ioffe and Szegedy 2015; course notes"
SANTURKAR = "Santurkar et al. 2018; course notes"


def run(config: Config, folder: RunFolder) -> StageResult:
    """Train with and without, and measure what is claimed."""
    bench = Bench(config, folder)
    watched = {name: Watched.of(bench, changes) for name, changes in SIDES.items()}
    sides = {name: seen.arms for name, seen in watched.items()}
    by_rate = _by_rate(bench)
    by_initializer = _by_initializer(bench, sides)
    placed = _placed(bench, sides["with batch norm"])
    by_batch = _by_batch(bench, sides)
    _say_cost(bench)

    found = _measure(bench, watched, by_rate, by_initializer)
    bn_figures.draw_watched(bench, watched, found)
    bn_figures.draw_compared(bench, by_rate, by_initializer, placed, by_batch, found)
    gained = bench.compare(sides["with batch norm"], sides["without"])
    findings = [bench.trains(sides["without"]), *_answers(found)]
    findings += [
        answer(
            f"place_{activation}",
            f"{activation}, norm after the activation against before it: {compared}",
            (compared.difference, compared.low, compared.high),
            "the course notes: after for tanh and sigmoid, before for relu",
            "course notes",
        )
        for activation, compared in placed.items()
    ]
    findings += _batch_answers(bench, by_batch)
    headline = f"with batch norm {found['speed'].value:.2g} times the steps; {gained}"
    metrics = {
        key: value
        for name, estimate in found.items()
        for key, value in ((name, estimate.value), (f"{name}_low", estimate.low),
                           (f"{name}_high", estimate.high))
    }  # fmt: skip
    metrics |= {"gain": gained.difference, "gain_low": gained.low, "gain_high": gained.high}
    return bench.result("lab-bn", headline, _summary(bench, found, gained), findings, metrics)


def _by_rate(bench: Bench) -> dict[str, dict[float, list[Trained]]]:
    """Both sides at each rate, for half of the steps."""
    steps = max(bench.settings.steps // 2, 1)
    found: dict[str, dict[float, list[Trained]]] = {}
    rates = [float(f"{bench.config.train.learning_rate * FACTOR**p:.2g}") for p in POWERS]
    with bench.progress(len(SIDES) * len(rates)) as advance:
        for name, changes in SIDES.items():
            found[name] = {}
            for rate in rates:
                at = {**changes, "train.learning_rate": rate}
                found[name][rate] = bench.arm(at, steps=steps)
                advance(f"{name}, rate {rate:g}", found[name][rate])
    return found


def _by_initializer(
    bench: Bench, sides: Mapping[str, list[Trained]]
) -> dict[str, dict[str, list[Trained]]]:
    found: dict[str, dict[str, list[Trained]]] = {}
    with bench.progress(len(SIDES) * len(INITIALIZERS)) as advance:
        for name, changes in SIDES.items():
            found[name] = {}
            for title, given in INITIALIZERS.items():
                own = initializer(bench.config.model) == given
                arm = sides[name] if own else bench.arm(changes, initializer=given)
                found[name][title] = arm
                advance(f"{name}, {title}", found[name][title])
    return found


def _placed(bench: Bench, before: list[Trained]) -> dict[str, Comparison]:
    """The gain of the norm after the activation over before it."""
    found = {}
    with bench.progress(len(ACTIVATIONS)) as advance:
        for activation in ACTIVATIONS:
            changes = {**NORMED, "model.activation": activation}
            is_own = bench.config.model.activation == activation
            pre = before if is_own else bench.arm(changes)
            post = bench.arm({**changes, "model.norm_position": "post"})
            found[activation] = bench.compare(post, pre)
            advance(f"{activation}, after the activation", post)
    return found


def _by_batch(
    bench: Bench, sides: Mapping[str, list[Trained]]
) -> dict[str, dict[int, list[float]]]:
    """Scores at each batch size; batch norm's also with the statistics of the training set."""
    found: dict[str, dict[int, list[float]]] = {}
    sizes = [size for size in BATCHES if size <= len(bench.data.train)]
    exact = EXACT
    with bench.progress(2 * len(sizes)) as advance:
        for side, name in (("without", "no norm"), ("with batch norm", "batch norm")):
            for size in sizes:
                own = size == batch_size(bench.config, len(bench.data.train))
                changes = {**SIDES[side], "train.batch_size": size}
                arm = sides[side] if own else bench.arm(changes)
                found.setdefault(name, {})[size] = [trained.score for trained in arm]
                advance(f"{name}, batches of {size}", arm)
                if name == "batch norm":
                    found.setdefault(exact, {})[size] = [bench.recalibrated(t) for t in arm]
    return found


def _say_cost(bench: Bench) -> None:
    """What a step costs, as a ratio. It is another on every machine: printed, and nothing more."""
    laps: dict[str, list[float]] = {name: [] for name in SIDES}
    for _ in range(3):
        for name, changes in SIDES.items():
            times: list[float] = []
            look = _clock(times)
            bench.train(changes, bench.config.seed, steps=200, look=look, every=20)
            laps[name] += np.diff(times)[1:].tolist()
    ratio = np.median(laps["with batch norm"]) / np.median(laps["without"])
    bench.folder.say(f"a step with batch norm takes {ratio:.2f} times one without, here and now")


def _clock(times: list[float]) -> Look:
    return lambda model, step: times.append(time.perf_counter())


def _measure(
    bench: Bench,
    watched: Mapping[str, Watched],
    by_rate: Mapping[str, Mapping[float, list[Trained]]],
    by_initializer: Mapping[str, Mapping[str, list[Trained]]],
) -> dict[str, Estimate]:
    """With over without, each with its interval; differences for gap and initializers."""
    plain, normed = watched["without"], watched["with batch norm"]

    def ratio(of: Callable[[Watched], list[float]]) -> Estimate:
        return bench.ratio(of(normed), of(plain))

    # what each training reaches at some time
    target = max(float(np.min(losses)) for losses in [*plain.val_losses, *normed.val_losses])
    every = plain.steps[1]
    largest = [largest_stable(by_rate[name], len(bench.seeds)) for name in SIDES]
    scores = {name: np.array([[t.score for t in arm] for arm in by_initializer[name].values()])
              for name in SIDES}  # fmt: skip
    spreads = {name: np.ptp(each, axis=0) for name, each in scores.items()}
    return {
        "speed": ratio(lambda side: [every * looks_to(v, target) for v in side.val_losses]),
        "drift_mean": ratio(lambda side: [mean for mean, _ in side.drifts]),
        "drift_spread": ratio(lambda side: [spread for _, spread in side.drifts]),
        "loss_range": ratio(lambda side: [_mean_of(lines, "spread") for lines in side.lines]),
        "gradient_turn": ratio(lambda side: [_mean_of(lines, "turn") for lines in side.lines]),
        "largest_rate": bench.ratio(largest[1], largest[0], step=FACTOR),
        "initializer_spread": bench.mean(
            (spreads["with batch norm"] - spreads["without"]).tolist(), bench.resolution
        ),
        "gap": bench.mean(np.subtract([t.gap for t in normed.arms],
                                      [t.gap for t in plain.arms]).tolist()),
    }  # fmt: skip


def _mean_of(lines: Sequence[AlongStep], part: str) -> float:
    return float(np.mean([getattr(line, part) for line in lines]))


def looks_to(losses: np.ndarray, target: float) -> float:
    """Looks until a loss is at most the target, between two of them in a line; NaN if it never is.

    Args:
        losses: at each look, (looks,); the first is before any step.
        target: to be reached.
    """
    reached = np.flatnonzero(losses <= target)
    if not len(reached):
        return float("nan")
    at = int(reached[0])
    if at == 0:
        return 0.0
    over, under = losses[at - 1] - target, target - losses[at]
    return at - 1 + float(over / (over + under))


def largest_stable(by_rate: Mapping[float, Sequence[Trained]], seeds: int) -> list[float]:
    """For each seed the largest rate up to which every training ends below where it began.

    Args:
        by_rate: rate -> the trainings of all seeds, lowest rate first.
        seeds: how many.

    Returns:
        (seeds,) rates; NaN if the lowest is too high.
    """
    found = []
    for number in range(seeds):
        stable = float("nan")
        for rate, arm in by_rate.items():
            if arm[number].diverged or not arm[number].last < arm[number].losses[0]:
                break
            stable = rate
        found.append(stable)
    return found


def _answers(found: Mapping[str, Estimate]) -> list[Finding]:
    def ends(name: str) -> tuple[float, float, float]:
        return found[name].value, found[name].low, found[name].high

    said = {name: interval(estimate) for name, estimate in found.items()}
    faster = beyond(ends("speed"), 1, ("slower", "faster"))
    smoother = beyond(ends("loss_range"), 1, ("rougher", "smoother"))
    return [
        answer("steps_to_target",
               "To the validation loss that all trainings reach it takes "
               f"{said['speed']} times the steps: {faster}.",
               ends("speed"), "below 1: batch norm learns faster", IOFFE),
        answer("drift",
               "Per step, the mean of a unit's pre-activations in layer 1 moves "
               f"{said['drift_mean']} times as far, in standard deviations, and the log of its "
               f"standard deviation {said['drift_spread']} times. It describes, and is no cause: "
               "noise that brings the drift back leaves the speed.",
               ends("drift_mean"), "below 1: it moves less", SANTURKAR),
        answer("smoothness",
               f"From half to four times the step the loss varies {said['loss_range']} times as "
               f"much, and the gradient turns {said['gradient_turn']} times as far: {smoother}.",
               ends("loss_range"), "below 1: the loss is smoother along the step", SANTURKAR),
        answer("largest_stable_rate",
               f"The largest rate that still learns is {said['largest_rate']} times as high.",
               ends("largest_rate"), "above 1: it permits a higher rate; you have to set it",
               IOFFE),
        answer("initializer_sensitivity",
               f"Best less worst score over {len(INITIALIZERS)} initializers, with less without: "
               f"{said['initializer_spread']}.", ends("initializer_spread"),
               "below 0: the initializer matters less", IOFFE),
        answer("gap",
               f"Val loss less training loss, with less without: {said['gap']}.", ends("gap"),
               "below 0: it regularizes", IOFFE),
    ]  # fmt: skip


def _batch_answers(
    bench: Bench, by_batch: Mapping[str, Mapping[int, list[float]]]
) -> list[Finding]:
    found = []
    for size, scores in by_batch["batch norm"].items():
        compared = bench.compare_scores(scores, by_batch["no norm"][size])
        exact = float(np.mean(by_batch[EXACT][size]))
        found.append(
            answer(
                f"batch_of_{size}",
                f"Batches of {size}, with batch norm against without: {compared}; with population "
                f"statistics {exact:.4f}.",
                (compared.difference, compared.low, compared.high),
                "below 0: the batch is too small for its statistics",
                "Wu and He 2018; course notes",
            )
        )
    return found


def _summary(bench: Bench, found: Mapping[str, Estimate], gained: Comparison) -> list[str]:
    speed, stable = found["speed"], found["largest_rate"]
    return [
        f"With batch norm your net needs {interval(speed, '.2g')} times the steps to the same "
        f"validation loss, and still learns at rates {interval(stable, '.2g')} times as high "
        f"(over {bench.settings.seeds} seeds, in brackets the "
        f"{bench.settings.confidence:.0%} interval).",
        f"The inputs of its first activation drift {interval(found['drift_mean'], '.2g')} times "
        "as much, but that is not why: with drift brought back by noise, the speed stays "
        "(Santurkar et al. 2018).",
        "A better account is how the loss behaves along a step: it varies "
        f"{interval(found['loss_range'], '.2g')} times as much, and the gradient turns "
        f"{interval(found['gradient_turn'], '.2g')} times as far.",
        f"Validation {bench.metric}: {gained}.",
    ]
