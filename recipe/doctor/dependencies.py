"""What depends on what in the user's net, before the first step: other examples, later steps.

The same charts as `baseline` draws (`training/dependencies.py`). Examples that are mixed may be
meant: attention between them, statistics of a batch. So it is advice, but for one case that nobody
can mean: shares that add up to 1 over the batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from recipe.doctor.flow import Flow, array
from recipe.doctor.head import Head
from recipe.doctor.subject import Subject, rows_of
from recipe.doctor.suspect import Suspect
from recipe.training.dependencies import EXAMPLES, Reach, ahead_of_time, between_examples

SOURCE = "diagnosis rule 21; Karpathy 2019, step 2: use backprop to chart dependencies"

SHIFTED = 0.95
"""Share of a sequence's targets that are its next inputs, from which it is asked for them."""

SEEN = 1e-3
"""Of what earlier steps do to an output, what later ones must do to count as seen."""


def dependencies(subject: Subject, flow: Flow, heads: list[Head]) -> Iterator[Suspect]:
    """Shares over the batch; the next step, seen before it is predicted."""
    if _adds_up_over_examples(flow) and _leaks(subject):
        yield Suspect(
            "wrong_output_activation", "error", "before",
            "outputs add up to 1 over the examples of a batch, and not over the classes of one",
            0.0, "a softmax over the last axis", SOURCE, "axis=-1", is_certain=True,
        )  # fmt: skip
    if len(heads) == 1 and _asks_for_the_next(subject):
        reach = _charted(ahead_of_time, subject.model, rows_of(subject.x, slice(_count(subject))))
        if reach is not None and reach.share > SEEN:
            yield Suspect(
                "label_leakage", "error", "before",
                "the target of a step is the input of the next, and outputs depend on later steps "
                f"by {reach.share:.2g} of what they do on earlier ones", reach.share,
                "outputs that depend on earlier steps alone", SOURCE,
                "a causal mask or causal padding, and no layer that reads backwards",
                is_certain=True,
            )  # fmt: skip


def examples_mixed(subject: Subject, flow: Flow) -> Iterator[Suspect]:
    """Advice: what the net says of an example depends on which others are in its batch."""
    reach = None if _adds_up_over_examples(flow) else _between(subject)
    if reach is not None and reach.leaks:
        yield Suspect(
            "", "advice", "before",
            f"what the net says of an example depends on the others in its batch, in inference "
            f"mode too, by {reach.share:.2g} of what it does on its own inputs", reach.share,
            "exactly 0, unless it is meant", SOURCE,
            "look for an operation along axis 0, or a reshape that mixes it with others",
            check="examples_apart",
        )  # fmt: skip


def _between(subject: Subject) -> Reach | None:
    rows = np.linspace(0, subject.examples - 1, _count(subject)).astype(int)
    return _charted(between_examples, subject.model, rows_of(subject.x, rows))


def _leaks(subject: Subject) -> bool:
    reach = _between(subject)
    return reach is not None and reach.leaks


def _charted(chart: Any, model: keras.Model, x: Any) -> Reach | None:
    try:
        found: Reach | None = chart(model, x)
    except Exception:  # whatever a net of somebody's own may raise: then nothing is said
        return None
    return found


def _count(subject: Subject) -> int:
    """Examples of a batch: a few, or as many as the net insists on."""
    return min(subject.block or EXAMPLES, subject.examples)


def _adds_up_over_examples(flow: Flow) -> bool:
    """A softmax over axis 0, by what it puts out."""
    for output in flow.outputs:
        values = array(output)
        if values.ndim != 2 or len(values) < 2 or values.shape[1] < 2 or (values < 0).any():
            continue
        over_classes = np.allclose(values.sum(axis=1), 1, atol=1e-3)
        if np.allclose(values.sum(axis=0), 1, atol=1e-3) and not over_classes:
            return True
    return False


def _asks_for_the_next(subject: Subject) -> bool:
    """Whether the target of each step is the input of the step after it."""
    if len(subject.inputs) != 1 or subject.y is None:
        return False
    (x,), y = subject.inputs, subject.targets()[0]
    if x.ndim == 3 and x.shape[2] == 1:
        x = x[..., 0]
    if x.ndim != 2 or x.shape[1] < 4 or y.shape[:2] != x.shape:
        return False
    if y.ndim == 3:
        y = y[..., 0] if y.shape[2] == 1 else y.argmax(axis=2)
    return y.ndim == 2 and float((y[:, :-1] == x[:, 1:]).mean()) >= SHIFTED
