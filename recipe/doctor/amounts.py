"""How much of a cure: of what is proven, more is tried until it brings nothing more.

A cause is named by the first amount that helps. What a user takes away should be enough: a net that
learns with ten times the rate may learn better with a hundred times, one that was trained for an
epoch needs more than four.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from recipe.doctor.chain import Chain
from recipe.doctor.change import UNCHANGED, Change, kernels
from recipe.doctor.flow import Flow
from recipe.doctor.outcome import worth
from recipe.doctor.subject import Subject, scheduled
from recipe.doctor.suspect import Suspect

WORTH = 0.02
"""Of skill: what more of a cure must bring."""

ROUNDS = 3

SHORT, STEEPEST = 0.05, 100.0
"""Of skill, that cheap models know more when all is scaled; times the rate that then is tried."""

SMALLEST = 8
"""Examples in a batch, below which steps are mostly noise."""

PENALTIES = (0.01, 0.03, 0.1)
"""L2 factors against overfitting, the strongest last."""


def enough(chain: Chain) -> None:
    """More of the cure that was named last, as long as it helps."""
    for _ in range(ROUNDS):
        if not chain.named or chain.named[-1][0].change is None:
            return
        suspect, gain = chain.named[-1]
        found = []
        for extra in _more(suspect, chain):
            outcome = chain.tried(replace(suspect, change=extra))
            if outcome is not None:
                found.append((worth(outcome), extra))
        if not found:
            return
        score, extra = max(found, key=lambda each: each[0])
        if not score > chain.score + WORTH:
            return
        own = (suspect.change or UNCHANGED).plus(extra)
        told = _told(suspect, chain.bench.subject, own)
        chain.named[-1] = told, (gain or 0.0) + score - chain.score
        chain.change, chain.score = chain.change.plus(extra), score


def _more(suspect: Suspect, chain: Chain) -> Iterator[Change]:
    """What may be done beside what is done already."""
    own, subject = suspect.change or UNCHANGED, chain.bench.subject
    if suspect.code in ("lr_too_low", "lr_too_high"):
        times = 10.0 if suspect.code == "lr_too_low" else 0.1
        rates = scheduled(subject)
        peak = None if rates is None else float(rates.max())
        if own.held is not None:
            yield Change(held=own.held * times)
        else:
            yield Change(rate=times)
            if peak is not None:
                yield Change(held=peak)
    elif suspect.code in ("unscaled_input", "target_scale"):
        best = chain.known.best if chain.known else chain.score
        # a rate that numbers of such a size could bear is low for others
        if best - chain.score > SHORT and own.rate < STEEPEST:
            yield Change(rate=10.0)
    elif suspect.code == "undertraining" and not own.waits:
        yield Change(epochs=4.0)
    elif suspect.code == "batch_size" and own.batch_size and own.batch_size // 4 >= SMALLEST:
        yield Change(batch_size=own.batch_size // 4)


def _told(suspect: Suspect, subject: Subject, own: Change) -> Suspect:
    """The suspicion, with an amount that is enough."""
    keys: dict[str, Any]
    if suspect.code == "undertraining":
        epochs = round(subject.epochs * own.epochs)
        cure, keys = f"{epochs} epochs", {"train.epochs": epochs}
    elif suspect.code == "batch_size":
        cure, keys = f"a batch of {own.batch_size}", {"train.batch_size": own.batch_size}
    elif suspect.code in ("unscaled_input", "target_scale"):
        rate = own.rate * float(np.asarray(subject.model.optimizer.learning_rate))
        keys = {**suspect.keys, "train.learning_rate": rate}
        cure = f"{suspect.cure.partition('; then')[0]}; then a learning rate of {rate:.2g}"
    else:
        given = float(np.asarray(subject.model.optimizer.learning_rate))
        rate = given * own.rate if own.held is None else own.held
        cure, keys = f"a learning rate of {rate:.2g}", {"train.learning_rate": rate}
        cure += "" if own.held is None else ", held"
    return replace(suspect, cure=cure, keys=keys, change=own)


def restrain(chain: Chain, flow: Flow) -> None:
    """Against overfitting, if that is named: early stopping, and what penalty goes with it."""
    chain.named = [
        (_restrained(chain, suspect, flow) if suspect.code == "overfitting" else suspect, gain)
        for suspect, gain in chain.named
    ]


def _restrained(chain: Chain, suspect: Suspect, flow: Flow) -> Suspect:
    """With the strongest penalty that validation can't tell from the best one.

    Source: the rule of one standard error, Hastie, Tibshirani and Friedman 2009, section 7.10.
    """
    subject = chain.bench.subject
    stops = Change(stops=max(5, subject.epochs // 10))
    found: list[tuple[float, Change]] = []
    for change in (stops, *(stops.plus(_penalized(flow, factor)) for factor in PENALTIES)):
        outcome = chain.tried(replace(suspect, change=change))
        if outcome is not None and np.isfinite(worth(outcome)):
            found.append((worth(outcome), change))
    if not found:
        return replace(suspect, change=stops)
    least = max(score for score, _ in found) - chain.noise / 2
    return replace(suspect, change=[change for score, change in found if score >= least][-1])


def _penalized(flow: Flow, factor: float) -> Change:
    """Of hidden layers; one that is stronger already stays."""
    hidden = {id(call.layer): call.layer for call in flow.hidden}
    regularizer = keras.regularizers.L2(factor)
    return Change(
        settings=tuple(
            (weight, "regularizer", regularizer)
            for layer in hidden.values()
            for weight in kernels(layer)
            if float(getattr(weight.regularizer, "l2", 0.0) or 0.0) < factor
        )
    )
