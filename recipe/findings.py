"""What a check says and what a stage says. `result.json` is a `StageResult`.

Other programs read `result.json`: its schema is `docs/result.schema.json`, and a test holds
the two together. No Keras, no TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

Number = Annotated[
    float,
    WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}),
]
"""A float. NaN and infinity are measurements too; JSON has neither, so they are text there."""


class Verdict(StrEnum):
    """The answer of a check. Could-not-be-measured is `skip`, and never `pass`."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Finding(_Record):
    """What one check measured, against what, and where the rule comes from."""

    check: str
    """Name of the check, e.g. "one_batch_overfit"; what `data.accept` lists."""

    verdict: Verdict

    message: str
    """One or two sentences for the reader: what was seen and what it means."""

    measured: Annotated[Number | str | None, Field(union_mode="left_to_right")] = None
    expected: str | None = None
    """The rule in words, with its threshold and unit."""

    source: str | None = None
    """Who says so: a paper, an essay's step, or a measurement of this project."""

    code: str | None = None
    """The diagnosis, e.g. "lr_too_high", where the check names a cause."""

    severity: str | None = None
    """Of a diagnosis: "error", "warning" or "advice"."""

    prescription: str | None = None
    """What to change, as a config change where there is one."""


class StageResult(_Record):
    """What a stage says: the content of `result.json`."""

    stage: str
    verdict: Verdict
    headline: str
    """The number that decided, in words: "12 trials, best val accuracy 0.986"."""

    forced: bool = False
    """The stage ran although its gate was closed (`--force`)."""

    seconds: float = 0.0
    """Wall time."""

    fingerprint: str = ""
    """Of the config sections, data, code and files that the stage depends on."""

    summary: str = ""
    """A paragraph in plain words, of what the laboratory found; stages have none."""

    metrics: dict[str, Number] = {}
    findings: list[Finding] = []


def overall(findings: Iterable[Finding]) -> Verdict:
    """The worst verdict; a stage with nothing worse than `skip` passes."""
    verdicts = {finding.verdict for finding in findings}
    for verdict in (Verdict.FAIL, Verdict.WARN):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS


def judge(
    check: str,
    verdict: Verdict | bool,
    message: str,
    *,
    measured: float | str | None,
    expected: str,
    source: str,
    code: str | None = None,
    prescription: str | None = None,
) -> Finding:
    """A finding that names a cause and a cure only if something is wrong.

    Args:
        check: its name.
        verdict: or a truth: True passes, False fails.
        message: what was seen.
        measured: the number (or word) that decided.
        expected: the rule, with its threshold and unit.
        source: who says so.
        code: the diagnosis if it is not met; a failure is then an error, a warning a warning.
        prescription: what to change if it is not met.
    """
    if isinstance(verdict, bool):
        verdict = Verdict.PASS if verdict else Verdict.FAIL
    wrong = verdict in (Verdict.WARN, Verdict.FAIL)
    severity = "error" if verdict is Verdict.FAIL else "warning"
    return Finding(
        check=check,
        verdict=verdict,
        message=message,
        measured=measured,
        expected=expected,
        source=source,
        code=code if wrong else None,
        severity=severity if wrong and code else None,
        prescription=prescription if wrong else None,
    )


def advise(
    check: str,
    message: str,
    *,
    measured: float | str | None,
    expected: str,
    source: str,
    prescription: str,
    code: str | None = None,
) -> Finding:
    """A finding that passes, about something that is unusual and works: it never blames.

    Args:
        check: its name.
        message: what was seen.
        measured: the number (or word) that is unusual.
        expected: what is usual.
        source: who says so.
        prescription: what to try instead.
        code: the diagnosis that it may lead to.
    """
    return Finding(
        check=check,
        verdict=Verdict.PASS,
        message=message,
        measured=measured,
        expected=expected,
        source=source,
        code=code,
        severity="advice",
        prescription=prescription,
    )


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first names, and how many more there are, for a message."""
    shown = ", ".join(str(name) for name in names[:most]) or "nothing"
    return shown + (f" and {len(names) - most:,} more" if len(names) > most else "")
