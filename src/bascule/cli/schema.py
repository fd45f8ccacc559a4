"""`bascule schema`: the documents' JSON Schemas, for editors and for those who read our JSON."""

from __future__ import annotations

import json
from pathlib import Path

from bascule.cli.output import Common, print_json, print_text
from bascule.journeys.schemas import SCHEMAS, json_schema
from bascule.kernel.errors import InputError
from bascule.kernel.files import write_whole
from bascule.kernel.text import suggestion, visible


def show_command(name: str, /, *, common: Common | None = None) -> int:  # noqa: ARG001 - every command takes it
    """Print one schema.

    Parameters
    ----------
    name
        review, scan, decision, context, pack, …
    """
    if name not in SCHEMAS:
        near = suggestion(name, SCHEMAS)
        raise InputError(
            "schema.unknown", f"no document is called `{visible(name)}`", near or f"there are: {', '.join(SCHEMAS)}"
        )
    print_json(json_schema(name))
    return 0


def write_command(folder: Path, /, *, common: Common | None = None) -> int:
    """Write every schema to a folder.

    Parameters
    ----------
    folder
        Where `NAME.schema.json` files go.
    """
    common = common or Common()
    paths = []
    for name in SCHEMAS:
        path = folder / f"{name}.schema.json"
        write_whole(path, (json.dumps(json_schema(name), indent=2, ensure_ascii=False) + "\n").encode())
        paths.append(str(path))
    if common.json:
        print_json({"schema": "bascule.schema-files/v1", "files": paths})
    else:
        print_text("\n".join(f"wrote {path}" for path in paths))
    return 0
