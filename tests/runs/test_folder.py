"""A run's folder: stages all or nothing, one command at a time, results that can be trusted."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recipe.config import Config, RequestError, read
from recipe.findings import Finding, StageResult, Verdict
from recipe.runs import RunFolder
from recipe.runs.console import Console
from recipe.runs.manifest import record_opening


def result(stage: str = "overfit", **more: Any) -> StageResult:
    return StageResult(
        **{"stage": stage, "verdict": Verdict.PASS, "headline": "loss 0.004", **more}
    )


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "runs" / "digits", Console(quiet=True))


def run(folder: RunFolder, note: str, stage: str = "overfit") -> None:
    """A stage from its beginning to its end."""
    folder.begin(stage, Config(), "fingerprint")
    folder.file("note.txt").write_text(note)
    folder.complete(result(stage, headline=note))


def notes(folder: RunFolder) -> dict[str, str]:
    return {p.name: (p / "note.txt").read_text() for p in sorted(folder.path.iterdir())}


# ---- stages ---------------------------------------------------------------------------------


def test_a_stage_has_its_name_when_it_is_complete(folder: RunFolder) -> None:
    folder.begin("overfit", Config(), "fingerprint")
    folder.file("note.txt").write_text("working")
    assert not (folder.path / "overfit").exists()
    assert folder.result("overfit") is None
    said = result(metrics={"loss": 0.5}, seconds=1.5)
    folder.complete(said)
    assert [path.name for path in folder.path.iterdir()] == ["overfit"]
    home = folder.path / "overfit"
    assert sorted(p.name for p in home.iterdir()) == ["config.yaml", "note.txt", "result.json"]
    assert folder.result("overfit") == said
    assert read(home / "config.yaml").replace({"name": None}) == Config()
    assert folder.stage is None


def test_a_stage_that_runs_again_keeps_what_it_replaces(folder: RunFolder) -> None:
    for note in ("first", "second", "third"):
        run(folder, note)
    run(folder, "another stage", "tune")
    assert notes(folder) == {
        "overfit": "third", "overfit.1": "second", "overfit.2": "first", "tune": "another stage",
    }  # fmt: skip


def test_a_stage_that_is_cut_off_leaves_the_earlier_result(folder: RunFolder) -> None:
    run(folder, "first")
    folder.begin("overfit", Config(), "fingerprint")
    folder.file("note.txt").write_text("cut off")
    again = RunFolder(folder.path)  # as after a kill
    assert again.result("overfit") == result(headline="first")
    run(again, "second")
    assert notes(again) == {"overfit": "second", "overfit.1": "first"}


def test_another_stage_begins_with_nothing_of_a_cut_off_one(folder: RunFolder) -> None:
    folder.begin("overfit", Config(), "of the old data")
    folder.file("stale.txt").write_text("cut off")
    chart = folder.path / "tensorboard" / "overfit" / "train" / "events"
    chart.parent.mkdir(parents=True)
    chart.write_text("of the old data")
    assert not folder.begin("overfit", Config(), "of the new data")
    assert not folder.file("stale.txt").exists()
    assert not chart.exists()
    assert folder.file("config.yaml").exists()


def test_the_same_stage_goes_on_where_it_was_cut_off(folder: RunFolder) -> None:
    folder.begin("overfit", Config(), "fingerprint")
    kept = folder.checkpoint("width x1, seed 0")
    kept.parent.mkdir()
    kept.write_text("a training")
    again = RunFolder(folder.path)  # as after a kill
    assert again.begin("overfit", Config(), "fingerprint")
    assert again.checkpoint("width x1, seed 0").read_text() == "a training"


def test_a_complete_stage_keeps_no_checkpoint(folder: RunFolder) -> None:
    folder.begin("overfit", Config(), "fingerprint")
    kept = folder.checkpoint("members_0")
    kept.parent.mkdir()
    kept.write_text("a training")
    folder.complete(result())
    left = {path.name for path in (folder.path / "overfit").iterdir()}
    assert left == {"config.yaml", "result.json"}
    assert not folder.begin("overfit", Config(), "fingerprint")


def test_arrays_are_kept_beside_the_result(folder: RunFolder) -> None:
    folder.begin("overfit", Config(), "fingerprint")
    folder.keep("predictions", {"val_ids": np.arange(3)})
    with np.load(folder.file("predictions.npz")) as stored:
        assert stored["val_ids"].tolist() == [0, 1, 2]


def test_a_result_that_cannot_be_written_leaves_the_earlier_one(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(folder, "first")
    folder.begin("overfit", Config(), "fingerprint")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(RequestError, match=r"can't be written: No space left on device"):
            folder.complete(result(headline="second"))
    assert folder.result("overfit") == result(headline="first")


def test_what_is_said_goes_into_the_log_of_the_running_stage(folder: RunFolder) -> None:
    folder.say("before")
    folder.begin("data", Config(), "fingerprint")
    folder.say("during")
    with folder.progress("trials", 1) as advance:
        advance("val 0.9")
    folder.complete(result("data"))
    folder.say("after")
    log = (folder.path / "data" / "log.txt").read_text()
    assert log == "  during\n  trials 1/1: val 0.9\n"


@pytest.mark.parametrize(
    "path", [pytest.param("file", id="is a file"), pytest.param("file/in", id="lies in a file")]
)
def test_a_folder_that_cannot_be_made(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("")
    folder = RunFolder(tmp_path / path, Console(quiet=True))
    with pytest.raises(RequestError, match=r"file.*: can't be written: "):
        folder.begin("data", Config(), "fingerprint")
    with pytest.raises(RequestError, match=r"file.*: can't be written: "), folder.locked("recipe"):
        pytest.fail("it must not be entered")


# ---- results --------------------------------------------------------------------------------


def test_every_result_survives(folder: RunFolder) -> None:
    finding = Finding(check="a", verdict=Verdict.FAIL, message="b", measured=float("nan"))
    said = result(
        verdict=Verdict.FAIL, findings=[finding], metrics={"loss": float("inf")}, forced=True
    )
    folder.begin("overfit", Config(), "fingerprint")
    folder.complete(said)
    assert repr(folder.result("overfit")) == repr(said)
    text = (folder.path / "overfit" / "result.json").read_text()
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="no file"),
        pytest.param("", id="empty"),
        pytest.param('{"stage": "overfit", "verd', id="half of it"),
        pytest.param('{"stage": "overfit"}', id="without a verdict"),
        pytest.param('{"stage": "overfit", "verdict": "maybe", "headline": ""}', id="no verdict"),
        pytest.param("[1, 2]", id="a list"),
        pytest.param("null", id="null"),
        pytest.param("\x00" * 512, id="zeros, after a crash of the machine"),
    ],
)
def test_a_damaged_result_is_no_result(folder: RunFolder, content: str | None) -> None:
    run(folder, "sound")
    assert folder.result("overfit") is not None
    path = folder.path / "overfit" / "result.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    assert folder.result("overfit") is None


def test_figures_stand_in_the_order_in_which_they_were_made(folder: RunFolder) -> None:
    assert folder.figures("data") == []
    home = folder.path / "data" / "figures"
    home.mkdir(parents=True)
    for time, name in ((2, "b.png"), (1, "z.png"), (2, "a.png"), (3, "notes.txt")):
        (home / name).write_text("")
        os.utime(home / name, (time, time))
    assert [path.name for path in folder.figures("data")] == ["z.png", "a.png", "b.png"]


# ---- configs --------------------------------------------------------------------------------


def test_a_winner_gives_its_model_its_training_its_columns_and_nothing_else(
    folder: RunFolder,
) -> None:
    won = Config().replace(
        {"model.widths": (7,), "train.epochs": 3, "seed": 5, "data.limit": 99, "search.epochs": 1,
         "data.columns": {"id": "drop"}}
    )  # fmt: skip
    folder.begin("tune", Config(), "fingerprint")
    folder.write_config("best.yaml", won, "from: recipe tune")
    folder.complete(result("tune"))
    config = Config().replace({"name": "mine"})
    merged = folder.winner("tune", "best.yaml", config)
    theirs = {"model.widths": (7,), "train.epochs": 3, "data.columns": {"id": "drop"}}
    assert merged == config.replace(theirs)
    assert (folder.path / "tune" / "best.yaml").read_text().splitlines()[0].startswith("# ")


def test_without_a_winner_the_config_stays(folder: RunFolder) -> None:
    assert folder.winner("tune", "best.yaml", Config()) == Config()


# ---- one command at a time --------------------------------------------------------------------

HOLD = """
import sys, time
from pathlib import Path
from recipe.runs import RunFolder
with RunFolder(Path(sys.argv[1])).locked("recipe tune configs/digits.yaml"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(folder: RunFolder) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the folder."""
    command = [sys.executable, "-c", HOLD, str(folder.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_folder_in_use_says_by_whom_until_that_one_is_gone(
    folder: RunFolder, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(RequestError) as caught, folder.locked("recipe data"):
        pytest.fail("it must not be entered")
    assert str(caught.value) == (
        f"{folder.path} is in use by process {holder.pid}: recipe tune configs/digits.yaml; "
        "wait for it, or give this one a folder of its own with --name"
    )
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with folder.locked("recipe data"):
        assert f"process {os.getpid()}: recipe data" in (folder.path / ".lock").read_text()


@pytest.mark.parametrize("ends", ["well", "with an error"])
def test_a_folder_is_let_go_at_the_end(folder: RunFolder, ends: str) -> None:
    def use() -> None:
        with folder.locked("recipe data"):
            with (
                pytest.raises(RequestError, match=f"process {os.getpid()}: recipe data"),
                RunFolder(folder.path).locked("recipe tune"),
            ):
                pytest.fail("it must not be entered")
            if ends != "well":
                raise KeyError

    for _ in range(2):
        if ends == "well":
            use()
        else:
            with pytest.raises(KeyError):
                use()
    assert (folder.path / ".lock").read_text() == ""


def test_two_folders_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "a").locked("one"), RunFolder(tmp_path / "b").locked("two"):
        pass


# ---- the manifest's file ------------------------------------------------------------------------


def test_a_manifest_is_read_as_it_was_written(folder: RunFolder) -> None:
    assert folder.read_manifest() == {}
    folder.write_manifest({"name": "digits"})
    assert folder.read_manifest() == {"name": "digits"}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b'{"name": "digits", "test_open', id="cut off"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"test_openings": 1}', id="openings that are none"),
        pytest.param(b'{"test_openings": [{"time": "now"}]}', id="an opening of nothing"),
    ],
)
def test_a_damaged_record_of_the_openings_is_refused(folder: RunFolder, content: bytes) -> None:
    folder.write_manifest({"test_openings": [{"time": "now", "fingerprint": "a"}]})
    (folder.path / "manifest.json").write_bytes(content)
    with pytest.raises(RequestError, match=r"manifest\.json can not be read.*--name"):
        record_opening(folder, "b")
    assert (folder.path / "manifest.json").read_bytes() == content


def test_a_record_that_is_gone_is_missed_once_the_test_set_was_opened(folder: RunFolder) -> None:
    run(folder, "a note", "squeeze")
    with pytest.raises(RequestError, match=r"manifest\.json is gone.*test set"):
        folder.read_manifest()
