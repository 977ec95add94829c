"""The documentation: complete, generated where it can be, and its examples run."""

import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType

import click
import keras
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.datasets import load_iris

from recipe.cli import cli
from recipe.config import Config, ModelConfig, Task, read
from recipe.config.fields import leaf_keys
from recipe.config.render import flow
from recipe.data import load
from recipe.data.init import propose
from recipe.findings import StageResult, Verdict
from recipe.models import build
from recipe.stages import EXPERIMENTS, LAB, STAGES
from tests.data import test_malformed as malformed

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
CHECKS = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("checks", "stages", "lab")
    for path in (ROOT / "recipe" / folder).glob("*.py")
)


@pytest.fixture(scope="module")
def docs() -> ModuleType:
    """`scripts/docs.py`, which is no package."""
    spec = importlib.util.spec_from_file_location("docs_script", ROOT / "scripts" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---- what is generated is fresh -----------------------------------------------------------------


def test_the_page_of_config_keys_is_that_of_the_types(docs: ModuleType) -> None:
    written = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
    assert written == docs.config_page(), "write it anew: .venv/bin/python scripts/docs.py"


def test_the_schema_of_results_is_that_of_the_types(docs: ModuleType) -> None:
    written = (ROOT / "docs" / "result.schema.json").read_text(encoding="utf-8")
    assert written == docs.result_schema(), "write it anew: .venv/bin/python scripts/docs.py"


def test_the_readme_shows_the_table_that_the_command_prints(
    docs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line by line the same beginnings: a run's numbers differ, what it prints does not."""
    test = {"test_accuracy": 0.9, "test_accuracy_low": 0.8, "test_accuracy_high": 1.0}
    test["confidence"] = 0.95
    results = [
        StageResult(
            stage=name,
            verdict=Verdict.PASS,
            headline="-",
            metrics=test if name == "squeeze" else {},
        )
        for name in STAGES
    ]
    monkeypatch.setattr("recipe.stages.runner.Runner.results", lambda self: results)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    (tmp_path / "runs" / "digits").mkdir(parents=True)
    (tmp_path / "runs" / "digits" / "manifest.json").write_text('{"settings": []}')
    printed = CliRunner().invoke(cli, ["report", docs.CONFIG], catch_exceptions=False).output

    def beginnings(text: str) -> list[str]:
        return [line.partition(" ")[0] for line in text.strip().splitlines()]

    shown = docs.BLOCK.search(README.read_text(encoding="utf-8"))
    assert shown is not None
    pasted = shown[0].split("```text\n")[1].split("```")[0]
    assert beginnings(pasted) == beginnings(printed)
    assert "runs/digits/report.html" in pasted


# ---- everything is described --------------------------------------------------------------------


@pytest.mark.parametrize("name", cli.commands)
def test_each_command_is_described(name: str) -> None:
    assert re.search(rf"recipe (\w+\|)*{name}\b", TEXT)


OPTIONS = {
    option
    for command in cli.commands.values()
    for parameter in command.params
    if isinstance(parameter, click.Option)
    for option in parameter.opts
    if option.startswith("--")
}


@pytest.mark.parametrize("option", sorted(OPTIONS))
def test_each_option_is_described(option: str) -> None:
    assert option in TEXT


def targets() -> list[str]:
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    return [line.partition(":")[0] for line in lines if re.match(r"[a-z-]+:.*## ", line)]


@pytest.mark.parametrize("target", targets())
def test_each_make_target_is_described(target: str) -> None:
    assert f"`make {target}" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_is_described(stage: str) -> None:
    assert f"| `{stage}` |" in README.read_text(encoding="utf-8")
    page = (ROOT / "docs" / "stages.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \d\. {stage}: ", page, re.MULTILINE)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_each_experiment_is_described(experiment: str) -> None:
    page = (ROOT / "docs" / "stages.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {experiment}: ", page, re.MULTILINE)


@pytest.mark.parametrize("name", LAB)
def test_each_experiment_of_the_laboratory_is_described(name: str) -> None:
    page = (ROOT / "docs" / "lab.md").read_text(encoding="utf-8")
    section = page.partition(f"## {name}: ")[2].partition("\n## ")[0]
    files = (ROOT / "recipe" / "lab").glob(f"{name.removeprefix('lab-')}*.py")  # its figures too
    code = "".join(file.read_text(encoding="utf-8") for file in files)
    answers = re.findall(r'answer\(\s*f?"(\w+)', code)
    figures = re.findall(r'(?:figure|animation)\(\s*"(\w+)"', code)
    assert answers
    assert len(figures) > 1
    assert not [word for word in (*answers, *figures) if f"`{word}" not in section]


@pytest.mark.parametrize("key", leaf_keys(Config))
def test_each_config_key_is_described(key: str) -> None:
    assert f"`{key}`" in TEXT


PAPERS = {
    "model.residual": "He et al. 2016",
    "model.pooling": "Lin et al. 2014",
    "model.embedding": "Gorishniy et al. 2022",
    "model.feature_scale": "RealMLP",
    "model.activation": "Nair and Hinton 2010",
    "model.norm": "Wu and He 2018",
    "model.norm_position": "Ioffe and Szegedy 2015",
    "model.norm_momentum": "Ioffe and Szegedy 2015",
    "model.norm_epsilon": "Ioffe and Szegedy 2015",
    "model.dropout": "Srivastava et al. 2014",
    "model.dropout_position": "Li et al. 2019",
    "model.kernel_initializer": "Glorot and Bengio 2010",
    "model.l1": "Tibshirani 1996",
    "model.l2": "Krogh and Hertz 1992",
    "model.max_norm": "Srivastava et al. 2014",
    "model.noise.input": "Bishop 1995",
    "model.noise.weight": "Graves 2011",
    "model.noise.gradient": "Neelakantan et al. 2015",
    "model.head_bias": "Karpathy 2019",
    "train.loss": "Huber 1964",
    "train.optimizer": "Kingma and Ba 2015",
    "train.learning_rate": "Smith 2015",
    "train.schedule": "Loshchilov and Hutter 2017",
    "train.warmup": "Goyal et al. 2017",
    "train.clipnorm": "Pascanu et al. 2013",
    "train.weight_decay": "Loshchilov and Hutter 2019",
    "train.label_smoothing": "Szegedy et al. 2016",
    "train.class_weight": "King and Zeng 2001",
    "train.augment.flip": "Simard et al. 2003",
    "train.mixup": "Zhang et al. 2018",
    "train.ema": "Polyak and Juditsky 1992",
    "train.batch_size": "Shallue et al. 2019",
    "train.early_stopping": "Prechelt 1998",
}
"""Key -> who is named beside it; the other keys are a choice of size, or of this project."""


@pytest.mark.parametrize(
    "key", [k for k in leaf_keys(Config) if k.startswith(("model.", "train."))]
)
def test_each_option_of_a_net_has_a_sentence_with_its_paper(key: str) -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    paragraphs = [text.replace("\n", " ") for text in page.split("\n\n") if text[0] != "|"]
    rows = [line for line in page.split("\n") if line.startswith("|")]
    about = [
        part for part in (*paragraphs, *rows) if re.search(rf"`{re.escape(key)}(: [^`]+)?`", part)
    ]
    said = [re.sub(r"`[^`]*`|[|\s]", "", part) for part in about]
    assert max(map(len, said), default=0) > 20, f"docs/models.md says nothing of {key}"
    if key in PAPERS:
        assert any(PAPERS[key] in part for part in about)


def test_each_check_is_described() -> None:
    pages = [ROOT / "docs" / name for name in ("stages.md", "lab.md")]
    page = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    checks = set(re.findall(r'(?:judge|advise)\(\s*"(\w+)"', CHECKS))
    assert len(checks) > 15
    assert not [name for name in sorted(checks) if f"`{name}`" not in page]


def test_each_row_that_a_finding_cites_is_explained() -> None:
    page = (ROOT / "docs" / "stages.md").read_text(encoding="utf-8")
    explained = page.partition("## What findings cite")[2]
    number = r"(\d+(?:\.\d+)?)"
    cited = re.findall(rf"\b(?:row|fact|rule)s? {number}(?: and {number})?|\b(P\d+)\b", CHECKS)
    numbers = {n for found in cited for n in found if n}
    assert len(numbers) > 10
    assert not [n for n in sorted(numbers) if not re.search(rf"\b{re.escape(n)}\b", explained)]


def test_numbers_beside_keys_are_the_defaults() -> None:
    """Wherever a page says `some.key` (value)."""
    said = re.findall(r"`((?:stages|search|data|train|model)\.[a-z_.]+)` \(([^)` ]+)\)", TEXT)
    assert len(said) > 20
    assert not [
        (key, value)
        for key, value in said
        if key in leaf_keys(Config) and flow(Config().get(key)) != value
    ]


# ---- the file tree ------------------------------------------------------------------------------


def tree() -> set[str]:
    """The paths that the README's tree names."""
    block = README.read_text(encoding="utf-8").partition("## Files")[2].split("```")[1]
    paths, folder = set(), ""
    for line in block.splitlines()[1:]:
        name = line.split()[0] if line.strip() else ""
        if not line.startswith("  "):
            folder = ""
        if name:
            paths.add(folder + name.rstrip("/"))
        if name == "recipe/":
            folder = name
    return paths


def test_the_file_tree_names_what_there_is() -> None:
    made_by_running = {"runs", "__pycache__"}
    folders = {
        path.name
        for path in ROOT.iterdir()
        if path.is_dir() and not path.name.startswith(".") and path.suffix != ".egg-info"
    }
    package = {f"recipe/{p.name}" for p in (ROOT / "recipe").iterdir() if p.name != "__pycache__"}
    missing = (folders - made_by_running | package) - tree()
    assert not missing


def test_the_file_tree_names_nothing_else() -> None:
    assert not [path for path in tree() - {"runs"} if not (ROOT / path).exists()]


# ---- links and names ----------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", target):
            continue
        file, _, anchor = target.partition("#")
        found = page.parent / file if file else page
        assert found.exists(), f"{page.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = [re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in headings]
            assert anchor in slugs, f"{page.name}: {target}"


HOSTS = {"keepachangelog.com", "semver.org", "127.0.0.1"}
"""All that a page links to outside of the project."""


def test_the_lock_file_names_no_host() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "configs").glob("*.yaml"))],
                         ids=lambda page: page.name)  # fmt: skip
def test_no_page_names_a_registry_or_somebodys_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"https?://([^/\s)\"]+)", text)) <= HOSTS
    assert not re.findall(r"(?<![\w.~/)])/(?:home|root|Users|work|tmp|mnt|opt|var|srv)/", text)


# ---- the examples run ---------------------------------------------------------------------------


def example(page: str, name: str) -> str:
    """The code block that stands below `<!-- example: name -->`."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.search(rf"<!-- example: {re.escape(name)} -->\n```\w+\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def flowers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """A folder with flowers.csv, which the examples are about."""
    iris = load_iris(as_frame=True)
    table = iris.data.assign(species=iris.target_names[iris.target])
    table.to_csv(tmp_path / "flowers.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return table


def test_the_readme_shows_what_init_proposes(flowers: pd.DataFrame) -> None:
    shown = README.read_text(encoding="utf-8").partition("<!-- output of `recipe init` -->")[2]
    assert shown.split("```")[1].removeprefix("yaml\n") == propose(Path("flowers.csv"), "species")


def test_the_page_lists_every_malformed_input() -> None:
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    assert malformed.table() in page


def test_the_example_of_your_own_data_loads(
    flowers: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "base.yaml").write_bytes((ROOT / "configs" / "base.yaml").read_bytes())
    for name in ("flowers.py", "configs/flowers.yaml"):
        (tmp_path / name).write_text(example("docs/data.md", name), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "flowers", raising=False)

    data = load(read("configs/flowers.yaml").data)

    assert data.task is Task.MULTICLASS
    assert data.classes == ("setosa", "versicolor", "virginica")
    assert data.features.names == tuple(flowers.columns[:-1])


def test_the_example_of_your_own_body_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bodies.py").write_text(example("docs/models.md", "bodies.py"), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "bodies", raising=False)
    config = ModelConfig(family="bodies:shortcut", widths=(4,))
    model = build(config, (3, 3, 1), Task.MULTICLASS, prior=np.full(5, 0.2))
    assert isinstance(model, keras.Model)
    assert model.output_shape == (None, 5)
    assert model.get_layer("head").kernel.shape == (4 + 9, 5)
