"""What a lineage, a use and a context allow: lineage × use × context → verdict, clauses, duties.

    licence at a node → how far it reaches along the edges → what it says of each act on the way, and of the final use

Rules:
- Each act of making is asked of every licence that reaches what it is done to; the final use is asked of every licence
  that reaches the target. The answer is the strictest of all of them: deny, then unknown, then allow.
- A deny whose condition is unknown is unknown; an act that no clause names is unknown; a permission whose condition is
  false is a deny. Where a licence's reach is contested or unknown, so is what it forbids; what it allows stays allowed.
- Contested clauses are settled by the policy: strict forbids, lenient allows, and without one they stay unknown.
- A choice (`MIT OR GPL-3.0`) takes the side with the best answer; a conjunction takes all its parts.
- A duty is owed where what creates it is done. A declared fact that shows it broken forbids; one that shows it kept is
  said so; a duty that must be bound on recipients is broken by other terms that do not carry it.

Laws: adding a licence, an edge or a forbidding clause never turns deny into allow; removing a fact never turns unknown
into allow; the order of edges and artefacts never matters.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal, TypeAlias

from bascule.judge.licensing.case import Case, Edge
from bascule.judge.licensing.terms import CHANGES, Clause, Duty, LicenceTerms, Terms
from bascule.judge.licensing.when import undeclared
from bascule.kernel.errors import InputError
from bascule.kernel.text import suggestion, visible

Answer: TypeAlias = Literal["deny", "unknown", "contested", "allow"]
Verdict: TypeAlias = Literal["deny", "unknown", "allow"]
Status: TypeAlias = Literal["owed", "kept", "broken", "unknown"]
MAX_CHOICES = 64

_EXCEPTIONS = ("Linux-syscall-note", "GPL-CC-1.0")
"""SPDX exceptions that are not called one."""
_TRAINED_ON = ("train_on", "distil", "finetune", "adapter")
"""Acts that come to training on texts, where what they are done to is texts."""
_STRICTEST: Mapping[str, int] = {"deny": 0, "unknown": 1, "contested": 2, "allow": 3}
_REACH: Mapping[str, int] = {"no": 0, "contested": 1, "unknown": 2, "yes": 3}


@dataclass(frozen=True, slots=True)
class Fired:
    """One clause and what it came to. needs: facts that would settle it. act: what was asked; artefact: of whose
    licence."""

    artefact: str
    licence: str
    clause: str
    act: str
    effect: Answer
    because: str
    cite: str = ""
    link: str = ""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Owed:
    """One duty. flows: recipients must be bound to it too. needs: facts that would show it kept."""

    artefact: str
    licence: str
    duty: str
    kind: str
    text: str
    cite: str
    status: Status
    flows: bool
    link: str = ""
    needs: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """`Llama 3.1 Community License Agreement §1.b.i`"""
        return f"{self.licence} {self.cite}"


@dataclass(frozen=True, slots=True)
class Solution:
    """verdict, the clauses that bear on it (those that decide first), the duties, the facts that would help."""

    verdict: Verdict
    clauses: tuple[Fired, ...]
    duties: tuple[Owed, ...]
    needs: tuple[str, ...]
    because: str
    chosen: Mapping[str, str] = field(default_factory=dict)


def solve(case: Case, terms: Terms, as_of: date) -> Solution:
    """The answer on a day. Raises InputError where the clause table has a fault; a refusal is an answer."""
    choices = [(name, sides) for name in sorted(case.nodes) if len(sides := _sides(case.nodes[name].licence)) > 1]
    count = 1
    for _, sides in choices:
        count *= len(sides)
    if count > MAX_CHOICES:
        raise InputError(
            "licence.too-many-choices",
            f"the licences leave {count} ways to choose, more than {MAX_CHOICES}",
            "name the side that is taken, such as `licence: MIT` for `MIT OR GPL-3.0-only`",
        )
    solutions = []
    for picked in itertools.product(*(sides for _, sides in choices)):
        taken = {name: side for (name, _), side in zip(choices, picked, strict=True)}
        solution = _Run(case, terms, as_of, taken).solution()
        solutions.append(replace(solution, chosen={name: " AND ".join(side) for name, side in taken.items()}))
        if solution.verdict == "allow" and not choices:
            break
    return max(solutions, key=lambda one: (_STRICTEST[one.verdict], -len(one.duties)))


def _sides(licence: str | None) -> tuple[tuple[str, ...], ...]:
    """A licence expression as a choice of conjunctions: `A OR (B AND C)` is ((A), (B, C))."""
    if licence is None or (" OR " not in licence and " AND " not in licence) or licence.count("(") > MAX_CHOICES:
        return ((_without_exception(licence),),) if licence else ()
    words = licence.replace("(", " ( ").replace(")", " ) ").split()
    sides, rest = _choice(words)
    whole = not rest and all(part and part != "(" for side in sides for part in side)
    return sides if whole else ((licence,),)  # what is no expression is a name, and nobody knows it


def _choice(words: list[str]) -> tuple[tuple[tuple[str, ...], ...], list[str]]:
    sides, words = _both(words)
    while words and words[0] == "OR":
        more, words = _both(words[1:])
        sides = (*sides, *more)
    return tuple(dict.fromkeys(sides)), words


def _both(words: list[str]) -> tuple[tuple[tuple[str, ...], ...], list[str]]:
    sides, words = _one(words)
    while words and words[0] == "AND":
        more, words = _one(words[1:])
        sides = tuple(tuple(dict.fromkeys((*one, *other))) for one in sides for other in more)
    return sides, words


def _one(words: list[str]) -> tuple[tuple[tuple[str, ...], ...], list[str]]:
    if words and words[0] == "(":
        sides, words = _choice(words[1:])
        return sides, words[1:] if words and words[0] == ")" else ["("]
    name: list[str] = []
    while words and words[0] not in ("AND", "OR", "(", ")"):
        name.append(words[0])
        words = words[1:]
    return ((_without_exception(" ".join(name)),),), words


def _without_exception(name: str) -> str:
    """The licence where an exception, which only adds permissions, stands after WITH; else the name as it is.

    What else stands there, such as the Commons Clause, may take permissions away.
    """
    licence, _, rider = name.partition(" WITH ")
    return licence if "exception" in rider.casefold() or rider in _EXCEPTIONS else name


@dataclass(slots=True)
class _Bound:
    """How a licence holds a node: as something made from its work, and as something that is, or holds, its outputs.

    ways: how the node was made from what the licence holds, whether or not it holds the node itself.
    """

    reach: str = "no"
    ways: frozenset[str] = frozenset()
    outputs: bool = False


@dataclass(frozen=True, slots=True)
class _Held:
    """One licence that holds a target, and of what."""

    name: str
    licence: str
    terms: LicenceTerms
    reach: str


class _Run:
    """One case with every choice made."""

    def __init__(self, case: Case, terms: Terms, as_of: date, taken: Mapping[str, tuple[str, ...]]) -> None:
        self._case = case
        self._terms = terms
        self._as_of = as_of
        self._licences = {
            name: taken.get(name) or next(iter(_sides(node.licence)), ()) for name, node in case.nodes.items()
        }
        self._into: dict[str, list[Edge]] = {name: [] for name in case.nodes}
        self._from: dict[str, list[Edge]] = {name: [] for name in case.nodes}
        for edge in sorted(case.edges, key=lambda edge: (edge.parent, edge.child, edge.act)):
            self._into[edge.child].append(edge)
        self._relevant = self._ancestors(case.targets)
        for name in self._relevant:
            for edge in self._into[name]:
                self._from[edge.parent].append(edge)
        self._order = self._topological()
        self._place = {name: place for place, name in enumerate(self._order)}
        self._facts = dict(case.facts) | {"use": case.use, "base": self._base()}
        if case.relicense_as is not None:
            self._facts["as"] = case.relicense_as
        self._asked: dict[tuple[str, str], tuple[Fired, ...]] = {}
        self._held: dict[str, list[_Held]] = {}

    def solution(self) -> Solution:
        fired: list[Fired] = []
        duties: list[Owed] = []
        for name in self._order:
            if not self._licences[name]:
                fired += self._unlicensed(name)
            for licence in self._licences[name]:
                clauses_of, owed = self._one_licence(name, licence)
                fired += clauses_of
                duties += owed
        fired += self._conflicts()
        clauses = tuple(sorted(dict.fromkeys(fired), key=_place))
        merged = tuple(
            sorted(_merged(duties), key=lambda one: (one.status != "broken", one.kind, one.licence, one.duty))
        )
        verdict = self._verdict(clauses)
        needs = tuple(sorted({need for one in clauses if one.effect != "allow" for need in one.needs}))
        return Solution(verdict, clauses, merged, needs if verdict == "unknown" else (), _sentence(verdict, clauses))

    def _verdict(self, clauses: Sequence[Fired]) -> Verdict:
        if not clauses:
            return "unknown"
        worst = min((one.effect for one in clauses), key=_STRICTEST.__getitem__)
        return "unknown" if worst == "contested" else worst

    # -- one licence ---------------------------------------------------------------------------------------------

    def _one_licence(self, name: str, licence: str) -> tuple[list[Fired], list[Owed]]:
        terms = self._terms.of(licence)
        if terms is None:
            near = suggestion(licence, self._terms.ids)
            why = f"no clauses of `{visible(licence, 60)}` are known" + (f"; {near}" if near else "")
            return [Fired(name, licence, "", self._case.use, "unknown", why, needs=("licence",))], []
        bound = self._spread(name, terms)
        fired: list[Fired] = []
        duties: list[Owed] = []
        asked: dict[tuple[str, str], None] = {}
        for parent, at in bound.items():
            for edge in self._from[parent]:
                if at.reach != "no":
                    asked[edge.act, at.reach] = None
                if at.outputs and edge.act in _TRAINED_ON:
                    asked["use_outputs_to_train", "yes"] = None
        for target in self._case.targets:
            at = bound.get(target, _Bound())
            if at.outputs and self._case.use == "train_on":
                asked["use_outputs_to_train", "yes"] = None
            if at.reach != "no":
                asked[_passing_on(self._case.use, terms), at.reach] = None
        for act, reach in asked:
            fired += self._asks(name, licence, terms, act, reach)
        for target in self._case.targets:
            at = bound.get(target, _Bound())
            owed, broken = self._duties(name, licence, terms, at)
            duties += owed
            fired += broken
            if at.reach == "no":
                continue
            self._held.setdefault(target, []).append(_Held(name, licence, terms, at.reach))
            given = self._given_as(name, target)
            if given is not None:
                fired += self._relicensed(name, licence, terms, given, at.reach)
        return fired, duties

    def _given_as(self, name: str, target: str) -> str | None:
        """The other terms that the target is given under, where it is given at all."""
        if self._case.use == "relicense":
            return self._case.relicense_as
        own = self._case.nodes[target].licence
        gives = self._case.use in ("distribute_weights", "distribute_data")
        return own if gives and own is not None and name != target else None

    def _spread(self, name: str, terms: LicenceTerms) -> dict[str, _Bound]:
        """How the licence of a node holds every node, along all paths at once; the strictest path counts."""
        bound = {name: _Bound("yes")}
        for parent in self._order[self._place[name] :]:
            at = bound.get(parent)
            if at is None:
                continue
            for edge in self._from[parent]:
                child = bound.get(edge.child)
                if child is None:
                    child = bound[edge.child] = _Bound()
                if at.reach == "no" and edge.act in CHANGES:
                    child.ways |= at.ways  # what was made in some way stays so when it is changed
                if at.reach != "no":
                    way = "outputs" if edge.act == "generate" else edge.act
                    self._bind(child, at, terms, way)
                    child.outputs = child.outputs or edge.act == "generate"
                if at.outputs:
                    if edge.act in _TRAINED_ON:
                        self._bind(child, _Bound("yes", at.ways), terms, "output_training")
                    if edge.act in CHANGES:  # outputs that are edited, or put among others, are outputs still
                        child.outputs = True
        return bound

    def _bind(self, child: _Bound, at: _Bound, terms: LicenceTerms, way: str) -> None:
        reach = self._reach(terms, way, bool(at.ways))
        if reach == "let go":
            return
        reach = min(at.reach, reach, key=_REACH.__getitem__)
        child.ways |= {way} if reach == "no" else at.ways | {way}
        child.reach = max(child.reach, reach, key=_REACH.__getitem__)

    def _reach(self, terms: LicenceTerms, way: str, further: bool) -> str:
        row = terms.reach.get(way)  # type: ignore[call-overload]
        if row is None:
            # What data has come to bind stays bound when it is changed; the data's own terms know no such act.
            return "yes" if further and way in CHANGES and "model" not in terms.covers else "unknown"
        if row.is_ == "contested":
            # Read leniently, neither the licence nor its duties go further.
            return {"strict": "yes", "lenient": "let go", "unset": "contested"}[self._case.contested]
        return str(row.is_)

    # -- asking --------------------------------------------------------------------------------------------------

    def _asks(self, name: str, licence: str, terms: LicenceTerms, act: str, reach: str) -> Iterator[Fired]:
        key = (terms.id, act)
        answers = self._asked.get(key)
        if answers is None:
            answers = self._asked[key] = tuple(self._answers(terms, act))
        for one in answers:
            effect, because = one.effect, one.because
            if effect != "allow" and reach in ("contested", "unknown"):
                why = "is contested" if reach == "contested" else "is not said"
                because = f"{because}; whether {licence} reaches what was made from `{visible(name, 40)}` {why}"
                effect = max(effect, "contested" if reach == "contested" else "unknown", key=_STRICTEST.__getitem__)
            yield replace(one, artefact=name, licence=licence, effect=effect, because=because)

    def _answers(self, terms: LicenceTerms, act: str) -> Iterator[Fired]:
        """What the clauses say of one act, in this context: those that forbid or may, then those that allow."""
        clauses = [each for each in terms.clauses if each.speaks_of(act) and each.applies(self._as_of)]
        permits = [each for each in clauses if each.effect == "allow"]
        held: list[Fired] = []
        for clause in clauses:
            if clause.effect == "allow":
                continue
            truth = clause.when.truth(self._facts, terms.published)
            if truth is False:
                continue
            needs = undeclared(clause.when, self._facts, terms.published) if truth is None else ()
            effect: Answer = "unknown" if truth is None and clause.effect != "contested" else clause.effect
            if effect == "contested":
                effect = self._settled(truth)
            if effect == "allow":
                held.append(_fired(terms, clause, act, "allow", f"{clause.because} (contested; the policy is lenient)"))
                continue
            because = clause.because if truth else f"{clause.because} - and {_listed(needs)} not declared"
            held.append(_fired(terms, clause, act, effect, because, needs))
        yield from held
        yield from self._permission(terms, permits, act, tuple(one.effect for one in held))

    def _settled(self, truth: bool | None) -> Answer:
        if self._case.contested == "lenient":
            return "allow"
        if truth is None:
            return "unknown"
        return "deny" if self._case.contested == "strict" else "contested"

    def _permission(
        self, terms: LicenceTerms, permits: Sequence[Clause], act: str, said: Sequence[Answer]
    ) -> Iterator[Fired]:
        truths = [(clause, clause.when.truth(self._facts, terms.published)) for clause in permits]
        if granting := [clause for clause, truth in truths if truth]:
            yield from (_fired(terms, clause, act, "allow", clause.because) for clause in granting)
        elif open_ := [clause for clause, truth in truths if truth is None]:
            for clause in open_:
                needs = undeclared(clause.when, self._facts, terms.published)
                because = f"{clause.because} - and {_listed(needs)} not declared"
                yield _fired(terms, clause, act, "unknown", because, needs)
        elif permits:
            # A clause that forbids says why better than one that does not grant.
            for clause in permits if "deny" not in said else ():
                yield _fired(terms, clause, act, "deny", f"allowed only so: {clause.because}")
        elif not said:
            why = f"no clause speaks of `{act}`"
            yield Fired("", terms.id, "", act, "unknown", why, link=terms.link)

    # -- duties --------------------------------------------------------------------------------------------------

    def _duties(self, name: str, licence: str, terms: LicenceTerms, at: _Bound) -> tuple[list[Owed], list[Fired]]:
        owed: list[Owed] = []
        fired: list[Fired] = []
        for duty in terms.duties:
            if not self._creates(duty, terms, at):
                continue
            truth = duty.when.truth(self._facts, terms.published)
            if truth is False or (duty.applies_from is not None and self._as_of < duty.applies_from):
                continue
            status: Status = "owed" if truth else "unknown"
            needs: tuple[str, ...] = () if truth else undeclared(duty.when, self._facts, terms.published)
            if duty.check is not None and truth:
                kept = duty.check.truth(self._facts, terms.published)
                needs = undeclared(duty.check, self._facts, terms.published) if kept is None else ()
                status = "owed" if kept is None else ("kept" if kept else "broken")
                if kept is False or (kept is None and duty.must_be_known):
                    effect: Answer = "deny" if kept is False else "unknown"
                    if at.reach in ("contested", "unknown"):
                        effect = "contested" if at.reach == "contested" else "unknown"
                    why = f"the duty to {duty.text} is not kept"
                    if kept is None:
                        why = f"it is allowed only with the duty to {duty.text}, and {_listed(needs)} not declared"
                    fired.append(
                        Fired(
                            name,
                            licence,
                            duty.cite,
                            self._case.use,
                            effect,
                            why,
                            duty.cite,
                            duty.link or terms.link,
                            needs,
                        )
                    )
            text = duty.text
            if at.reach in ("contested", "unknown"):
                text = f"{text} (taken to apply: whether {licence} reaches it is {at.reach})"
            owed.append(
                Owed(
                    artefact=name,
                    licence=licence,
                    duty=duty.id,
                    kind=duty.kind,
                    text=text,
                    cite=duty.cite,
                    status=status,
                    flows=duty.flows,
                    link=duty.link or terms.link,
                    needs=needs,
                )
            )
        return owed, fired

    def _creates(self, duty: Duty, terms: LicenceTerms, at: _Bound) -> bool:
        use = _passing_on(self._case.use, terms)
        if not (use in duty.acts or "*" in duty.acts):
            return False
        # A duty on what is made in some way binds the maker there, even where the licence does not hold what is made.
        return bool(at.ways & set(duty.made_by)) if duty.made_by else at.reach != "no"

    def _relicensed(self, name: str, licence: str, terms: LicenceTerms, given: str, reach: str) -> Iterator[Fired]:
        """May what the licence holds be given under these other terms?"""
        row = terms.relicense
        if row is None:
            yield Fired(
                name,
                licence,
                "",
                "relicense",
                "unknown",
                f"no clause says whether other terms than {licence} may be given",
            )
            return
        results = [self._other_terms(terms, licence, part) for part in _best(_sides(given))]
        effect: Answer = min(results, key=_STRICTEST.__getitem__)
        flowing = [duty for duty in terms.duties if duty.flows]
        if effect == "allow":
            because = row.because
        else:
            dropped = ", ".join(dict.fromkeys(f"{duty.kind} ({duty.cite})" for duty in flowing))
            because = f"{row.because}; `{visible(given, 40)}` is other terms" + (
                f" and would drop: {dropped}" if dropped else ""
            )
        if effect != "allow" and reach in ("contested", "unknown"):
            effect = "contested" if reach == "contested" else "unknown"
        yield Fired(name, licence, "relicense", "relicense", effect, because, row.cite, row.link or terms.link)

    def _conflicts(self) -> Iterator[Fired]:
        """Where one licence asks that the whole stands under it, and another that holds the whole does not permit that.

        A target with terms of its own, or that is given under some, is measured against each licence by those.
        """
        if self._case.use not in ("distribute_weights", "distribute_data"):
            return
        for target in self._case.targets:
            if self._licences[target]:
                continue
            for alike, other in itertools.permutations(self._held.get(target, ()), 2):
                if alike.terms.id == other.terms.id or not self._asks_for_the_whole(alike.terms):
                    continue
                ways = (self._beside(alike.terms, other), self._beside(other.terms, alike))
                effect = max(ways, key=_STRICTEST.__getitem__)
                if effect == "allow":
                    continue
                doubtful = {alike.reach, other.reach} - {"yes"} or not (alike.terms.was_read and other.terms.was_read)
                row = alike.terms.relicense
                because = (
                    "the whole of what it holds is passed on under terms that it names, and "
                    f"{other.licence}, which holds it too, does not permit them"
                )
                yield Fired(
                    alike.name,
                    alike.licence,
                    "relicense",
                    "relicense",
                    "unknown" if doubtful and effect == "deny" else effect,
                    because,
                    row.cite if row else "",
                    (row.link if row else "") or alike.terms.link,
                )

    def _asks_for_the_whole(self, terms: LicenceTerms) -> bool:
        return any(duty.kind == "share-alike" and duty.flows and self._case.use in duty.acts for duty in terms.duties)

    def _beside(self, terms: LicenceTerms, other: _Held) -> Answer:
        """May what `terms` hold be given as a whole under the other licence, or be one with what that holds?"""
        if terms.relicense is None:
            return "unknown"
        beside = terms.relicense.beside
        if beside == "any" or other.terms.id in beside:
            return "allow"
        return self._other_terms(terms, terms.id, other.licence)

    def _other_terms(self, terms: LicenceTerms, licence: str, given: str) -> Answer:
        other = self._terms.of(given)
        if given == licence or (other is not None and other.id == terms.id):
            return "allow"
        to = terms.relicense.to if terms.relicense else "unknown"
        if isinstance(to, tuple):
            names = {given} | ({other.id} if other else set())
            if names & set(to):
                return "allow"
            return "deny" if other is not None else "unknown"
        if to == "carrying":
            binds = other is None or any(duty.kind == "use-policy" and duty.flows for duty in other.duties)
            return "unknown" if binds else "deny"
        if to == "contested":
            return {"strict": "deny", "lenient": "allow", "unset": "contested"}[self._case.contested]  # type: ignore[return-value]
        return {"any": "allow", "same": "deny", "none": "deny", "unknown": "unknown"}[to]  # type: ignore[return-value]

    # -- the graph -----------------------------------------------------------------------------------------------

    def _unlicensed(self, name: str) -> Iterator[Fired]:
        """A thing that nobody gave terms to: its own maker's where it is the target and made from something."""
        made = bool(self._into[name])
        if made and (name in self._case.targets or self._from[name]):
            return
        why = f"it is not declared under which licence `{visible(name, 40)}` stands"
        yield Fired(name, "", "", self._case.use, "unknown", why, needs=(f"licence of {name}",))

    def _topological(self) -> tuple[str, ...]:
        """What leads to the targets, parents before what was made from them."""
        waiting = {name: len(self._into[name]) for name in self._relevant}
        ready = sorted((name for name, count in waiting.items() if count == 0), reverse=True)
        order = []
        while ready:
            name = ready.pop()
            order.append(name)
            for edge in self._from[name]:
                waiting[edge.child] -= 1
                if waiting[edge.child] == 0:
                    ready.append(edge.child)
        return tuple(order)

    def _ancestors(self, targets: Iterable[str]) -> frozenset[str]:
        seen = set(targets)
        ahead = list(seen)
        while ahead:
            for edge in self._into[ahead.pop()]:
                if edge.parent not in seen:
                    seen.add(edge.parent)
                    ahead.append(edge.parent)
        return frozenset(seen)

    def _base(self) -> tuple[str, ...]:
        """Ids of what the targets are changed from, themselves included: the model family that a clause may name."""
        seen = set(self._case.targets)
        ahead = list(seen)
        while ahead:
            for edge in self._into[ahead.pop()]:
                if edge.act in CHANGES and edge.parent not in seen:
                    seen.add(edge.parent)
                    ahead.append(edge.parent)
        return tuple(sorted({licence for name in seen for licence in self._licences[name]}))


def _passing_on(use: str, terms: LicenceTerms) -> str:
    """What giving under other terms is first of all: giving."""
    if use != "relicense":
        return use
    return "distribute_data" if terms.covers == ("data",) else "distribute_weights"


def _best(sides: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    # Terms offered as a choice are offered in full: every one of them must be allowed.
    return tuple(dict.fromkeys(part for side in sides for part in side))


def _fired(
    terms: LicenceTerms, clause: Clause, act: str, effect: Answer, because: str, needs: tuple[str, ...] = ()
) -> Fired:
    return Fired("", terms.id, clause.id, act, effect, because, clause.cite, clause.link or terms.link, needs)


def _place(one: Fired) -> tuple[Any, ...]:
    return (_STRICTEST[one.effect], one.licence, one.act, one.cite, one.artefact, one.because)


def _merged(duties: Iterable[Owed]) -> Iterator[Owed]:
    """One of each duty of a licence, however many artefacts bring it; the worst status stands."""
    order = ("broken", "unknown", "owed", "kept")
    by_key: dict[tuple[str, str], Owed] = {}
    for one in duties:
        key = (one.licence, one.duty)
        there = by_key.get(key)
        if there is None or (order.index(one.status), one.artefact, one.text) < (
            order.index(there.status),
            there.artefact,
            there.text,
        ):
            by_key[key] = one
    return iter(by_key.values())


def _listed(needs: Sequence[str]) -> str:
    names = ", ".join(f"`{need}`" for need in needs)
    return f"{names} {'is' if len(needs) == 1 else 'are'}" if needs else "what it hangs on is"


def _sentence(verdict: Verdict, clauses: Sequence[Fired]) -> str:
    if not clauses:
        return "no licence bears on this, since none is known"
    if verdict == "allow":
        licences = ", ".join(dict.fromkeys(one.licence for one in clauses))
        return f"every licence that reaches it allows it: {licences}"
    return sentence(clauses[0])


def sentence(one: Fired) -> str:
    """A clause and what it came to: `Llama-2 §2: above 700 million monthly users …`"""
    where = f"{one.licence} {one.cite}".strip() or f"`{visible(one.artefact, 60)}`"
    return f"{where}: {one.because}"
