"""A licence is what its words say, and one word more is another licence."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import json
import re
import sys
import tarfile
import textwrap
import zipfile
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bascule.plugins.readers import licences
from bascule.plugins.readers.licences import identify, licence_id, linked_licence
from bascule.plugins.readers.licences.normal import normalise
from bascule.plugins.readers.licences.table import MAX_TITLE, SKETCH_SIZE, known_ids, parse_table, table

# Texts as real packages ship them; each is installed with the tests.
SHIPPED = {
    ("pydantic", "LICENSE"): "MIT",
    ("PyYAML", "LICENSE"): "MIT",
    ("SQLAlchemy", "LICENSE"): "MIT",
    ("pytest", "LICENSE"): "MIT",
    ("Jinja2", "LICENSE.txt"): "BSD-3-Clause",
    ("MarkupSafe", "LICENSE.txt"): "BSD-3-Clause",
    ("packaging", "LICENSE.BSD"): "BSD-2-Clause",
    ("packaging", "LICENSE.APACHE"): "Apache-2.0",
    ("rfc8785", "LICENSE"): "Apache-2.0",
}


@cache
def shipped(distribution: str, name: str) -> str:
    for file in importlib.metadata.files(distribution) or ():
        if file.name == name and ".dist-info" in str(file):
            return Path(str(file.locate())).read_text("utf-8")
    pytest.skip(f"{distribution} ships no {name}")


def mit() -> str:
    return shipped("pydantic", "LICENSE")


def bsd() -> str:
    return shipped("Jinja2", "LICENSE.txt")


@pytest.mark.parametrize(("source", "expected"), SHIPPED.items(), ids=lambda value: str(value))
def test_the_text_that_a_package_ships_is_identified(source: tuple[str, str], expected: str) -> None:
    match = identify(shipped(*source))
    assert (match.kind, match.ids) == ("exact", (expected,))


def test_apache_is_identified_with_and_without_its_appendix() -> None:
    text = shipped("packaging", "LICENSE.APACHE")
    terms = text[: text.index("END OF TERMS AND CONDITIONS")]
    assert identify(terms).ids == identify(terms + "END OF TERMS AND CONDITIONS").ids == ("Apache-2.0",)
    assert identify(terms).kind == "exact"


def test_every_model_licence_of_the_contract_that_the_sources_reach_is_known_by_hash() -> None:
    reached = {
        "CreativeML-OpenRAIL-M", "CreativeML-OpenRAIL++-M", "BigScience-OpenRAIL-M", "BigCode-OpenRAIL-M", "Llama-2",
        "Llama-3.1", "Llama-3.2", "Llama-3.3", "Llama-4", "Gemma", "Falcon-2-11B", "Qwen", "Tongyi-Qianwen", "DeepSeek",
        "Stability-Community", "FLUX.1-dev", "Kimi-K2", "OpenMDW-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0",
        "CC-BY-ND-4.0", "CC0-1.0", "GPL-2.0", "GPL-3.0", "LGPL-2.1", "LGPL-3.0", "AGPL-3.0", "MPL-2.0", "MIT", "ISC",
    }  # fmt: skip
    assert reached <= table().ids


def test_the_ids_that_are_read_alone_are_those_of_the_table() -> None:
    assert set(known_ids()) == table().ids


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: textwrap.indent(text, "    "),
        lambda text: "".join(f"# {line}\n" for line in text.splitlines()),
        lambda text: "/*\n" + "".join(f" * {line}\n" for line in text.splitlines()) + " */\n",
        lambda text: text.replace('"', "\u201c"),
        lambda text: re.sub(r"(?m)^Copyright.*$", "Copyright (c) 1999-2024 Somebody Else <me@example.org>", text),
        lambda text: re.sub(r"(?m)^Copyright.*$", "", text),
        lambda text: "\n\n".join(textwrap.fill(part, 60) for part in text.split("\n\n")),
        lambda text: "\n\n".join(" ".join(part.split()) for part in text.split("\n\n")),
    ],
    ids=["upper", "crlf", "bom", "indented", "commented", "boxed", "quoted", "holder", "no-holder", "narrow", "wide"],
)
def test_what_carries_no_terms_does_not_change_the_identity(change: object) -> None:
    assert callable(change)
    body = mit()
    assert identify(change(body)).ids == ("MIT",), change(body)


@pytest.mark.parametrize(
    "line",
    [
        "Copyright (c) 2024 J. R. Somebody, Jr. <me@example.org>",
        "Copyright 2018 The Somebody Team. All rights reserved.",
        "Copyright (c) 2019-2021 Somebody Technology Co. Ltd. and its affiliates.",
        "Copyright (c) 2016 Somebody, Inc. 51 Franklin St, Fifth Floor, Boston, MA 02110-1301 USA",
        "Copyright (c) 2001 Somebody. Portions copyright (c) 2004 Somebody Else.",
    ],
)
def test_a_line_that_only_says_whose_the_work_is_changes_nothing(line: str) -> None:
    assert identify(re.sub(r"(?m)^Copyright.*$", line, mit())).kind == "exact"


def test_a_word_that_a_terminal_rubs_out_is_still_a_word() -> None:
    assert identify(mit().replace("sell", "sell" + "\b" * 4, 1)).kind != "exact"


@pytest.mark.parametrize(
    "line",
    [
        "Copyright (c) 2024 Somebody, for academic use only",
        "Copyright (c) 2024 Somebody. Commercial users must pay.",
        "Copyright (c) 2024 Somebody (no derivatives)",
        "Copyright (c) 2024 Somebody. Pay Acme 100 dollars per inference",
        "Copyright (c) 2024 Somebody Inc. Everyone else keep away",
        "Copyright (c) 2024 Somebody. Nur für Forschungszwecke",
        "Copyright (c) 2024 Somebody. 仅限研究",
        "Copyright (c) 2024 Somebody, \u043enly research",
        "(c) You must not train models with it.",
        "All rights reserved except for research purposes.",
    ],
)
def test_a_term_in_the_copyright_line_is_no_copyright_line(line: str) -> None:
    match = identify(re.sub(r"(?m)^Copyright.*$", line, mit()))
    assert match.kind == "variant"
    assert match.ids == ("MIT",)
    assert match.added


def test_a_term_where_a_template_leaves_the_name_open_is_seen() -> None:
    assert identify(re.sub(r"name of the\s+copyright holder", "name of Foo Ltd", bsd())).ids == ("BSD-3-Clause",)
    altered = re.sub(r"name of the\s+copyright holder", "name of Foo, who forbids commercial use,", bsd())
    assert altered != bsd()
    assert identify(altered).kind == "variant"


def test_added_terms_make_a_variant_and_are_shown() -> None:
    match = identify(mit() + "\nThe Software may not be sold, nor offered as a service.\n")
    assert (match.kind, match.ids, match.names) == ("variant", ("MIT",), ("variant:MIT",))
    assert match.added == ("The Software may not be sold, nor offered as a service.",)
    assert match.holds == ("MIT",)


def test_removed_terms_make_a_variant_and_are_counted() -> None:
    text = shipped("packaging", "LICENSE.APACHE")
    without_patents = text[: text.index("3. Grant of Patent")] + text[text.index("4. Redistribution") :]
    match = identify(without_patents)
    assert (match.names, match.added_count) == (("variant:Apache-2.0",), 0)
    assert match.missing_count >= 2
    assert match.holds == ()


def test_a_licence_less_its_condition_is_the_other_licence_that_it_then_is() -> None:
    assert identify(re.sub(r"(?s)The above copyright notice.*?Software\.", "", mit())).names == ("variant:MIT-0",)


def test_a_title_that_names_another_licence_is_not_set_aside() -> None:
    body = mit().split("\n\n", 1)[1]
    assert identify("The MIT License (MIT)\n\n" + body).kind == "exact"
    assert identify("Apache License\n\n" + body).kind == "variant"


def test_two_whole_texts_are_two_licences_and_nothing_else() -> None:
    both = mit() + "\n\n" + shipped("packaging", "LICENSE.APACHE")
    assert (identify(both).kind, identify(both).ids) == ("exact", ("Apache-2.0", "MIT"))
    assert identify("Choose one of these:\n\n" + both).kind == "variant"


def test_hidden_characters_are_not_ignored() -> None:
    assert identify(mit().replace("without restriction", "without\u202e restriction")).kind == "variant"
    assert identify(mit().replace("Software", "Soft\u200bware", 1)).kind == "variant"


@pytest.mark.parametrize("text", ["", "   \n", "hello", "\0" * 100, "MIT License", "Licensed under Apache-2.0."])
def test_what_is_no_licence_text_is_unknown(text: str) -> None:
    assert identify(text).names == ("unknown",)


def test_a_text_too_long_to_be_one_licence_is_unknown() -> None:
    assert identify(mit() + "x" * licences.MAX_TEXT).kind == "unknown"


@given(st.data())
def test_one_word_more_is_never_the_same_licence(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([mit(), bsd(), shipped("packaging", "LICENSE.APACHE")]))
    words = text.split(" ")
    spot = data.draw(st.integers(0, len(words)))
    word = data.draw(st.sampled_from(["not", "only", "commercial", "except", "unless", "must", "prohibited"]))
    changed = " ".join([*words[:spot], word, *words[spot:]])
    before, after = identify(text), identify(changed)
    assert after.kind != "exact", changed[:200]
    assert before.kind == "exact"


@given(st.text(max_size=400))
def test_any_text_has_a_normal_form_that_white_space_and_case_do_not_change(text: str) -> None:
    words = normalise(text).words
    assert normalise("\n\n" + text.replace(" ", "   ") + "\n").words == words
    assert all(word == word.casefold() or word == "HOLDER" for word in words)


def test_the_table_holds_hashes_and_titles_but_no_text() -> None:
    owners: dict[str, str] = {}
    for known in table().licences:
        assert known.forms, known.id
        assert len(known.sketch) <= SKETCH_SIZE
        assert all(len(title.split()) <= 2 * MAX_TITLE for title in known.titles)
        for form in known.forms:
            assert re.fullmatch(r"[0-9a-f]{64}", form.sha256)
            assert owners.setdefault(form.sha256, known.id) == known.id
    assert len(table().licences) > 700


# --- names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("apache-2.0", "Apache-2.0"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("License :: OSI Approved :: MIT License", "MIT"),
        ("llama3.1", "Llama-3.1"),
        ("LicenseRef-scancode-llama-3.1-license-2024", "Llama-3.1"),
        ("gemma", "Gemma"),
        ("bigscience-openrail-m", "BigScience-OpenRAIL-M"),
        ("creativeml-openrail-m", "CreativeML-OpenRAIL-M"),
        ("openrail++", "CreativeML-OpenRAIL++-M"),
        ("cc-by-nc-4.0", "CC-BY-NC-4.0"),
        ("bsd", "BSD"),
        ("other", "other"),
        ("", "unknown"),
        ("mit or gpl-3.0+", "MIT OR GPL-3.0-or-later"),
        ("llama3.1 AND MIT", "Llama-3.1 AND MIT"),
        ("Ask my boss", "Ask my boss"),
        ("LicenseRef-mine", "LicenseRef-mine"),
        ("MIT AND nonsense-9", "MIT AND nonsense-9"),
    ],
)
def test_a_licence_has_one_name(name: str, expected: str) -> None:
    assert licence_id(name) == expected
    assert licence_id(expected) == expected


@example("\x11")
@given(st.text(max_size=80))
def test_naming_twice_changes_nothing(name: str) -> None:
    assert licence_id(licence_id(name)) == licence_id(name)


def test_a_link_tells_a_licence_where_the_tag_says_other() -> None:
    assert linked_licence("https://ai.google.dev/gemma/terms") == "Gemma"
    assert linked_licence("https://creativecommons.org/licenses/by-nc/4.0/legalcode.en") == "CC-BY-NC-4.0"
    assert linked_licence("LICENSE.md") is None


# --- the tool that builds the table


def _tool() -> ModuleType:
    path = Path(__file__).parents[2] / "tools/build_licence_hashes.py"
    spec = importlib.util.spec_from_file_location("build_licence_hashes", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_built_from_packages_and_leaves_shared_forms_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = "You may keep this model as long as you water the plants. Nobody promises that it answers."
    full = {
        "Plant-1.0": {"name": "Plant License 1.0", "licenseText": f"Plant License 1.0\n\n{terms}"},
        "Plant-2.0": {"name": "Plant License 2.0", "licenseText": f"Plant License 2.0\n\n{terms}"},
        "Cake-1.0-only": {"name": "Cake License", "licenseText": "Bring cake on Mondays, and share what is left."},
        "Cake-1.0": {"name": "Cake License", "licenseText": "Bring cake on Mondays, and share what is left."},
    }
    spdx, scancode, out = tmp_path / "spdx.tgz", tmp_path / "scancode.whl", tmp_path / "texts.json"
    with tarfile.open(spdx, "w:gz") as archive:
        data = json.dumps(full).encode()
        member = tarfile.TarInfo("package/spdx-full.json")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    with zipfile.ZipFile(scancode, "w") as wheel:
        head = "---\nkey: gemma-tou-2024-04-01\nname: Gemma Terms\nshort_name: Gemma\n---\n"
        wheel.writestr(
            "licensedcode/data/licenses/gemma-tou-2024-04-01.LICENSE", head + "Gemma is for gardeners only.\n"
        )
    monkeypatch.setattr(sys, "argv", ["x", "--spdx", str(spdx), "--scancode", str(scancode), "--out", str(out)])
    assert _tool().main() == 0
    built = parse_table(out.read_bytes())
    assert built.ids == {"Cake-1.0", "Gemma", "Plant-1.0", "Plant-2.0"}
    assert built.by_hash[normalise(f"PLANT LICENSE 2.0\n{terms}").sha256] == "Plant-2.0"
    assert normalise(terms).sha256 not in built.by_hash
    assert b"water the plants" not in out.read_bytes()
