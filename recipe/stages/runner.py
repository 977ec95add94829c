"""Runs a stage if its gates are open and there is something new to do; an experiment has none."""

from __future__ import annotations

import importlib
import importlib.util
import shlex
import sys
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recipe.config import Config, RequestError
from recipe.data.dataset import fingerprint as data_fingerprint
from recipe.data.sources import SOURCES, forget
from recipe.findings import StageResult, Verdict
from recipe.runs import RunFolder, fingerprint
from recipe.runs.console import native_noise_hidden
from recipe.runs.manifest import record, refuse_foreign
from recipe.stages import BESIDE, STAGES, Stage, entry


@dataclass(frozen=True)
class Outcome:
    """A stage's result, and whether it was measured now."""

    result: StageResult
    ran: bool


class Runner:
    """Runs stages of one config in one folder."""

    def __init__(
        self,
        config: Config,
        path: Path,
        folder: RunFolder,
        settings: Sequence[str] = (),
        command: str = "",
    ) -> None:
        """Read the data once, and refuse a folder that belongs to another config file.

        Args:
            config: resolved.
            path: of the config file.
            folder: of the run.
            settings: `--set` options that are in `config`.
            command: as it was typed, for the record.
        """
        refuse_foreign(folder, path)
        forget()
        if config.data.source.startswith("keras:"):
            _import_tensorflow()  # here, where its greetings are not heard
        self.config, self.path, self.folder = config, path, folder
        self.settings, self.command = tuple(settings), command
        self._data = data_fingerprint(config.data)

    def fingerprint(self, name: str) -> str:
        """What the stage's numbers depend on: config sections, data, code, earlier files."""
        stage = entry(name)
        settings = stage.settings or name.replace("-", "_")
        # one of several has its settings in the config that it was given
        own = [] if "/" in name else [f"stages.{settings}"]
        keys = (*stage.sections, *own)
        sections = {key: _plain(self.config.get(key)) for key in keys}
        inputs = {path: self._input(path) for path in stage.inputs}
        configs = [self.config, *filter(None, [self.folder.given(name)])]
        for weights in filter(None, (config.model.weights_file for config in configs)):
            if "model" in stage.sections:
                inputs[f"model.backbone.weights {weights}"] = fingerprint.of_file(Path(weights))
        return fingerprint.digest(name, sections, self._data, self._code(stage, configs), inputs)

    def _input(self, path: str) -> str | None:
        """Of a file in the run folder; of another stage's result, what it says and not when."""
        stage, _, file = path.rpartition("/")
        result = self.folder.result(stage) if file == "result.json" else None
        if result is None:
            return fingerprint.of_file(self.folder.path / path)
        said = result.model_dump(mode="json", exclude={"seconds", "fingerprint"})
        return fingerprint.digest(said)

    def _code(self, stage: Stage, configs: Sequence[Config]) -> str:
        named = [name for config in configs for name in (config.data.source, config.model.family)]
        return fingerprint.of_code(stage.module, filter(_is_plugin, named))

    def standing(self, name: str) -> StageResult | None:
        """The stage's result, if it still holds for this config, data and code."""
        result = self.folder.result(name)
        holds = result is not None and result.fingerprint == self.fingerprint(name)
        return result if holds else None

    def run(self, name: str, force: bool = False) -> Outcome:
        """Run the stage, or find that nothing has changed since it last ended.

        Args:
            name: of the stage or experiment.
            force: run although a gate is closed or nothing has changed.

        Raises:
            RequestError: a stage that this one needs has not passed.
        """
        closed = self._closed_gate(name)
        if closed and not force:
            raise RequestError(closed)
        result = self.standing(name)
        if result is not None and not force:
            return Outcome(result, ran=False)

        self.folder.console.say(_first_line(name))
        _import_tensorflow()
        started = time.monotonic()
        depends_on = self.fingerprint(name)
        self._record()
        if self.folder.begin(name, self.config, depends_on):
            self.folder.say("goes on where it was interrupted")
        module = importlib.import_module(entry(name).module)
        with self.folder.console.notices():
            measured = module.run(self.config, self.folder)
        result = measured.model_copy(
            update={
                "forced": closed is not None,
                "fingerprint": depends_on,
                "seconds": round(time.monotonic() - started, 2),
            }
        )
        self._show(result)
        self.folder.complete(result)
        return Outcome(result, ran=True)

    def results(self) -> list[StageResult]:
        """What stands of this config's stages.

        To the first that is missing or failed, and what was forced past it.
        """
        found, gate_open = [], True
        for name in STAGES:
            result = self.standing(name)
            if result is not None and (gate_open or result.forced):
                found.append(result)
            gate_open = gate_open and result is not None and result.verdict is not Verdict.FAIL
        return found

    def experiments(self) -> list[StageResult]:
        """What stands of this config's experiments, the laboratory's too."""
        names = [name for kind in BESIDE for name in (kind, *self.folder.several(kind))]
        return [result for name in names if (result := self.standing(name)) is not None]

    def _record(self) -> None:
        code = fingerprint.digest([self._code(stage, [self.config]) for stage in STAGES.values()])
        config = fingerprint.digest(self.config.model_dump(mode="json"))
        of = {"config": config, "data": self._data, "code": code}
        record(self.folder, self.config, self.path, self.command, self.settings, of)

    def _closed_gate(self, name: str) -> str | None:
        """Why the stage must not run: the first stage before it that has not passed."""
        stages = list(STAGES)
        for needed in stages[: stages.index(name)] if name in STAGES else ():
            earlier = self.folder.result(needed)
            if earlier is None:
                why = "has not run"
            elif self.standing(needed) is None:
                why = "ran with another config, data or code"
            elif earlier.verdict is Verdict.FAIL:
                why = "failed"
            else:
                continue
            again = [str(self.path), *(f"--set {shlex.quote(s)}" for s in self.settings)]
            if self.folder.path.parent != Path("runs"):
                again.append(f"--runs {shlex.quote(str(self.folder.path.parent))}")
            return (
                f"{name} needs {needed}, which {why}; first run: recipe {needed} {' '.join(again)}"
                f"\n(or {name} --force, which the result will say)"
            )
        return None

    def _show(self, result: StageResult) -> None:
        """The findings to act on, and how many passed."""
        board = self.folder.board("findings")
        from recipe.runs.tensorboard import findings_table

        with board:
            board.text("findings", findings_table(result))
        show_findings(self.folder, result)


def _import_tensorflow() -> None:
    """Import TensorFlow without its greetings, and outside of a stage's time."""
    if "tensorflow" in sys.modules:
        return
    with native_noise_hidden():
        tensorflow = importlib.import_module("tensorflow")
        tensorflow.config.list_physical_devices()  # looks for CUDA, aloud


def show_findings(folder: RunFolder, result: StageResult) -> None:
    """Print each finding that asks for an action, advice too, and how many passed."""
    passed = [f for f in result.findings if f.verdict is Verdict.PASS]
    for finding in result.findings:
        is_advice = finding.severity == "advice"
        if finding.verdict is Verdict.PASS and not is_advice:
            continue
        code = f" [{finding.code}]" if finding.code and not is_advice else ""
        label = "note" if is_advice else finding.verdict.upper()
        folder.say(f"{label:4} {finding.check}{code}: {finding.message}")
        if finding.expected and finding.verdict is not Verdict.SKIP:
            folder.say(f"     expected: {finding.expected} ({finding.source})")
        if finding.prescription:
            folder.say(f"     do: {finding.prescription}")
    for line in textwrap.wrap(result.summary, 96):
        folder.say(line)
    forced = " (forced)" if result.forced else ""
    folder.say(
        f"{result.verdict.upper()}{forced}: {result.headline}; "
        f"{len(passed)} of {len(result.findings)} checks passed, {result.seconds:.1f} s"
    )


def _first_line(name: str) -> str:
    spec = importlib.util.find_spec(entry(name).module)
    assert spec is not None
    assert spec.origin is not None
    with open(spec.origin, encoding="utf-8") as file:
        return file.readline().strip('"\n')


def _is_plugin(name: str) -> bool:
    kind, colon, _ = name.partition(":")
    return bool(colon) and kind not in SOURCES


def _plain(value: object) -> object:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value
