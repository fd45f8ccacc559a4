"""`bascule policy`: test, lint, cover, diff, sign and show policy packs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bascule.cli.output import Common, print_json, print_text
from bascule.cli.session import open_session
from bascule.journeys.parts import vocabulary_of
from bascule.journeys.replay import past_questions
from bascule.judge.policy.cases import run_cases
from bascule.judge.policy.cover import cover
from bascule.judge.policy.diff import diff
from bascule.judge.policy.lint import lint_whole
from bascule.kernel.text import counted, visible
from bascule.plugins.registry import discover
from bascule.wiring import described_steps, load_policy, sign_folder


def test_command(pack: str = "default", /, *, common: Common | None = None) -> int:
    """Run a pack's table cases. Exit code 1 when one does not hold, 2 when there is none.

    Parameters
    ----------
    pack
        A pack's id or folder.
    """
    common = common or Common()
    results = run_cases(load_policy(pack, None).pack)
    failed = [result for result in results if not result.passed]
    if common.json:
        rows = [{"id": r.case.id, "title": r.case.title, "passed": r.passed, "faults": list(r.faults)} for r in results]
        print_json({"schema": "bascule.policy-test/v1", "pack": pack, "cases": rows})
    else:
        for result in failed:
            print_text(f"✕ {result.case.id}: {result.case.title}")
            for fault in result.faults:
                print_text(f"    {visible(fault, 400)}")
        print_text(f"{counted(len(results), 'case')}: {len(results) - len(failed)} hold, {len(failed)} do not")
        if not results:
            print_text("a pack without cases is untested: write some in cases.yaml")
    return 1 if failed else 0 if results else 2


def lint_command(pack: str = "default", /, *, common: Common | None = None) -> int:
    """Find faults in a pack: unknown facts, rules that cannot fire, missing sources, doors that lost evidence opens.

    Parameters
    ----------
    pack
        A pack's id or folder.
    """
    common = common or Common()
    parsed = load_policy(pack, None).pack
    faults = lint_whole(
        parsed, vocabulary_of((*discover("scanners"), *described_steps()), discover("peers")), datetime.now(UTC).date()
    )
    errors = [fault for fault in faults if fault.level == "error"]
    if common.json:
        print_json({"schema": "bascule.policy-lint/v1", "pack": pack, "faults": [fault.as_json() for fault in faults]})
    else:
        for fault in faults:
            print_text(f"{fault.level}: {fault.where}: {fault.message}" + (f"\n    {fault.hint}" if fault.hint else ""))
        counts = f"{counted(len(errors), 'error')}, {counted(len(faults) - len(errors), 'warning')}"
        print_text(f"{counts} in {counted(len(parsed.rules), 'rule')} and {counted(len(parsed.scenarios), 'scenario')}")
    return 1 if errors else 0


def cover_command(pack: str = "default", /, *, common: Common | None = None) -> int:
    """Say which rules, scenarios and thresholds no case exercises in every way they can answer.

    Parameters
    ----------
    pack
        A pack's id or folder.
    """
    common = common or Common()
    parsed = load_policy(pack, None).pack
    base = load_policy(parsed.extends, None).pack if parsed.extends else None
    rows = cover(parsed, run_cases(parsed), base)
    untried = [row for row in rows if row.untried]
    if common.json:
        print_json({"schema": "bascule.policy-cover/v1", "pack": pack, "rows": [row.as_json() for row in rows]})
    else:
        for row in untried:
            print_text(f"{row.what:<10} {row.id:<44} never {', '.join(row.untried)}")
        print_text(f"{len(rows)} rules, scenarios and thresholds: {len(rows) - len(untried)} tried in every way")
    return 1 if untried else 0


def diff_command(before: str, after: str, /, *, common: Common | None = None) -> int:
    """Say which past decisions another pack would change. Exit code 1 when at least one flips.

    Parameters
    ----------
    before
        The pack that is in use.
    after
        The pack that might be.
    """
    common = common or Common()
    with open_session(common) as session:
        questions = past_questions(session.parts)
        old, new = load_policy(before, session.parts.keyring).pack, load_policy(after, session.parts.keyring).pack
    flips = diff(old, new, questions)
    if common.json:
        rows = [{**flip.as_json(), "opens": flip.opens} for flip in flips]
        print_json({"schema": "bascule.policy-diff/v1", "asked": len(questions), "flips": rows})
        return 1 if flips else 0
    for flip in flips:
        print_text(f"{visible(flip.subject_ref)} at {flip.requested_tier}: {' → '.join(flip.verdict)}")
        for kind, tiers in flip.granted.items():
            print_text(f"    {kind}: {' → '.join(tiers)}")
        if flip.newly_blocked_by:
            print_text(f"    newly blocked by {', '.join(flip.newly_blocked_by)}")
        if flip.no_longer_blocked_by:
            print_text(f"    no longer blocked by {', '.join(flip.no_longer_blocked_by)}")
        for duty in flip.obligations_new:
            print_text(f"    now owed: {visible(duty, 300)}")
        for duty in flip.obligations_gone:
            print_text(f"    no longer owed: {visible(duty, 300)}")
        if flip.error:
            print_text(f"    cannot be asked: {visible(flip.error)}")
    print_text(f"{counted(len(questions), 'past decision')}: {len(flips)} would change")
    if not questions:
        print_text("the ledger holds no decision yet; `bascule review REF` makes one")
    return 1 if flips else 0


def sign_command(folder: Path, /, *, common: Common | None = None) -> int:
    """Sign a pack's files into `pack.dsse.json`. Whoever trusts the key can tell when a file is changed.

    Parameters
    ----------
    folder
        The pack's folder.
    """
    common = common or Common()
    with open_session(common) as session:
        path, key_id = sign_folder(folder, session.parts.keyring), session.parts.keyring.key_id
    if common.json:
        print_json({"schema": "bascule.policy-sign/v1", "path": str(path), "key_id": key_id})
    else:
        print_text(f"wrote {path}, signed by {key_id}")
    return 0


def show_command(pack: str = "default", /, *, common: Common | None = None) -> int:
    """Show a pack: its ladders, thresholds and rules, each with its source.

    Parameters
    ----------
    pack
        A pack's id or folder.
    """
    common = common or Common()
    parsed = load_policy(pack, None).pack
    if common.json:
        print_json({"schema": "bascule.policy/v1", **parsed.as_json()})
        return 0
    print_text(f"{parsed.id} {parsed.version}: {parsed.title}\n{parsed.digest}\n\n{parsed.description}")
    for ladder in parsed.ladders:
        print_text(f"\n{ladder.title}")
        for tier in ladder.tiers:
            print_text(f"  {tier.id}  {tier.name}: {tier.description}")
    print_text("\nRules")
    for rule in sorted(parsed.rules, key=lambda item: (item.dimension, item.id)):
        waivable = "" if rule.waivable else ", may not be waived"
        print_text(
            f"  {rule.id} ({rule.dimension.value}, {'/'.join(rule.ladders)} {rule.tiers}{waivable}): {rule.message}"
        )
    print_text("\nScenarios")
    for scenario in parsed.scenarios:
        print_text(f"  {scenario.id} ({scenario.dimension.value}, against the {scenario.target}): {scenario.title}")
    return 0
