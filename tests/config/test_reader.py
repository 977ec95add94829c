"""Reading a config: what a file may say, and what it is told when it says something else."""

import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from recipe.config import ConfigError, read

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a file into the current folder and gives its relative path."""
    monkeypatch.chdir(tmp_path)

    def write(content: str | bytes, name: str = "my.yaml") -> Path:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def errors(path: Path, *settings: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(path, settings)
    assert str(caught.value).split("\n") == caught.value.lines
    return caught.value.lines


# What is read --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        pytest.param("seed: 7", "seed", 7, id="a whole number"),
        pytest.param("train: {learning_rate: 3e-4}", "train.learning_rate", 3e-4, id="3e-4"),
        pytest.param("train: {learning_rate: 1}", "train.learning_rate", 1.0, id="1 for a float"),
        pytest.param("model:\n  widths: [8, 4]", "model.widths", (8, 4), id="a list"),
        pytest.param("model:\n  widths:\n  - 8\n  - 4", "model.widths", (8, 4), id="a block list"),
        pytest.param("model: {widths: []}", "model.widths", (), id="an empty list"),
        pytest.param("model: {}", "model.dropout", 0.0, id="an empty section"),
        pytest.param("data: {limit: null}", "data.limit", None, id="null where it is allowed"),
        pytest.param("data: {limit: }", "data.limit", None, id="nothing means null"),
        pytest.param("data: {source: no}", "data.source", "no", id="no is text, as in YAML 1.2"),
        pytest.param("name: 2024-01-31", "name", "2024-01-31", id="a date is text"),
        pytest.param("# why\nseed: 7 # this", "seed", 7, id="comments"),
        pytest.param("---\nseed: 7\n...\n", "seed", 7, id="document marks"),
        pytest.param("\ufeffseed: 7", "seed", 7, id="a byte order mark"),
        pytest.param("model:\r\n  widths: [8]\r\n", "model.widths", (8,), id="CRLF"),
        pytest.param("seed: 7\rname: x\r", "seed", 7, id="CR"),
        pytest.param(
            "model: {widths: &w [8], filters: *w}", "model.filters", (8,), id="anchor and alias"
        ),
        pytest.param("data: &a {split: &a {val: 0.1}}", "data.split.val", 0.1, id="anchor reused"),
        pytest.param('seed: !!int "7"', "seed", 7, id="a tag of YAML's own"),
        pytest.param("seed: 0x1F", "seed", 31, id="hexadecimal"),
    ],
)
def test_reads(write: Write, text: str, key: str, value: object) -> None:
    assert read(write(text)).get(key) == value


def test_the_files_stem_is_the_name_of_the_run(write: Write) -> None:
    assert read(write("seed: 0", "folder/digits-2.yaml")).name == "digits-2"
    assert read(write("name: other", "digits.yaml")).name == "other"


def test_a_path_may_be_text(write: Write) -> None:
    assert read(str(write("seed: 7"))).seed == 7


def test_reading_a_config_imports_no_tensorflow(write: Write) -> None:
    path = write("model: {activation: tanh, kernel_initializer: he_normal}")
    code = f"""
import sys
from recipe.config import read
import recipe.config.render, recipe.findings
read({str(path)!r}, ["train.optimizer=sgd"])
heavy = {{"tensorflow", "keras", "keras_tuner", "numpy", "sklearn", "pandas"}}
print(sorted(heavy & {{name.split(".")[0] for name in sys.modules}}))
"""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": f"{root}:{':'.join(sys.path)}"},
    )
    assert done.stdout == "[]\n"


# One error -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            "model:\n  drpout: 0.1",
            "my.yaml:2:3: unknown key 'model.drpout'; did you mean 'dropout'?",
            id="a typo in a key",
        ),
        pytest.param(
            "extend: base.yaml",
            "my.yaml:1:1: unknown key 'extend'; did you mean 'extends'?",
            id="a typo in extends",
        ),
        pytest.param(
            "dropout: 0.1",
            "my.yaml:1:1: unknown key 'dropout'; did you mean 'model.dropout'?",
            id="a key of another section",
        ),
        pytest.param(
            "data.split.val: 0.1",
            "my.yaml:1:1: unknown key 'data.split.val'; write 'val' below 'data: split:'",
            id="a dotted key",
        ),
        pytest.param(
            "model: {norm: batch}\ntrain:\n  epochs: 3\n  batch_size: 1",
            "my.yaml:4:3: train.batch_size: a batch of 1 minus its own mean is 0, so batch norm"
            " lets nothing through; write 32, or model.norm: layer, got 1",
            id="two options that can't work together",
        ),
        pytest.param(
            "model: {noise: {zzz: 1}}",
            "my.yaml:1:17: unknown key 'model.noise.zzz'; "
            "known here: input, activation, weight, gradient",
            id="a key like no other",
        ),
        pytest.param(
            "train: {optimizer: {class_name: SGD, confg: {}}}",
            "my.yaml:1:38: unknown key 'train.optimizer.confg'; did you mean 'config'?",
            id="a typo in a Keras object",
        ),
        pytest.param(
            "train: {optimizer: {config: {}}}",
            "my.yaml:1:9: train.optimizer: 'class_name' is missing, got {config: {}}",
            id="a Keras object without its class",
        ),
        pytest.param(
            "train: {optimizer: 3}",
            "my.yaml:1:9: train.optimizer: must be a name or {class_name, config}, got 3",
            id="no Keras identifier",
        ),
        pytest.param(
            "train: {optimizer: {class_name: SGD, config: {momentum: .nan}}}",
            "my.yaml:1:47: train.optimizer.config.momentum: must be made of text, finite numbers, "
            "true, false, null, lists and mappings, got nan",
            id="NaN for Keras",
        ),
        pytest.param(
            "model: {norm: btach}",
            "my.yaml:1:9: model.norm: must be 'none', 'batch', 'layer' or 'group', got 'btach'; "
            "did you mean 'batch'?",
            id="a typo in a value",
        ),
        pytest.param(
            "seed: true", "my.yaml:1:1: seed: must be a whole number, got true", id="true for 1"
        ),
        pytest.param(
            "seed:", "my.yaml:1:1: seed: must be a whole number, got null", id="nothing for a value"
        ),
        pytest.param(
            'seed: ""', "my.yaml:1:1: seed: must be a whole number, got ''", id="empty text"
        ),
        pytest.param(
            "train: {epochs: 3.0}",
            "my.yaml:1:9: train.epochs: must be a whole number, got 3.0",
            id="3.0 for 3",
        ),
        pytest.param(
            "train: {learning_rate: '3e-4'}",
            "my.yaml:1:9: train.learning_rate: must be a number, got '3e-4'",
            id="a number in quotes",
        ),
        pytest.param(
            "train: {learning_rate: .nan}",
            "my.yaml:1:9: train.learning_rate: must be a finite number, got nan",
            id="NaN",
        ),
        pytest.param(
            "train: {learning_rate: 1e999}",
            "my.yaml:1:9: train.learning_rate: must be a finite number, got inf",
            id="infinity",
        ),
        pytest.param("name: 3", "my.yaml:1:1: name: must be text, got 3", id="a number for text"),
        pytest.param(
            "model: {dropout: 1}",
            "my.yaml:1:9: model.dropout: must be less than 1, got 1",
            id="out of range",
        ),
        pytest.param(
            "model: {norm_momentum: 2}",
            "my.yaml:1:9: model.norm_momentum: must be 'auto' or must be less than 1, got 2",
            id="a word or a number out of range",
        ),
        pytest.param(
            "data:\n  split: {val: 0.5, test: 0.5}",
            "my.yaml:2:3: data.split: val + test must leave at least 0.1 of the examples for "
            "training, got {val: 0.5, test: 0.5}",
            id="two values that exclude each other",
        ),
        pytest.param(
            "model:\n  widths:\n  - 8\n  - 0",
            "my.yaml:4:5: model.widths.1: must be greater than 0, got 0",
            id="the second of a list",
        ),
        pytest.param(
            "model: {widths: 8}",
            "my.yaml:1:9: model.widths: must be a list, got 8",
            id="a number for a list",
        ),
        pytest.param(
            "model: 3",
            "my.yaml:1:1: model: must be a section (a mapping of keys to values), got 3",
            id="a number for a section",
        ),
        pytest.param(
            "model:",
            "my.yaml:1:1: model: must be a section (a mapping of keys to values), got null",
            id="nothing for a section",
        ),
        pytest.param(
            "seed: 1\nmodel: {}\nseed: 2",
            "my.yaml:3:1: seed: set twice, first at my.yaml:1:1",
            id="a key set twice",
        ),
        pytest.param("1: 2", "my.yaml:1:1: a key is text, got 1", id="a number for a key"),
        pytest.param(
            "stages: {nostage: {}}",
            "my.yaml:1:10: unknown key 'stages.nostage'; known here: data, baseline, overfit, "
            "regularize, tune, squeeze, lr_find, doctor, compare, recalibrate, lab",
            id="a stage that is none",
        ),
        pytest.param(
            "search: {space: {model.dropout: {uniform: [0, 0.5]}}}",
            "my.yaml:1:34: unknown key 'search.space.model.dropout.uniform'; known here: log, "
            "linear, int, choice",
            id="a range that is none",
        ),
        pytest.param(
            "model: {? [a] : 1}", "my.yaml:1:11: model: a key is text, got a list", id="list as key"
        ),
        pytest.param(
            "seed: 99999999999999999999",
            "my.yaml:1:7: seed: must be less than 2**63, got 99999999999999999999",
            id="a huge whole number",
        ),
        pytest.param(
            "seed: " + "9" * 5000,
            "my.yaml:1:7: seed: can't be read as int, got " + "9" * 37 + "...",
            id="a whole number too long for Python",
        ),
        pytest.param(
            "seed: !!int x", "my.yaml:1:7: seed: can't be read as int, got x", id="!!int on text"
        ),
        pytest.param(
            "model: !mine {}",
            "my.yaml:1:8: model: a config has no YAML tags, got !mine",
            id="a tag",
        ),
        pytest.param(
            "model: !!omap [widths: [8]]",
            "my.yaml:1:8: model: a config has no YAML tags, got !!omap",
            id="an ordered map",
        ),
        pytest.param(
            "model: &m {dropout: 0.1}\ntrain:\n  <<: *m",
            "my.yaml:3:3: train.<<: '<<' is not YAML 1.2; use 'extends'",
            id="a merge key",
        ),
        pytest.param(
            "data: {accept: &a [*a]}",
            "my.yaml:1:16: not valid YAML: an alias holds itself",
            id="an alias that holds itself",
        ),
        pytest.param(
            "model: *m", "my.yaml:1:8: not valid YAML: found undefined alias 'm'", id="no anchor"
        ),
        pytest.param(
            "seed: 1\n---\nseed: 2",
            "my.yaml:2:1: not valid YAML: expected a single document in the stream, "
            "but found another document",
            id="two documents",
        ),
        pytest.param(
            "model:\n\twidths: [8]",
            "my.yaml:2:1: not valid YAML: a tab; indent with spaces",
            id="a tab",
        ),
        pytest.param(
            "model: [8",
            "my.yaml:1:10: not valid YAML: expected ',' or ']', but got '<stream end>'",
            id="an open bracket",
        ),
        pytest.param(
            "[" * 3000, "my.yaml:1:31: not valid YAML: nested deeper than 30", id="brackets"
        ),
        pytest.param(
            "- seed: 1",
            "my.yaml:1:1: a config is a mapping of keys to values, got a list",
            id="a list",
        ),
        pytest.param(
            "seed", "my.yaml:1:1: a config is a mapping of keys to values, got seed", id="a word"
        ),
        pytest.param(
            "",
            "my.yaml: the file is empty; a config has at least one line, e.g. 'seed: 0'",
            id="an empty file",
        ),
        pytest.param(
            "# nothing\n",
            "my.yaml: the file is empty; a config has at least one line, e.g. 'seed: 0'",
            id="only a comment",
        ),
        pytest.param(
            "seed: 1\nname: \xe9".encode("latin-1"),
            "my.yaml:2:7: a config is UTF-8 text, got byte 0xe9",
            id="Latin-1",
        ),
        pytest.param(
            "seed: 1".encode("utf-16"),
            "my.yaml:1:1: a config is UTF-8 text, got byte 0xff",
            id="UTF-16",
        ),
        pytest.param(
            "name: 'é'\nseed: \0",
            "my.yaml:2:7: not valid YAML: the character 0x0 can't stand in a text",
            id="a null character",
        ),
        pytest.param(
            "\ufeffseed: x",
            "my.yaml:1:1: seed: must be a whole number, got 'x'",
            id="an error after a byte order mark",
        ),
        pytest.param(
            "model:\r\n  drpout: 1\r\n",
            "my.yaml:2:3: unknown key 'model.drpout'; did you mean 'dropout'?",
            id="a typo in a file with CRLF",
        ),
    ],
)
def test_one_error_says_where_what_and_what_instead(
    write: Write, text: str | bytes, line: str
) -> None:
    assert errors(write(text)) == [line]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        pytest.param("rleu", "relu", id="letters swapped"),
        pytest.param("ReLU", "relu", id="the name of the class"),
        pytest.param("LeakyReLU", "leaky_relu", id="the name of a longer class"),
    ],
)
def test_a_name_that_keras_has_not_lists_those_it_has(write: Write, given: str, meant: str) -> None:
    (line,) = errors(write(f"model: {{activation: {given}}}"))
    assert line.startswith("my.yaml:1:9: model.activation: no activation of this name; one of celu")
    assert line.endswith(f", tanh_shrink, got '{given}'; did you mean '{meant}'?")


def test_an_optimizer_in_capitals_is_recognized(write: Write) -> None:
    (line,) = errors(write("train: {optimizer: SGD}"))
    assert line.endswith("got 'SGD'; did you mean 'sgd'?")


def test_an_application_is_recognized_in_either_form(write: Write) -> None:
    for given in ("mobilnetv2", "{class_name: MobilNetV2}"):
        (line,) = errors(write(f"model: {{backbone: {{name: {given}}}}}"))
        assert "model.backbone.name: no application of this name; one of ConvNeXtBase, " in line
        assert line.endswith("; did you mean 'MobileNetV2'?")


def test_what_other_keys_say_of_an_application_is_not_said_twice(write: Write) -> None:
    name = "{class_name: VGG16, config: {include_top: true}}"
    (line,) = errors(write(f"model: {{backbone: {{name: {name}}}}}"))
    assert "include_top is no argument to give here; the head is added for you" in line


def test_a_long_value_is_cut(write: Write) -> None:
    (line,) = errors(write(f"seed: {'x' * 500}"))
    assert line == f"my.yaml:1:1: seed: must be a whole number, got '{'x' * 76}..."


def test_all_errors_of_a_file_come_at_once(write: Write) -> None:
    text = """\
seed: -1
1: 2
model:
  drpout: 0.1
  widths: [8, 0, x]
  norm: !mine batch
train:
  epochs: 3.0
  epochs: 0
  optimizer: {class_name: 3}
"""
    assert errors(write(text)) == [
        "my.yaml:1:1: seed: must be greater than or equal to 0, got -1",
        "my.yaml:2:1: a key is text, got 1",
        "my.yaml:4:3: unknown key 'model.drpout'; did you mean 'dropout'?",
        "my.yaml:5:15: model.widths.1: must be greater than 0, got 0",
        "my.yaml:5:18: model.widths.2: must be a whole number, got 'x'",
        "my.yaml:6:9: model.norm: a config has no YAML tags, got !mine",
        "my.yaml:9:3: train.epochs: set twice, first at my.yaml:8:3",
        "my.yaml:10:15: train.optimizer.class_name: must be text, got 3",
    ]


# The file itself -----------------------------------------------------------------------------


def test_a_missing_file_is_told_its_neighbour(write: Write) -> None:
    write("seed: 0", "configs/digits.yaml")
    assert errors(Path("configs/digit.yaml")) == [
        "configs/digit.yaml: there is no such config file; did you mean 'configs/digits.yaml'?"
    ]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        pytest.param("nope.yaml", "there is no such config file", id="a missing file"),
        pytest.param("no/where.yaml", "there is no such config file", id="in a missing folder"),
        pytest.param("my.yaml/x.yaml", "can't be read: Not a directory", id="below a file"),
        pytest.param("folder", "can't be read: Is a directory", id="a folder"),
        pytest.param("a" * 300, "can't be read: File name too long", id="a name too long"),
        pytest.param("loop.yaml", "can't be read: Too many levels of symbolic links", id="a loop"),
    ],
)
def test_a_file_that_cannot_be_read(write: Write, path: str, line: str) -> None:
    write("seed: 0")
    Path("folder").mkdir()
    Path("loop.yaml").symlink_to("loop.yaml")
    assert errors(Path(path)) == [f"{path}: {line}"]


def test_a_path_with_a_null_character(write: Write) -> None:
    assert "a\0.yaml: can't be read: embedded null byte" in errors(Path("a\0.yaml"))


def test_a_stem_that_can_name_no_folder_says_so(write: Write) -> None:
    write("name: null", "base.yaml")
    (line,) = errors(write("extends: base.yaml", "my run.yaml"))
    assert line.startswith("my run.yaml: (the file's stem is the run's name): name: must match")


# extends -------------------------------------------------------------------------------------


def test_sections_merge_and_the_later_file_wins(write: Write) -> None:
    write("seed: 1\nmodel: {widths: [8, 8], dropout: 0.1}", "base.yaml")
    write("extends: ../base.yaml\nmodel: {dropout: 0.2}\ntrain: {epochs: 3}", "a/middle.yaml")
    config = read(write("extends: ../a/middle.yaml\ntrain: {epochs: 4}", "b/last.yaml"))
    assert config.seed == 1
    assert config.model.widths == (8, 8)
    assert config.model.dropout == 0.2
    assert config.train.epochs == 4


@pytest.mark.parametrize(
    ("base", "over", "key", "value"),
    [
        pytest.param("model: {widths: [8, 8]}", "model: {widths: [4]}", "model.widths", (4,)),
        pytest.param(
            "train: {optimizer: {class_name: SGD, config: {momentum: 0.9}}}",
            "train: {optimizer: {class_name: SGD}}",
            "train.optimizer.config",
            {},
        ),
        pytest.param(
            "search: {space: {model.dropout: {linear: [0, 0.5]}}}",
            "search: {space: {}}",
            "search.space",
            {},
        ),
    ],
    ids=["a list", "a Keras object", "a search space"],
)
def test_a_value_is_replaced_whole(
    write: Write, base: str, over: str, key: str, value: object
) -> None:
    write(base, "base.yaml")
    assert read(write(f"extends: base.yaml\n{over}")).get(key) == value


def test_an_absolute_path_can_be_extended(write: Write) -> None:
    base = write("seed: 7", "base.yaml").resolve()
    assert read(write(f"extends: {base}")).seed == 7


def test_an_error_names_the_file_that_it_stands_in(write: Write) -> None:
    write("seed: -1\nmodel: {drpout: 1, dropout: 1, norm: batch}", "base.yaml")
    lines = errors(write("extends: base.yaml\nmodel: {norm: x}\ntrain: {epochs: 0}"))
    assert lines == [
        "base.yaml:1:1: seed: must be greater than or equal to 0, got -1",
        "base.yaml:2:9: unknown key 'model.drpout'; did you mean 'dropout'?",
        "base.yaml:2:20: model.dropout: must be less than 1, got 1",
        "my.yaml:2:9: model.norm: must be 'none', 'batch', 'layer' or 'group', got 'x'",
        "my.yaml:3:9: train.epochs: must be greater than 0, got 0",
    ]


def test_a_replaced_value_has_no_place_in_the_old_file(write: Write) -> None:
    write("train: {optimizer: {class_name: SGD, config: {momentum: 0.9}}}", "base.yaml")
    path = write("extends: base.yaml")
    setting = "train.optimizer={class_name: SGD, config: 3}"
    assert errors(path, setting) == [
        f"--set {setting}: train.optimizer.config: must be a mapping of keys to values, got 3"
    ]


def test_an_error_of_a_section_names_the_file_that_set_it_last(write: Write) -> None:
    write("data:\n  split: {val: 0.5}", "base.yaml")
    (line,) = errors(write("extends: base.yaml\ndata:\n  split: {test: 0.5}"))
    assert line.startswith("my.yaml:3:3: data.split: val + test must leave at least 0.1")


def test_broken_yaml_in_the_extended_file_does_not_hide_the_other_errors(write: Write) -> None:
    write("model: [", "base.yaml")
    assert errors(write("extends: base.yaml\nseed: -1")) == [
        "base.yaml:1:9: not valid YAML: expected the node content, but found '<stream end>'",
        "my.yaml:2:1: seed: must be greater than or equal to 0, got -1",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("extends:", "must be a file name, got null", id="nothing"),
        pytest.param("extends: 3", "must be a file name, got 3", id="a number"),
        pytest.param("extends: [a, b]", "must be a file name, got [a, b]", id="two files"),
        pytest.param(
            "extends: nope.yaml",
            "no file 'nope.yaml' (paths are relative to this file)",
            id="a missing file",
        ),
        pytest.param(
            "extends: bas.yaml",
            "no file 'bas.yaml' (paths are relative to this file); did you mean 'base.yaml'?",
            id="a typo",
        ),
        pytest.param("extends: .", "'.' is a folder; name a file in it", id="the folder"),
        pytest.param(
            'extends: "a\\0b/c"', "no file 'a\\x00b/c' (paths are relative to this file)", id="null"
        ),
        pytest.param(
            f"extends: {'a' * 300}/b",
            f"no file '{'a' * 300}/b' (paths are relative to this file)",
            id="a name too long",
        ),
        pytest.param("extends: my.yaml", "goes in a circle: my.yaml -> my.yaml", id="itself"),
        pytest.param(
            "extends: ./../here/my.yaml",
            "goes in a circle: my.yaml -> ../here/my.yaml",
            id="itself by another name",
        ),
    ],
)
def test_a_sick_extends(
    write: Write, monkeypatch: pytest.MonkeyPatch, text: str, problem: str
) -> None:
    write("seed: 0", "here/base.yaml")
    monkeypatch.chdir("here")
    assert errors(write(text)) == [f"my.yaml:1:1: extends: {problem}"]


def test_extends_with_a_tag_is_said_once(write: Write) -> None:
    assert errors(write("extends: !mine a")) == [
        "my.yaml:1:10: extends: a config has no YAML tags, got !mine"
    ]


def test_a_circle_of_three_is_shown_where_it_closes(write: Write) -> None:
    write("extends: c.yaml", "b.yaml")
    write("extends: a.yaml", "c.yaml")
    assert errors(write("extends: b.yaml", "a.yaml")) == [
        "c.yaml:1:1: extends: goes in a circle: a.yaml -> b.yaml -> c.yaml -> a.yaml"
    ]


# --set ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "key", "value"),
    [
        pytest.param(["seed=7"], "seed", 7, id="a top key"),
        pytest.param(["model.dropout=0.2"], "model.dropout", 0.2, id="a dotted key"),
        pytest.param([" model.dropout = 0.2 "], "model.dropout", 0.2, id="spaces"),
        pytest.param(["seed=1", "seed=2", "seed=3"], "seed", 3, id="the last one wins"),
        pytest.param(["train.learning_rate=3e-4"], "train.learning_rate", 3e-4, id="a float"),
        pytest.param(["train.batch_size=full"], "train.batch_size", "full", id="a word"),
        pytest.param(["data.limit="], "data.limit", None, id="nothing means null"),
        pytest.param(["model.widths=[8, 4]"], "model.widths", (8, 4), id="a list"),
        pytest.param(["model={dropout: 0.2}"], "model.widths", (5,), id="a mapping merges"),
        pytest.param(
            ["train.optimizer={class_name: SGD, config: {momentum: 0.9}}"],
            "train.optimizer.config",
            {"momentum": 0.9},
            id="a Keras object",
        ),
        pytest.param(
            ["data.source=my.module:a=b"], "data.source", "my.module:a=b", id="equals in the value"
        ),
    ],
)
def test_set_wins_over_the_file(write: Write, settings: list[str], key: str, value: object) -> None:
    path = write("seed: 1\nmodel: {widths: [5]}\ndata: {limit: 99}")
    assert read(path, settings).get(key) == value


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        pytest.param("seed", "must be KEY=VALUE, e.g. --set model.dropout=0.2", id="no value"),
        pytest.param("=3", "must be KEY=VALUE, e.g. --set model.dropout=0.2", id="no key"),
        pytest.param("model..a=3", "must be KEY=VALUE, e.g. --set model.dropout=0.2", id="a hole"),
        pytest.param("seed=", "seed: must be a whole number, got null", id="nothing where needed"),
        pytest.param("seed=1.5", "seed: must be a whole number, got 1.5", id="a wrong type"),
        pytest.param(
            "modle.dropout=0", "unknown key 'modle'; did you mean 'model'?", id="unknown section"
        ),
        pytest.param(
            "model.drpout=0",
            "unknown key 'model.drpout'; did you mean 'dropout'?",
            id="an unknown key",
        ),
        pytest.param(
            "model.dropout.rate=0",
            "'model.dropout' is a value, not a section: give it whole, e.g. "
            "--set 'model.dropout=...'",
            id="through a number",
        ),
        pytest.param(
            "model.widths.0=8",
            "'model.widths' is a value, not a section: give it whole, e.g. "
            "--set 'model.widths=...'",
            id="into a list",
        ),
        pytest.param(
            "train.optimizer.config.momentum=0",
            "'train.optimizer' is a value, not a section: give it whole, e.g. "
            "--set 'train.optimizer=...'",
            id="into a Keras object",
        ),
        pytest.param(
            "model=3",
            "model: must be a section (a mapping of keys to values), got 3",
            id="a number for a section",
        ),
        pytest.param(
            "model.widths=[8",
            "not valid YAML: expected ',' or ']', but got '<stream end>'",
            id="broken YAML",
        ),
        pytest.param("seed=!mine 3", "seed: a config has no YAML tags, got !mine", id="a tag"),
        pytest.param(
            "model={l2: 0, l2: 1}",
            "model.l2: set twice, first at --set model={l2: 0, l2: 1}",
            id="a key set twice",
        ),
        pytest.param(
            "extends=base.yaml", "'extends' stands in a file, --set changes keys", id="extends"
        ),
    ],
)
def test_a_sick_setting(write: Write, setting: str, problem: str) -> None:
    assert errors(write("seed: 1"), setting) == [f"--set {setting}: {problem}"]


def test_a_section_that_is_none_in_the_file_is_no_section_for_set(write: Write) -> None:
    assert errors(write("model: 3"), "model.dropout=0.2") == [
        "my.yaml:1:1: model: must be a section (a mapping of keys to values), got 3"
    ]


def test_a_setting_that_repairs_the_file_hides_its_error(write: Write) -> None:
    assert read(write("seed: -1"), ["seed=1"]).seed == 1


def test_all_errors_of_settings_and_file_come_at_once(write: Write) -> None:
    assert errors(write("seed: -1"), "bad", "model.widths=[", "model.nope=1", "data.limit=0") == [
        "--set bad: must be KEY=VALUE, e.g. --set model.dropout=0.2",
        "--set data.limit=0: data.limit: must be greater than 0, got 0",
        "--set model.nope=1: unknown key 'model.nope'; did you mean 'noise'?",
        "--set model.widths=[: not valid YAML: expected the node content, but found '<stream end>'",
        "my.yaml:1:1: seed: must be greater than or equal to 0, got -1",
    ]


# search.space --------------------------------------------------------------------------------


def test_a_space_with_valid_endpoints_is_read(write: Write) -> None:
    text = """\
train: {optimizer: {class_name: SGD, config: {momentum: 0.9}}}
search:
  space:
    model.dropout: {linear: [0, 0.5]}
    model.noise.input: {linear: [0, 0.1]}
    model.activation: {choice: [relu, {class_name: relu}]}
    model.widths: {choice: [[8], [8, 8]]}
    train.learning_rate: {log: [1e-4, 1e-1]}
    train.batch_size: {int: [8, 64]}
    train.optimizer.config.momentum: {linear: [0, 0.99]}
"""
    space = read(write(text)).search.space
    assert space["model.dropout"].endpoints == (0.0, 0.5)
    assert space["model.widths"].endpoints == ([8], [8, 8])
    assert len(space) == 7


@pytest.mark.parametrize(
    ("space", "line"),
    [
        pytest.param("3", "10: search.space: must be a mapping of keys to values, got 3", id="3"),
        pytest.param(
            "{model.dropout: 3}",
            "18: search.space.model.dropout: must be a range, e.g. {log: [0.001, 0.1]}, got 3",
            id="no range",
        ),
        pytest.param(
            "{model.dropout: {}}",
            "18: search.space.model.dropout: give exactly one of log, linear, int and choice, "
            "got none",
            id="an empty range",
        ),
        pytest.param(
            "{model.dropout: {int: [1, 2], linear: [0, 1]}}",
            "18: search.space.model.dropout: give exactly one of log, linear, int and choice, "
            "got linear, int",
            id="two ranges",
        ),
        pytest.param(
            "{model.dropout: {lin: [0, 1]}}",
            "34: unknown key 'search.space.model.dropout.lin'; did you mean 'linear'?",
            id="an unknown range",
        ),
        pytest.param(
            "{model.l2: {log: [0, 1]}}",
            "18: search.space.model.l2: log needs low > 0, got [0.0, 1.0]",
            id="log from 0",
        ),
        pytest.param(
            "{model.l2: {linear: [1, 0]}}",
            "18: search.space.model.l2: linear needs low < high, got [1.0, 0.0]",
            id="high before low",
        ),
        pytest.param(
            "{model.l2: {linear: [0]}}",
            "29: search.space.model.l2.linear: must be [low, high], got [0]",
            id="only low",
        ),
        pytest.param(
            "{model.l2: {linear: [0, .inf]}}",
            "41: search.space.model.l2.linear.1: must be a finite number, got inf",
            id="up to infinity",
        ),
        pytest.param(
            "{train.epochs: {int: [1, 2.5]}}",
            "42: search.space.train.epochs.int.1: must be a whole number, got 2.5",
            id="half a whole number",
        ),
        pytest.param(
            "{model.norm: {choice: []}}",
            "31: search.space.model.norm.choice: must have at least 1 item, not 0, got []",
            id="no choice",
        ),
        pytest.param(
            "{model.drpout: {linear: [0, 0.5]}}",
            "18: unknown key 'model.drpout'; did you mean 'model.dropout'?",
            id="an unknown key",
        ),
        pytest.param(
            "{data.limit: {int: [10, 20]}}",
            "18: search.space.data.limit: only keys of model and train can be searched, "
            "got {int: [10, 20]}",
            id="outside of model and train",
        ),
        pytest.param(
            "{model: {choice: [1]}}",
            "18: search.space.model: no valid config with 1: must be a section (a mapping of keys "
            "to values), got {choice: [1]}",
            id="a whole section",
        ),
        pytest.param(
            "{model.dropout: {linear: [0, 1]}}",
            "18: search.space.model.dropout: no valid config with 1.0: must be less than 1, "
            "got {linear: [0, 1]}",
            id="one end out of range",
        ),
        pytest.param(
            "{train.epochs: {linear: [1, 3]}}",
            "18: search.space.train.epochs: no valid config with 1.0, 3.0: must be a whole number, "
            "got {linear: [1, 3]}",
            id="both ends of a wrong type",
        ),
        pytest.param(
            "{model.norm: {choice: [batch, btach]}}",
            "18: search.space.model.norm: no valid config with 'btach': must be 'none', 'batch', "
            "'layer' or 'group', got {choice: [batch, btach]}",
            id="one choice",
        ),
        pytest.param(
            "{model.activation: {choice: [{class_name: elu, x: 1}]}}",
            "18: search.space.model.activation: no valid config with {'class_name': 'elu', "
            "'x': 1}: unknown key in it, got {choice: [{class_name: elu, x: 1}]}",
            id="a sick Keras object",
        ),
        pytest.param(
            "{model.dropout.rate: {linear: [0, 0.5]}}",
            "18: search.space.model.dropout.rate: no valid config with 0.0, 0.5: 'dropout' is a "
            "value, not a section: replace it whole, got {linear: [0, 0.5]}",
            id="through a value",
        ),
    ],
)
def test_a_sick_space_is_refused_at_its_key(write: Write, space: str, line: str) -> None:
    assert errors(write(f"search: {{space: {space}}}")) == [f"my.yaml:1:{line}"]


def test_all_errors_of_a_space_come_at_once(write: Write) -> None:
    text = """\
search:
  space:
    model.dropout: {linear: [0, 1]}
    model.nope: {int: [1, 2]}
    seed: {int: [1, 2]}
    model.l2: {linear: [0, 1]}
    train.epochs: {linear: [1, 3]}
"""
    places = [line.split(" ")[0] for line in errors(write(text))]
    assert places == ["my.yaml:3:5:", "my.yaml:4:5:", "my.yaml:5:5:", "my.yaml:7:5:"]


def test_a_space_is_checked_against_the_config_it_stands_in(write: Write) -> None:
    write("search: {space: {train.optimizer.config.momentum: {linear: [0, 0.9]}}}", "base.yaml")
    (line,) = errors(write("extends: base.yaml\ntrain: {optimizer: sgd}"))
    assert line.startswith("base.yaml:1:18: search.space.train.optimizer.config.momentum: ")
    assert "'optimizer' is a value, not a section" in line


# Anything else -------------------------------------------------------------------------------

MALFORMED = [
    "~", "null", "''", "42", "true", "[]", "[[]]", "- a\n- b", "!!set {a}", "!!omap [a: 1]",
    "!!int x", "!!bool x", "!mine", "! a", "!!", "&a", "*a", "&a [*a]", "a: &a {b: *a}",
    "&a seed: *a", "%YAML 9.9\n---\nseed: 1", "%", "%YAML", "@", "`", "|", ">", "|\n x", "? ",
    "? ? ?", ": ", ":", "-", "- - -", "{", "}", "[", "]", "{]", "[}", "{,}", "{a", "{a: ",
    "{a: b, c", "\"", "'", "\"\\x", "\"\\u12\"", "\"\\ud800\": 1", "seed: \"\\ud800\"",
    "name: \"\\0\"", "a: b: c", "a:\n - b\n  c: d", " a: 1\nb: 2", "seed: 1\n model: {}", "\t",
    "\tseed: 1", "seed: 1\n\tmodel: 2", "seed: 1\x00", "seed: \x07", "\ud7ff: 1", "\ufffe",
    "<<: 1", "<<: [1]", "<<: {seed: 1}", "model: {<<: {dropout: 1}}", "seed: 1\nseed: 1", "=: =",
    "seed: =", "1.5: 2", "true: 1", "null: 1", "? {a: 1}\n: 1", "? [a]\n: 1", "\"\": 1",
    "a.b.c: 1", ".: 1", "seed: 2001-01-01 10:00:00", "seed: !!binary aGk=", "seed: +_",
    "seed: 0x" + "f" * 5000, "seed: -" + "9" * 5000, "train: {learning_rate: " + "9" * 400 + "}",
    "{" * 500, "a:\n" * 3 + "- " * 500, "".join(f"{' ' * i}a:\n" for i in range(200)),
    "data: {split: {val: {val: {val: 1}}}}", "stages: {data: [1]}", "search: {space: [model]}",
    "search: {space: {'': {int: [1, 2]}}}", "search: {space: {.: {int: [1, 2]}}}",
    "search: {space: {model.: {int: [1, 2]}}}", "search: {space: {model.a.b.c: {int: [1, 2]}}}",
    "search: {space: {model.widths.0: {int: [1, 2]}}}", "search: {space: {train.x: {log: 1}}}",
    "search: {space: {model.dropout: {choice: [[[]]]}}}",
    "search: {space: {model.dropout: {choice: [.nan]}}}",
    "search: {space: {model.dropout: {choice: {a: 1}}}}",
    "search: {space: {model.dropout: {int: [true, false]}}}",
    "train: {optimizer: {class_name: SGD, config: [1]}}", "model: {activation: {relu: {}}}",
    "train: {optimizer: {name: sgd}}", "train: {optimizer: {object: sgd}}",
]  # fmt: skip


@pytest.mark.parametrize("text", MALFORMED, ids=lambda text: repr(text)[:50])
def test_malformed_text_is_a_config_error_and_nothing_else(write: Write, text: str) -> None:
    for line in errors(write(text.encode("utf-8", "surrogatepass"))):
        assert re.match(r"my\.yaml(:\d+:\d+)?: \S", line)


def test_random_damage_is_read_or_refused(write: Write) -> None:
    whole = """\
extends: base.yaml
name: my # comment
model: &m {widths: [8, 4], dropout: 1e-1, activation: {class_name: "relu", config: {a: *n}}}
train:
  optimizer: sgd
  <<: &n [1.5, -3, ~]
search: {space: {model.l2: {log: [1e-5, 1e-2]}}}
"""
    write("seed: 1", "base.yaml")
    rng = random.Random(0)
    refused = 0
    for _ in range(300):
        text = list(whole)
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(text))
            text[place : place + rng.randint(0, 9)] = rng.choices(
                "{}[]:,-?&*!|>%@\"'# \n\tx1.~", k=2
            )
        try:
            read(write("".join(text)))
        except ConfigError:
            refused += 1
    assert refused > 200
