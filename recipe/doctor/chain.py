"""Which suspicions become causes: one is taken away after another, and what helps stays away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from recipe.doctor.change import UNCHANGED, Change
from recipe.doctor.labels import is_contradiction, refuted
from recipe.doctor.outcome import Outcome, worth
from recipe.doctor.reference import Reference
from recipe.doctor.skill import noise
from recipe.doctor.subject import rows_of
from recipe.doctor.suspect import ORDER, Suspect
from recipe.doctor.training import LACKING, POOR, has_risen
from recipe.doctor.trial import SHARE, Bench, OutOfTime

UNRELATED = 0.05
"""Skill of cheap models, up to which inputs and labels have nothing to do with each other."""

ILL = 0.1
"""Of skill: below what cheap models know."""

GAIN = 0.06
"""Of skill: a change that brings less proves nothing."""

MORE = 0.25
"""The same, where a cause is named already: a second one must be worth it."""

SOONER = 0.7
"""Rule 32: fall of the loss on permuted labels, as a share of that on the given ones."""

EXPLAINED = {
    "nan_input": ORDER[1:],
    "unshuffled_data": ("train_val_mismatch", "overfitting", "undertraining"),
    "label_leakage": ("overfitting",),
    "train_val_mismatch": ("overfitting",),
    "corrupt_labels": ("overfitting", "underfitting"),
    "unscaled_input": ("exploding_gradient", "vanishing_gradient", "bad_init", "dying_relu"),
    "target_scale": ("exploding_gradient", "dying_relu"),
    "bad_init": ("vanishing_gradient", "exploding_gradient", "dying_relu"),
}
"""A cause, and what it brings about by itself."""

BLINDING = (
    "nan_input", "label_encoding", "wrong_loss", "wrong_output_activation", "logits_mismatch",
    "train_val_mismatch", "corrupt_labels",
)  # fmt: skip
"""Causes under which nobody can judge anything else, as long as no trial could take them away."""

HEART, LONGER = 0.2, 1.5
"""Rule 32: skill on training examples above that on others; times as many steps. A net that was
hardly trained knows nothing of labels that are right, too."""

CLOSED = 0.3
"""Share of what is lacking, to the best that was seen, that a change must bring."""

SLOWED = 0.7
"""Mean loss over a training with scaled inputs, as a share of that without: below it, the scale
slowed it down."""

MOST = 0.6
"""Share of the best rival's gain at which an earlier one explains as much."""

REST = 0.6
"""Of what is still lacking: a second cause that brings as much of it may bring little."""


@dataclass
class Chain:
    """Prescriptions one upon the other."""

    bench: Bench
    score: float
    known: Reference | None
    change: Change = UNCHANGED
    named: list[tuple[Suspect, float | None]] = field(default_factory=list)
    advice: list[Suspect] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    longest: int = 0
    """Steps of the longest training that was tried, and brought nothing."""

    @property
    def state(self) -> tuple[Change, float, list[tuple[Suspect, float | None]]]:
        """How far it has come."""
        return self.change, self.score, [*self.named]

    @property
    def is_ill(self) -> bool:
        """Whether cheap models know more, or, where they know nothing, the net hardly does."""
        if self.known is not None and self.known.best > UNRELATED:
            return self.known.best - self.score > ILL + self.noise
        return self.score < POOR

    @property
    def is_blind(self) -> bool:
        """Whether something is named that no trial could take away, and that hides the rest."""
        return any(
            suspect.code in BLINDING and suspect.is_certain and suspect.change is None
            for suspect, _ in self.named
            if not is_contradiction(suspect)
        )

    @property
    def has_looked_far(self) -> bool:
        """Whether the net has learnt by heart, or a longer training has shown nothing either."""
        base = self.bench.base
        if base is None:
            return False
        return base.train > max(base.val, 0) + HEART or self.longest > LONGER * len(base.losses)

    @property
    def noise(self) -> float:
        """Of skill: how far chance moves it, on as many examples as judge it."""
        judged = self.bench.val_rows
        if judged is None:
            return 0.0  # judged on the very examples that it was trained on
        shares = self.known.shares if self.known else None
        return noise(self.score, len(judged), None if shares is None else shares.shape[1])

    @property
    def _train(self) -> float:
        """Skill on training examples as it was asked for."""
        return float("nan") if self.bench.base is None else self.bench.base.train

    def consider(self, suspect: Suspect) -> None:
        """Name it if it is certain, or if taking it away helps."""
        if any(suspect.code == other.code for other, _ in self.named):
            return
        if any(suspect.code in EXPLAINED.get(other.code, ()) for other, _ in self.named):
            return
        most = SHARE * self.bench.left
        outcome = self.tried(suspect, seconds=most) if suspect.change else None
        gain = None if outcome is None else worth(outcome) - self.score
        helps = outcome is not None and (
            self._helps(outcome, suspect.least) or self._speeds_up(suspect, outcome, gain or 0.0)
        )
        if suspect.is_certain or helps:
            self.named.append((suspect, gain))
            if outcome is not None and suspect.change and gain is not None and gain > -self.noise:
                self.change = self.change.plus(suspect.change)
                self.score = max(self.score, worth(outcome))
        else:
            self.advice.append(suspect)

    def reconsider(self) -> None:
        """What brought nothing while something else was wrong may do so now."""
        found = len(self.named)
        waiting, self.advice = self.advice, []
        for suspect in waiting:
            if found and suspect.code not in EXPLAINED.get(self.named[0][0].code, ()):
                self.consider(suspect)
            else:
                self.advice.append(suspect)

    def doubt(self) -> Suspect | None:
        """Rule 32: nothing in the inputs tells the labels, and any others are learnt as soon."""
        base = self.bench.base
        if base is None or base.is_broken or self.known is None or self.named:
            return None
        if self.known.best > UNRELATED or not base.val <= self.noise:
            return None
        suspect = Suspect(
            "corrupt_labels", "error", "before",
            f"{self.known.name} knows {self.known.best:.2f} of the labels, out of fold, and this "
            f"net {base.val:.2f}, which learns permuted ones as soon", self.known.best,
            f"more than {UNRELATED:g}, or labels that are learnt sooner than permuted ones",
            "diagnosis rule 32", "look whether labels and inputs belong to each other",
            change=Change(y=_permuted), is_certain=True,
        )  # fmt: skip
        outcome = self.tried(suspect)
        if outcome is None or _fall(outcome.losses) <= SOONER * _fall(base.losses):
            return None
        return replace(suspect, change=None)

    def settle(self, before: tuple[Change, float, list[tuple[Suspect, float | None]]]) -> None:
        """Labels in doubt: a net that is right about them refutes that, else they explain the rest.

        `before`: how far it had come when rivals were tried: wrong labels look like all of them.
        """
        doubts = [suspect for suspect, _ in self.named if is_contradiction(suspect)]
        if not doubts:
            return
        judged = float("nan") if self.bench.val_rows is None else self.score
        if refuted(doubts[0], judged):
            self.named = [each for each in self.named if each[0] is not doubts[0]]
        else:
            self.change, self.score, self.named = before

    def blame(self, suspect: Suspect) -> None:
        """Name what was seen in the training as it was asked for, unless less is no better."""
        outcome, base = None, self.bench.base
        if suspect.change is not None:
            outcome = self.tried(suspect, UNCHANGED)
        gain = None if outcome is None or base is None else worth(outcome) - worth(base)
        if gain is None or gain > GAIN:
            self.named.append((suspect, gain))
        else:
            self.advice.append(suspect)

    def choose(self, suspects: Iterable[Suspect]) -> None:
        """Of rivals that would explain the same, name the one that helps most."""
        found = []
        known = [(each.code, each.change) for each in self.advice]  # were tried already
        each_of = [s for s in suspects if s.change and (s.code, s.change) not in known]
        costs = [self.bench.cost(self.change.plus(s.change)) for s in each_of if s.change]
        for suspect, cost in zip(each_of, costs, strict=True):
            # if there is not enough time for all of them, each is shortened alike
            scale = self.bench.left / max(sum(costs), 1e-9)
            costs = costs[1:]
            outcome = self.tried(suspect, seconds=cost * min(scale, 1.0))
            if outcome is None or not self._helps(outcome, suspect.least):
                continue
            found.append((worth(outcome), suspect))
            if self.known and self.bench.val_rows is not None and worth(outcome) > self.known.best:
                break  # it knows all that there is to know: a later one can't explain more
        if not found:
            return
        best = max(score for score, _ in found)
        # the first that closes most of the gap: a later one may train faster, and explain less
        enough = self.score + MOST * (best - self.score)
        score, suspect = next(each for each in found if each[0] >= enough)
        assert suspect.change is not None
        self.named.append((suspect, score - self.score))
        self.change, self.score = self.change.plus(suspect.change), score

    def _helps(self, outcome: Outcome, at_least: float = 0.0) -> bool:
        score = worth(outcome)
        best = max(score, self.known.best if self.known else score)
        gain = score - self.score
        share = gain / (best - self.score) if best > self.score else 0.0
        # beside a cause that is named, another one must bring much, or what was still lacking
        least = max(MORE if self.named and share < REST else GAIN, at_least)
        # on few validation examples chance is large; not so if the training examples agree
        agrees = self.change == UNCHANGED and outcome.train - self._train > MORE
        return gain > max(least, 0 if agrees else 1.5 * self.noise) and share > CLOSED

    def _speeds_up(self, suspect: Suspect, outcome: Outcome, gain: float) -> bool:
        """Inputs out of scale can slow a training down that ends well all the same."""
        base = self.bench.base
        if base is None or self.change != UNCHANGED:
            return False
        unit = {"unscaled_input": 1.0, "lr_too_high": 1.0, "lr_too_low": 1.0}
        if suspect.code == "target_scale":
            unit = {"target_scale": float(np.var(self.bench.heads[0].y))}
        done = len(outcome.losses)
        losses = [each.losses[:done] for each in (base, outcome)]
        if suspect.code not in unit or not all(np.isfinite(each).all() for each in losses):
            return False
        was, now = (float(each.mean()) for each in losses)
        return gain > -self.noise and now < SLOWED * was / unit[suspect.code]

    def tried(
        self, suspect: Suspect, beside: Change | None = None, seconds: float | None = None
    ) -> Outcome | None:
        """With its change, beside those that are made already; None: that can't be done.

        `seconds`: for a trial that may be shortened: what is better than the whole training after
        a part of it is better. Not where less training is what helps.
        """
        assert suspect.change is not None
        change = (self.change if beside is None else beside).plus(suspect.change)
        base = self.bench.base
        try:
            may_be_short = base is not None and not has_risen(base)
            outcome = self.bench.run(change, seconds=seconds if may_be_short else None)
        except OutOfTime:
            self.notes.append(f"{suspect.code} was not tried: it would take too long")
        except Exception as error:
            self.notes.append(f"{suspect.code} could not be tried: {type(error).__name__}: {error}")
        else:
            if not self._helps(outcome, suspect.least):
                self.longest = max(self.longest, len(outcome.losses))
                if not outcome.is_whole:
                    said = f"{len(outcome.losses):,} steps only, to save time"
                    self.notes.append(f"{suspect.code} was tried for {said}")
            return outcome
        return None


def _fall(losses: np.ndarray) -> float:
    """How far below its start the loss was, on average over the training."""
    start = max(1, len(losses) // 20)
    return float(losses[:start].mean() - losses.mean())


def _permuted(y: Any) -> Any:
    """Targets of other examples."""
    order = np.random.default_rng(0).permutation(len(keras.tree.flatten(y)[0]))
    return rows_of(y, order)


def lacks(chain: Chain, base: Outcome) -> bool:
    """Whether the net knows less than cheap models of the very examples that it was trained on."""
    return chain.known is not None and not chain.named and base.train < chain.known.best - LACKING
