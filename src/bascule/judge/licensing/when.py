"""Conditions of clauses, in three values.

    when: {commercial: true, mau: {above: 700000000, on: published}}
    when: {any: [{sector: [research, education]}, {purpose: research}]}

Rules: several fields are all of them; a fact that nobody declared is unknown, and unknown travels by Kleene's tables;
a field or test that is not known is refused when the table is read, never when it is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, ClassVar, TypeAlias

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from bascule.kernel.text import suggestion, visible

Facts: TypeAlias = Mapping[str, Any]

FIELDS = (
    *("commercial", "monetised", "hosted", "mau", "revenue_usd", "domicile", "modality", "sector", "purpose", "use"),
    *("name", "safeguards", "base", "as", "user_of_product"),
)
"""What a clause may hang on. `base`: ids that reach the target by change alone; `as`: the id it is given to others
under; `use`: the final act; `name`: the name it is published under."""

EU = frozenset(
    [
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "EU", "FI", "FR", "GR", "HR"),
        *("HU", "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
        *("AX", "GF", "GP", "MF", "MQ", "RE", "YT"),
    ]
)
"""The 27 member states, and those of their regions that have a code of their own and are in the Union (TFEU Art. 355(1)
and (4)); read: not read here."""
_ALPHA_2 = """
AD AE AF AG AI AL AM AO AQ AR AS AU AW AZ BA BB BD BF BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG
CH CI CK CL CM CN CO CR CU CV CW CX DJ DM DO DZ EC EG EH ER ET FJ FK FM FO GA GB GD GE GG GH GI GL GM GN GQ GS GT
GU GW GY HK HM HN HT ID IL IM IN IO IQ IR IS JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LY
MA MC MD ME MG MH MK ML MM MN MO MP MR MS MU MV MW MX MY MZ NA NC NE NF NG NI NO NP NR NU NZ OM PA PE PF PG PH PK PM
PN PR PS PW PY QA RS RU RW SA SB SC SD SG SH SJ SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO
TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE ZA ZM ZW
"""
COUNTRIES = EU | frozenset(_ALPHA_2.split())
"""ISO 3166-1 alpha-2, and EU."""
_OTHER_CODES = {"UK": "GB", "USA": "US", "EL": "GR", "DEU": "DE", "FRA": "FR"}


def country(value: str) -> str | None:
    """The code of a country as people write it; None for what is none, since it would count as outside every group."""
    code = value.strip().upper()
    code = _OTHER_CODES.get(code, code)
    return code if code in COUNTRIES else None


GROUPS: Mapping[str, frozenset[str]] = {"EU": EU, "EEA": EU | {"IS", "LI", "NO"}}


@dataclass(frozen=True, slots=True)
class Test:
    """One field against one value. value: as the operator needs it; on: the day a count must be of, or None."""

    field: str
    operator: str
    value: Any
    on_published: bool = False

    def truth(self, facts: Facts, published: date | None) -> bool | None:
        given = facts.get(self.field)
        if given is None:
            return None
        answer = bool(_OPERATORS[self.operator](given, self.value))
        # More users on another day need not have been more on that day; fewer are taken to have been fewer.
        over = answer is (self.operator in ("above", "at_least"))
        return None if self.on_published and over and not _of_that_day(facts, published) else answer


@dataclass(frozen=True, slots=True)
class _Several:
    """Parts of which one can decide: by not holding where all must, by holding where any may."""

    parts: tuple[Node, ...]
    decides: ClassVar[bool]

    def truth(self, facts: Facts, published: date | None) -> bool | None:
        answer: bool | None = not self.decides
        for part in self.parts:
            value = part.truth(facts, published)
            if value is self.decides:
                return value
            if value is None:
                answer = None
        return answer


class All(_Several):
    """Every part holds. Without parts: true."""

    __slots__ = ()
    decides = False


class Either(_Several):
    """One part holds."""

    __slots__ = ()
    decides = True


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Node

    def truth(self, facts: Facts, published: date | None) -> bool | None:
        value = self.part.truth(facts, published)
        return None if value is None else not value


Node: TypeAlias = Test | All | Either | Not


def undeclared(node: Node, facts: Facts, published: date | None) -> tuple[str, ...]:
    """The fields that keep a condition from an answer, sorted; a count of another day is undeclared too."""
    return tuple(
        sorted(
            {
                leaf.field if facts.get(leaf.field) is None else f"{leaf.field} on {published}"
                for leaf in leaves(node)
                if leaf.truth(facts, published) is None
            }
        )
    )


def leaves(node: Node) -> Iterator[Test]:
    """Every test in a condition."""
    match node:
        case Test():
            yield node
        case Not():
            yield from leaves(node.part)
        case _:
            for part in node.parts:
                yield from leaves(part)


def _of_that_day(facts: Facts, published: date | None) -> bool:
    """A count without a day is of the day that is asked for; one with a day is of that month or the one before."""
    day = facts.get("mau_as_of")
    if day is None or published is None:
        return True
    months = (published.year - day.year) * 12 + published.month - day.month
    return bool(0 <= months <= 1)


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "is": lambda given, value: given == value,
    "one_of": lambda given, value: given in value,
    "above": lambda given, value: given > value,
    "at_least": lambda given, value: given >= value,
    "below": lambda given, value: given < value,
    "at_most": lambda given, value: given <= value,
    "in": lambda given, value: given in value,
    "has": lambda given, value: value in given,
    "starts_with": lambda given, value: bool(str(given).casefold().startswith(str(value).casefold())),
    "only": lambda given, value: bool(given) and set(given) <= value,
}
_NUMBERS = ("above", "at_least", "below", "at_most")


def parse_when(value: Any) -> Node:
    """A condition from YAML. Raises ValueError with the first fault."""
    if isinstance(value, Test | All | Either | Not):
        return value
    if not isinstance(value, Mapping):
        raise ValueError("a condition is a mapping such as `{commercial: true}`")
    return All(tuple(_part(str(key), inner) for key, inner in value.items()))


def _part(key: str, value: Any) -> Node:
    if key == "any":
        if not isinstance(value, list) or not value:
            raise ValueError("`any` needs a list of conditions")
        return Either(tuple(parse_when(item) for item in value))
    if key == "not":
        return Not(parse_when(value))
    if key not in FIELDS:
        near = suggestion(key, (*FIELDS, "any", "not"))
        raise ValueError(f"no clause can hang on `{visible(key, 40)}`; {near or 'it may on ' + ', '.join(FIELDS)}")
    return _test(key, value)


def _test(field: str, value: Any) -> Node:
    if isinstance(value, list):
        return Test(field, "one_of", frozenset(value))
    if not isinstance(value, Mapping):
        return Test(field, "is", value)
    rest = {key: inner for key, inner in value.items() if key != "on"}
    if len(rest) != 1:
        raise ValueError(f"`{field}` needs one test, such as `{{above: 10}}`")
    operator, operand = next(iter(rest.items()))
    if operator == "not":
        return Not(_test(field, operand))
    if operator not in _OPERATORS or operator in ("is", "one_of"):
        near = suggestion(str(operator), (*_OPERATORS, "not"))
        raise ValueError(f"`{field}` cannot be tested by `{visible(str(operator), 40)}`; {near}".rstrip("; "))
    if operator in _NUMBERS and (isinstance(operand, bool) or not isinstance(operand, int | float)):
        raise ValueError(f"`{field}: {operator}` needs a number")
    if operator == "in":
        if operand not in GROUPS:
            raise ValueError(f"`{field}: in` needs one of {', '.join(GROUPS)}")
        operand = GROUPS[operand]
    if operator == "only":
        if not isinstance(operand, list):
            raise ValueError(f"`{field}: only` needs a list of licence ids")
        operand = frozenset(operand)
    if value.get("on", "published") != "published" or ("on" in value and field != "mau"):
        raise ValueError("`on` can only be `published`, and only for `mau`")
    return Test(field, operator, operand, "on" in value)


When: TypeAlias = Annotated[
    Node,
    BeforeValidator(parse_when),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "object", "description": "fields and tests; all must hold; see docs/reference"}),
]
ALWAYS: Node = All(())
