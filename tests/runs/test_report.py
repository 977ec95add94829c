import base64
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from recipe.findings import Finding, StageResult, Verdict
from recipe.runs import report
from recipe.runs.report import write_report

ORDER = ("data", "baseline", "overfit", "regularize", "tune", "squeeze")
EVIL = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>![a](http://evil.example/x.png)"
    "\"'><svg/onload=alert(1)>=cmd|'/c calc'!A1</style></title> javascript:alert(1) $x^2$"
)
PNG = b"\x89PNG\r\n\x1a\nnot really"


class Page(HTMLParser):
    """The elements and words of a page, as a browser takes it apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._in_style = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._in_style = tag == "style"

    def handle_data(self, data):
        self.words += "" if self._in_style else " " + data

    def names(self) -> set[str]:
        return {tag for tag, _ in self.tags}

    def values(self, key: str) -> list[str | None]:
        return [attributes[key] for _, attributes in self.tags if key in attributes]


def result(stage="data", verdict=Verdict.PASS, **more) -> StageResult:
    return StageResult(stage=stage, verdict=verdict, headline=f"{stage} decided", **more)


@pytest.fixture
def write(tmp_path):
    def written(manifest=None, stages=(), order=ORDER, **more) -> str:
        path = tmp_path / "run" / "report.html"
        write_report(path, manifest or {}, stages, order, **more)
        return path.read_text(encoding="utf-8")

    return written


def everything(text, tmp_path) -> dict:
    """Every place of a report that holds somebody's words, filled with `text`."""
    finding = Finding(
        check=text, verdict=Verdict.FAIL, message=text, measured=text, expected=text,
        source=text, code=text, severity=text, prescription=text,
    )  # fmt: skip
    stage = StageResult(
        stage=text, verdict=Verdict.WARN, headline=text, fingerprint=text, metrics={text: 1.0},
        findings=[finding], forced=True,
    )  # fmt: skip
    keys = ("name", "config_path", "command", "seed", "settings", "threads", "machine")
    manifest = dict.fromkeys(keys, text) | {
        "versions": {text: text},
        "fingerprints": {text: [text, {text: text}]},
        "test_openings": [{"time": text, text: text}],
        text: text,
    }
    picture = tmp_path / "<img src=x onerror=alert(1)>.png"
    picture.write_bytes(PNG)
    gone = tmp_path / "<script>.png"
    return {
        "manifest": manifest,
        "stages": [(stage, [picture, gone])],
        "order": (text, f"{text} not run"),
        "configs": {text: text},
    }


def test_nothing_that_somebody_wrote_can_run_or_be_loaded(write, tmp_path):
    text = write(**everything(EVIL, tmp_path))
    page = Page(text)
    harmless = Page(write(**everything("harmless", tmp_path)))
    assert page.names() == harmless.names()
    assert len(page.tags) == len(harmless.tags)
    assert not page.names() & {"script", "iframe", "object", "embed", "link", "base", "form", "svg"}
    for _, attributes in page.tags:
        assert set(attributes) <= {
            "alt", "charset", "class", "content", "href", "http-equiv", "id", "lang", "name", "src",
        }  # fmt: skip
    assert all(value.startswith("data:image/png;base64,") for value in page.values("src"))
    assert all(value.startswith("#") for value in page.values("href"))
    assert page.values("http-equiv") == ["Content-Security-Policy"]
    assert page.words.count("<script>alert(1)</script>") > 20, "it is shown, as text"


def test_the_style_loads_nothing():
    assert "url(" not in report.STYLE
    assert "@import" not in report.STYLE


def test_a_stage_that_has_not_run_says_how_to_run_it(write):
    page = Page(write({"config_path": "my configs/a.yaml"}, [(result(), [])]))
    assert page.words.count("not run yet") == 5
    assert "recipe baseline 'my configs/a.yaml'" in page.words


@pytest.mark.parametrize(
    ("verdicts", "says"),
    [
        pytest.param([], "Next: recipe data CONFIG", id="nothing has run"),
        pytest.param(["pass", "warn"], "Next: recipe overfit CONFIG", id="a warning is no stop"),
        pytest.param(["pass", "fail"], "Stopped at baseline", id="a failure is"),
        pytest.param(["pass"] * 6, "All 6 stages have run", id="done"),
    ],
)
def test_the_top_of_the_page_says_what_comes_next(write, verdicts, says):
    stages = [(result(s, Verdict(v)), []) for s, v in zip(ORDER, verdicts, strict=False)]
    assert says in " ".join(Page(write({}, stages)).words.split())


def test_verdicts_are_words_and_not_only_colours(write):
    findings = [Finding(check=v, verdict=v, message="m") for v in Verdict]
    words = Page(write({}, [(result(findings=findings), [])])).words
    assert all(word in words for word in report.SIGNS.values())


def test_the_worst_finding_comes_first(write):
    verdicts = (Verdict.PASS, Verdict.SKIP, Verdict.FAIL, Verdict.WARN)
    findings = [Finding(check=f"check_{v}", verdict=v, message="m") for v in verdicts]
    words = Page(write({}, [(result(findings=findings), [])])).words
    places = [words.index(f"check_{v}") for v in ("fail", "warn", "skip", "pass")]
    assert places == sorted(places)


def test_a_finding_is_told_in_full(write):
    finding = Finding(
        check="reaches_floor", verdict=Verdict.FAIL, message="It did not.", measured=0.3149,
        expected="below 0.1 nats", source="Karpathy 2019", code="lr_too_high", severity="error",
        prescription="train.learning_rate=1e-4",
    )  # fmt: skip
    words = Page(write({}, [(result(findings=[finding]), [])])).words
    for fact in ("reaches_floor", "It did not.", "0.3149", "below 0.1 nats", "Karpathy 2019",
                 "lr_too_high (error)", "train.learning_rate=1e-4"):  # fmt: skip
        assert fact in words


def test_a_forced_stage_is_marked(write):
    assert "forced" in Page(write({}, [(result(forced=True), [])])).words
    assert "forced" not in Page(write({}, [(result(), [])])).words


def test_figures_are_inside_with_their_name_in_words(write, tmp_path):
    picture = tmp_path / "label_against_prediction.png"
    picture.write_bytes(PNG)
    page = Page(write({}, [(result(), [picture, tmp_path / "lost_one.png"])]))
    (source,) = page.values("src")
    assert base64.b64decode(source.removeprefix("data:image/png;base64,")) == PNG
    assert page.values("alt") == ["label against prediction"]
    assert "lost one: the file lost_one.png is gone." in " ".join(page.words.split())


def test_the_manifest_is_told_in_full_and_unknown_keys_too(write):
    manifest = {
        "name": "digits", "command": "recipe run a.yaml", "seed": 0, "settings": [], "threads": 2,
        "machine": {"cores": 2}, "versions": {"keras": "3.15.1"}, "fingerprints": {"data": "ab12"},
        "weather": {"sky": ["grey", None]}, "test_openings": [{"time": "noon", "fingerprint": "f"}],
    }  # fmt: skip
    words = " ".join(Page(write(manifest)).words.split())
    for fact in ("digits", "recipe run a.yaml", "Seed 0", "Settings (--set) none", "CPU threads 2",
                 "cores 2", "keras 3.15.1", "data ab12", "weather sky grey none",
                 "Openings of the test set (1) time noon fingerprint f"):  # fmt: skip
        assert fact in words


def test_an_empty_manifest_does_no_harm(write):
    words = Page(write()).words
    assert "run: recipe report" in words, "the folder's name"
    assert "None: its targets have not been read." in words


def test_a_stage_outside_of_the_order_is_shown_at_the_end(write):
    words = Page(write({}, [(result("doctor"), []), (result("data"), [])])).words
    assert words.index("data decided") < words.index("doctor decided")


def test_equal_input_gives_equal_bytes(write, tmp_path):
    given = everything("words", tmp_path)
    assert write(**given) == write(**given)


def test_half_a_surrogate_pair_can_be_written(write):
    assert "?" in write({"name": "\ud800"})


def test_a_write_that_fails_leaves_the_old_report(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    write_report(path, {"name": "old"}, [], ORDER)
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_report(path, {"name": "new"}, [], ORDER)
    assert "<h1>old</h1>" in path.read_text(encoding="utf-8")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98596, "0.986"), (1797.0, "1,797"), (0.0, "0"), (12345.678, "12,345.7"),
        (float("nan"), "nan"), (float("-inf"), "-inf"), (3e-12, "3e-12"), (-2.5e12, "-2.5e+12"),
    ],
)  # fmt: skip
def test_numbers_have_four_digits(value, text):
    assert report.four_digits(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(7.06, "7.1 s"), (61, "1 min 01 s"), (754.4, "12 min 34 s"), (3660, "1 h 01 min")],
)
def test_times_are_said_as_people_say_them(seconds, text):
    assert report._duration(seconds) == text


def test_needs_neither_tensorflow_nor_matplotlib():
    heavy = "{'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)"
    code = f"import sys, recipe.runs.report; sys.exit(bool({heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
