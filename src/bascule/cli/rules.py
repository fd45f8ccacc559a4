"""`bascule rules`: every question that a scanner asks or a peer's result answers, or one of them explained."""

from __future__ import annotations

from bascule.cli.output import Common, print_json, print_text
from bascule.kernel.errors import InputError
from bascule.kernel.text import suggestion, visible
from bascule.plugins.meta import Rule
from bascule.plugins.registry import working
from bascule.wiring import described_steps


def rules_command(rule_id: str | None = None, /, *, common: Common | None = None) -> int:
    """List every rule, or explain one.

    Parameters
    ----------
    rule_id
        The rule to explain.
    """
    common = common or Common()
    rules = all_rules()
    if rule_id is None:
        if common.json:
            print_json(
                {"schema": "bascule.rules/v1", "rules": [_row(scanner, rule) for scanner, rule in rules.values()]}
            )
        else:
            for scanner, rule in rules.values():
                print_text(f"{rule.id:<32} {rule.severity.value:<9} {rule.question}  [{scanner}]")
        return 0
    if rule_id not in rules:
        near = suggestion(rule_id, rules)
        raise InputError("rules.unknown", f"no rule is called `{visible(rule_id)}`", near or "see `bascule rules`")
    scanner, rule = rules[rule_id]
    if common.json:
        print_json({"schema": "bascule.rule/v1", **_row(scanner, rule)})
    else:
        print_text(f"{rule.id} ({rule.severity.value}), scanner {scanner}")
        print_text(f"\n{rule.question}\n\nWhy: {rule.why}\n\nRemedy: {rule.remedy}")
        if rule.references:
            print_text("\n" + "\n".join(f"See {reference}" for reference in rule.references))
    return 0


def all_rules() -> dict[str, tuple[str, Rule]]:
    """Rule id → (id of the scanner or peer, rule), sorted by id."""
    asking = (*working("scanners"), *described_steps(), *working("peers"))
    found = {rule.id: (loaded.id, rule) for loaded in asking for rule in loaded.plugin.meta.rules}
    return dict(sorted(found.items()))


def _row(scanner: str, rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "scanner": scanner,
        "severity": rule.severity.value,
        "question": rule.question,
        "why": rule.why,
        "remedy": rule.remedy,
        "references": list(rule.references),
    }
