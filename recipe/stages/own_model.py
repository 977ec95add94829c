"""`recipe doctor --module`: a model of somebody's own, handed over by a function.

The function is called once for the diagnosis; to see whether the prescription helps, twice for each
seed: one program is trained as it is, the other repaired.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from recipe.compare import Comparison, paired
from recipe.config import RequestError, load_function
from recipe.doctor import Diagnosis, diagnose
from recipe.doctor.judge import trained_skill

SEEDS = 5
"""Trainings on each side of the comparison."""

Program = tuple[keras.Model, Any, Any, dict[str, Any]]
Say = Callable[[str], None]


def examine(place: str, apply: bool, say: Say) -> Diagnosis:
    """Say what is wrong with a program, and whether its repair helps.

    Args:
        place: "module:function"; the function returns (model, x, y) or (model, x, y, arguments of
            fit).
        apply: whether to train what is prescribed, too.
        say: prints a line.

    Raises:
        RequestError: there is no such function, or it returns something else.
    """
    build = load_function(place, "--module")
    model, x, y, fit = program_of(build, place)
    diagnosis = diagnose(model, x, y, **fit)
    say(str(diagnosis))
    repair = diagnosis.repair
    if apply and repair is None:
        say("nothing to apply: no cause was found that a program can be repaired of")
    elif apply and repair is not None:
        for line in repair.applied(*program_of(build, place)).said:
            say(f"applied: {line}")
        say(f"with that it is {compared(build, place, diagnosis)}")
    return diagnosis


def program_of(build: Callable[[], Any], place: str) -> Program:
    """What a function made, in four parts.

    Raises:
        RequestError: it is something else.
    """
    made = build()
    if not isinstance(made, tuple) or len(made) not in (3, 4):
        raise RequestError(
            f"--module: {place}() must return (model, x, y) or (model, x, y, arguments of fit), "
            f"got {type(made).__name__}"
        )
    model, x, y, *given = made
    return model, x, y, dict(given[0]) if given else {}


def compared(build: Callable[[], Any], place: str, diagnosis: Diagnosis) -> Comparison:
    """Both programs, trained from the same seeds, which the diagnosis has not seen."""
    assert diagnosis.repair is not None
    scores: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(1, SEEDS + 1):
        for repairs, found in scores.items():
            keras.utils.set_random_seed(seed)
            program = program_of(build, place)
            found.append(
                trained_skill(*(diagnosis.repair(*program) if repairs else program), seed=seed)
            )
    return paired(scores[True], scores[False], "skill")
