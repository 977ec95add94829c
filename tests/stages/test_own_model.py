"""`recipe doctor --module`: what it says of somebody's own model, and of what is applied to it."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from recipe.config import RequestError
from recipe.stages import own_model


class Repair:
    """Marks a program as repaired."""

    def __call__(self, *program: Any) -> Any:
        return "better", *program[1:]

    def applied(self, *program: Any) -> Any:
        return SimpleNamespace(program=self(*program), said=["learning rate 0.1"])


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    module = "def build():\n    return 'model', [1], [2], {'epochs': 3}\n"
    module += "def wrong():\n    return 1\n"
    (tmp_path / "somebody.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "somebody", raising=False)
    skill = {"model": 0.2, "better": 0.7}
    trained = lambda model, x, y, fit, seed: skill[model] + seed / 100  # noqa: E731
    monkeypatch.setattr(own_model, "trained_skill", trained)
    return []


def diagnosed(monkeypatch: pytest.MonkeyPatch, repair: Any) -> list[Any]:
    asked: list[Any] = []

    def diagnose(*program: Any, **fit: Any) -> Any:
        asked.append((*program, fit))
        return SimpleNamespace(repair=repair, __str__=lambda self: "lr_too_low")

    monkeypatch.setattr(own_model, "diagnose", diagnose)
    return asked


def test_what_is_applied_is_said_and_compared_over_seeds(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = diagnosed(monkeypatch, Repair())
    own_model.examine("somebody:build", True, said.append)
    assert asked == [("model", [1], [2], {"epochs": 3})]
    assert said[1] == "applied: learning rate 0.1"
    assert "better: skill 0.2300 -> 0.7300" in said[2]
    assert "5 seeds" in said[2]


def test_without_a_cause_there_is_nothing_to_apply(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    diagnosed(monkeypatch, None)
    own_model.examine("somebody:build", True, said.append)
    assert "nothing to apply" in said[-1]
    assert len(said) == 2


def test_a_function_that_returns_no_program_is_refused(said: list[str]) -> None:
    with pytest.raises(RequestError, match=r"must return \(model, x, y\).*got int"):
        own_model.examine("somebody:wrong", False, said.append)
