"""`bascule licence`: what text it is, what it allows, which duties it brings."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from bascule.cli.licence_detect import detect_command as detect_command
from bascule.cli.licence_text import show_suggestions, show_terms, show_verdict
from bascule.cli.output import Judging, print_json, print_text
from bascule.journeys.licence import solve_case, suggest_licences, terms_of
from bascule.judge.licensing.suggest import ACTS, BINDINGS, Wanted
from bascule.judge.policy.pack import PolicyPack
from bascule.kernel.errors import InputError
from bascule.kernel.files import head_of
from bascule.kernel.text import suggestion, visible
from bascule.settings import load_settings
from bascule.wiring import load_policy

_EXIT = {"allow": 0, "deny": 1, "unknown": 2}
MAX_CASE_BYTES = 1 << 20


def solve_command(
    case: Annotated[Path, Parameter(allow_leading_hyphen=True)], /, *, common: Judging | None = None
) -> int:
    """Say what a lineage, a use and a context allow: exit code 0 allowed, 1 denied, 2 unknown.

    Parameters
    ----------
    case
        A YAML file with artefacts, edges, use and context; `-` reads it from standard input.
    """
    common = common or Judging()
    data = _read(case)
    pack, day = _pack(common), _day(common)
    verdict = solve_case(data, str(case), pack, day, asked=common.as_of is not None)
    if common.json:
        print_json(verdict.as_json())
    else:
        print_text(show_verdict(verdict))
    return _EXIT[verdict.verdict]


def suggest_command(
    *,
    covers: Literal["model", "data", "code"] = "model",
    allow: tuple[str, ...] = ("use", "modify", "distribute_weights"),
    bind: tuple[str, ...] = (),
    non_commercial: bool = False,
    open_only: bool = False,
    on_top_of: Path | None = None,
    every: bool = False,
    common: Judging | None = None,
) -> int:
    """Propose licences for a wanted openness, with the duties each creates, and why not the others.

    Parameters
    ----------
    covers
        What is to be licensed: `model`, `data` or `code`.
    allow
        What recipients shall be allowed: use, host, modify, distribute_weights, use_outputs_to_train.
    bind
        What they must be bound to: attribution, share-alike, use-policy, naming.
    non_commercial
        Recipients shall not earn with it.
    open_only
        Only licences that meet the Open Source or Open Definition.
    on_top_of
        A case file that says what it was made from: licences that its parents do not permit fall away.
    every
        List those that do not fit as well, each with the reason.
    """
    common = common or Judging()
    _among(allow, ACTS, "--allow")
    _among(bind, BINDINGS, "--bind")
    pack, day = _pack(common), _day(common)
    below = None
    if on_top_of is not None:
        from bascule.journeys.licence import settled
        from bascule.judge.licensing.case import parse_case
        from bascule.plugins.readers.licences import licence_id

        below = settled(parse_case(_read(on_top_of), str(on_top_of), licence_id)[0], pack)
    wanted = Wanted(covers, tuple(allow), not non_commercial, tuple(bind), open_only, below)
    found = suggest_licences(wanted, pack, day)
    if common.json:
        print_json(found.as_json())
    else:
        print_text(show_suggestions(found, every=every))
    return 0 if any(row.fits for row in found.suggestions) else 1


def show_command(licence: str | None = None, /, *, common: Judging | None = None) -> int:
    """List the licences whose clauses are known, or show one's clauses, duties and reach with their places.

    Parameters
    ----------
    licence
        Any name of it: an SPDX id, a hub tag, the vendor's name.
    """
    common = common or Judging()
    pack = _pack(common)
    rows = [terms_of(licence, pack)] if licence else [pack.terms.of(name) for name in pack.terms.ids]
    if common.json:
        documents = [row.as_json() for row in rows if row is not None]
        print_json(documents[0] if licence else {"schema": "bascule.licence-table/v1", "licences": documents})
    else:
        print_text(show_terms(rows[0], pack) if licence and rows[0] else _list(pack))
    return 0


def _list(pack: PolicyPack) -> str:
    lines = []
    for name in pack.terms.ids:
        terms = pack.terms.of(name)
        if terms is not None:
            same = "" if terms.id == name else f" (the terms of {terms.id})"
            lines.append(f"{name:<28} {terms.title}{same}")
    return "\n".join([*lines, f"{len(lines)} licences; `bascule licence show ID` tells one's clauses"])


def _among(given: tuple[str, ...], known: tuple[str, ...], flag: str) -> None:
    for word in given:
        if word not in known:
            hint = suggestion(word, known) or f"choose among {', '.join(known)}"
            raise InputError("licence.unknown-word", f"`{flag} {visible(word, 40)}` is not known", hint)


def _pack(common: Judging) -> PolicyPack:
    settings = load_settings(home=common.home, policy=common.policy, context=common.context)
    return load_policy(settings.policy, None).pack


def _day(common: Judging) -> date:
    instant = common.instant()
    return (instant or datetime.now(UTC)).date()


def _read(path: Path) -> bytes:
    try:
        data = sys.stdin.buffer.read(MAX_CASE_BYTES + 1) if str(path) == "-" else head_of(path, MAX_CASE_BYTES)
    except OSError as error:
        raise InputError(
            "licence.unreadable-case", f"`{path}` cannot be read: {error.strerror or error}", "check the path"
        ) from error
    if len(data) > MAX_CASE_BYTES:
        raise InputError("licence.unreadable-case", f"`{path}` is larger than 1 MiB", "a case is a page of YAML")
    return data
