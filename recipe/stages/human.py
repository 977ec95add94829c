"""`recipe label`: how well does a person do? Their answers, and their score beside every net's.

A person's errors show what the inputs allow: where they guess, a net will hardly know.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import r2_score

from recipe.config import Config, RequestError, Task
from recipe.data.dataset import Examples, read_examples
from recipe.data.sources.examples import take
from recipe.findings import Finding, Verdict, judge
from recipe.runs import RunFolder, figures
from recipe.runs.files import read_json, write_atomically

SOURCE = 'Karpathy, "A Recipe for Training Neural Networks" (2019), step 2'

FILE = "human.json"
SHEET = "human.png"

STOP, SKIP = "q", "?"

FEWEST = 100
"""Answers with which the interval is at most ten points to each side (checklist row 2.6)."""

FEWEST_TO_SCORE = 10
"""With fewer, a score says nothing."""


def ask(
    config: Config,
    folder: RunFolder,
    count: int,
    prompt: Callable[[str], str],
    say: Callable[[str], None],
) -> int:
    """Show validation examples, and record what the person says of each; goes on where it ended.

    Args:
        config: whose examples they are.
        folder: of the run, where the answers are kept.
        count: examples to have answered in the end.
        prompt: asks a question and returns what was typed.
        say: prints.

    Returns:
        The number of answers recorded now.

    Raises:
        RequestError: a target that nobody can type.
    """
    examples = read_examples(config.data)
    task = examples.targets.task
    if task is Task.MULTILABEL or (task is Task.REGRESSION and examples.targets.y.shape[1] > 1):
        raise RequestError("recipe label: asks for one answer an example, and here are several")
    answers = _answers(folder)
    rows = np.random.default_rng(config.seed).permutation(examples.parts["val"])[:count]
    keys = [f"{examples.keys[row]:016x}" for row in rows]
    waiting = [(n, row, key) for n, (row, key) in enumerate(zip(rows, keys, strict=True), 1)
               if key not in answers]  # fmt: skip
    images = _draw(examples, rows, folder)
    if images:
        say(f"the images, numbered: {images}")
    known = ", ".join(examples.targets.classes) or "a number"
    say(f"answer with {known}; {SKIP} to skip, {STOP} to stop ({len(waiting)} to go)")
    recorded = 0
    for number, row, key in waiting:
        if images is None:
            say(_row_said(examples, row))
        answer = _answer(prompt, f"example {number}", examples.targets.classes, say)
        # a class may be called like a wish, and is then meant
        if answer == STOP and STOP not in examples.targets.classes:
            break
        if answer != SKIP or SKIP in examples.targets.classes:
            answers[key] = answer
            recorded += 1
            write_atomically(folder.path / FILE, json.dumps(answers, indent=1) + "\n")
    return recorded


@dataclass(frozen=True)
class Human:
    """How well a person does on validation examples."""

    answers: int
    metric: str
    value: float
    low: float
    high: float
    """Ends of Wilson's 95 % interval; NaN for a regression."""

    def __str__(self) -> str:
        between = f" [{self.low:.4f}, {self.high:.4f}]" if np.isfinite(self.low) else ""
        return f"human {self.metric} {self.value:.4f}{between} on {self.answers} examples"


def score(config: Config, folder: RunFolder) -> Human | None:
    """The person's accuracy or R2; None with fewer than 10 answers."""
    answers = _answers(folder)
    if len(answers) < FEWEST_TO_SCORE:
        return None
    examples = read_examples(config.data)
    val = examples.parts["val"]
    asked = [(row, answers[key]) for row in val if (key := f"{examples.keys[row]:016x}") in answers]
    if len(asked) < FEWEST_TO_SCORE or examples.targets.task is Task.MULTILABEL:
        return None
    y = examples.targets.y
    if examples.targets.task is Task.REGRESSION:
        truth = np.array([y[row, 0] for row, _ in asked])
        said = np.array([float(answer) for _, answer in asked])
        return Human(len(asked), "r2", float(r2_score(truth, said)), float("nan"), float("nan"))
    right = sum(examples.targets.classes[y[row]] == answer for row, answer in asked)
    ends = stats.binomtest(right, len(asked)).proportion_ci(0.95, method="wilson")
    share = right / len(asked)
    return Human(len(asked), "accuracy", share, float(ends.low), float(ends.high))


def row(human: Human | None, metric: str) -> list[figures.Score]:
    """The person beside the nets, where the same is measured of both."""
    if human is None or human.metric != metric:
        return []
    ends = (human.low, human.high) if np.isfinite(human.low) else (None, None)
    return [("human (val)", human.value, *ends)]


def finding(human: Human | None) -> Finding:
    """What a person reaches, on record; nobody is made to answer (checklist row 2.6)."""
    return judge(
        "human_baseline",
        Verdict.PASS if human else Verdict.SKIP,
        f"{human}." if human else "Nobody has answered any example; recipe label asks you.",
        measured=human.value if human else None,
        expected=f"an answer to {FEWEST} validation examples",
        source=SOURCE,
    )


def _answers(folder: RunFolder) -> dict[str, Any]:
    return read_json(folder.path / FILE) or {}


def _answer(
    prompt: Callable[[str], str],
    question: str,
    classes: tuple[str, ...],
    say: Callable[[str], None],
) -> str:
    """Ask until the answer is a class (or the beginning of one alone), a number, or a wish."""
    while True:
        typed = prompt(question).strip()
        if typed in (STOP, SKIP) and typed not in classes:
            return typed
        if not classes:
            if _is_number(typed):
                return typed
            say(f"write a number, {SKIP} or {STOP}, got {typed!r}")
            continue
        begins = [name for name in classes if typed and name.lower().startswith(typed.lower())]
        exact = [name for name in classes if name.lower() == typed.lower()]
        if len(exact or begins) == 1:
            return (exact or begins)[0]
        say(f"write one of {', '.join(classes)}, {SKIP} or {STOP}, got {typed!r}")


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _draw(examples: Examples, rows: np.ndarray, folder: RunFolder) -> Path | None:
    """The images on one sheet, by number; None for a table."""
    if isinstance(examples.raw.x, pd.DataFrame):
        return None
    images = np.asarray(take(examples.raw.x, rows))
    path = folder.path / SHEET
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = [str(n) for n in range(1, len(rows) + 1)]
    figure = figures.contact_sheet(images, numbers, f"{len(rows)} validation examples: what is it?")
    figure.savefig(path, format="png")
    return path


def _row_said(examples: Examples, row: int) -> str:
    """A row of a table, a line a column."""
    assert isinstance(examples.raw.x, pd.DataFrame)
    values = examples.raw.x.iloc[int(row)]
    width = max(len(str(name)) for name in values.index)
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in values.items())
