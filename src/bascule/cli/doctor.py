"""`bascule doctor`: what this machine can do, and what a missing part would add."""

from __future__ import annotations

import importlib.util
import platform
import sys
from dataclasses import dataclass

import bascule
from bascule.cli.output import Common, print_json, print_text
from bascule.collect.scan import capabilities
from bascule.kernel.errors import BasculeError
from bascule.kernel.text import counted
from bascule.plugins.registry import KINDS, discover
from bascule.settings import load_settings
from bascule.wiring import open_parts


@dataclass(frozen=True, slots=True)
class Check:
    """One line: is it there, and what would it add, or, where it is broken, what mends it?"""

    name: str
    state: str
    detail: str
    adds: str = ""


def doctor_command(*, common: Common | None = None) -> int:
    """Look at the sandbox, the ledger, the plug-ins and the extras. Exit 1 when something that is needed is broken."""
    common = common or Common()
    checks = [*_base(), *_sandbox(), *_ledger(common), *_plugins(), *_extras()]
    broken = [check for check in checks if check.state == "broken"]
    if common.json:
        rows = [{"name": c.name, "state": c.state, "detail": c.detail, "adds": c.adds} for c in checks]
        print_json({"schema": "bascule.doctor/v1", "checks": rows})
    else:
        for check in checks:
            print_text(f"{check.state:<8} {check.name:<22} {check.detail}")
            if check.adds and check.state != "ok":
                label = "would add" if check.state == "missing" else "remedy"
                print_text(f"{'':<31} {label}: {check.adds}")
    return 1 if broken else 0


def _base() -> list[Check]:
    return [
        Check("bascule", "ok", bascule.__version__),
        Check("python", "ok", f"{platform.python_version()} on {sys.platform} {platform.machine()}"),
    ]


def _sandbox() -> list[Check]:
    """Found by trying: a worker is started and attempts each forbidden thing."""
    try:
        held = capabilities()
    except BasculeError as error:
        return [Check("sandbox", "broken", error.message, error.hint)]
    how = [f"landlock {held.landlock_abi}" if held.landlock_abi else "", "seccomp" if held.seccomp else ""]
    by = ", ".join([word for word in how if word] + list(held.namespaces) + list(held.limits))
    attempts = (
        ("network", held.network, "scanners that cannot send anything anywhere"),
        ("reading", held.reading, "scanners that see no file but the one they are given"),
        ("writing", held.writing, "scanners that can change nothing outside their scratch folder"),
        ("processes", held.processes, "scanners that can start nothing"),
    )
    rows = [Check("sandbox", "ok" if held.whole else "missing", by or "nothing on this platform", "all four below")]
    rows += [
        Check(f"sandbox: {name}", "ok" if done else "missing", "prevented" if done else "not prevented here", adds)
        for name, done, adds in attempts
    ]
    return rows


def _ledger(common: Common) -> list[Check]:
    try:
        settings = load_settings(home=common.home)
        with open_parts(settings) as parts:
            head = parts.store.head()
            where = "PostgreSQL" if settings.database_url else f"SQLite under {settings.home}"
            return [
                Check("ledger", "ok", f"{counted(head.size if head else 0, 'entry', 'entries')}, {where}"),
                Check("signing key", "ok", parts.keyring.key_id),
            ]
    except BasculeError as error:
        return [Check("ledger", "broken", error.message, error.hint)]


def _plugins() -> list[Check]:
    rows = []
    for kind in KINDS:
        found = discover(kind)
        broken = [loaded for loaded in found if loaded.error]
        rows.append(Check(kind, "ok", f"{len(found) - len(broken)} working"))
        rows += [
            Check(f"{kind}: {loaded.id}", "broken", loaded.error, f"reinstall {loaded.distribution}")
            for loaded in broken
        ]
    return rows


_EXTRAS = (
    ("huggingface_hub", "hub", "reviews of `hf:org/name`"),
    ("psycopg", "postgres", "a ledger that a team shares in PostgreSQL"),
)


def _extras() -> list[Check]:
    return [
        Check(
            f"extra: {extra}",
            "ok" if importlib.util.find_spec(module) else "missing",
            f"bascule[{extra}]",
            adds,
        )
        for module, extra, adds in _EXTRAS
    ]
