"""One HTML file about a run: what each stage said, on what it rests, how to run it again.

The file is complete in itself: pictures and style are inside, there is no script and no network,
so it can be mailed, archived and printed. Everything that comes from the data, the config or
the command line is escaped, and the page's own policy forbids scripts besides. It decides
nothing and reads nothing but the pictures: equal input gives equal bytes.
"""

from __future__ import annotations

import base64
import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

from recipe.findings import Finding, StageResult, Verdict
from recipe.runs.files import write_atomically

NO_CONFIGS: Mapping[str, str] = MappingProxyType({})

SIGNS = {
    Verdict.PASS: "✓ pass",
    Verdict.WARN: "! warn",
    Verdict.FAIL: "✗ fail",
    Verdict.SKIP: "– skip",
}
"""Verdicts as sign and word: the colour only repeats them."""

WORST_FIRST = (Verdict.FAIL, Verdict.WARN, Verdict.SKIP, Verdict.PASS)

KNOWN = {
    "command": "Last command",
    "config_path": "Config",
    "settings": "Settings (--set)",
    "seed": "Seed",
    "threads": "CPU threads",
    "machine": "Machine",
    "versions": "Versions",
    "fingerprints": "Fingerprints (config sections, data and code of a stage)",
}
"""Keys of the manifest in the order of the report; others follow under their own name."""

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c1c1c; --soft: #5a5a5a; --line: #d9d9d9;
  --wash: #f5f5f4; --pass: #0b6b4b; --warn: #865300; --fail: #b3261e; --skip: #565656; }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #16181b; --ink: #e8e6e3;
  --soft: #a8a8a8; --line: #3a3d42; --wash: #202327; --pass: #5fd0a0; --warn: #f0b44c;
  --fail: #ff8a80; --skip: #b5b5b5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem; max-width: 62rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.7rem; } h2 { margin: 2.5rem 0 .5rem; border-top: 2px solid var(--line);
  padding-top: 1rem; } h3 { margin: 1.5rem 0 .5rem; font-size: 1.05rem; }
a { color: inherit; } code { font-family: ui-monospace, monospace; font-size: .92em; }
pre { background: var(--wash); padding: .8rem; overflow-x: auto; }
.soft { color: var(--soft); } .next { background: var(--wash); padding: .7rem 1rem;
  border-left: 4px solid var(--soft); }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top;
  padding: .4rem .7rem .4rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; } td.number { text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; } table.narrow { width: auto; min-width: min(100%, 22rem); }
.badge { display: inline-block; padding: 0 .5rem; border: 1.5px solid; border-radius: .3rem;
  font-weight: 600; white-space: nowrap; } .forced { color: var(--warn); font-weight: 600;
  white-space: nowrap; } .stages td:first-child { white-space: nowrap; }
.pass { color: var(--pass); } .warn { color: var(--warn); } .fail { color: var(--fail); }
.skip { color: var(--skip); }
.finding { border-left: 4px solid var(--line); padding: .1rem 0 .1rem .9rem; margin: .9rem 0; }
.finding.is-fail { border-color: var(--fail); } .finding.is-warn { border-color: var(--warn); }
.finding p { margin: .2rem 0; } dl { display: grid; grid-template-columns: max-content 1fr;
  gap: .1rem .9rem; margin: .2rem 0; font-size: .92rem; } dt { color: var(--soft); }
dd { margin: 0; } figure { margin: 1.2rem 0; } img { display: block; width: 100%;
  max-width: 640px; background: #fff; border-radius: .3rem; }
figcaption { color: var(--soft); font-size: .92rem; margin-top: .3rem; }
@media (max-width: 40rem) { body { padding: .8rem; } dl { grid-template-columns: 1fr; }
  dd { margin-bottom: .3rem; } .stages thead { display: none; }
  .stages tr { display: grid; grid-template-columns: 1fr auto; gap: 0 .6rem; padding: .5rem 0;
  border-bottom: 1px solid var(--line); } .stages td { border: 0; padding: 0; }
  .stages td.says { grid-column: 1 / -1; grid-row: 2; }
  .stages td.number { text-align: left; color: var(--soft); } }
@media print { body { max-width: none; font-size: 10.5pt; } h2, h3 { break-after: avoid; }
  .finding, figure, tr { break-inside: avoid; } img { max-width: 14cm; } }
"""


def write_report(
    path: Path,
    manifest: Mapping[str, Any],
    stages: Sequence[tuple[StageResult, Sequence[Path]]],
    order: Sequence[str],
    configs: Mapping[str, str] = NO_CONFIGS,
) -> None:
    """Write the report of a run; the file is replaced whole or not at all.

    Args:
        path: of the HTML file.
        manifest: of the run; keys that are missing or unknown do no harm.
        stages: results so far, each with the PNG files of its figures in the order to show them.
        order: names of all stages; one without a result is shown as not run yet.
        configs: title -> YAML text of configs to include.
    """
    name = str(manifest.get("name") or path.resolve().parent.name)
    done = {result.stage: (result, figures) for result, figures in stages}
    config = shlex.quote(str(manifest.get("config_path") or "CONFIG"))
    body = [
        "<header>",
        f"<h1>{escape(name)}</h1>",
        f'<p class="soft">Report of a recipe run of <code>{escape(config)}</code></p>',
        _next_step(done, order, config),
        _summary(done, order, config),
        "</header>",
    ]
    for stage in [*order, *(other for other in done if other not in order)]:
        if stage in done:
            body.append(_stage(*done[stage]))
    body.append(_reproduce(manifest))
    for title, text in configs.items():
        body.append(f"<h3>{escape(title)}</h3>\n<pre><code>{escape(text)}</code></pre>")
    # half a surrogate pair can stand in a name, but not in a file
    write_atomically(path, _page(name, "\n".join(body)).encode("utf-8", "replace"))


def _page(name: str, body: str) -> str:
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(name)}: recipe report</title>
<style>{STYLE}</style>
</head>
<body>
{body}
</body>
</html>
"""


def _next_step(
    done: Mapping[str, tuple[StageResult, Sequence[Path]]], order: Sequence[str], config: str
) -> str:
    """The first stage that failed or has not run, as a sentence."""
    for stage in order:
        command = f"<code>recipe {escape(stage)} {escape(config)}</code>"
        if stage not in done:
            return f'<p class="next">Next: {command}</p>'
        if done[stage][0].verdict is Verdict.FAIL:
            link = f'<a href="#{_anchor(stage)}">{escape(stage)}</a>'
            return f'<p class="next">Stopped at {link}. Mend what failed, then {command}</p>'
    return f'<p class="next">All {len(order)} stages have run.</p>'


def _summary(
    done: Mapping[str, tuple[StageResult, Sequence[Path]]], order: Sequence[str], config: str
) -> str:
    rows = []
    for stage in [*order, *(other for other in done if other not in order)]:
        if stage not in done:
            command = f"<code>recipe {escape(stage)} {escape(config)}</code>"
            rows.append(
                f'<tr><td>{escape(stage)}</td><td class="soft">not run yet</td>'
                f'<td class="says soft">{command}</td><td></td></tr>'
            )
            continue
        result, _ = done[stage]
        rows.append(
            f'<tr><td><a href="#{_anchor(stage)}">{escape(stage)}</a></td>'
            f"<td>{_badge(result.verdict)}{_forced(result)}</td>"
            f'<td class="says">{escape(result.headline)}</td>'
            f'<td class="number">{_duration(result.seconds)}</td></tr>'
        )
    head = "<th>Stage</th><th>Verdict</th><th>What decided</th><th>Time</th>"
    head = f"<thead><tr>{head}</tr></thead>"
    return f'<table class="stages">{head}<tbody>{_lines(rows)}</tbody></table>'


def _stage(result: StageResult, figures: Sequence[Path]) -> str:
    """One stage: findings, worst first, then metrics and figures."""
    parts = [
        f'<section id="{_anchor(result.stage)}">',
        f"<h2>{escape(result.stage)} {_badge(result.verdict)}{_forced(result)}</h2>",
        f"<p>{escape(result.headline)}</p>",
        f"<p>{escape(result.summary)}</p>" if result.summary else "",
        "<p>Forced: it ran although a stage before it had not passed.</p>" if result.forced else "",
        "<h3>Findings</h3>" if result.findings else "",
        *map(_finding, sorted(result.findings, key=lambda f: WORST_FIRST.index(f.verdict))),
    ]
    if result.metrics:
        rows = [
            f"<tr><td><code>{escape(key)}</code></td>"
            f'<td class="number">{four_digits(value)}</td></tr>'
            for key, value in result.metrics.items()
        ]
        parts.append(f'<h3>Metrics</h3><table class="narrow">{_lines(rows)}</table>')
    if figures:
        parts += ["<h3>Figures</h3>", *map(_figure, figures)]
    return _lines([*parts, "</section>"])


def _finding(finding: Finding) -> str:
    diagnosis = " ".join(filter(None, [finding.code, finding.severity and f"({finding.severity})"]))
    measured = finding.measured
    facts = {
        "Measured": four_digits(measured) if isinstance(measured, float) else _text(measured),
        "Expected": _text(finding.expected),
        "What to change": _text(finding.prescription),
        "Diagnosis": _text(diagnosis),
        "Source": _text(finding.source),
    }
    listed = "".join(f"<dt>{key}</dt><dd>{value}</dd>" for key, value in facts.items() if value)
    return (
        f'<div class="finding is-{finding.verdict}"><p>{_badge(finding.verdict)} '
        f"<code>{escape(finding.check)}</code></p><p>{escape(finding.message)}</p>"
        f"<dl>{listed}</dl></div>"
    )


def _figure(path: Path) -> str:
    caption = escape(re.sub(r"[_\s-]+", " ", path.stem).strip())
    if not path.is_file():
        return f"<p>{caption}: the file <code>{escape(path.name)}</code> is gone.</p>"
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    image = f'<img src="data:image/png;base64,{data}" alt="{caption}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _reproduce(manifest: Mapping[str, Any]) -> str:
    """Everything that the manifest knows, the openings of the test set last."""
    apart = {"name", "test_openings"}
    keys = [key for key in KNOWN if key in manifest]
    keys += [key for key in manifest if key not in KNOWN and key not in apart]
    rows = [
        f"<tr><th>{escape(KNOWN.get(key, str(key)))}</th><td>{_value(manifest[key])}</td></tr>"
        for key in keys
    ]
    openings = manifest.get("test_openings") or []
    said = _value(openings) if openings else "None: its targets have not been read."
    rows.append(f"<tr><th>Openings of the test set ({len(openings)})</th><td>{said}</td></tr>")
    return f"<h2>How to reproduce</h2><table>{_lines(rows)}</table>"


def _value(value: Any) -> str:
    """Anything that JSON can hold."""
    if isinstance(value, Mapping):
        pairs = (f"<dt>{escape(str(k))}</dt><dd>{_value(v)}</dd>" for k, v in value.items())
        return f"<dl>{''.join(pairs)}</dl>"
    if isinstance(value, list | tuple):
        return "".join(f"<div>{_value(item)}</div>" for item in value) or "none"
    return "none" if value is None else f"<code>{escape(str(value))}</code>"


def _badge(verdict: Verdict) -> str:
    return f'<span class="badge {verdict}">{SIGNS[verdict]}</span>'


def _forced(result: StageResult) -> str:
    return ' <span class="forced">forced</span>' if result.forced else ""


def _text(value: str | None) -> str:
    return escape(value) if value else ""


def four_digits(value: float) -> str:
    """Four digits, and whole numbers whole."""
    if math.isfinite(value) and abs(value) < 1e9 and value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.1f}" if 1e3 <= abs(value) < 1e9 else f"{value:.4g}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _anchor(stage: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", stage)


def _lines(parts: Iterable[str]) -> str:
    return "\n".join(part for part in parts if part)
