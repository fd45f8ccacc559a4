"""Content that acts when it is shown or parsed: scripts in pages, pictures and notebook outputs, XML that reaches out.

`markup` looks through HTML and SVG, `xml` walks XML (PMML, OpenVINO, SVG, style sheets) with every entity refused. A
notebook's outputs are rendered by whatever shows the repository; its code is judged by `remote_code`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from bascule.builtin.scanners.active_content.markup import active_parts, without_code
from bascule.builtin.scanners.active_content.xml import walk_xml
from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.plugins.readers import Malformed, media
from bascule.plugins.readers.text import read_text
from bascule.records import Confidence, Coverage, Finding, Outcome, Severity, State

LIMIT_BYTES = 32 << 20
XML_LIMIT_BYTES = 256 << 20
MAX_FINDINGS = 20

ACTIVE = Rule(
    id="active-content",
    question="Does showing this file run a script?",
    severity=Severity.MEDIUM,
    remedy="remove the script, or clear the notebook's outputs; show it only where scripts do not run",
    why="A viewer of notebooks, cards or pictures that trusts the repository runs the script in its reader's session.",
    references=("CWE-79", "CWE-80"),
)
REACHES = Rule(
    id="xml-reaches-out",
    question="Does parsing this XML read other files, call elsewhere, run code or unfold without end?",
    severity=Severity.HIGH,
    remedy="remove the document type, the entities and the extension elements; a model's description needs none",
    why="Parsers that resolve entities hand over files of the machine that loads the model, or fill its memory.",
    references=("CWE-611", "CWE-776", "CWE-94"),
)
_XML_NAMES = ("*.xml", "*.pmml", "*.xsl", "*.xslt", "*.svg", "*.xsd", "*.xhtml")


class ActiveContent:
    meta = Meta(
        id="active_content",
        title="Content that acts when it is shown",
        rules=(ACTIVE, REACHES),
        reads=Reads(
            media_types=(media.HTML, media.NOTEBOOK, "image/svg+xml"),
            names=(*_XML_NAMES, "*.ipynb", "*.html", "*.htm", "*.md"),
        ),
        limits=(
            f"pages and notebooks of at most {LIMIT_BYTES} bytes, XML of at most {XML_LIMIT_BYTES}",
            "scripts are told, not judged: what they do is not read; those that name a plotting library weigh less",
        ),
    )

    @property
    def examples(self) -> Sequence[Example]:
        return _examples()

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        name = file.path.lower()
        told: list[Finding]
        if name.endswith(".ipynb") or file.media_type == media.NOTEBOOK:
            told = list(_notebook(file))
        elif name.endswith(tuple(pattern[1:] for pattern in _XML_NAMES)) or file.media_type == "image/svg+xml":
            told = list(_xml(file))
        elif name.endswith(".md"):
            source = read_text(file.read, file.size_bytes, LIMIT_BYTES).value
            told = list(_parts(file.path, without_code(source), "", Severity.MEDIUM))
        else:
            source = read_text(file.read, file.size_bytes, LIMIT_BYTES).value
            # A page runs scripts: that is what pages are for. It is worth knowing beside a model, and no more.
            told = list(_parts(file.path, source, "", Severity.LOW))
        yield from told[:MAX_FINDINGS]
        if file.size_bytes:
            state = State.FINDING if told else State.CLEAN
            yield Coverage(start=0, end=file.size_bytes, state=state, what="active content")


def _parts(path: str, source: str, place: str, severity: Severity) -> Iterator[Finding]:
    told: set[str] = set()
    for offset, what in active_parts(source):
        if what in told:
            continue
        told.add(what)
        weighs = Severity.LOW if what.startswith("a frame") else severity
        line = 1 + source.count("\n", 0, offset)
        yield _finding(ACTIVE, weighs, path, f"{place} line {line}".strip(), f"showing it runs {what}")


# Plots and tables of these libraries are scripts by nature; what says so weighs less, and is told all the same.
_PLOTTERS = [
    "plotly",
    "bokeh",
    "vega",
    "holoviews",
    "pyvis",
    "altair",
    "require.undef",
    "ipywidgets",
    "jupyter-widgets",
    "colab-df",
    "google.colab",
    "sk-container-id",
    "shap",
    "mpld3",
    "folium",
    "leaflet",
    "datatables",
    "mathjax",
    "wandb",
]


def _notebook(file: ScanFile) -> Iterator[Finding]:
    source = read_text(file.read, file.size_bytes, LIMIT_BYTES).value
    try:
        document = json.loads(source)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from error
    cells = document.get("cells") if isinstance(document, dict) else None
    for number, cell in enumerate(cells if isinstance(cells, list) else (), start=1):
        if not isinstance(cell, dict):
            continue
        if cell.get("cell_type") in ("markdown", "raw"):
            yield from _parts(file.path, _words(cell.get("source")), f"cell {number}", Severity.MEDIUM)
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else ():
            data = output.get("data") if isinstance(output, dict) else None
            for kind, value in (data if isinstance(data, dict) else {}).items():
                yield from _output(file.path, f"cell {number} output {str(kind)[:60]}", str(kind), _words(value))


def _output(path: str, place: str, kind: str, value: str) -> Iterator[Finding]:
    plotted = any(word in value.lower() for word in _PLOTTERS)
    severity, confidence = (Severity.LOW, Confidence.LOW) if plotted else (Severity.MEDIUM, Confidence.HIGH)
    if kind in ("application/javascript", "text/javascript", "application/x-javascript"):
        what = "showing this output runs a script" + (", as plots of its library do" if plotted else "")
        yield _finding(ACTIVE, severity, path, place, what, confidence)
    elif kind in ("text/html", "image/svg+xml", "text/markdown"):
        yield from _parts(path, value, place, severity)


def _words(value: Any) -> str:
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _xml(file: ScanFile) -> Iterator[Finding]:
    if file.size_bytes > XML_LIMIT_BYTES:
        raise Malformed(f"{file.size_bytes} bytes of XML, more than the {XML_LIMIT_BYTES} that are read")
    if not file.size_bytes:
        return
    walk = walk_xml(data for _, data in file.windows())
    is_picture = walk.root.lower() in ("svg", "html")
    for line, kind, what in walk.seen:
        rule = ACTIVE if kind == "script" and is_picture else REACHES
        message = f"this {visible(walk.root or 'XML', 40)} document {what}"
        yield _finding(rule, rule.severity, file.path, f"line {line}", message)


def _finding(
    rule: Rule, severity: Severity, path: str, place: str, message: str, confidence: Confidence = Confidence.HIGH
) -> Finding:
    return Finding(
        rule=rule.id,
        outcome=Outcome.TRUE,
        severity=severity,
        confidence=confidence,
        message=visible(message, 600),
        artefact=path,
        location=visible(place, 200),
        remedy=rule.remedy,
    )


def notebook(*outputs: dict[str, object]) -> bytes:
    """A built notebook of one cell with these outputs' data."""
    rows = [{"output_type": "display_data", "data": data} for data in outputs]
    return json.dumps({"cells": [{"cell_type": "code", "source": "1", "outputs": rows}], "nbformat": 4}).encode()


def _examples() -> tuple[Example, ...]:
    clean = {ACTIVE.id: Outcome.FALSE, REACHES.id: Outcome.FALSE}
    active, reaches = {ACTIVE.id: Outcome.TRUE}, {REACHES.id: Outcome.TRUE}
    return (
        Example("a table", lambda: {"a.ipynb": notebook({"text/html": "<table><tr><td>1</td></tr></table>"})}, clean),
        Example("a script in an output", lambda: {"a.ipynb": notebook({"text/html": "<script>x()</script>"})}, active),
        Example("a picture", lambda: {"a.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><path d='M0'/></svg>"}, clean),
        Example("a picture with a handler", lambda: {"a.svg": b"<svg onload='x()'></svg>"}, active),
        Example("a model in PMML", lambda: {"a.pmml": b"<PMML version='4.4'><Header/></PMML>"}, clean),
        Example(
            "an entity of another file",
            lambda: {"a.pmml": b"<!DOCTYPE PMML [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><PMML>&x;</PMML>"},
            reaches,
        ),
        Example("XML that breaks", lambda: {"a.xml": b"<net><layer></net>"}, {REACHES.id: Outcome.ERROR}),
    )


plugin = ActiveContent()
