"""Judges what a load would do, by the shape of each call.

    called, dangerous                    calls-code       critical
    a name that had to be computed       calls-code       critical
    something existing is written onto   calls-code       critical
    dangerous, only named                calls-code       high
    called, unknown                      unknown-global   medium
    built with inert arguments, unknown  unknown-global   low        a class of one's own: nothing runs but its own code
    only named, unknown                  unknown-global   low
    allowed, with allowed arguments      nothing

*Built* is NEWOBJ, NEWOBJ_EX and their helpers in copyreg: they make an instance without calling its class. A class that
is known only by its package may be built and not called. What an allowed call is handed counts as called, because that
is what allowed functions do with callables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from bascule.plugins.readers.pickles.effects import JUDGES_ITS_ARGUMENTS
from bascule.plugins.readers.pickles.names import Known, Standing, lists
from bascule.plugins.readers.pickles.values import CONSTANTS, Bound, Built, Global, Items, Value, parts, show
from bascule.records import Severity

_MOST_REMARKS = 500
_MOST_PAYLOADS = 64
_MOST_PROMISED = 10_000
_NAME = r"[A-Za-z_]\w*"
_SCIPY_TEMPLATE = re.compile(
    rf"\s*(def _parse_args(_rvs|_stats)?\(self(,\s*{_NAME}\s*(=\s*['\w.]+)?)*,?\s*\):\s*"
    rf"return (self\._argcheck_rvs)?\s*[\s\w,.()=']*?)+",
    re.ASCII,
)
_BUILDING = ("NEWOBJ", "NEWOBJ_EX")


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that a load would do. `offset`: of the first opcode that does it; `count`: how often it does."""

    code: Literal["calls-code", "unknown-global"]
    severity: Severity
    callable: str
    what: str
    arguments: str
    opcode: str
    offset: int
    count: int = 1
    is_named: bool = True
    """the callable's whole name stands in the file or can be computed"""


class Verdict:
    """An observer that keeps one remark for each callable, the gravest, and the payloads to look into."""

    def __init__(self) -> None:
        self._lists = lists()
        self._known: dict[str, Known] = {}
        self._remarks: dict[tuple[str, str], Remark] = {}
        self.payloads: list[tuple[Value, int, bool]] = []
        """(bytes, where they stand, whether a call loads them)"""
        self.left_out = 0

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """By gravity, then by place."""
        return tuple(sorted(self._remarks.values(), key=lambda r: (-r.severity.rank, r.offset, r.callable)))

    @property
    def heavy(self) -> bool:
        """Something was called that is not known to be harmless."""
        return any(remark.severity.rank >= Severity.MEDIUM.rank for remark in self._remarks.values())

    def also(self, other: Verdict) -> None:
        """Take over what another reading of the same bytes would run, as far as its names are certain.

        Read in the wrong order a harmless stream is noise: it takes strings for names and calls what is not there.
        """
        for key, remark in other._remarks.items():
            if remark.code == "calls-code" and remark.is_named:
                self._remarks.setdefault(key, remark)

    # -- what the machine tells ------------------------------------------------------------------------------------

    def named(self, reached: Global) -> None:
        known = self._of(reached)
        if reached.hidden:
            self._remark(
                "calls-code",
                Severity.CRITICAL,
                reached,
                "imports a name that does not stand in the file",
                (),
                "STACK_GLOBAL",
            )
        elif known.standing is Standing.DANGEROUS and reached.path != "builtins.type":
            self._remark("calls-code", Severity.HIGH, reached, f"names what {known.why}, without calling it", (), "")
        elif known.standing is Standing.UNKNOWN:
            self._remark("unknown-global", Severity.LOW, reached, "names what is not known, without calling it", (), "")

    def called(self, function: Value, arguments: tuple[Value, ...], shape: str, offset: int) -> None:
        if type(function) is not Global:
            self._called_object(function, arguments, shape, offset)
            return
        known = self._of(function)
        standing = known.standing
        if function.path == "builtins.getattr":
            self._fetched(function, arguments, shape, offset)
            return
        if function.path == "builtins.type" and len(arguments) == 1 and not function.hidden:
            # How pickle writes `type(None)`; with three arguments it makes a class.
            return
        if standing is Standing.DANGEROUS:
            self._remark("calls-code", Severity.CRITICAL, function, f"calls what {known.why}", arguments, shape, offset)
        elif standing is Standing.CALL or (standing is Standing.BUILD and self._builds(arguments, shape)):
            if function.path in JUDGES_ITS_ARGUMENTS:
                return
        elif standing is Standing.UNKNOWN and shape in _BUILDING and self._inert(arguments):
            self._remark(
                "unknown-global",
                Severity.LOW,
                function,
                "builds an object of a class that is not known",
                arguments,
                shape,
                offset,
            )
        else:
            what = (
                "calls what is not known"
                if standing is Standing.UNKNOWN
                else "calls what is known only as a class or value"
            )
            self._remark("unknown-global", Severity.MEDIUM, function, what, arguments, shape, offset)
        self._hand_over(function, arguments, offset)

    def wrote(self, target: Value, what: Value, offset: int) -> None:
        where = target if type(target) is Global else Global("?", "", offset)
        self._remark(
            "calls-code", Severity.CRITICAL, where, "writes onto what is already there", (what,), "BUILD", offset
        )

    def given(self, target: Built, state: Value, offset: int) -> None:
        """scipy's distributions compile the text of `_parse_arg_template` when they get their state."""
        if type(target.maker) is not Global or not target.maker.path.startswith("scipy.") or type(state) is not Items:
            return
        for key, value in state.pairs():
            if key == "_parse_arg_template" and not (isinstance(value, str) and _SCIPY_TEMPLATE.fullmatch(value)):
                what = "hands text of its own to a class that compiles it"
                self._remark("calls-code", Severity.CRITICAL, target.maker, what, (value,), "BUILD", offset)

    def payload(self, value: Value, offset: int, *, promised: bool = False) -> None:
        room = _MOST_PROMISED if promised else _MOST_PAYLOADS
        if len(self.payloads) < room:
            self.payloads.append((value, offset, promised))
        elif promised:
            self.left_out += 1

    # -- how it judges -----------------------------------------------------------------------------------------------

    def _of(self, reached: Global) -> Known:
        key = f"{reached.module}\0{reached.name}"
        known = self._known.get(key)
        if known is None:
            known = self._lists.of(reached)
            if len(self._known) < 100_000:
                self._known[key] = known
        return known

    @staticmethod
    def _builds(arguments: tuple[Value, ...], shape: str) -> bool:
        """INST and OBJ without arguments make an instance of a class without calling it."""
        return shape in _BUILDING or (shape in ("INST", "OBJ") and not arguments)

    def _inert(self, arguments: tuple[Value, ...]) -> bool:
        return all(
            type(part) is not Bound
            and (type(part) is not Global or self._of(part).standing not in (Standing.UNKNOWN, Standing.DANGEROUS))
            for part in parts(arguments)
        )

    def _fetched(self, function: Global, arguments: tuple[Value, ...], shape: str, offset: int) -> None:
        """getattr: how pickle names a member of a class, a method of an object - and how an exploit names anything."""
        owner, name = (*arguments, None, None)[:2]
        plain = type(name) is str and name.isidentifier() and not name.startswith("__")
        if plain and type(owner) is Global and owner.name:
            if self._of(owner).standing in (Standing.UNKNOWN, Standing.DANGEROUS):
                self._remark(
                    "unknown-global", Severity.LOW, owner, "fetches a member of what is not known", (), shape, offset
                )
        elif plain and type(owner) is Built and type(owner.maker) is Global:
            if self._of(owner.maker).standing in (Standing.CALL, Standing.BUILD):
                return
            self._remark(
                "unknown-global", Severity.LOW, owner.maker, "fetches a method of an object", (), shape, offset
            )
        else:
            what = "fetches an attribute of a module, of text or of Python's own machinery"
            self._remark("calls-code", Severity.CRITICAL, function, what, arguments, shape, offset)

    def _hand_over(self, function: Global, arguments: tuple[Value, ...], offset: int) -> None:
        """What a call is handed, it may call."""
        if all(type(argument) in CONSTANTS for argument in arguments):
            return
        for part in parts(arguments):
            if type(part) is not Global:
                continue
            known = self._of(part)
            if known.standing is Standing.DANGEROUS or part.hidden:
                what = f"hands to `{function.path}` what {known.why or 'was named by computed text'}"
                self._remark("calls-code", Severity.CRITICAL, part, what, (), "REDUCE", offset)
            elif known.standing is Standing.UNKNOWN and self._of(function).standing is not Standing.UNKNOWN:
                what = f"hands to `{function.path}` what is not known"
                self._remark("unknown-global", Severity.MEDIUM, part, what, (), "REDUCE", offset)

    def _called_object(self, function: Value, arguments: tuple[Value, ...], shape: str, offset: int) -> None:
        """A call of something that another call gave, or of a method of it."""
        maker: Value = function
        while type(maker) in (Built, Bound):
            maker = maker.maker if type(maker) is Built else maker.function
        name = maker if type(maker) is Global else Global("?", "", offset)
        known = self._of(name)
        shown = Global("?", show(function, 80), offset)
        if known.standing is Standing.DANGEROUS or name.hidden:
            self._remark(
                "calls-code", Severity.CRITICAL, shown, "calls what a dangerous call gave", arguments, shape, offset
            )
        else:
            self._remark(
                "unknown-global", Severity.MEDIUM, shown, "calls what another call gave", arguments, shape, offset
            )
        self._hand_over(shown, arguments, offset)

    def _remark(
        self,
        code: Literal["calls-code", "unknown-global"],
        severity: Severity,
        reached: Global,
        what: str,
        arguments: tuple[Value, ...],
        opcode: str,
        offset: int | None = None,
    ) -> None:
        path = reached.path if reached.module != "?" else reached.name or "an unknown object"
        key = (code, path)
        before = self._remarks.get(key)
        if before is not None and before.severity.rank >= severity.rank:
            if before.opcode or not opcode:
                self._remarks[key] = replace(before, count=before.count + (before.severity is severity))
                return
        elif before is None and len(self._remarks) >= _MOST_REMARKS:
            # The gravest must not be crowded out by a thousand harmless ones.
            spare = next((k for k, r in self._remarks.items() if r.severity.rank < severity.rank), None)
            self.left_out += 1
            if spare is None:
                return
            del self._remarks[spare]
        where = reached.offset if offset is None else offset
        told = show(arguments) if opcode else ""
        is_named = "?" not in (reached.module, reached.name)
        self._remarks[key] = Remark(code, severity, path, what, told, opcode, where, is_named=is_named)
