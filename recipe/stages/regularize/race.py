"""The trainings of the ladder: each config with each seed once, and what they say of each other.

Learning rates are chosen with a seed of their own, never with those of a comparison: what was
chosen because it scored well has scored too well there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from recipe.compare import Comparison, Scored, paired, resampled, resolution_of, score_seed
from recipe.config import Config, RequestError
from recipe.config.differences import COMPARED
from recipe.config.stages import RegularizeStage
from recipe.data import Dataset, load
from recipe.runs import RunFolder, fingerprint
from recipe.runs.console import Advance
from recipe.stages.regularize.rungs import Rung
from recipe.training import Checkpoint, deciding_metric, gain, new_model, predict, scores, train

RATE = "train.learning_rate"
RESAMPLES = 200
"""Of the validation examples: a standard error to a twentieth of it."""

STEP = 10**0.5
"""Between learning rates that are tried. Half a decade: near its best value a rate matters
little (Bengio 2012, "Practical recommendations", section 3.1)."""


@dataclass(frozen=True)
class Entry:
    """A config in the race."""

    rung: Rung
    config: Config
    """The incumbent with the rung's change, at the best rate so far."""

    look: float
    """Gain on the first seed, over the incumbent at the best of as many rates."""


class Race:
    """Trains, remembers, compares."""

    def __init__(
        self,
        incumbent: Config,
        data: Dataset,
        folder: RunFolder,
        settings: RegularizeStage,
    ) -> None:
        self.incumbent, self.settings = incumbent, settings
        self.metric = deciding_metric(incumbent, data.task)
        self.resolution = resolution_of(self.metric, data)
        first = incumbent.seed
        self.seeds = range(first, first + settings.seeds)
        """On which rungs are compared."""
        self.fresh = range(self.seeds.stop, self.seeds.stop + settings.seeds)
        """On which nothing was chosen: for the confirmation."""
        self.look_seed = self.fresh.stop
        """On which is chosen what to compare."""
        self.noise = 0.0
        """Standard deviation of the incumbent's score over seeds, once it is known."""
        self.advance: Advance = folder.say
        """Told after each training."""
        self._folder = folder
        self._data = {_about(incumbent, ("data",)): data}
        self._known: dict[tuple[str, int], Scored] = {}

    @property
    def made(self) -> int:
        """Trainings so far."""
        return len(self._known)

    def trained(self, config: Config, name: str, seed: int) -> Scored:
        """Train a config with a seed, unless that was done under any name.

        Args:
            config: what to train.
            name: what it is called in the progress.
            seed: of the training.
        """
        known = _about(config), seed
        if known not in self._known:
            data, kept = self._data_of(config), self._kept(config, seed)
            self._known[known] = score_seed(config, data, seed, kept, len(self.seeds))
            score = self._known[known].steady(self.metric)
            self.advance(f"{name}, seed {seed}: val {self.metric} {score:.4f}")
        return self._known[known]

    def score(self, config: Config, name: str, seed: int) -> float:
        """Its deciding metric on val, without the luck of its best epoch; NaN: it diverged."""
        return self.trained(config, name, seed).steady(self.metric)

    def net(self, config: Config, seed: int) -> keras.Model:
        """What a training ended with; that of a config that was trained is not trained again."""
        kept = Checkpoint(self._kept(config, seed))
        seeds = len(self.seeds)
        return train(config, self._data_of(config), seed, checkpoint=kept, trainings=seeds).model

    def _kept(self, config: Config, seed: int) -> Path:
        return self._folder.checkpoint(f"{_about(config)}, seed {seed}")

    def scores(self, config: Config, name: str, seeds: Iterable[int]) -> list[float]:
        """The same for each seed, (seeds,)."""
        return [self.score(config, name, seed) for seed in seeds]

    def look(self, config: Config, name: str, against: float = 0.0) -> float:
        """How much better than a score it does with the one seed by which is chosen.

        Returns:
            In the metric's unit; minus infinity if it diverged.
        """
        score = self.score(config, name, self.look_seed)
        return gain(self.metric, score, against) if np.isfinite(score) else float("-inf")

    def at_best_rate(self, config: Config, name: str) -> Config:
        """The config at the best of `rates` learning rates around its own."""
        best, most = config, self.look(config, name)
        for rate in rates_around(config.train.learning_rate, self.settings.rates)[1:]:
            other = config.replace({RATE: rate})
            score = self.look(other, f"{name} at {rate:g}")
            if score > most:  # between equals, the rate that was asked for
                best, most = other, score
        return best

    def can_train(self, config: Config) -> bool:
        """Whether Keras takes the net: rungs that it takes alone it may refuse together."""
        try:
            new_model(config, self._data_of(config), self.look_seed)
        except RequestError:
            return False
        return True

    def compared(self, new: Sequence[float], old: Sequence[float], sides: int = 1) -> Comparison:
        """The paired difference of scores; equivalent: within the noise floor.

        Args:
            new: of each seed, (seeds,).
            old: of the same seeds.
            sides: comparisons of which not one may err, but with what `confidence` leaves
                (Bonferroni).
        """
        confidence = 1 - (1 - self.settings.confidence) / sides
        return paired(new, old, self.metric, confidence, self.resolution, self.noise)

    def error_over_examples(self, new: Config, old: Config) -> float:
        """Standard error of the fresh seeds' mean gain, by resampling the validation examples.

        Seeds say how a gain varies with chance in training; they all share these examples.
        """
        seeds, val = self.fresh, self._data_of(old).val
        said = [
            [predict(self.net(config, seed), self._data_of(config).val.x) for seed in seeds]
            for config in (new, old)
        ]

        def mean_gain(rows: np.ndarray) -> float:
            of_new, of_old = (
                [self._score_of(logits[rows], val.y[rows], config) for logits in side]
                for side, config in zip(said, (new, old), strict=True)
            )
            pairs = zip(of_new, of_old, strict=True)
            return float(np.mean([gain(self.metric, *pair) for pair in pairs]))

        return float(np.std(resampled(mean_gain, len(val), RESAMPLES, self.look_seed), ddof=1))

    def _score_of(self, logits: np.ndarray, y: np.ndarray, config: Config) -> float:
        return scores(logits, y, self._data_of(config), config.train.loss)[self.metric]

    def _data_of(self, config: Config) -> Dataset:
        """The examples as a config wants them: a rung may read them anew."""
        about = _about(config, ("data",))
        if about not in self._data:
            read, first = load(config.data), next(iter(self._data.values()))
            assert np.array_equal(read.val.ids, first.val.ids), "scores of other examples"
            self._data[about] = read
        return self._data[about]


def rates_around(rate: float, count: int) -> list[float]:
    """So many learning rates, the one in the middle first: it, below, above, further below..."""
    steps = [(1 + n) // 2 * (-1 if n % 2 else 1) for n in range(count)]
    return [rate if step == 0 else float(f"{rate * STEP**step:.2g}") for step in steps]


def first_looks(race: Race, ladder: Sequence[Rung]) -> list[Entry]:
    """Each rung with one seed, at the learning rate that it asks for; the best first."""
    own = race.score(race.incumbent, "incumbent", race.look_seed)
    entries = []
    for rung in ladder:
        config = race.incumbent.replace(rung.changes)
        entries.append(Entry(rung, config, race.look(config, rung.name, own)))
    return _ranked(entries)


def best_rates(race: Race, entries: Sequence[Entry], own: float) -> list[Entry]:
    """The same at the best of a few rates each; the best first.

    Args:
        race: that they take part in.
        entries: after their first look.
        own: score of the incumbent at the best of as many rates.
    """
    tuned = []
    for entry in entries:
        config = race.at_best_rate(entry.config, entry.rung.name)
        tuned.append(Entry(entry.rung, config, race.look(config, entry.rung.name, own)))
    return _ranked(tuned)


def _ranked(entries: list[Entry]) -> list[Entry]:
    """Between equals, the essay's order: more is expected of what it names first."""
    return sorted(entries, key=lambda entry: -entry.look)


def _about(config: Config, parts: Sequence[str] = COMPARED) -> str:
    """Of all that a net depends on, beside its seed."""
    return fingerprint.digest(*(config.get(part).model_dump(mode="json") for part in parts))
