"""Reading a pack: every fault at its line, extension in the open, one digest for one set of files."""

from __future__ import annotations

import pytest

from bascule.judge.policy.parse import pack_manifest, parse_pack
from bascule.kernel.errors import InputError
from packs import pack_files

BASE = b"""\
id: base
version: "1.0.0"
title: Base
description: a pack for tests
ladders:
  - name: release
    title: t
    tiers:
      - &t0
        {id: T0, name: a, description: a, revocable: true, monitorable: true, provider_enforceable: true,
         modifiable_by_user: false, identity_known: true, external: false}
      - {<<: *t0, id: T1}
thresholds: []
licence_classes:
  MIT: {class: permissive, open: true, redistribution: true, commercial: true, source: MIT}
"""
RULES = b"""\
rules:
  - id: first
    title: First
    dimension: security
    requires: "!here.bad"
    message: bad
    remedy: mend it
    source: our judgement
  - id: second
    title: Second
    dimension: governance
    requires: "context.contact != ''"
    message: nobody to tell
    remedy: name somebody
    source: our judgement
"""
FILES = {"pack.yaml": BASE, "rules/all.yaml": RULES}


def faults(files: dict[str, bytes], bases: dict[str, dict[str, bytes]] | None = None) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_pack(files, "under-test", bases)
    assert caught.value.code == "policy.invalid"
    return [line.strip() for line in caught.value.message.splitlines()[1:]]


def test_a_pack_is_its_files() -> None:
    pack = parse_pack(FILES, "base")
    assert [rule.id for rule in pack.rules] == ["first", "second"]
    assert pack.ladder("release").lowest.id == "T0"
    assert pack.digest.startswith("sha256:")


def test_the_digest_covers_every_file_but_the_signature_and_no_order() -> None:
    digest = parse_pack(FILES, "base").digest
    assert parse_pack(dict(reversed(FILES.items())), "another name").digest == digest
    assert parse_pack(FILES | {"pack.dsse.json": b"{}"}, "base").digest == digest
    assert parse_pack(FILES | {"README.md": b"words"}, "base").digest != digest
    assert parse_pack({"pack.yaml": BASE + b"# a remark\n", "rules/all.yaml": RULES}, "base").digest != digest


def test_the_manifest_is_what_is_signed() -> None:
    assert list(pack_manifest(FILES | {"pack.dsse.json": b"{}"})) == ["pack.yaml", "rules/all.yaml"]


def test_all_faults_are_told_at_once_each_with_its_line() -> None:
    broken = RULES.replace(b"dimension: security", b"dimension: securty").replace(b"remedy: name somebody", b"remdy: x")
    broken += b"  - {id: first, title: again, dimension: privacy, message: m}\n"
    found = faults({"pack.yaml": BASE.replace(b'"1.0.0"', b"1.0") + b"tresholds: []\n", "rules/all.yaml": broken})
    assert found == [
        "pack.yaml:16: unknown key `tresholds`, did you mean `thresholds`?",
        "pack.yaml:2: `version` must be given, as text, in quotes",
        *[line for line in found if line.startswith("rules/all.yaml:4: rule `first`: `dimension`: input should be")],
        "rules/all.yaml:14: rule `second`: `remdy`: unknown key, did you mean `remedy`?",
        "rules/all.yaml:16: rule `first` is already defined at rules/all.yaml:2",
    ]


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("findng.bad", "undeclared reference"),
        ("finding.bad >", "Syntax error"),
        ("has(here.bad)", "tests whether a fact is there"),
        ("'bad' in here", "is used as a whole"),
        ("measure.x.size() < 4", "is used as a whole"),
        ("reading.x == null", "`null` is no fact"),
        ("here[kind]", "is used as a whole"),
    ],
)
def test_a_condition_that_cannot_be_trusted_does_not_load(condition: str, why: str) -> None:
    rules = RULES.replace(b"!here.bad", condition.encode())
    (fault,) = faults({"pack.yaml": BASE, "rules/all.yaml": rules})
    assert fault.startswith("rules/all.yaml:5: rule `first`: `requires`: ")
    assert why in fault


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        (b"tiers: '>T5'", "is not a range of tiers"),
        (b"ladders: [relase]", "no ladder is called `relase`; did you mean `release`?"),
        (b"kinds: [weight]", "input should be"),
        (b"effect: forbid", "input should be"),
        (b"applies_from: soon", "input should be a valid date"),
    ],
)
def test_each_field_of_a_rule_is_checked(extra: bytes, fault: str) -> None:
    rules = RULES.replace(b"    message: bad\n", b"    message: bad\n    " + extra + b"\n")
    (found,) = faults({"pack.yaml": BASE, "rules/all.yaml": rules})
    assert fault in found


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({}, "holds no pack.yaml"),
        ({"pack.yaml": b"- a list\n"}, "must be a mapping"),
        ({"pack.yaml": BASE}, "a pack without rules permits everything"),
        ({"pack.yaml": BASE, "rules/all.yaml": b"rules: {a: 1}"}, "`rules` must be a list"),
        ({"pack.yaml": BASE, "rules/all.yaml": b"rules: [3]"}, "should be a valid dictionary"),
        ({"pack.yaml": BASE, "rules/all.yaml": RULES + b"rules: []\n"}, "key `rules` appears twice"),
        ({"pack.yaml": BASE, "rules/all.yaml": b"id: other"}, "unknown key `id`"),
        ({"pack.yaml": BASE.replace(b"permissive", b"free"), "rules/all.yaml": RULES}, "`class` must be one of"),
        ({"pack.yaml": BASE.replace(b"open: true", b"open: maybe"), "rules/all.yaml": RULES}, "must be true or false"),
        ({"pack.yaml": BASE + b"weights: {alpah: 0.1}\n", "rules/all.yaml": RULES}, "did you mean `alpha`?"),
        ({"pack.yaml": BASE, "rules/all.yaml": RULES, "b.yaml": b"\xff"}, "b.yaml:1: is not UTF-8"),
    ],
)
def test_each_part_of_a_pack_is_checked(files: dict[str, bytes], fault: str) -> None:
    assert any(fault in found for found in faults(files)), faults(files)


# --- extension -------------------------------------------------------------------------------------------------

CHILD = b'id: child\nversion: "1"\ntitle: c\ndescription: c\nextends: base\n'


def test_a_child_has_what_its_base_has_and_what_it_says_itself() -> None:
    child = CHILD + b"overrides: {rules: {first: {tiers: '>=T1', waivable: false}}}\nremove: {rules: [second]}\n"
    more = b"rules:\n  - {id: third, title: t, dimension: privacy, requires: finding.ok, message: m, remedy: r}\n"
    pack = parse_pack({"pack.yaml": child, "rules/r.yaml": more}, "child", {"base": FILES})
    assert [(rule.id, rule.tiers, rule.waivable) for rule in pack.rules] == [
        ("first", ">=T1", False),
        ("third", ">=T0", True),
    ]
    assert pack.extends == "base"
    assert "MIT" in pack.licence_classes


def test_the_digest_covers_the_base() -> None:
    files = {"pack.yaml": CHILD}
    before = parse_pack(files, "child", {"base": FILES}).digest
    assert parse_pack(files, "child", {"base": FILES | {"README.md": b"words"}}).digest != before


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"remove: {rules: [secnd]}", "nothing to remove called `secnd`; did you mean `second`?"),
        (b"remove: {ladders: [release]}", "`remove` takes lists of ids"),
        (b"overrides: {rules: {frist: {tiers: T1}}}", "nothing to override called `frist`; did you mean `first`?"),
        (
            b"overrides: {rules: {first: {tier: T1}}}",
            "pack.yaml:6: rule `first`: `tier`: unknown key, did you mean `tiers`?",
        ),
        (
            b"rules: [{id: first, title: t, dimension: privacy, message: m}]",
            "is the base's: change it under `overrides.rules`",
        ),
    ],
)
def test_every_departure_from_the_base_is_in_the_open(text: bytes, fault: str) -> None:
    assert any(fault in found for found in faults({"pack.yaml": CHILD + text}, {"base": FILES}))


def test_a_base_that_is_not_at_hand_or_extends_itself_is_a_fault() -> None:
    assert "is not at hand" in faults({"pack.yaml": CHILD})[0]
    selfish = CHILD.replace(b"extends: base", b"extends: child")
    assert any("extends itself" in fault for fault in faults({"pack.yaml": selfish}, {"child": {"pack.yaml": selfish}}))


def test_faults_of_the_base_name_the_base() -> None:
    broken = {"pack.yaml": BASE, "rules/all.yaml": RULES.replace(b"!here.bad", b"here.")}
    assert faults({"pack.yaml": CHILD}, {"base": broken})


# --- fixtures of cases -----------------------------------------------------------------------------------------


def test_fixtures_are_laid_under_a_case_and_null_takes_away() -> None:
    cases = b"""\
fixtures:
  a: {readings: {x: 1, y: 2}, tier: T1}
  b: {use: [a], readings: {z: 3}}
cases:
  - {id: c, title: c, given: {use: [b], readings: {x: null, y: 9}}, expect: {}}
"""
    pack = parse_pack(FILES | {"cases.yaml": cases}, "base")
    assert pack.cases[0].given == {"readings": {"y": 9, "z": 3}, "tier": "T1"}


def test_a_fixture_that_is_not_there_is_a_fault() -> None:
    cases = b"fixtures: {alpha: {}}\ncases: [{id: c, title: c, given: {use: [alhpa]}, expect: {}}]\n"
    assert "did you mean `alpha`?" in faults(FILES | {"cases.yaml": cases})[0]
    circular = b"fixtures: {a: {use: [a]}}\ncases: [{id: c, title: c, given: {use: [a]}, expect: {}}]\n"
    assert faults(FILES | {"cases.yaml": circular})


def test_one_flipped_byte_of_a_real_pack_is_another_digest_or_a_fault() -> None:
    files = pack_files("default")
    digest = parse_pack(files, "default").digest
    for path in files:
        at = len(files[path]) // 2
        flipped = files[path][:at] + bytes([files[path][at] ^ 1]) + files[path][at + 1 :]
        try:
            assert parse_pack(files | {path: flipped}, "default").digest != digest
        except InputError:
            continue
