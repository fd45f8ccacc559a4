"""From flags to parts: the few lines that every command that touches the ledger shares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bascule.cli.output import Common, Judging
from bascule.journeys.parts import Parts, Policy
from bascule.records import Context
from bascule.settings import Settings, load_settings
from bascule.wiring import load_context, load_policy, open_parts


@dataclass(frozen=True, slots=True)
class Session:
    """Settings, parts, and for judging commands the policy and the context."""

    settings: Settings
    parts: Parts
    policy: Policy
    context: Context


@contextmanager
def open_session(common: Common) -> Iterator[Session]:
    """Open what a command needs; the policy and the context are read before anything is written."""
    policy_name = common.policy if isinstance(common, Judging) else None
    context_path = common.context if isinstance(common, Judging) else None
    settings = load_settings(home=common.home, policy=policy_name, context=context_path)
    context = load_context(settings.context)
    with open_parts(settings) as parts:
        yield Session(settings, parts, load_policy(settings.policy, parts.keyring), context)
