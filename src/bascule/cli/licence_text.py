"""Licence answers as people read them: the verdict first, then what decides it, then what is owed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bascule.judge.licensing.terms import Clause, LicenceTerms
from bascule.judge.policy.pack import PolicyPack
from bascule.kernel.text import counted, visible
from bascule.records.licence_answers import NOT_ADVICE, ClauseView, DutyView, LicenceVerdict, Suggestions

_VERDICTS = {"allow": "allowed", "deny": "not allowed", "unknown": "cannot tell"}
_MARKS = {"allow": "✓", "deny": "✕", "contested": "?", "unknown": "?"}


def show_verdict(verdict: LicenceVerdict) -> str:
    """All that `bascule licence solve` has to say."""
    lines = [f"{_VERDICTS[verdict.verdict]}: {visible(verdict.because, 600)}", ""]
    lines += clause_lines(verdict.clauses)
    if verdict.obligations:
        lines += ["", f"{counted(len(verdict.obligations), 'duty', 'duties')}:"]
        lines += duty_lines(verdict.obligations)
    if verdict.needs:
        lines += ["", "to settle it, declare: " + ", ".join(f"`{need}`" for need in verdict.needs)]
    if verdict.verdict == "unknown" and any(one.effect == "contested" for one in verdict.clauses):
        lead = "and choose" if verdict.needs else "\nto settle it, choose"
        lines.append(
            f"{lead} how contested clauses are read: `policy: strict` forbids them, `policy: lenient` allows them"
        )
    for name, side in sorted(verdict.chosen.items()):
        lines.append(f"chosen for `{visible(name, 40)}`: {side}")
    if verdict.contested != "unset":
        lines.append(f"contested clauses are read by the {verdict.contested} reading")
    lines += ["", f"as of {verdict.as_of}; {NOT_ADVICE}"]
    return "\n".join(lines)


def clause_lines(clauses: Iterable[ClauseView]) -> Iterator[str]:
    """One clause a line, with its place and link."""
    for one in clauses:
        where = f"{one.licence} {one.clause}".strip() or f"`{visible(one.artefact, 40)}`"
        asked = f" [{one.act}]" if one.act else ""
        yield f"  {_MARKS[one.effect]} {where}{asked}: {visible(one.because, 400)}"
        if one.link and one.effect != "allow":
            yield f"      {one.link}"


def duty_lines(duties: Iterable[DutyView]) -> Iterator[str]:
    """One duty a line; what recipients must be bound to is marked."""
    for one in duties:
        status = "" if one.status == "owed" else f" ({one.status})"
        flows = ", and bind recipients to it" if one.flows else ""
        yield f"  • {one.kind}{status}: {visible(one.text, 400)}{flows} ({one.source})"


def show_suggestions(found: Suggestions, *, every: bool) -> str:
    """Those that fit with their duties; the others with the first reason, where somebody asks."""
    fitting = [row for row in found.suggestions if row.fits]
    lines = [f"{counted(len(fitting), 'licence fits', 'licences fit')}" + (":" if fitting else "")]
    for row in fitting:
        lines.append(f"✓ {row.licence}: {row.title}" + ("" if row.open else " (not an open licence)"))
        lines += [f"      {one.kind}: {visible(one.text, 200)} ({one.source})" for one in row.obligations]
    rest = [row for row in found.suggestions if not row.fits]
    if every or not fitting:
        for row in rest:
            lines.append(f"✕ {row.licence}: {visible(row.because, 300)}")
    elif rest:
        lines.append(f"{counted(len(rest), 'other')} would not do; `--every` says why")
    return "\n".join([*lines, "", f"as of {found.as_of}; {NOT_ADVICE}"])


def show_terms(terms: LicenceTerms, pack: PolicyPack) -> str:
    """A licence's file, row by row."""
    row = pack.licence_classes.get(terms.id, {})
    lines = [
        f"{terms.id}: {terms.title}",
        f"  covers {', '.join(terms.covers)}; class {row.get('class', 'unknown')}; {terms.link}",
        f"  read: {terms.read}; reviewed by: {', '.join(terms.reviewed_by)}",
        "clauses:",
    ]
    lines += [f"  {_MARKS[one.effect]} {_acts(one)} ({one.cite}): {one.because}" for one in terms.clauses]
    if terms.duties:
        lines.append("duties:")
        lines += [f"  • {one.kind} on {', '.join(one.acts)} ({one.cite}): {one.text}" for one in terms.duties]
    if terms.reach:
        lines.append("is what is made from it still under it?")
        lines += [f"  {way}: {one.is_} ({one.cite}): {one.because}" for way, one in sorted(terms.reach.items())]
    if terms.relicense is not None:
        to = terms.relicense.to
        words = to if isinstance(to, str) else ", ".join(to)
        lines.append(f"other terms: {words} ({terms.relicense.cite}): {terms.relicense.because}")
    return "\n".join([*lines, "", NOT_ADVICE])


def _acts(clause: Clause) -> str:
    return "everything" if "*" in clause.acts else ", ".join(clause.acts)
