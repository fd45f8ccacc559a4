"""Controls answered from facts, in three values.

Rules:
- A control is met only by what is known: a condition that is true, an item that is filled. An item that is not filled
  is unknown, since nobody has said that there is no answer.
- A control whose `when` is unknown is taken to apply, and says so; one whose `when` is false does not apply.
- The day picks the controls; those to come are answered too, as they would stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bascule.judge.comply.desk import BESIDE, Desk
from bascule.judge.comply.framework import Control, Framework
from bascule.judge.policy.cel import Expression, Truth, compile_expression
from bascule.kernel.text import visible
from bascule.records.compliance import Basis, ControlView, FactView, Status

WAITS = "nothing that is collected answers it: it waits for a person"


@dataclass(frozen=True, slots=True)
class Answered:
    """Controls in force, controls to come (soonest first), and the ids of those that have lapsed."""

    controls: tuple[ControlView, ...]
    upcoming: tuple[ControlView, ...]
    lapsed: tuple[str, ...]

    @property
    def verdict(self) -> Status:
        """Not met before unknown before met; not applicable where nothing applies."""
        found = {control.status for control in self.controls}
        order = (Status.NOT_MET, Status.UNKNOWN, Status.MET)
        return next((status for status in order if status in found), Status.NOT_APPLICABLE)

    @property
    def counts(self) -> dict[str, int]:
        return {status.value: sum(each.status is status for each in self.controls) for status in Status}


def answer(framework: Framework, desk: Desk, as_of: datetime) -> Answered:
    """Every control on that day. Law: withholding evidence never makes a control met."""
    day = as_of.date()
    controls = framework.controls
    later = sorted((each for each in controls if each.applies_from > day), key=lambda each: each.applies_from)
    return Answered(
        controls=tuple(_answered(each, desk) for each in controls if each.in_force(day)),
        upcoming=tuple(_answered(each, desk) for each in later),
        lapsed=tuple(each.id for each in controls if each.lapsed(day)),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of a control's answer: its truth, why, and the facts that it rests on."""

    truth: Truth
    because: str
    facts: tuple[FactView, ...]


def _answered(control: Control, desk: Desk) -> ControlView:
    applies = _asked(control.when, desk)
    if applies.truth is Truth.FALSE:
        return _view(control, Status.NOT_APPLICABLE, "", applies, (), ())
    condition = _asked(control.met, desk) if control.met else None
    filled = _filled(control, desk) if control.answer else None
    parts = [part for part in (filled, condition) if part is not None]
    status = _together(part.truth for part in parts)
    deciding = [part.because for part in parts if _STATUS[part.truth] is status and part.because]
    because = "; ".join(deciding) or (WAITS if not parts else "")
    return _view(
        control, status, because, applies, filled.facts if filled else (), condition.facts if condition else ()
    )


_STATUS = {Truth.TRUE: Status.MET, Truth.FALSE: Status.NOT_MET, Truth.UNKNOWN: Status.UNKNOWN}


def _together(truths: Iterable[Truth]) -> Status:
    """All parts must hold; none at all is unknown."""
    found = set(truths)
    if Truth.FALSE in found:
        return Status.NOT_MET
    return Status.MET if found == {Truth.TRUE} else Status.UNKNOWN


def _asked(text: str, desk: Desk) -> _Part:
    expression = compile_expression(text, BESIDE)
    explained = expression.explain(desk.facts_for(expression))
    truth = explained.answer.value if isinstance(explained.answer.value, Truth) else Truth.UNKNOWN
    facts = tuple(desk.view(name) for name in _named(expression))
    because = _why_unknown(facts) if truth is Truth.UNKNOWN else explained.because
    return _Part(truth, because or explained.answer.because, facts)


def _named(expression: Expression) -> tuple[str, ...]:
    return tuple(name for name in expression.paths if "." in name)


def _why_unknown(facts: Sequence[FactView]) -> str:
    """Facts that share a reason share a clause."""
    by_reason: dict[str, list[str]] = {}
    for each in facts:
        if each.value is None:
            by_reason.setdefault(each.why, []).append(f"`{each.name}`")
    return "; ".join(
        f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} unknown: {why}" for why, names in by_reason.items()
    )


def _filled(control: Control, desk: Desk) -> _Part:
    facts = tuple(desk.view(name) for name in control.answer)
    given = tuple(each for each in facts if not _blank(each))
    enough = bool(given) if control.need == "any" else len(given) == len(facts)
    if enough:
        return _Part(Truth.TRUE, f"filled by {', '.join(f'`{each.name}`' for each in given)}", given)
    wanting = [each for each in facts if _blank(each)]
    because = "; ".join(f"`{each.name}` is not given" + (f": {each.why}" if each.why else "") for each in wanting)
    return _Part(Truth.UNKNOWN, because, facts)


def _blank(fact: FactView) -> bool:
    return fact.value is None or (isinstance(fact.value, str) and not fact.value.strip()) or fact.value in ([], {})


def _why_applies(applies: _Part) -> str:
    if applies.truth is Truth.UNKNOWN:
        return f"taken to apply, since that is not known ({applies.because})"
    return applies.because if applies.truth is Truth.FALSE else ""


def _view(
    control: Control,
    status: Status,
    because: str,
    applies: _Part,
    answers: tuple[FactView, ...],
    facts: tuple[FactView, ...],
) -> ControlView:
    others = {each.name: each for each in (*applies.facts, *facts) if all(each.name != fill.name for fill in answers)}
    read = (*answers, *others.values())
    known = [each for each in read if not _blank(each)]
    found = {each.basis for each in known}
    return ControlView(
        id=control.id,
        title=control.title,
        section=control.section,
        status=status,
        because=visible(because, 1_000),
        applies_because=visible(_why_applies(applies), 1_000),
        applies={Truth.TRUE: "yes", Truth.FALSE: "no"}.get(applies.truth, "unknown"),
        answers=answers,
        facts=tuple(others.values()),
        basis=tuple(basis for basis in Basis if basis in found),
        evidence=tuple(sorted({digest for each in known for digest in each.evidence})),
        supply=control.supply,
        command=control.command,
        audience=control.audience,
        dimensions=control.dimensions,
        kinds_of_evidence=control.evidence,
        applies_from=control.applies_from,
        applies_until=control.applies_until,
        source=control.source,
        note=control.note,
        read=control.read,
        reviewed_by=control.reviewed_by,
    )
