"""The data stage on small data with planted faults: what it finds, says and writes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recipe.config import RequestError
from recipe.data.dataset import read_examples
from recipe.findings import StageResult, Verdict
from tests.stages.running import EXAMPLES, finding, images, opened, run, table, write

PASS, WARN, FAIL, SKIP = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.SKIP
RNG = np.random.default_rng(0)

pytest.importorskip("cleanlab")


def verdicts(result: StageResult, *but: Verdict) -> dict[str, Verdict]:
    """Of each check, without the verdicts that are not asked for."""
    return {one.check: one.verdict for one in result.findings if one.verdict not in but}


def on_table(folder: Path, some: pd.DataFrame, *settings: str) -> StageResult:
    folder.mkdir(exist_ok=True)
    some.to_csv(folder / "my.csv", index=False)
    return run(write(folder, {"source": f"csv:{folder / 'my.csv'}"}), *settings)["data"]


# ---- a table ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StageResult]:
    folder = tmp_path_factory.mktemp("sound")
    return folder, on_table(folder, table())


def written(folder: Path) -> Path:
    return folder / "runs" / "my" / "data"


def test_a_sound_table_passes_every_check(sound: tuple[Path, StageResult]) -> None:
    _, result = sound
    assert result.verdict is PASS
    assert verdicts(result, PASS) == {"near_copies": SKIP}
    assert {one.check for one in result.findings} == {
        "size", "readable", "finite", "constant_features", "outliers", "duplicates",
        "shared_examples", "near_copies", "class_balance", "label_noise", "leakage", "drift",
        "more_data", "source_repeats",
    }  # fmt: skip
    assert result.metrics["examples"] == EXAMPLES
    assert "2 classes (binary)" in result.headline


def test_every_finding_says_what_was_expected_and_why(sound: tuple[Path, StageResult]) -> None:
    for one in sound[1].findings:
        assert one.message
        assert one.expected, one
        assert one.source, one


def test_it_writes_what_it_saw(sound: tuple[Path, StageResult]) -> None:
    folder = written(sound[0])
    figures = {path.stem.split("_", 1)[-1] for path in (folder / "figures").glob("*.png")}
    assert {name for name in ("classes", "columns", "batch") if name in figures} == {
        "classes", "columns", "batch",
    }, figures  # fmt: skip
    splits = pd.read_csv(folder / "splits.csv", dtype={"key": str})
    assert splits["part"].value_counts().to_dict() == {"train": 144, "val": 48, "test": 48}
    assert splits["key"].str.fullmatch("[0-9a-f]{16}").all()
    columns = pd.read_csv(folder / "features.csv", index_col="column")
    assert columns.index.tolist() == ["size", "rooms", "town", "built"]
    suspects = pd.read_csv(folder / "suspects.csv", index_col="row")
    assert suspects["label_quality"].is_monotonic_increasing
    assert len(suspects) == 100
    batch = (folder / "batch.txt").read_text()
    assert batch.startswith("x float32 (32, ")
    assert "y int32 (32,)" in batch


def test_no_test_example_is_described(sound: tuple[Path, StageResult]) -> None:
    folder = written(sound[0])
    tested = pd.read_csv(folder / "splits.csv")["part"] == "test"
    for name in ("examples.csv", "suspects.csv"):
        known = pd.read_csv(folder / name, index_col="row")
        assert set(known["part"]) <= {"train", "val"}
        assert not tested[known.index].any()
    assert len(pd.read_csv(folder / "examples.csv")) == (~tested).sum()


def test_what_was_decided_about_the_data_is_said(sound: tuple[Path, StageResult]) -> None:
    log = (written(sound[0]) / "log.txt").read_text()
    assert "task: binary, because the target is text" in log
    assert "numeric: size, rooms" in log
    assert "date: built" in log


@pytest.fixture(scope="module")
def sick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StageResult]:
    """A table with a fault in every column."""
    folder = tmp_path_factory.mktemp("sick")
    some = table()
    some["rooms"] = some["rooms"].where(np.arange(EXAMPLES) % 10 > 0)
    some["floor"] = 7
    some["age"] = RNG.normal(40, 9, EXAMPLES).round(1).astype(str)
    some.loc[[5, 50], "age"] = "old"
    some["tax"] = RNG.normal(1, 0.1, EXAMPLES).round(4)
    some.loc[[99, 109], "tax"] = 9999.0
    copies = some[:20].copy()
    copies.loc[:7, "target"] = np.where(copies.loc[:7, "target"] == "sold", "free", "sold")
    return folder, on_table(folder, pd.concat([some, copies]))


def test_each_fault_is_found(sick: tuple[Path, StageResult]) -> None:
    _, result = sick
    assert result.verdict is WARN
    assert verdicts(result, PASS, SKIP) == dict.fromkeys(
        ("readable", "outliers", "duplicates", "label_noise"), WARN
    )


@pytest.mark.parametrize(
    ("check", "said"),
    [
        pytest.param("readable", "In age these count as missing: 'old'", id="words among numbers"),
        pytest.param("finite", "rooms (26)", id="missing values"),
        pytest.param("constant_features", "1 of 7 features never change: floor", id="a constant"),
        pytest.param("outliers", "tax", id="a value far out"),
        pytest.param("duplicates", "7.7% of the examples repeat an earlier one", id="duplicates"),
        pytest.param("duplicates", "no net can exceed", id="with different labels"),
        pytest.param("shared_examples", "No example of val or test", id="copies stay together"),
    ],
)
def test_a_fault_is_named(sick: tuple[Path, StageResult], check: str, said: str) -> None:
    assert said in finding(sick[1], check).message


def test_copies_are_counted_for_each_example(sick: tuple[Path, StageResult]) -> None:
    known = pd.read_csv(written(sick[0]) / "examples.csv", index_col="row")
    twice = known.index[known["copies"] == 1]
    assert set(twice) <= {*range(20), *range(EXAMPLES, EXAMPLES + 20)}
    assert len(twice) > 20
    assert known.loc[known.index % 10 == 0, "missing"].min() >= 1


# ---- settings -----------------------------------------------------------------------------------


def with_gaps() -> pd.DataFrame:
    return table()[:90].assign(size=lambda t: t["size"].where(np.arange(90) % 9 > 0))


@pytest.mark.parametrize(
    ("settings", "verdict", "said"),
    [
        pytest.param([], PASS, "Train's median stands for", id="imputed"),
        pytest.param(["data.missing=keep"], FAIL, "size (10)", id="kept"),
        pytest.param(["data.missing=drop"], PASS, "Every value", id="dropped"),
        pytest.param(["data.missing=keep", "data.accept=[finite]"], WARN, "by data.accept",
                     id="kept, and accepted"),
    ],
)  # fmt: skip
def test_missing_values(tmp_path: Path, settings: list[str], verdict: Verdict, said: str) -> None:
    result = on_table(tmp_path, with_gaps(), *settings)
    assert finding(result, "finite").verdict is verdict
    assert said in finding(result, "finite").message
    assert (result.verdict is FAIL) == (verdict is FAIL)


def test_only_a_failure_that_is_named_is_accepted(tmp_path: Path) -> None:
    leaking = with_gaps().assign(price=lambda t: (t["target"] == "sold") * 1.5)
    result = on_table(tmp_path, leaking, "data.missing=keep", "data.accept=[leakage]")
    assert verdicts(result, PASS, SKIP) == {"finite": FAIL, "leakage": WARN}
    assert "leaks through price" in finding(result, "leakage").message


def test_an_acceptance_of_a_check_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"data\.accept: no check 'leek'; one of size, "):
        on_table(tmp_path, table()[:60], "data.accept=[leek]")


def test_examples_keep_their_part_when_more_arrive(tmp_path: Path) -> None:
    on_table(tmp_path, table()[:60])
    kept = tmp_path / "kept.csv"
    kept.write_bytes((written(tmp_path) / "splits.csv").read_bytes())
    before = pd.read_csv(kept, dtype=str).set_index("key")["part"]

    def after(*settings: str) -> pd.Series:
        on_table(tmp_path, table()[:90].iloc[::-1], *settings)
        both = pd.read_csv(written(tmp_path) / "splits.csv", dtype=str).set_index("key")["part"]
        assert len(both) == 90
        return both[before.index]

    pd.testing.assert_series_equal(after(f"data.split.keep={kept}"), before)
    assert (after() != before).any()


# ---- other kinds of data ------------------------------------------------------------------------


def test_a_folder_of_images_with_a_file_that_breaks_off(tmp_path: Path) -> None:
    folder = images(tmp_path / "pets", corrupt=True)
    result = run(write(tmp_path, {"source": f"images:{folder}"}))["data"]
    assert verdicts(result, PASS) == {"readable": WARN}
    assert "1 of 161 could not be read: day/broken.png" in finding(result, "readable").message
    assert {"near_copies", "detail", "leakage"} <= {one.check for one in result.findings}
    known = pd.read_csv(written(tmp_path) / "examples.csv", index_col="row")
    assert known["example"].str.fullmatch(r"(day|night)/\d+\.png").all()
    assert {"brightness", "sharpness", "label_quality"} <= set(known.columns)
    assert known.groupby("label")["brightness"].mean().is_monotonic_decreasing  # day, night
    drawn = sorted(path.name for path in (written(tmp_path) / "figures").glob("*.png"))
    for name in ("batch", "classes", "each_class", "examples", "extremes", "suspects"):
        assert any(name in file for file in drawn), drawn


def test_images_on_disk_are_looked_at_like_those_in_memory(tmp_path: Path) -> None:
    folder = images(tmp_path / "pets", 90)
    path = write(tmp_path, {"source": f"images:{folder}"})
    here = run(path)["data"]
    splits = (written(tmp_path) / "splits.csv").read_text()
    config, _ = opened(path, "data.max_memory_gb=1e-6")
    assert not isinstance(read_examples(config.data).raw.x, np.ndarray)
    there = run(path, "data.max_memory_gb=1e-6")["data"]
    assert there.findings == here.findings
    assert (written(tmp_path) / "splits.csv").read_text() == splits


def test_several_labels(tmp_path: Path) -> None:
    x = RNG.normal(size=(200, 4))
    np.savez(tmp_path / "my.npz", x=x, y=(x[:, :3] > [0, 0.5, 1.8]).astype(int))
    result = run(write(tmp_path, {"source": f"npz:{tmp_path / 'my.npz'}"}))["data"]
    assert "3 classes (multilabel)" in result.headline
    assert finding(result, "class_balance").verdict is WARN  # label_2 is rare
    assert "label_2" in finding(result, "class_balance").message
    labels = pd.read_csv(written(tmp_path) / "examples.csv", dtype=str)["label"].fillna("")
    assert set(labels.str.split("|").explode()) == {"", "label_0", "label_1", "label_2"}


def test_a_quantity(tmp_path: Path) -> None:
    some = table().assign(target=lambda t: t["size"] * 3 + RNG.normal(0, 30, EXAMPLES))
    some["tax"] = some["target"] * 0.2
    result = on_table(tmp_path, some)
    assert "targets: 1 (regression)" in result.headline
    assert verdicts(result, PASS, SKIP) == {"leakage": FAIL}
    assert "tax" in finding(result, "leakage").message
    assert not {"class_balance", "label_noise"} & {one.check for one in result.findings}


def test_nothing_but_text(tmp_path: Path) -> None:
    words = {"good": ["fine", "lovely", "great"], "bad": ["poor", "awful", "broken"]}
    labels = np.array(["good", "bad"])[np.arange(160) % 2]
    said = [
        f"the {RNG.choice(words[label])} thing came {RNG.choice(['late', 'soon'])} on day {n}"
        for n, label in enumerate(labels)
    ]
    result = on_table(tmp_path, pd.DataFrame({"said": said, "label": labels}))
    assert verdicts(result, PASS) == {"near_copies": SKIP, "leakage": WARN}  # the only column
    known = pd.read_csv(written(tmp_path) / "examples.csv")
    assert (known["said words"] == 8).all()


def test_a_quantity_that_is_missing_fails_the_stage_and_breaks_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"size": rng.normal(size=200), "town": rng.choice(list("abc"), 200)})
    rows["target"] = rows["size"] * 2 + rng.normal(size=200)
    rows.loc[::17, "target"] = np.nan
    rows.to_csv(tmp_path / "my.csv", index=False)
    result = run(write(tmp_path, {"source": f"csv:{tmp_path / 'my.csv'}"}))["data"]
    assert result.verdict is Verdict.FAIL
    assert "target (12)" in finding(result, "finite").message


def test_what_test_is_labelled_changes_nothing_that_is_said(tmp_path: Path) -> None:
    """Its targets are locked: neither leaks nor the order of the file are looked for in them."""
    rows = table()
    said = []
    for name, labels in (("as_they_are", rows["target"]), ("sorted", rows["target"].sort_values())):
        folder = tmp_path / name
        (folder / "rows").mkdir(parents=True)
        test = rows[160:].assign(target=labels.to_numpy()[160:])
        rows[:160].to_csv(folder / "rows" / "train.csv", index=False)
        test.to_csv(folder / "rows" / "test.csv", index=False)
        result = run(write(folder, {"source": f"csv:{folder / 'rows'}"}))["data"]
        said.append([one.model_dump() for one in result.findings])
    assert said[0] == said[1]
