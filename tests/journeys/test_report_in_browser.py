"""The report in a real browser: wide, narrow, dark and printed; read by axe, by keyboard and by a printer."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright import sync_api as playwright

from builders import embedding_model, generative_model, unfit_model, write
from commands import ROOT, here

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
SUBJECTS = {"granted": embedding_model, "refused": unfit_model, "unknown": generative_model}
WIDE, NARROW = 1280, 390
SECTIONS = (
    "What to do first",
    "Eight dimensions",
    "Dimension × tier",
    "Reasons, with the facts they read",
    "Findings",
    "Licences and obligations",
    "Approvals and waivers",
    "What was looked at",
    "Evidence",
    "Context and limits",
)


def find_browser() -> str | None:
    """What `make test` found or installed."""
    namespace: dict[str, Any] = {"__name__": "get_browser"}
    exec((ROOT / "tools" / "get_browser.py").read_text(), namespace)
    found: str | None = namespace["find"]()
    return found


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One report of each verdict, as `bascule review --out` writes it."""
    root = tmp_path_factory.mktemp("reports")
    for verdict, build in SUBJECTS.items():
        said = here(
            "review", write(root / f"model-{verdict}", build()), "--out", root / verdict, "--json", home=root / "home"
        )
        assert said.json["verdict"] == verdict
    return {verdict: root / verdict / "report.html" for verdict in SUBJECTS}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    path = find_browser()
    assert path, "no Chromium: run `make browser`"
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Seen:
    """What a page asked for and complained about."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def tab(chromium: Any, seen: Seen) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": WIDE, "height": 900}, offline=True)
    page = context.new_page()
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("console", lambda message: seen.complaints.append(message.text))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    yield page
    context.close()


@pytest.mark.parametrize("verdict", SUBJECTS)
def test_the_page_asks_for_itself_alone_and_nothing_complains(
    verdict: str, reports: dict[str, Path], tab: Any, seen: Seen
) -> None:
    tab.goto(reports[verdict].as_uri())
    tab.wait_for_load_state("networkidle")
    assert seen.requests == [reports[verdict].as_uri()]
    assert seen.complaints == []
    assert tab.locator(".verdict").inner_text() == verdict


@pytest.mark.parametrize("verdict", SUBJECTS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(verdict: str, scheme: str, reports: dict[str, Path], tab: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    tab.emulate_media(color_scheme=scheme)
    tab.goto(reports[verdict].as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
    results = Axe().run(tab)
    told = [(row["id"], [node["html"][:160] for node in row["nodes"][:3]]) for row in results.response["violations"]]
    assert told == []


@pytest.mark.parametrize("verdict", SUBJECTS)
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_nothing_runs_out_of_the_page_sideways(verdict: str, width: int, reports: dict[str, Path], tab: Any) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto(reports[verdict].as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    too_wide = tab.evaluate(
        """width => [...document.querySelectorAll('body *')].filter(element =>
            element.getBoundingClientRect().right > width + 1 && !element.closest('.scroll') && !element.closest('svg')
            && !element.closest('.skip') && getComputedStyle(element).position !== 'absolute'
        ).map(element => element.outerHTML.slice(0, 120))""",
        width,
    )
    assert too_wide == []


@pytest.mark.parametrize("verdict", SUBJECTS)
def test_the_printed_report_has_every_section_and_opens_what_is_folded(
    verdict: str, reports: dict[str, Path], tab: Any, tmp_path: Path
) -> None:
    tab.goto(reports[verdict].as_uri())
    tab.emulate_media(media="print")
    hidden = tab.evaluate(
        """() => [...document.querySelectorAll('details td, details th')].filter(
            cell => !cell.checkVisibility({contentVisibilityAuto: true}) || !cell.getBoundingClientRect().height
        ).map(cell => cell.outerHTML.slice(0, 120))"""
    )
    assert hidden == []
    shown = tab.locator("body").inner_text().lower()
    # What to do first is there only where there is something to do.
    wanted = SECTIONS[verdict == "granted" :]
    assert [title for title in wanted if title.lower() not in shown] == []
    paper = tmp_path / "report.pdf"
    tab.pdf(path=str(paper), format="A4")
    if shutil.which("pdftotext"):
        done = subprocess.run(["pdftotext", "-layout", paper, "-"], capture_output=True, text=True, check=True)
        text = " ".join(done.stdout.lower().split())
        assert [title for title in wanted if title.lower() not in text] == []
        assert "config.json" in text


@pytest.mark.parametrize("verdict", SUBJECTS)
def test_the_keyboard_reaches_every_part_that_scrolls(verdict: str, reports: dict[str, Path], tab: Any) -> None:
    tab.set_viewport_size({"width": NARROW, "height": 900})
    tab.goto(reports[verdict].as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
    tab.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    wanted = tab.evaluate("[...document.querySelectorAll('.scroll')].map(region => region.getAttribute('aria-label'))")
    reached: list[str] = []
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    for _ in range(400):
        label = tab.evaluate("document.activeElement.getAttribute('aria-label')")
        if label:
            reached.append(label)
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement === document.body"):
            break
    assert [label for label in wanted if label not in reached] == []


@pytest.mark.parametrize("verdict", SUBJECTS)
def test_every_link_leads_to_a_place_on_the_page(verdict: str, reports: dict[str, Path], tab: Any) -> None:
    tab.goto(reports[verdict].as_uri())
    loose = tab.evaluate(
        """() => [...document.querySelectorAll('a[href]')].map(link => link.getAttribute('href')).filter(
            target => !target.startsWith('#') || !document.getElementById(target.slice(1)))"""
    )
    assert loose == []
    twice = tab.evaluate(
        """() => { const ids = [...document.querySelectorAll('[id]')].map(element => element.id);
            return ids.filter((id, at) => ids.indexOf(id) !== at) }"""
    )
    assert twice == []
