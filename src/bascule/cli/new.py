"""`bascule new`: write a working plug-in, examples included, that one can change and run at once."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bascule.cli.output import Common, print_json, print_text
from bascule.cli.scaffold import package_files
from bascule.kernel.errors import InputError
from bascule.kernel.files import write_whole
from bascule.kernel.text import visible
from bascule.plugins.registry import discover


def scanner_command(
    name: str,
    /,
    *,
    out: Path = Path(),
    common: Annotated[Common | None, Parameter()] = None,
) -> int:
    """Write a package with one scanner, its built examples and a test; install it with pip and it is found.

    Parameters
    ----------
    name
        A lower-case module name, e.g. `onnx_custom_ops`.
    out
        The folder in which the package's folder is made.
    """
    common = common or Common()
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,40}", name) or keyword.iskeyword(name):
        raise InputError(
            "new.bad-name",
            f"`{visible(name)}` is not a module name",
            "use lower-case letters, digits and underscores, e.g. `onnx_custom_ops`",
        )
    if name in {loaded.id for loaded in discover("scanners")}:
        raise InputError(
            "new.taken", f"a scanner `{name}` exists already", "choose another name; see `bascule plugins`"
        )
    folder = out / f"bascule-{name.replace('_', '-')}"
    if folder.exists():
        raise InputError("new.exists", f"`{folder}` exists already", "choose another name or `--out`")
    paths = []
    for relative, text in package_files(name).items():
        write_whole(folder / relative, text.encode())
        paths.append(str(folder / relative))
    if common.json:
        print_json({"schema": "bascule.new/v1", "folder": str(folder), "files": paths})
        return 0
    print_text(f"wrote {folder}")
    print_text(f"  try it:     python -m pip install -e {folder} && bascule plugins --check")
    print_text("  then edit:  " + next(path for path in paths if path.endswith(f"{name}.py")))
    return 0
