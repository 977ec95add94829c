"""How good a trained program is, read from its outputs alone.

A repair may replace the head (one softmax unit by one sigmoid), so outputs are read by their
shape and range: several units by the largest; one unit above 1/2 if all outputs are
probabilities, else above 0. Scores are higher for better, 1 is best; R2 is cut off at -1, and a
program that ends in an error or in numbers that are not finite scores its metric's floor.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import metrics

from .program import Program, ready

FLOORS = {"accuracy": 0.0, "balanced_accuracy": 0.0, "f1": 0.0, "r2": -1.0}


def trained(program: Program) -> float:
    """Train the program as its user would, and score it."""
    try:
        program.model.fit(program.x, program.y, **ready(program))
        return score(program)
    except Exception as error:  # a program that breaks is one of the faults
        print(f"      ends with {type(error).__name__}: {str(error).splitlines()[0][:90]}")
        return FLOORS[program.metric]


def score(program: Program) -> float:
    """Of the held-out rows, by the program's metric; with several outputs their mean."""
    x, truth = program.held_out
    outputs = program.model(x, training=False)  # `predict` would trace a function for one call
    if isinstance(outputs, dict):
        return float(np.mean([one(outputs[k], truth[k], program.metric) for k in truth]))
    if isinstance(outputs, (list, tuple)):
        pairs = zip(outputs, truth, strict=True)
        return float(np.mean([one(output, t, program.metric) for output, t in pairs]))
    return one(outputs, truth, program.metric)


def one(output: Any, truth: Any, metric: str) -> float:
    """Score one output, (examples, units), against the truth."""
    output, truth = np.asarray(output, np.float64), np.asarray(truth)
    if not np.isfinite(output).all():
        return FLOORS[metric]
    if metric == "r2":
        pair = truth.reshape(len(truth), -1), output.reshape(len(truth), -1)
        found = metrics.r2_score(*pair, multioutput="variance_weighted")
        return max(FLOORS[metric], float(found))
    if metric == "f1":
        return float(metrics.f1_score(truth, positive(output), average="micro", zero_division=0))
    named = classes(output)
    values = np.unique(truth)  # labels 1..K or -1/1 are read in their order
    found = values[np.minimum(named, len(values) - 1)]
    if metric == "accuracy":
        return float(np.mean(found == truth))
    recalls = [np.mean(found[truth == value] == value) for value in values]
    return float(np.mean(recalls))


def classes(output: np.ndarray) -> np.ndarray:
    """Index of the class that each row of outputs means, (examples,)."""
    output = output.reshape(len(output), -1)
    return positive(output)[:, 0] if output.shape[1] == 1 else output.argmax(axis=1)


def positive(output: np.ndarray) -> np.ndarray:
    """0 or 1 for each unit: probabilities are cut at 1/2, logits at 0."""
    are_probabilities = output.min() >= 0 and output.max() <= 1
    return (output > (0.5 if are_probabilities else 0)).astype(int)


def baseline(program: Program) -> float:
    """What a constant answer scores: the most frequent class, the mean, the frequent tags."""
    truth = program.held_out[1]
    truths = list(truth.values()) if isinstance(truth, dict) else truth
    if not isinstance(truths, (list, tuple)):
        truths = [truths]
    return float(np.mean([_constant(np.asarray(t), program.metric) for t in truths]))


def _constant(truth: np.ndarray, metric: str) -> float:
    if metric == "r2":
        return 0.0
    if metric == "f1":
        every = np.broadcast_to(truth.mean(axis=0) >= 0.5, truth.shape).astype(int)
        return float(metrics.f1_score(truth, every, average="micro", zero_division=0))
    counts = np.unique(truth, return_counts=True)[1]
    return 1 / len(counts) if metric == "balanced_accuracy" else float(counts.max() / counts.sum())
