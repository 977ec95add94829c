"""The prescription, applied: from somebody's program to one that is trained otherwise.

    diagnosis = diagnose(model, x, y, **fit)
    model, x, y, fit = diagnosis.repair(model, x, y, fit)
    model.fit(x, y, **fit)

What a trial made in place is made in a copy. The new net takes the same examples and answers in the
same unit: what scales them, hides a column or fills a gap is a layer of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras

from recipe.config import RequestError
from recipe.doctor.change import Change, callbacks_of, draw, fresh, quicken
from recipe.doctor.draft import Draft, scale_inputs, scale_target, suit_head, widen
from recipe.doctor.flow import Flow, flow_of
from recipe.doctor.head import Head
from recipe.doctor.losses import heads_of
from recipe.doctor.mend import MENDS
from recipe.doctor.randomness import kept_randomness
from recipe.doctor.rebuild import Rebuilt, Refused, layers_of, rebuilt
from recipe.doctor.subject import Subject, subject_of
from recipe.doctor.suspect import ORDER

Program = tuple[keras.Model, Any, Any, dict[str, Any]]
"""A compiled model, x, y and the arguments of `fit`."""

OF_HEADS = frozenset({"label_encoding", "wrong_loss", "wrong_output_activation", "logits_mismatch"})
"""Causes whose cure is the head that suits the target."""

REPAIRED = OF_HEADS | set(MENDS) | {"underfitting"}
"""Causes against which something is done that no trial has to say."""

CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")
"""Of which an optimizer takes one."""

WEIGHTS = ("kernel", "bias", "recurrent_kernel", "depthwise_kernel", "pointwise_kernel",
           "embeddings", "gamma", "beta")  # fmt: skip
"""Names under which layers have weights that may have a regularizer."""


@dataclass(frozen=True)
class Repaired:
    """A program as it should be."""

    program: Program
    said: list[str]
    """What was done, a line each."""


@dataclass(frozen=True)
class Repair:
    """What to do about one cause, or several."""

    codes: tuple[str, ...]
    """Causes."""

    change: Change
    """What trials have proven, in terms of the layers of `model`."""

    model: keras.Model
    """The one that was diagnosed; another one of the same program may be repaired."""

    def __call__(
        self, model: keras.Model, x: Any, y: Any = None, fit: Mapping[str, Any] | None = None
    ) -> Program:
        """The repaired program; arguments and errors as of `applied`."""
        return self.applied(model, x, y, fit).program

    def applied(
        self, model: keras.Model, x: Any, y: Any = None, fit: Mapping[str, Any] | None = None
    ) -> Repaired:
        """The program as it should be, and what was done.

        Args:
            model: compiled; the one that was diagnosed, or one that the same code has built. It
                stays as it is. Of a class of its own without `get_config` nobody can make another
                one: such a model is changed itself, and that is said.
            x: what `fit` takes.
            y: targets, if x is no stream.
            fit: the arguments of `keras.Model.fit`.

        Raises:
            RequestError: another model was diagnosed, or this program can't be repaired so.
        """
        with kept_randomness():
            keras.utils.set_random_seed(0)  # the same repair twice is the same
            try:
                return self._applied(model, x, y, dict(fit or {}))
            except Refused as why:
                raise RequestError(f"no repair of {', '.join(self.codes)}: {why}") from why

    def plus(self, other: Repair) -> Repair:
        """Both."""
        codes = tuple(dict.fromkeys(self.codes + other.codes))
        return Repair(codes, self.change.plus(other.change), self.model)

    def _applied(self, model: keras.Model, x: Any, y: Any, fit: dict[str, Any]) -> Repaired:
        given = subject_of(model, x, y, **fit)
        draft = Draft(given)
        flow = flow_of(model, given.probe())
        heads = self._mended(draft, flow)
        if set(self.codes) & OF_HEADS and len(heads) == 1:
            suit_head(draft, flow, heads[0])
        if "underfitting" in self.codes or self.change.wider:
            widen(draft, flow)
        if self.change.scale_x:
            scale_inputs(draft)
        if self.change.scale_y:
            scale_target(draft, heads)
        x, y, fit = self._examples(draft, given, (x, y), fit)
        made = rebuilt(model, draft.plan, draft.subject)
        if not made.is_copy:
            draft.said.append("this very net was changed: its class can't tell how to make another")
        self._set(draft, made, _stands_for(self.model, model))
        self._compile(draft, made.model, model)
        return Repaired((made.model, x, y, fit), draft.said)

    def _mended(self, draft: Draft, flow: Flow) -> list[Head]:
        """Mend the examples, cause by cause; the heads with the targets that they now have."""
        heads = heads_of(draft.subject, flow)
        for code in sorted(set(self.codes) & set(MENDS), key=ORDER.index):
            try:
                mended = MENDS[code](draft.subject, heads)
            except Refused as why:
                if len(self.codes) == 1:
                    raise
                draft.said.append(f"{code} stays as it is: {why}")
                continue
            if mended is None:
                continue
            draft.subject = mended.subject
            draft.said.append(mended.said)
            for number, part in mended.front.items():
                draft.stands_before(number, part)
            heads = heads_of(draft.subject, flow)
        return heads

    def _examples(
        self, draft: Draft, given: Subject, raw: tuple[Any, Any], fit: dict[str, Any]
    ) -> tuple[Any, Any, dict[str, Any]]:
        """x, y and the arguments of `fit`: as they were given, where nothing of them changes."""
        change, subject = self.change, draft.subject
        x, y = raw
        is_stream = raw[1] is None and given.y is not None
        is_dealt_anew = change.batch_size is not None or change.shuffles is not None
        if subject is not given or (is_stream and is_dealt_anew):
            if any(note.startswith("only the first") for note in given.notes):
                raise Refused("its stream is longer than what was read of it")
            x, y = subject.x, subject.y
            fit = {k: v for k, v in fit.items() if k not in ("validation_split", "sample_weight")}
            fit |= {"batch_size": subject.batch_size, "shuffle": subject.shuffles}
            if is_stream:
                fit.pop("steps_per_epoch", None)
            if subject.val is not None:
                fit["validation_data"] = subject.val
            if subject.weights is not None:
                fit["sample_weight"] = subject.weights
        for name, value in (
            ("batch_size", change.batch_size),
            ("shuffle", change.shuffles),
            ("class_weight", change.class_weight and _plain(change.class_weight)),
        ):
            if value is not None:
                fit[name] = value
                draft.said.append(f"{name}={value}")
        return x, y, self._length(draft, fit)

    def _length(self, draft: Draft, fit: dict[str, Any]) -> dict[str, Any]:
        """For how long is trained."""
        subject, change = draft.subject, self.change
        if change.epochs != 1:
            fit["epochs"] = max(1, round(subject.epochs * change.epochs))
            draft.said.append(f"epochs={fit['epochs']}")
        if change.waits:
            draft.said.append("no early stopping")
        lasts = change.epochs != 1 or change.waits or change.stops is not None
        if lasts or (change.held is not None and subject.callbacks):
            fit["callbacks"] = callbacks_of(subject.callbacks, change)
        if change.stops is not None:
            draft.said.append(f"stopped after {change.stops} epochs without a better val_loss")
        return fit

    def _set(self, draft: Draft, made: Rebuilt, stands_for: dict[int, Any]) -> None:
        """In the new net what trials have set in the one that was diagnosed."""
        for target, name, value in self.change.settings:
            if isinstance(target, keras.Variable):
                old, place = _place(target, self.model)
                _regularize(made.twins[id(stands_for[id(old)])], place, value)
                draft.said.append(f"{old.name}: {_penalty(value)}")
            elif not isinstance(target, str) and not (draft.is_suited and name == "activation"):
                draft.settings.append((stands_for[id(target)], name, value))
        for layer, name, value in draft.settings:
            setattr(made.twins[id(layer)], name, value)
            draft.said.append(f"{layer.name}: {name}={getattr(value, '__name__', value)}")
        drawn = [(stands_for[id(layer)], name) for layer, name in self.change.drawn]
        draw((made.twins[id(layer)], name) for layer, name in drawn)
        if drawn:
            names = ", ".join(layer.name for layer, _ in drawn)
            draft.said.append(f"{names}: weights drawn anew")

    def _compile(self, draft: Draft, model: keras.Model, old: keras.Model) -> None:
        """With a new optimizer, and with the user's loss and metrics where they still fit."""
        optimizer = fresh(old.optimizer, self.change.held)
        for target, name, value in self.change.settings:
            if isinstance(target, str):
                for other in CLIPS if name in CLIPS else ():
                    setattr(optimizer, other, None)
                setattr(optimizer, name, value)
                draft.said.append(f"{name}={value}")
        if self.change.held is not None:
            draft.said.append(f"the learning rate held at {self.change.held:.3g}")
        elif self.change.rate != 1:
            quicken(optimizer, self.change.rate)
            draft.said.append(f"{self.change.rate:.3g} times the learning rate")
        # what was given, not what it became; pinned by a test
        asked = dict(old._compile_config.config)
        loss = draft.loss if draft.is_suited else draft.loss or self.change.loss
        if loss is not None:
            asked |= {"loss": loss, "loss_weights": None}
        if draft.weight != 1:
            asked["loss_weights"] = [draft.weight]
        for name in ("metrics", "weighted_metrics"):
            asked[name] = keras.tree.map_structure(_own_metric, asked[name])
        keras.Model.compile(model, **(asked | {"optimizer": optimizer}))


def widened(subject: Subject, change: Change) -> Subject:
    """The same training, with more units in narrow layers and a change made beside.

    Raises:
        RequestError: nobody can build this net anew.
    """
    fit: dict[str, Any] = {
        "batch_size": subject.batch_size, "epochs": subject.epochs, "shuffle": subject.shuffles,
        "sample_weight": subject.weights, "class_weight": subject.class_weight,
        "validation_data": subject.val, "callbacks": subject.callbacks, **subject.rest,
    }  # fmt: skip
    repair = Repair((), replace(change, wider=True), subject.model)
    model, x, y, fit = repair(subject.model, subject.x, subject.y, fit)
    return subject_of(model, x, y, **fit)


def _stands_for(old: keras.Model, new: keras.Model) -> dict[int, Any]:
    """`id` of a layer of one net -> the layer in the same place of another of the same program."""
    one, other = layers_of(old), layers_of(new)
    # by name: a class that stands in the function which builds the net is another each time
    kinds = [[(type(e).__module__, type(e).__qualname__) for e in each] for each in (one, other)]
    if kinds[0] != kinds[1]:
        raise RequestError(
            f"this is not the model that was diagnosed: it has {len(other)} layers, that one "
            f"{len(one)}, or other kinds; repair the model that diagnose() was given"
        )
    return {id(a): b for a, b in zip(one, other, strict=True)}


def _place(variable: Any, model: keras.Model) -> tuple[Any, int]:
    """The innermost layer that a weight belongs to, and its number among that layer's weights."""
    owners = [
        (layer, number)
        for layer in layers_of(model)
        for number, weight in enumerate(layer.weights)
        if weight is variable
    ]
    return min(owners, key=lambda owner: len(owner[0].weights))


def _regularize(layer: Any, number: int, value: Any) -> None:
    """Both in the weight, which is what counts, and in the layer, which is what is saved."""
    weight = layer.weights[number]
    weight.regularizer = value
    for name in WEIGHTS:
        if getattr(layer, name, None) is weight:
            setattr(layer, f"{name}_regularizer", value)


def _plain(weights: Mapping[int, float]) -> dict[int, float]:
    return {int(label): round(float(weight), 4) for label, weight in weights.items()}


def _penalty(regularizer: Any) -> str:
    if regularizer is None:
        return "no penalty"
    factors = {name: getattr(regularizer, name, 0.0) for name in ("l1", "l2")}
    return ", ".join(f"{name}={float(value):g}" for name, value in factors.items() if value)


def _own_metric(metric: Any) -> Any:
    if isinstance(metric, keras.Metric):
        return type(metric).from_config(metric.get_config())
    return metric
