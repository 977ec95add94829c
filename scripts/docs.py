"""Writes the parts of the documentation that are facts about the code.

`.venv/bin/python scripts/docs.py` writes `docs/config.md` and `docs/result.schema.json` from the
types, and, where a finished run of `configs/digits.yaml` is at hand, what the command printed
into `README.md`. Prose is written by hand. A test fails where a file differs from what this
would write.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from recipe.config import Config, KerasObject, Range
from recipe.config.fields import leaf_keys, section_of
from recipe.config.names import ACTIVATIONS, APPLICATIONS, INITIALIZERS, OPTIMIZERS
from recipe.config.render import field_docs, flow, json_schema
from recipe.findings import StageResult
from recipe.stages import STAGES

ROOT = Path(__file__).resolve().parents[1]
CONFIG = "configs/digits.yaml"
BLOCK = re.compile(
    r"(<!-- output of `recipe report`, by scripts/docs\.py -->\n```text\n).*?(```\n<!-- end -->)",
    re.DOTALL,
)
LISTED = {
    "activation": ACTIVATIONS,
    "application": APPLICATIONS,
    "initializer": INITIALIZERS,
    "optimizer": OPTIMIZERS,
}

CONFIG_PAGE = f"""\
# Every key of a config

Generated from the types in `recipe/config/` by `scripts/docs.py`. The same keys as a file:
[`configs/base.yaml`](../configs/base.yaml); as a JSON schema for editors: `recipe schema`.

## How a config is read

- The format is YAML 1.2: `3e-4` is a number, `no` is text. A file names only what differs from
  the defaults.
- `extends: base.yaml` reads that file first; its path is relative to the file that names it.
  Sections merge key by key. Every other value, a list or a Keras object too, is replaced whole.
- `--set a.b=value` wins over files; the value is read as YAML, and nothing means `null`. In make:
  `SET="a.b=value c.d=value"`.
- Unknown keys, wrong types and values out of range are refused before anything runs, all errors
  of a file at once: `configs/mine.yaml:7:3: unknown key 'model.drpout'; did you mean 'dropout'?`
- There are {len(leaf_keys(Config))} keys. A config is frozen once read: what a stage tries is a
  change to it, and what a stage finds is a complete config file again.
"""


def config_page() -> str:
    """`docs/config.md`: every key with its default, what it may be, and what it means."""
    tables = [CONFIG_PAGE, *_sections(Config, "")]
    tables += ["## The values of `search.space`\n", *_table(Range, ""), ""]
    tables += ["## A Keras object\n", *_table(KerasObject, ""), ""]
    tables += [
        "It takes the place of a name wherever a key allows one: `optimizer: {class_name: SGD, "
        "config: {momentum: 0.9}}`.",
        "An optimizer's rate and decay are `train.learning_rate` and `train.weight_decay`, never "
        "among its arguments.\n",
        "## Names that Keras resolves\n",
    ]
    tables += [f"- {kind}: {_codes(names)}" for kind, names in LISTED.items()]
    return "\n".join(tables) + "\n"


def _sections(section: type[BaseModel], prefix: str) -> list[str]:
    """A heading and a table for the section and for each below it."""
    lines = _table(section, prefix)
    if lines and not prefix:
        lines = ["## Top level\n", *lines]
    lines.append("")
    for name, meaning in field_docs(section).items():
        inner = section_of(section, name)
        if inner:
            lines += [f"## `{prefix}{name}`\n", f"{meaning}\n"]
            lines += _sections(inner, f"{prefix}{name}.")
    return lines if any(lines) else []


def _table(section: type[BaseModel], prefix: str) -> list[str]:
    """The section's own keys; those of sections below it have tables of their own."""
    schema = json_schema()
    found = schema if section is Config else schema["$defs"][section.__name__]
    rows = []
    for name, info in section.model_fields.items():
        if section_of(section, name):
            continue
        default = "required" if info.is_required() else f"`{flow(info.default)}`"
        kind = _kind(found["properties"][name])
        meaning = field_docs(section)[name].replace("|", "\\|")
        rows.append(f"| `{prefix}{name}` | {default} | {kind} | {meaning} |")
    head = ["| key | default | may be | meaning |", "|---|---|---|---|"]
    return [*head, *rows] if rows else []


def _kind(schema: dict[str, Any]) -> str:
    """What a value may be, in words."""
    if "$ref" in schema:
        return {"KerasObject": "a Keras object", "Range": "a range"}[schema["$ref"].split("/")[-1]]
    alternatives = schema.get("anyOf") or schema.get("oneOf")
    if alternatives:
        return " or ".join(map(_kind, alternatives))
    for kind, names in LISTED.items():
        if set(names) <= set(schema.get("enum", ())):
            more = [name for name in schema["enum"] if name not in names]
            return ", ".join([*(f"`{name}`" for name in more), f"name of an {kind}"])
    if "enum" in schema:
        return _codes(schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "pattern" in schema:
        return f"text like `{schema['pattern']}`"
    if "prefixItems" in schema:
        return "two numbers"
    return f"{_TYPES.get(schema.get('type', ''), 'any value')}{_bounds(schema)}{_items(schema)}"


_TYPES = {
    "boolean": "true or false",
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "array": "list",
    "object": "mapping",
    "null": "null",
}


def _bounds(schema: dict[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    said = [f"{sign} {schema[key]:g}" for key, sign in signs.items() if key in schema]
    if schema.get("exclusiveMaximum") == 2**31:
        said[-1] = "< 2³¹"
    return f" {', '.join(said)}" if said else ""


def _items(schema: dict[str, Any]) -> str:
    inner = schema.get("items") or schema.get("additionalProperties")
    if not isinstance(inner, dict) or not inner:
        return ""
    return f" of {_kind(inner)}".replace("number", "numbers").replace("a range", "ranges")


def _codes(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


def result_schema() -> str:
    """`docs/result.schema.json`: the schema of every `result.json`."""
    return json.dumps(StageResult.model_json_schema(), indent=1) + "\n"


def printed(run: Path) -> str:
    """What `recipe report` prints of a run, as a reader of the README would see it.

    Args:
        run: a run folder of `configs/digits.yaml`, wherever it is.
    """
    with tempfile.TemporaryDirectory() as home:
        shutil.copytree(ROOT / "configs", Path(home, "configs"))
        heavy = shutil.ignore_patterns("tensorboard", "search", "figures", "*.keras", "*.partial")
        shutil.copytree(run, Path(home, "runs", Path(CONFIG).stem), ignore=heavy)
        command = [sys.executable, "-m", "recipe", "report", CONFIG]
        done = subprocess.run(command, cwd=home, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip("\n") + "\n"


def with_output(readme: str, output: str) -> str:
    """The README with the printed text of a run in its place."""
    assert BLOCK.search(readme), "README.md has lost the place for the output of a run"
    return BLOCK.sub(lambda match: match[1] + output + match[2], readme)


def main() -> int:
    """Write the generated files, and the README's output if there is a finished run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=Path, default=ROOT / "runs" / "digits", metavar="FOLDER")
    run = parser.parse_args().run
    (ROOT / "docs" / "config.md").write_text(config_page(), encoding="utf-8")
    (ROOT / "docs" / "result.schema.json").write_text(result_schema(), encoding="utf-8")
    output = printed(run) if (run / "manifest.json").exists() else ""
    if not all(re.search(f"^{stage} ", output, re.MULTILINE) for stage in STAGES):
        print(f"README.md keeps its output: {run} is no finished run of today's code; make recipe")
        return 1
    readme = ROOT / "README.md"
    text = with_output(readme.read_text(encoding="utf-8"), output)
    readme.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
