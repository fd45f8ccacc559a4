"""From a declared build and a reference to a record: are the published files what this build makes?

Rules: only what the declaration names is run, and only here; what ran, on what, and how it ended is in the record,
which is kept under the home by its digest; a build that does not end well is `error`, and never reproduced.
"""

from __future__ import annotations

import platform
from pathlib import Path

import bascule
from bascule.collect.intake import take_in
from bascule.collect.peers.asking import can_be_alone
from bascule.collect.reproduce import build, compare, lay_out
from bascule.journeys.choosing import fetch
from bascule.journeys.parts import Parts, Progress, silent
from bascule.judge.policy.yaml_text import load_yaml
from bascule.kernel.errors import InputError
from bascule.kernel.files import write_whole
from bascule.kernel.scratch import held_folder
from bascule.plugins.kinds import Workspace
from bascule.records.reproduction import BuildDeclaration, Reproduction

_SAID = 4000


def read_declaration(path: Path) -> BuildDeclaration:
    """Raises InputError `reproduce.unreadable`, or `records.invalid` with every fault."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            "reproduce.unreadable", f"`{path}` cannot be read: {error.strerror or error}", "check the path"
        ) from error
    return BuildDeclaration.from_value(load_yaml(data, f"`{path}`"), f"`{path}`")


def reproduce(declaration: BuildDeclaration, ref: str, parts: Parts, progress: Progress = silent) -> Reproduction:
    """Run the build in a copy of the subject and compare. Raises as `take_in` and `lay_out`."""
    with held_folder(parts.scratch, "review-") as folder:
        space = Workspace(folder, progress)
        inventory = take_in(fetch(ref, parts.sources, space), space, parts.intake)
        copy = folder / "build"
        copy.mkdir()
        inputs = lay_out(inventory, copy, declaration.outputs)
        progress(0, None, "building")
        ran = build(declaration, copy)
        outputs = tuple(compare(inventory, path, copy) for path in declaration.outputs)
    same = all(output.same for output in outputs)
    return Reproduction(
        outcome="error" if ran.code != 0 else "reproduced" if same else "differs",
        declaration=declaration,
        declaration_digest=declaration.content_digest(),
        inputs=inputs,
        exit_code=ran.code,
        said=(ran.stdout + ran.stderr)[-_SAID:],
        alone=can_be_alone(),
        outputs=outputs,
        platform=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        tool_version=bascule.__version__,
    )


def keep(record: Reproduction, home: Path) -> Path:
    """Where the record now lies."""
    path = home / "reproductions" / f"{record.content_digest().split(':')[1]}.json"
    write_whole(path, record.to_json())
    return path
