"""A Config as text: YAML that reads back as the same Config, and the editors' JSON schema."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from recipe.config.fields import model_in, section_of
from recipe.config.types import Config

SCHEMA_LINE = "# yaml-language-server: $schema=schema.json"


def to_yaml(
    config: Config,
    header: str = "",
    comments: bool = False,
    notes: Mapping[str, str] | None = None,
) -> str:
    """Every key of a config, in the order of the types.

    Args:
        config: what to write.
        header: lines of text to stand above it as comments.
        comments: put each key's documentation above it.
        notes: dotted key -> what is said of it, at the end of its line.
    """
    lines = [f"# {line}".rstrip() for line in header.splitlines()]
    lines += _section_lines(config, "", comments, notes or {})
    return "\n".join(lines) + "\n"


def json_schema() -> dict[str, Any]:
    """The JSON schema of a config file (draft 2020-12), with each key's documentation."""
    schema = Config.model_json_schema()
    for name, model in {Config.__name__: Config, **_models_below(Config)}.items():
        part = schema if model is Config else schema["$defs"][name]
        for key, text in field_docs(model).items():
            part["properties"][key]["description"] = text
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "A config file, relative to this one, that is read first.",
    }
    return schema


@cache
def field_docs(section: type[BaseModel]) -> dict[str, str]:
    """The docstring under each field of a section.

    pydantic's own `use_attribute_docstrings` reads the source at import, which would cost
    every command the time that only the schema needs.
    """
    body = ast.parse(inspect.getsource(section)).body[0]
    assert isinstance(body, ast.ClassDef)
    docs = {}
    for statement, after in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            docs[statement.target.id] = " ".join(str(after.value.value).split())
    return docs


def _models_below(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    found: dict[str, type[BaseModel]] = {}
    for info in model.model_fields.values():
        inner = model_in(info.annotation)
        if inner:
            found |= {inner.__name__: inner, **_models_below(inner)}
    return found


def _section_lines(
    section: BaseModel, prefix: str, comments: bool, notes: Mapping[str, str]
) -> list[str]:
    lines: list[str] = []
    pad = "  " * prefix.count(".")
    docs = field_docs(type(section)) if comments else {}
    for name, value in section:
        if comments:
            if not prefix and lines:
                lines.append("")
            lines.append(f"{pad}# {docs[name]}")
        key = prefix + name
        if section_of(type(section), name):
            lines += [f"{pad}{name}:", *_section_lines(value, f"{key}.", comments, notes)]
        else:
            note = f"  # {notes[key]}" if key in notes else ""
            lines.append(f"{pad}{name}: {flow(_plain(value))}{note}")
    return lines


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def flow(value: Any) -> str:
    """A value as YAML on one line. JSON is YAML; bare words and floats read more easily."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        word = value.replace("_", "").replace(".", "").isalpha()
        reserved = value.lower().lstrip(".") in ("null", "true", "false", "nan", "inf")
        return value if word and not reserved else _quoted(value)
    return json.dumps(value)


def _quoted(text: str) -> str:
    """JSON has no escape for a character beyond 16 bits, and YAML no surrogate pairs."""
    characters = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in characters)


def write_shipped(folder: Path) -> None:
    """Write the two generated files of `configs/`: `base.yaml` and `schema.json`."""
    header = (
        "Every key and its default; a config names what differs (extends: base.yaml).\n"
        "Generated from the types in recipe/config by `recipe schema --write configs`."
    )
    base = SCHEMA_LINE + "\n" + to_yaml(Config(), header, comments=True)
    (folder / "base.yaml").write_text(base, encoding="utf-8")
    schema = json.dumps(json_schema(), indent=1) + "\n"
    (folder / "schema.json").write_text(schema, encoding="utf-8")
