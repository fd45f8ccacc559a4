"""`bascule plugins`: what is built in and installed, and what is broken."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from bascule.cli.output import Common, print_json, print_text
from bascule.kernel.text import visible
from bascule.plugins.registry import KINDS, discover
from bascule.plugins.testing import check_scanner


def plugins_command(*, check: Annotated[bool, Parameter(negative="")] = False, common: Common | None = None) -> int:
    """List plug-ins of every kind. A broken one is listed with its error; exit code 1 when there is one.

    Parameters
    ----------
    check
        Also lint every scanner's shape and run its built examples.
    """
    common = common or Common()
    rows = []
    for kind in KINDS:
        for loaded in discover(kind):
            faults = [loaded.error] if loaded.error else []
            if check and kind == "scanners" and loaded.plugin is not None:
                faults += check_scanner(loaded.plugin)
            title = getattr(getattr(loaded.plugin, "meta", None), "title", "")
            rows.append(
                {
                    "kind": kind,
                    "id": loaded.id,
                    "title": title,
                    "distribution": loaded.distribution,
                    "version": loaded.version,
                    "faults": faults,
                }
            )
    if common.json:
        print_json({"schema": "bascule.plugins/v1", "plugins": rows})
    else:
        for row in rows:
            state = "broken" if row["faults"] else "ok"
            print_text(
                f"{row['kind']:<10} {state:<7} {row['id']:<22} {row['distribution']} {row['version']}  {row['title']}"
            )
            for fault in row["faults"]:
                print_text(f"{'':<19}{visible(str(fault), 300)}")
    return 1 if any(row["faults"] for row in rows) else 0
