"""From a compiled model and the arguments of its `fit` to causes, in the order of explanation.

It looks before it trains, at initialization, trains as it was asked to, and looks after. What could
be a cause is then taken away, one thing after another, from the same weights: only what makes the
net better for it is named (principle 4 of `docs/doctor.md`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.doctor.before import before
from recipe.doctor.data import Reference, imbalance, indistinct, of_data, reference
from recipe.doctor.flow import Flow, flow_of
from recipe.doctor.head import Head, compiled_losses, loss_name
from recipe.doctor.signals import Pulse, at_init, died, pulse_of, shifted
from recipe.doctor.skill import noise
from recipe.doctor.subject import Subject, rows_of, subject_of
from recipe.doctor.suspect import ORDER, SEVERITIES, SYMPTOMS, Suspect
from recipe.doctor.training import after, narrow_layer, rivals, symptoms
from recipe.doctor.trial import (
    JUDGED,
    UNCHANGED,
    Bench,
    Change,
    Outcome,
    OutOfTime,
    kept_randomness,
)
from recipe.findings import Finding, Verdict

ALLOWANCE = 30.0
"""Seconds for trials, beside the cost of the training that was asked for."""

UNRELATED = 0.05
"""Skill of cheap models, up to which inputs and labels have nothing to do with each other."""

GAIN = 0.06
"""Of skill: a change that brings less proves nothing."""

MORE = 0.25
"""The same, where a cause is named already: a second one must be worth it."""

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

CLOSED = 0.3
"""Share of what is lacking, to the best that was seen, that a change must bring."""

SLOWED = 0.7
"""Mean loss over a training with scaled inputs, as a share of that without: below it, the scale
slowed it down."""

MOST = 0.6
"""Share of the best rival's gain at which an earlier one explains as much."""

VERDICTS = {"error": Verdict.FAIL, "warning": Verdict.WARN, "advice": Verdict.PASS}


class Named(Finding):
    """A finding of the doctor."""

    when: str
    """before, init, during or after."""

    change: dict[str, Any] = {}
    """The prescription as changes to a config of this project."""


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a training, worst first."""

    findings: list[Named]
    score: float
    """Skill as it was asked for: 0 is chance, 1 is everything (`skill.py`)."""

    repaired: float
    """Skill with all prescriptions that could be tried."""

    change: Change
    """Those prescriptions."""

    notes: list[str] = field(default_factory=list)
    """What was not looked at, and why."""

    def __str__(self) -> str:
        """A line a finding, worst first."""
        lines = [f"{f.severity}: {f.code}: {f.message}" for f in self.findings]
        cures = [f"    do: {f.prescription}" if f.prescription else "" for f in self.findings]
        said = [part for pair in zip(lines, cures, strict=True) for part in pair if part]
        return "\n".join([*said, *self.notes]) or "nothing found"

    @property
    def causes(self) -> set[str]:
        """Codes of what must be mended or works worse."""
        return {f.code for f in self.findings if f.code and f.severity != "advice"} - SYMPTOMS

    @property
    def symptoms(self) -> set[str]:
        """Codes of what was seen of it."""
        return {f.code for f in self.findings if f.code and f.code in SYMPTOMS}

    @property
    def advice(self) -> set[str]:
        """Codes of what is unusual, and works."""
        return {f.code for f in self.findings if f.code and f.severity == "advice"} - SYMPTOMS


def diagnose(
    model: keras.Model, x: Any, y: Any = None, *, budget_s: float | None = None, **fit: Any
) -> Diagnosis:
    """Say why a model does not learn, or learns less than it could.

    Args:
        model: compiled. Its weights, optimizer and settings are afterwards as they were.
        x: what `fit` takes: arrays, structures of them, or a stream.
        y: targets, if x is no stream.
        budget_s: seconds for trials, beside the training that was asked for.
        fit: the arguments of `keras.Model.fit`.

    Never raises because of what is wrong with the model: a first step that fails is a finding.
    """
    with kept_randomness():
        return _diagnose(
            model, subject_of(model, x, y, **fit), ALLOWANCE if budget_s is None else budget_s
        )


def _diagnose(model: keras.Model, subject: Subject, budget: float) -> Diagnosis:
    try:
        flow = flow_of(model, subject.probe())
    except Exception as error:  # whatever a net of somebody's own may raise
        return _broken(subject, error, [])
    try:
        pulse = pulse_of(subject, flow)  # computes the loss, so that Keras resolves it
    except Exception as error:
        return _broken(subject, error, [*before(subject, flow, heads_of(subject, flow))])
    heads = heads_of(subject, flow)
    suspects = [*before(subject, flow, heads), *at_init(pulse, flow, heads)]
    known = reference(subject, heads[0]) if len(heads) == 1 else None
    suspects += of_data(subject, heads, known)
    bench = Bench(subject, heads, budget)
    try:
        base = bench.run(look=lambda: pulse_of(subject, flow_of(model, subject.probe())))
    except Exception as error:
        return _broken(subject, error, suspects)
    suspects += _unlearnt(subject, heads, base, bench, known)
    dead = []
    if isinstance(base.seen, Pulse):
        dead = [*died(pulse, base.seen, flow)]
        suspects = [shifted(suspect, base.seen) for suspect in suspects]
    return _explained(bench, suspects, dead, flow, known, base)


def _unlearnt(
    subject: Subject, heads: list[Head], base: Outcome, bench: Bench, known: Reference | None
) -> list[Suspect]:
    """Classes that the trained net does not find."""
    has_val = subject.val is not None and base.val_outputs
    outputs, y, rows = (
        (base.val_outputs, subject.val[1], bench.val_rows) if has_val and subject.val
        else (base.outputs, subject.y, bench.rows)
    )  # fmt: skip
    truth = [] if rows is None else bench.targets(y, rows)
    if not len(truth) == len(outputs) == len(heads):
        return []
    found = [*imbalance(subject, heads, outputs, truth)]
    return [*found, *indistinct(known, heads, base.outputs, bench.targets(subject.y, bench.rows))]


def _explained(
    bench: Bench,
    suspects: list[Suspect],
    dead: list[Suspect],
    flow: Flow,
    known: Reference | None,
    base: Outcome,
) -> Diagnosis:
    """Take away one suspect after another, and keep what helps."""
    chain = _Chain(bench, _worth(base), known)
    first = sorted(suspects, key=lambda each: ORDER.index(each.code))
    for suspect in first:
        chain.consider(suspect)
    chain.reconsider()
    chain.doubt_labels()
    narrow = narrow_layer(bench.subject, flow)
    if chain.is_ill and not (narrow and _lacks(chain, base)):
        chain.choose(rivals(bench.subject, base, dead))
    for suspect in after(bench.subject, base, known, chain.score, bool(chain.named), narrow):
        chain.named.append((suspect, None))
    codes = {suspect.code for suspect, _ in chain.named}
    explained = {code for each in codes for code in EXPLAINED.get(each, ())}
    chain.named = [each for each in chain.named if each[0].code not in explained]
    findings = [finding_of(suspect, gain) for suspect, gain in chain.named]
    findings += [finding_of(replace(suspect, severity="advice"), None) for suspect in chain.advice]
    findings += [finding_of(s, None) for s in symptoms(bench.subject, base, known)]
    findings.sort(key=lambda f: (SEVERITIES.index(f.severity or "advice"), f.code in SYMPTOMS))
    notes = [*bench.subject.notes, *chain.notes]
    return Diagnosis(findings, _worth(base), chain.score, chain.change, notes)


def _lacks(chain: _Chain, base: Outcome) -> bool:
    """Whether the net knows less than cheap models of the very examples that it was trained on."""
    return chain.known is not None and not chain.named and base.train < chain.known.best - 0.04


@dataclass
class _Chain:
    """Prescriptions one upon the other."""

    bench: Bench
    score: float
    known: Reference | None
    change: Change = UNCHANGED
    named: list[tuple[Suspect, float | None]] = field(default_factory=list)
    advice: list[Suspect] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_ill(self) -> bool:
        """Whether cheap models know more, or nothing was learnt."""
        if self.known is not None:
            return self.known.best - self.score > 0.1 + self._noise
        return self.score < 0.5

    @property
    def _noise(self) -> float:
        subject = self.bench.subject
        if subject.val is None:
            return 0.0  # judged on the very examples that it was trained on
        return noise(self.score, min(len(keras.tree.flatten(subject.val[0])[0]), JUDGED))

    def consider(self, suspect: Suspect) -> None:
        """Name it if it is certain, or if taking it away helps."""
        if any(suspect.code == other.code for other, _ in self.named):
            return
        if any(suspect.code in EXPLAINED.get(other.code, ()) for other, _ in self.named):
            return
        outcome = self._tried(suspect) if suspect.change else None
        gain = None if outcome is None else _worth(outcome) - self.score
        helps = outcome is not None and (
            self._helps(_worth(outcome)) or self._speeds_up(suspect, outcome, gain or 0.0)
        )
        if suspect.is_certain or helps:
            self.named.append((suspect, gain))
            if outcome is not None and suspect.change and gain is not None and gain > -self._noise:
                self.change = self.change.plus(suspect.change)
                self.score = max(self.score, _worth(outcome))
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

    def doubt_labels(self) -> None:
        """Rule 32: nothing in the inputs tells the labels, and the net learns any as well."""
        base = self.bench.base
        if self.known is None or base is None or self.known.best > UNRELATED or self.named:
            return
        if base.is_broken or (not np.isnan(base.val) and base.val > UNRELATED + self._noise):
            return
        suspect = Suspect(
            "corrupt_labels", "error", "before",
            f"{self.known.name} knows {self.known.best:.2f} of the labels, out of fold, and this "
            "net learns permuted ones as well", self.known.best,
            f"more than {UNRELATED:g}, or labels that are learnt sooner than permuted ones",
            "diagnosis rule 32", "look whether labels and inputs belong to each other",
            change=Change(y=_permuted), is_certain=True,
        )  # fmt: skip
        outcome = self._tried(suspect)
        if outcome is not None and outcome.train > base.train - 0.1:
            self.named.append((replace(suspect, change=None), None))

    def choose(self, suspects: Iterable[Suspect]) -> None:
        """Of rivals that would explain the same, name the one that helps most."""
        found = []
        for suspect in suspects:
            outcome = self._tried(suspect)
            if outcome is not None and self._helps(_worth(outcome)):
                found.append((_worth(outcome), suspect))
        if not found:
            return
        best = max(score for score, _ in found)
        # the first that closes most of the gap: a later one may train faster, and explain less
        enough = self.score + MOST * (best - self.score)
        score, suspect = next(each for each in found if each[0] >= enough)
        assert suspect.change is not None
        self.named.append((suspect, score - self.score))
        self.change, self.score = self.change.plus(suspect.change), score

    def _helps(self, score: float) -> bool:
        best = max(score, self.known.best if self.known else score)
        gain = score - self.score
        least = MORE if self.named else GAIN
        return gain > max(least, 1.5 * self._noise) and gain > CLOSED * (best - self.score)

    def _speeds_up(self, suspect: Suspect, outcome: Outcome, gain: float) -> bool:
        """Inputs out of scale can slow a training down that ends well all the same."""
        base = self.bench.base
        if base is None or self.change != UNCHANGED:
            return False
        unit = {"unscaled_input": 1.0, "lr_too_high": 1.0, "lr_too_low": 1.0}
        if suspect.code == "target_scale":
            unit = {"target_scale": float(np.var(self.bench.heads[0].y))}
        losses = [each.losses for each in (base, outcome)]
        if suspect.code not in unit or not all(np.isfinite(each).all() for each in losses):
            return False
        was, now = (float(each.mean()) for each in losses)
        return gain > -self._noise and now < SLOWED * was / unit[suspect.code]

    def _tried(self, suspect: Suspect) -> Outcome | None:
        assert suspect.change is not None
        try:
            return self.bench.run(self.change.plus(suspect.change))
        except OutOfTime:
            self.notes.append(f"{suspect.code} was not tried: it would take too long")
        except Exception as error:
            self.notes.append(f"{suspect.code} could not be tried: {type(error).__name__}: {error}")
        return None


def _permuted(y: Any) -> Any:
    """Targets of other examples."""
    order = np.random.default_rng(0).permutation(len(keras.tree.flatten(y)[0]))
    return rows_of(y, order)


def _worth(outcome: Outcome) -> float:
    """A net that broke is as bad as can be."""
    return outcome.score if np.isfinite(outcome.score) else -1.0


def heads_of(subject: Subject, flow: Flow) -> list[Head]:
    """What each output is meant for."""
    model = subject.model
    targets = subject.targets() if subject.y is not None else []
    losses = compiled_losses(model)
    if len(losses) != len(flow.outputs) and len(flow.outputs) == 1:
        losses = [_resolved(model.loss)]
    if len(targets) != len(flow.outputs) or len(losses) != len(targets):
        return []
    accurate = "accuracy" in str(getattr(model._compile_metrics, "_user_metrics", "")).lower()
    heads = []
    for y, output, loss in zip(targets, flow.outputs, losses, strict=True):
        name, from_logits = loss_name(loss)
        predicted = np.asarray(tf.cast(output, tf.float32))
        if predicted.ndim < 2 or y.dtype.kind not in "fiub":
            return []
        heads.append(Head(y, predicted, flow.activation(output), name, from_logits, accurate))
    return heads


def _resolved(loss: Any) -> Any:
    given = loss[0] if isinstance(loss, list | tuple) and len(loss) == 1 else loss
    return keras.losses.get(given) if isinstance(given, str) else given


def _broken(subject: Subject, error: Exception, suspects: list[Suspect]) -> Diagnosis:
    """The first step fails: what is certain may say why."""
    certain = [s for s in suspects if s.is_certain]
    lines = str(error).strip().splitlines() or [""]
    said = f"{type(error).__name__}: {lines[0]}"
    findings = [finding_of(suspect, None) for suspect in certain]
    findings.append(
        Named(
            check="first_step", verdict=Verdict.FAIL, when="before", severity="error",
            message=f"The first step fails: {said}", expected="a step that can be made",
            source="Keras", code="no_learning",
        )
    )  # fmt: skip
    return Diagnosis(findings, -1.0, -1.0, Change(), subject.notes)


def finding_of(suspect: Suspect, gain: float | None) -> Named:
    """What is told of a suspicion. `gain`: of skill, without it; None: not tried."""
    said = suspect.said[0].upper() + suspect.said[1:]
    if gain is not None:
        said += f"; without it, the same training ends with a skill {gain:+.2f} higher"
    return Named(
        check=suspect.code,
        verdict=VERDICTS[suspect.severity],
        message=said + ".",
        measured=suspect.measured,
        expected=suspect.expected,
        source=suspect.source,
        code=suspect.code,
        severity=suspect.severity,
        prescription=suspect.cure,
        when=suspect.when,
        change=dict(suspect.keys),
    )
