"""Every form of the report says the same, and what came from an artefact stays text in all of them."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from bascule.plugins.registry import find, working
from bascule.records import Confidence, FindingView, Outcome, ReviewDocument, Severity
from builders import embedding_model, generative_model, unfit_model, write
from commands import here

pytestmark = pytest.mark.xdist_group("reports")
FORMS = ("html", "markdown", "terminal", "json", "sarif")
SUBJECTS = {"granted": embedding_model, "refused": unfit_model, "unknown": generative_model}
HOSTILE = (
    '<script>alert(1)</script><img src=x onerror=alert(1)>"><a href="javascript:alert(1)">',
    "[click](https://evil.example) ![pixel](https://evil.example/p.png) <https://evil.example>",
    "a | b\n| c | d |\n# heading\n- item",
    "\x1b[31mred\x1b[0m \x1b]8;;https://evil.example\x07link\x1b]8;;\x07 \u202egnp.exe \x00",
    "`code` ``two`` ``` three <b>bold</b> {{ 7*7 }} {% raw %}",
)


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ReviewDocument]:
    """One document of each verdict, as `bascule review --json` prints it."""
    root = tmp_path_factory.mktemp("reports")
    return {
        verdict: ReviewDocument.from_json(
            here("review", write(root / verdict, build()), "--json", home=root / "home").out
        )
        for verdict, build in SUBJECTS.items()
    }


def render(form: str, document: ReviewDocument) -> str:
    loaded = find("reports", form)
    assert loaded is not None
    text: str = loaded.plugin.render(document).decode()
    return text


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.fixture(params=HOSTILE, ids=["html", "links", "table", "terminal", "code"])
def hostile(request: pytest.FixtureRequest, documents: dict[str, ReviewDocument]) -> ReviewDocument:
    """A document in which every place that an artefact can write to says something hostile."""
    text: str = request.param
    base = documents["refused"]
    artefacts = tuple(item.model_copy(update={"path": text}) for item in base.subject.artefacts)
    finding = FindingView(
        rule="secret-in-file",
        outcome=Outcome.TRUE,
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        artefact=text,
        location=text,
        message=text,
        remedy=text,
    )
    reason = base.reasons[0].model_copy(
        update={"because": text, "remedy": text, "facts": {text: text, "list": [text], "map": {text: text}}}
    )
    return base.model_copy(
        update={
            "subject": base.subject.model_copy(update={"ref": text, "artefacts": artefacts}),
            "findings": (finding, *base.findings),
            "reasons": (reason, *base.reasons),
            "licences": tuple(
                item.model_copy(update={"artefact": text, "id": text, "detail": text}) for item in base.licences
            ),
            "limits": (text,),
            "context": base.context.model_copy(update={"name": text, "accountable": text}),
            "missing": tuple(item.model_copy(update={"command": text, "evidence": text}) for item in base.missing),
            "facts": {text: text},
        }
    )


def test_every_form_is_found() -> None:
    assert {loaded.id for loaded in working("reports")} == set(FORMS)


@pytest.mark.parametrize("verdict", SUBJECTS)
def test_every_form_says_the_same_verdict_tiers_and_blockers(
    verdict: str, documents: dict[str, ReviewDocument]
) -> None:
    from bascule.records.summary import blockers, headline

    document = documents[verdict]
    assert document.verdict == verdict
    forms = {form: plain(render(form, document)) for form in ("html", "markdown", "terminal")}
    for form, text in forms.items():
        flat = " ".join(re.sub(r"<[^>]+>", "", text).replace("\\", "").split())
        assert headline(document) in flat, form
        for kind, tier in document.granted.items():
            shown = kind if form == "markdown" else kind.replace("_", " ")
            assert re.search(rf"{re.escape(shown)}[ |]+{tier}\b", flat), (form, kind, tier)
    for reason in blockers(document)[:4]:
        assert reason.rule in forms["terminal"]
        assert f"`{reason.rule}`" in forms["markdown"]
        assert f'id="rule-{reason.rule}"' in forms["html"]
    assert json.loads(render("json", document)) == document.as_json()


class Page(HTMLParser):
    """All tags and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def check_page(text: str) -> Page:
    page = Page(text)
    active = {"script", "iframe", "object", "embed", "link", "img", "form", "base", "video", "audio", "input"}
    assert not page.tags & active, page.tags & active
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name, value)
        if name in {"href", "src", "srcset", "action", "data", "poster", "xlink:href", "background", "ping"}:
            assert value.startswith("#"), (tag, name, value)
        assert "url(" not in value, (tag, name, value)
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(styles) == 1
    assert "url(" not in styles[0]
    assert "@import" not in styles[0]
    return page


def test_the_page_has_no_script_and_no_reference_out_of_itself(documents: dict[str, ReviewDocument]) -> None:
    for document in documents.values():
        page = check_page(render("html", document))
        assert ("html", "lang", "en") in page.attributes
        policies = [value for tag, name, value in page.attributes if (tag, name) == ("meta", "content")]
        assert any("default-src 'none'" in value for value in policies)


def test_hostile_text_stays_text_on_the_page(hostile: ReviewDocument, documents: dict[str, ReviewDocument]) -> None:
    text = render("html", hostile)
    page = check_page(text)
    assert page.tags == check_page(render("html", documents["refused"])).tags | (page.tags & {"p", "ul", "li", "code"})
    for char in ("\x1b", "\x00", "\u202e", "\x07"):
        assert char not in text


def test_hostile_text_stays_text_in_the_terminal(hostile: ReviewDocument) -> None:
    text = plain(render("terminal", hostile))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)


def test_hostile_text_stays_text_in_markdown(hostile: ReviewDocument) -> None:
    text = render("markdown", hostile)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", text)
    outside_code = re.sub(r"(?<!\\)(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    assert not re.search(r"(?<!\\)<\w", outside_code)
    assert not re.search(r"(?<!\\)\]\(", outside_code)
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert all(re.fullmatch(r"#{1,3} .+", line) for line in headings)
    assert "# heading" not in headings


def test_markdown_tables_keep_their_columns(hostile: ReviewDocument) -> None:
    rows: list[str] = []
    for line in [*render("markdown", hostile).splitlines(), ""]:
        if line.startswith("|"):
            rows.append(line)
        elif rows:
            widths = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
            assert len(widths) == 1, rows
            rows = []


def test_hostile_text_is_a_valid_json_and_sarif_string(hostile: ReviewDocument) -> None:
    assert json.loads(render("json", hostile)) == hostile.as_json()
    log: Any = json.loads(render("sarif", hostile))
    for row in log["runs"][0]["results"]:
        uri = row["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9%._/~-]+", uri)


def test_colour_is_never_the_only_sign(documents: dict[str, ReviewDocument]) -> None:
    for document in documents.values():
        text = plain(render("terminal", document))
        for row in document.dimensions:
            assert re.search(rf"[✓✕?–] {row.verdict.value} +{row.dimension.value}", text)
