"""A config as text: what is written reads back, and the generated files can't drift."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from recipe.config import Config, KerasObject, Range, read
from recipe.config.fields import leaf_keys, section_of
from recipe.config.render import SCHEMA_LINE, field_docs, json_schema, to_yaml, write_shipped

CONFIGS = Path(__file__).parents[2] / "configs"


def models(section: type[BaseModel] = Config) -> list[type[BaseModel]]:
    inner = filter(None, (section_of(section, name) for name in section.model_fields))
    return [section, *(below for kind in inner for below in models(kind))]


# The generated files -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["base.yaml", "schema.json"])
def test_a_shipped_file_is_what_the_types_say(name: str, tmp_path: Path) -> None:
    write_shipped(tmp_path)
    again = "run: recipe schema --write configs"
    assert (CONFIGS / name).read_bytes() == (tmp_path / name).read_bytes(), again


def test_base_yaml_holds_every_key_its_default_and_one_comment(tmp_path: Path) -> None:
    write_shipped(tmp_path)
    text = (tmp_path / "base.yaml").read_text()
    assert read(tmp_path / "base.yaml") == Config(name="base")
    lines = text.splitlines()
    keys = [i for i, line in enumerate(lines) if line and not line.strip().startswith("#")]
    assert len(keys) == len(leaf_keys(Config)) + len(models()) - 1
    for i in keys:
        indent = len(lines[i]) - len(lines[i].lstrip())
        assert lines[i - 1].startswith(" " * indent + "# "), lines[i]
        assert not lines[i - 2].strip().startswith("# ") or i == keys[0], lines[i]


def test_every_shipped_config_is_valid_and_carries_the_editors_line() -> None:
    shipped = sorted(CONFIGS.glob("*.yaml"))
    assert shipped
    for path in shipped:
        assert path.read_text().startswith(SCHEMA_LINE + "\n"), path.name
        jsonschema.validate(YAML(typ="safe", pure=True).load(path), json_schema())
        read(path)


# Text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="the defaults"),
        pytest.param({"train.learning_rate": 1e-5, "model.l2": 1e22}, id="floats with exponents"),
        pytest.param({"train.learning_rate": 0.1 + 0.2}, id="a float to its last digit"),
        pytest.param({"train.learning_rate": 5e-324}, id="the smallest float"),
        pytest.param({"model.widths": (), "model.filters": (1, 2, 3)}, id="lists"),
        pytest.param({"data.accept": ("leak", "a b", "")}, id="a list of text"),
        pytest.param({"data.limit": 5, "train.batch_size": "full"}, id="a number or a word"),
        pytest.param(
            {"train.optimizer": {"class_name": "SGD", "config": {"a": None, "b": [1, {"c": "d"}]}}},
            id="a Keras object",
        ),
        pytest.param(
            {
                "search.space": {
                    "model.dropout": {"linear": [0, 0.5]},
                    "model.activation": {"choice": ["relu", {"class_name": "x", "config": {}}]},
                    "train.epochs": {"int": [1, 3]},
                    "train.learning_rate": {"log": [1e-5, 1e-1]},
                }
            },
            id="a search space",
        ),
    ],
)
@pytest.mark.parametrize("comments", [False, True], ids=["bare", "with comments"])
def test_what_is_written_reads_back(
    tmp_path: Path, changes: dict[str, Any], comments: bool
) -> None:
    config = Config(name="x").replace(changes)
    path = tmp_path / "other.yaml"
    path.write_text(to_yaml(config, "written by a test", comments), encoding="utf-8")
    assert read(path) == config


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "a", "a b", "no", "null", "Null", "~", "true", "TRUE", "nan", ".nan", ".NaN",
        ".inf", "-.inf", "1", "1.0", "3e-4", "0x1F", "2024-01-31", "=", "<<", "-", "?", ":", "a: b",
        "a #b", "#", "&a", "*a", "!a", "%a", "@a", "`a", "|", ">", "{", "[", ",", "'", '"', "\\",
        "\\n", "\n", "\t", "\r", "\0", "\x7f", "\x85", "\xa0", "\u2028", "\ufeff", "\ue000", "é",
        "日本", "😀", "😀\n", "a.b", "._", "sklearn:digits",
    ],
    ids=repr,
)  # fmt: skip
def test_any_text_reads_back(tmp_path: Path, text: str) -> None:
    config = Config(name="x").replace({"data.source": text, "data.accept": [text, text]})
    path = tmp_path / "x.yaml"
    path.write_text(to_yaml(config), encoding="utf-8")
    assert read(path) == config


def test_a_header_stands_above_as_comments() -> None:
    text = to_yaml(Config(), header="from: digits.yaml\n\nsecond")
    assert text.startswith("# from: digits.yaml\n#\n# second\nname: null\nseed: 0\nhypothesis:\n")


def test_what_is_said_of_a_key_stands_beside_it() -> None:
    lines = to_yaml(Config(), notes={"train.mixup": "it helped", "seed": "a guess"}).splitlines()
    assert "  mixup: 0.0  # it helped" in lines
    assert "seed: 0  # a guess" in lines


def test_plain_words_and_numbers_need_no_quotes() -> None:
    lines = to_yaml(Config()).splitlines()
    assert "  activation: relu" in lines
    assert "  learning_rate: 0.0003" in lines
    assert '  source: "sklearn:digits"' in lines
    assert "  widths: [64, 64]" in lines


# The schema ----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [*models(), KerasObject, Range], ids=lambda kind: kind.__name__)
def test_every_key_is_documented_for_the_editor(model: type[BaseModel]) -> None:
    schema = json_schema()
    part = schema if model is Config else schema["$defs"][model.__name__]
    assert part["additionalProperties"] is False
    for key in model.model_fields:
        assert part["properties"][key]["description"] == field_docs(model)[key]
        assert field_docs(model)[key].endswith((".", "(the result says so).")), key


@pytest.mark.parametrize(
    ("text", "good"),
    [
        pytest.param("seed: 1", True, id="a key"),
        pytest.param("extends: base.yaml", True, id="extends"),
        pytest.param("model: {activation: tanh}", True, id="a name"),
        pytest.param("model: {activation: {class_name: X, config: {a: 1}}}", True, id="an object"),
        pytest.param("model: {widths: [8]}", True, id="a list"),
        pytest.param("search: {space: {model.l2: {log: [1e-5, 1]}}}", True, id="a space"),
        pytest.param("model: {drpout: 1}", False, id="an unknown key"),
        pytest.param("model: {activation: rleu}", False, id="an unknown name"),
        pytest.param("model: {activation: {class_nme: X}}", False, id="a sick object"),
        pytest.param("model: {dropout: 1}", False, id="out of range"),
        pytest.param("train: {epochs: 2.5}", False, id="a wrong type"),
        pytest.param("search: {space: {model.l2: {logg: [1, 2]}}}", False, id="a sick space"),
        pytest.param("extends: 3", False, id="a sick extends"),
    ],
)
def test_the_editor_agrees_with_the_reader(tmp_path: Path, text: str, good: bool) -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    assert validator.is_valid(YAML(typ="safe", pure=True).load(text)) is good


def test_the_schema_is_json_that_a_validator_accepts() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(json.dumps(json_schema())))
