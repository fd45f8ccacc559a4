"""From flags to parts: the few lines that every command that touches the ledger shares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bascule.cli.output import Common, Judging
from bascule.journeys.parts import Parts, Policy, vocabulary_of
from bascule.judge.policy.lint import check_facts
from bascule.records import Context
from bascule.settings import Settings, load_settings
from bascule.wiring import load_context, load_policy, open_parts

if TYPE_CHECKING:
    from bascule.journeys.review import ReviewRequest


@dataclass(frozen=True, slots=True)
class Session:
    """Settings and the parts they choose."""

    settings: Settings
    parts: Parts


@dataclass(frozen=True, slots=True)
class JudgingSession(Session):
    """The same with a policy, whose facts are all known here, and a context."""

    policy: Policy
    context: Context


@contextmanager
def open_session(common: Common) -> Iterator[Session]:
    """Open the ledger."""
    settings = load_settings(home=common.home)
    with open_parts(settings) as parts:
        yield Session(settings, parts)


@contextmanager
def open_judging(common: Judging) -> Iterator[JudgingSession]:
    """Open the ledger with a policy and a context. A fact that nothing declares is an error here, before any work.

    Unless a scanner is broken: then what it would have declared is unknown, which denies, and the rest goes on.
    """
    settings = load_settings(home=common.home, policy=common.policy, context=common.context)
    context = load_context(settings.context)
    with open_parts(settings) as parts:
        policy = load_policy(settings.policy, parts.keyring)
        if not any(loaded.error for loaded in parts.scanners):
            check_facts(policy.pack, vocabulary_of(parts.asking, parts.peers))
        yield JudgingSession(settings, parts, policy, context)


def review_request(
    session: JudgingSession, ref: str, tier: str | None, ladder: str, common: Judging, **more: Any
) -> ReviewRequest:
    """What the flags ask of a reference. A ladder without a tier asks for the one that most people mean."""
    from bascule.journeys.review import ReviewRequest  # commands that ask nothing need not wait for it

    return ReviewRequest(
        ref=ref,
        tier=tier or ("A3" if ladder == "adopt" else "T6"),
        ladder=ladder,
        context=session.context,
        as_of=common.instant(),
        **more,
    )
