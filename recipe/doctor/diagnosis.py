"""From a compiled model and the arguments of its `fit` to causes, in the order of explanation.

It looks before it trains, at initialization, trains as it was asked to, and looks after. What could
be a cause is then taken away, one thing after another, from the same weights: only what makes the
net better for it is named (principle 4 of `docs/doctor.md`).
"""

from __future__ import annotations

import functools
import re
import time
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
from pydantic import PrivateAttr

from recipe.doctor.amounts import enough, restrain
from recipe.doctor.before import before
from recipe.doctor.chain import EXPLAINED, UNRELATED, Chain, lacks
from recipe.doctor.change import UNCHANGED, Change
from recipe.doctor.data import of_data
from recipe.doctor.dependencies import examples_mixed
from recipe.doctor.flow import Flow, flow_of
from recipe.doctor.head import Head
from recipe.doctor.labels import contradicted, imbalance, indistinct, is_rare, refuted
from recipe.doctor.losses import heads_of
from recipe.doctor.outcome import Outcome, worth
from recipe.doctor.randomness import kept_randomness
from recipe.doctor.reference import Reference, reference
from recipe.doctor.repair import REPAIRED, Repair
from recipe.doctor.rivals import larger, narrow_layer, rivals
from recipe.doctor.signals import Pulse, at_init, died, pulse_of, shifted
from recipe.doctor.start import first_losses
from recipe.doctor.subject import Subject, held_out, subject_of
from recipe.doctor.suspect import ORDER, SEVERITIES, SYMPTOMS, Suspect
from recipe.doctor.training import after, by_heart, symptoms
from recipe.doctor.trial import Bench
from recipe.findings import Finding, Verdict

ALLOWANCE = 30.0
"""Seconds for looking and for trials, beside the cost of the training that was asked for."""

VERDICTS = {"error": Verdict.FAIL, "warning": Verdict.WARN, "advice": Verdict.PASS}


class Named(Finding):
    """A finding of the doctor."""

    when: str
    """before, init, during or after."""

    change: dict[str, Any] = {}
    """The prescription as changes to a config of this project."""

    _repair: Repair | None = PrivateAttr(None)

    @property
    def repair(self) -> Repair | None:
        """A function from a program `(model, x, y, fit)` to the mended one; None: of advice."""
        return self._repair


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a training, worst first."""

    findings: list[Named]
    score: float
    """Skill as it was asked for: 0 is chance, 1 is everything (`skill.py`); NaN: nobody can tell,
    because the loss or the target is of a kind of its own."""

    repaired: float
    """Skill with all prescriptions that could be tried."""

    change: Change
    """Those prescriptions."""

    notes: list[str] = field(default_factory=list)
    """What was not looked at, and why."""

    def __str__(self) -> str:
        """A line a finding, worst first."""
        lines = [f"{f.severity}: {f.check}: {f.message}" for f in self.findings]
        cures = [f"    do: {f.prescription}" if f.prescription else "" for f in self.findings]
        said = [part for pair in zip(lines, cures, strict=True) for part in pair if part]
        return "\n".join([*said, *self.notes]) or "nothing found"

    @property
    def repair(self) -> Repair | None:
        """All prescriptions against causes, one upon the other; None: there are none."""
        found = [finding.repair for finding in self.findings if finding.repair is not None]
        return functools.reduce(Repair.plus, found) if found else None

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
        x: what `fit` takes: arrays, structures of them, or a stream; a generator is used up.
        y: targets, if x is no stream.
        budget_s: seconds for all but the training that was asked for: looking, and trials; 30 by
            default. What there was no time for stands in `notes`.
        fit: the arguments of `keras.Model.fit`.

    Never raises because of what is wrong with the model: a first step that fails is a finding.
    """
    with kept_randomness():
        return _diagnose(
            model, subject_of(model, x, y, **fit), ALLOWANCE if budget_s is None else budget_s
        )


def _diagnose(model: keras.Model, subject: Subject, budget: float) -> Diagnosis:
    started = time.perf_counter()
    if subject.lacking:
        return _broken(subject, subject.lacking, [])
    try:
        flow = flow_of(model, subject.probe())
    except Exception as error:  # whatever a net of somebody's own may raise
        return _broken(subject, told(error), [])
    pulse: Pulse | None = None
    try:
        pulse = pulse_of(subject, flow)  # computes the loss, so that Keras resolves it
    except Exception as error:  # `fit` may know how: a net may have a training step of its own
        subject.notes.append(f"the loss can't be computed outside of fit: {told(error)}")
    heads = heads_of(subject, flow)
    suspects = [*before(subject, flow, heads), *(at_init(pulse, flow, heads) if pulse else ())]
    seen = [*first_losses(subject, flow, heads)]
    known = reference(subject, heads[0]) if len(heads) == 1 else None
    doubts = [*contradicted(known)]
    suspects += [*of_data(subject, heads), *doubts]
    is_unclear = known is not None and (doubts or known.best <= UNRELATED)
    if is_unclear or is_rare(subject, heads):
        subject = held_out(subject)  # else a net that learns by heart looks as if it knew
    bench = Bench(subject, heads, budget - (time.perf_counter() - started))

    def look() -> Pulse:
        return pulse_of(subject, flow_of(model, subject.probe()))

    try:
        base = bench.run(look=look if pulse else None)
    except Exception as error:
        return _broken(subject, told(error), suspects)
    suspects = [suspect for suspect in suspects if not refuted(suspect, base.val)]
    suspects += _unlearnt(subject, heads, base, bench, known)
    dead = []
    if pulse and isinstance(base.seen, Pulse):
        dead = [*died(pulse, base.seen, flow)]
        suspects = [shifted(suspect, base.seen) for suspect in suspects]
    return _explained(bench, suspects, [*seen, *symptoms(base, known)], dead, flow, known, base)


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
    seen: list[Suspect],
    dead: list[Suspect],
    flow: Flow,
    known: Reference | None,
    base: Outcome,
) -> Diagnosis:
    """Take away one suspect after another, and keep what helps. `seen`: symptoms."""
    chain = Chain(bench, worth(base), known)
    first = sorted(suspects, key=lambda each: ORDER.index(each.code))
    for suspect in first:
        chain.consider(suspect)
    chain.reconsider()
    doubt = chain.doubt()
    narrow, so_far = narrow_layer(bench.subject, flow, bench.heads), chain.state
    if chain.is_ill and not chain.is_blind and not (narrow and lacks(chain, base)):
        with bench.keeping(by_heart(base)):
            chain.choose(rivals(bench.subject, base, dead, flow, bench.heads))
            if not chain.named:
                chain.choose(larger(bench.subject, base, known, flow, bench.heads))
    enough(chain)
    chain.settle(so_far)
    if doubt and not chain.named and chain.has_looked_far:
        chain.named.append((doubt, None))
    for suspect in after(bench.subject, base, known, chain.score, bool(chain.named), narrow):
        chain.blame(suspect)
    restrain(chain, flow)
    codes = {suspect.code for suspect, _ in chain.named}
    explained = {code for each in codes for code in EXPLAINED.get(each, ())}
    chain.named = [each for each in chain.named if each[0].code not in explained]
    model = bench.subject.model
    chain.advice += examples_mixed(bench.subject, flow)
    findings = [finding_of(suspect, model, gain) for suspect, gain in chain.named]
    findings += [finding_of(replace(each, severity="advice"), model) for each in chain.advice]
    findings += [finding_of(each, model) for each in seen]
    findings.sort(key=lambda f: (SEVERITIES.index(f.severity or "advice"), f.code in SYMPTOMS))
    notes = [*dict.fromkeys([*bench.subject.notes, *chain.notes])]
    return Diagnosis(findings, worth(base), chain.score, chain.change, notes)


def _broken(subject: Subject, said: str, suspects: list[Suspect]) -> Diagnosis:
    """The first step fails: what is certain may say why."""
    certain = [s for s in suspects if s.is_certain]
    findings = [finding_of(suspect, subject.model) for suspect in certain]
    findings.append(
        Named(
            check="first_step", verdict=Verdict.FAIL, when="before", severity="error",
            message=f"The first step fails: {said}", expected="a step that can be made",
            source="Keras", code="no_learning",
        )
    )  # fmt: skip
    return Diagnosis(findings, -1.0, -1.0, Change(), subject.notes)


def told(error: Exception) -> str:
    """What an error says, in a line; of Keras's not through which call it came."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith("Exception encountered when")]
    return f"{type(error).__name__}: {(telling or lines or [''])[0]}"


def finding_of(suspect: Suspect, model: keras.Model, gain: float | None = None) -> Named:
    """What is told of a suspicion of a model. `gain`: of skill, without it; None: not tried."""
    said = suspect.said[0].upper() + suspect.said[1:]
    if gain is not None and np.isfinite(gain):
        said += f"; without it, the same training ends with a skill {gain:+.2f} higher"
    named = Named(
        check=suspect.code or suspect.check,
        verdict=VERDICTS[suspect.severity],
        message=said + ".",
        measured=suspect.measured,
        expected=suspect.expected,
        source=suspect.source,
        code=suspect.code or None,
        severity=suspect.severity,
        prescription=suspect.cure,
        when=suspect.when,
        change=dict(suspect.keys),
    )
    if suspect.severity != "advice" and (suspect.change or suspect.code in REPAIRED):
        named._repair = Repair((suspect.code,), suspect.change or UNCHANGED, model)
    return named
