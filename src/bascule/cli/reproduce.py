"""`bascule reproduce`: run a declared build again and compare."""

from __future__ import annotations

from pathlib import Path

from bascule.cli.output import Common, print_json, print_text, progress_display, say
from bascule.cli.session import open_session
from bascule.journeys.reproduce import keep, read_declaration, reproduce
from bascule.kernel.text import visible


def reproduce_command(build: Path, ref: str, /, *, common: Common | None = None) -> int:
    """Run a declared build in a copy of the subject, and compare what it makes with what is published.

    This executes the build's command as you, without a network but in no sandbox: read it first.
    Exit code 0: every output is the same, byte by byte; 1: one differs; 2: the build did not end well.

    Parameters
    ----------
    build
        A YAML file: `command`, `outputs`, and if need be `environment`, `seconds`, `memory_mb`.
    ref
        The folder, archive or reference that holds inputs and published outputs.
    """
    common = common or Common()
    declaration = read_declaration(build)
    with progress_display(quiet=common.json) as progress, open_session(common) as session:
        record = reproduce(declaration, ref, session.parts, progress)
        kept = keep(record, session.settings.home)
    if common.json:
        print_json(record.as_json())
    else:
        for output in record.outputs:
            print_text(f"{'same' if output.same else 'differs':<8} {visible(output.path)}")
            if output.first_difference is not None:
                print_text(f"         first at offset {output.first_difference:#x}")
            for line in output.explained:
                print_text(f"         {line}")
        if record.outcome == "error":
            why = "its time was up" if record.exit_code is None else f"it ended with {record.exit_code}"
            print_text(f"the build did not end well: {why}")
            print_text("\n".join(visible(line) for line in record.said.splitlines()[-10:]))
        if not record.alone:
            say("the network could not be taken away from the build on this machine")
        say(f"kept as {kept}")
    return {"reproduced": 0, "differs": 1, "error": 2}[record.outcome]
