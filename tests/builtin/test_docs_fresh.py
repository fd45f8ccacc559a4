"""Every command, setting, error code, rule, plug-in, policy and document has its page, and each page is fresh."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import pytest

from bascule.cli.app import _GROUPS
from bascule.journeys.schemas import SCHEMAS
from bascule.plugins.registry import KINDS, discover
from commands import ROOT

pytestmark = pytest.mark.xdist_group("docs")


@pytest.fixture(scope="module")
def docs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_tool", ROOT / "tools" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(docs: ModuleType) -> dict[str, str]:
    found: dict[str, str] = docs.pages()
    return found


def test_every_page_is_fresh(docs: ModuleType, pages: dict[str, str]) -> None:
    assert docs.stale(pages) == [], "run `make docs` and commit the pages"


def test_every_command_has_its_help_on_the_page(pages: dict[str, str]) -> None:
    for group, commands in _GROUPS.items():
        for name in commands:
            title = " ".join(word for word in ("bascule", group, name) if word)
            assert f"## {title}\n" in pages["reference/cli.md"]


def test_every_rule_and_plug_in_has_its_page(pages: dict[str, str]) -> None:
    for kind in KINDS:
        for loaded in discover(kind):
            if loaded.built_in:
                assert not loaded.error, loaded
                assert f"`{loaded.id}`" in pages["reference/plugins.md"]
    for loaded in discover("scanners"):
        for rule in loaded.plugin.meta.rules:
            page = pages[f"rules/{rule.id}.md"]
            assert rule.question in page
            assert rule.why in page


def test_every_error_code_in_the_source_is_on_the_page(pages: dict[str, str]) -> None:
    code = re.compile(
        r'(?:InputError|EvidenceError|PluginError|UpstreamError|StoreError)(?:\.from_faults)?\(\s*"([\w.-]+)"'
    )
    told = {found for path in (ROOT / "src").rglob("*.py") for found in code.findall(path.read_text(encoding="utf-8"))}
    assert len(told) > 50
    assert sorted(name for name in told if f"`{name}`" not in pages["reference/errors.md"]) == []


def test_every_setting_policy_and_document_has_its_page(pages: dict[str, str]) -> None:
    from bascule.settings import Settings

    for name in Settings.model_fields:
        assert f"`{name}" in pages["reference/settings.md"]
    for loaded in discover("policies"):
        assert f"reference/policy-{loaded.id}.md" in pages
    for name in SCHEMAS:
        assert f"reference/schemas/{name}.schema.json" in pages


def test_pages_name_no_path_of_this_machine(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        assert str(ROOT) not in text, name
        assert "/root/" not in text, name


def test_links_between_the_documents_lead_somewhere(pages: dict[str, str]) -> None:
    loose = []
    for path in [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            generated = not target.startswith("http") and any(
                target.endswith(name.rsplit("/", 1)[-1]) for name in pages
            )
            if not (target.startswith(("http", "mailto:")) or (path.parent / target).exists() or generated):
                loose.append(f"{path.relative_to(ROOT)}: {target}")
    assert loose == []
