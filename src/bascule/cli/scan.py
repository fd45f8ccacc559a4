"""`bascule scan`: supply-chain evidence alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from bascule.cli.convert_text import conversion_text
from bascule.cli.output import Common, print_json, print_text, progress_display, say
from bascule.cli.scan_text import changes_text, peers_text, scan_text
from bascule.cli.session import Session, open_session
from bascule.journeys.baseline import compare, keep
from bascule.journeys.convert import convert as to_safetensors
from bascule.journeys.inbox import watch as arrivals
from bascule.journeys.peers import NOBODY, Asked, choose_peers
from bascule.journeys.scan import scan
from bascule.kernel.files import write_whole
from bascule.kernel.text import visible
from bascule.records import ScanDocument
from bascule.records.cyclonedx import cyclonedx_bom
from bascule.records.sarif import sarif_log
from bascule.wiring import vouched

_HASHES = {"sha256": ("sha256",), "blake3": ("blake3",), "both": ("sha256", "blake3"), "none": ()}


@Parameter(name="*")
@dataclass(frozen=True)
class Forms:
    """In which other forms the answer is written."""

    sarif: Path | None = None
    "Also write the findings as SARIF 2.1.0 to this file."
    cyclonedx: Path | None = None
    "Also write files and findings as CycloneDX 1.6, with a VEX status each, to this file."

    def write(self, document: ScanDocument) -> None:
        """Each that was asked for, whole or not at all."""
        if self.sarif is not None:
            findings = [finding for file in document.files for finding in file.findings]
            write_whole(self.sarif, sarif_log(findings, document.tool_version))
            say(f"wrote {self.sarif}")
        if self.cyclonedx is not None:
            write_whole(self.cyclonedx, cyclonedx_bom(document))
            say(f"wrote {self.cyclonedx}")


@Parameter(name="*")
@dataclass(frozen=True)
class Vouch:
    """Who else is believed in this scan."""

    provenance: Path | None = None
    "Compare the files with this SLSA provenance; a `*.intoto.jsonl` among them is found without being named."
    key: Path | None = None
    "Trust this public key, in PEM, for this scan."
    builder: str = ""
    "The builder's id that the provenance must name."


def scan_command(
    *paths: str,
    forms: Forms | None = None,
    vouch: Vouch | None = None,
    only: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="")] = (),
    since: str | None = None,
    explain_against: str | None = None,
    hash: Literal["sha256", "blake3", "both", "none"] = "sha256",
    whole: Annotated[bool, Parameter(negative="")] = False,
    watch: Annotated[bool, Parameter(negative="")] = False,
    results: Path | None = None,
    convert: Path | None = None,
    common: Common | None = None,
) -> int:
    """Scan files in a sandbox; nothing of them is ever executed.

    Exit code 0: every file clean; 1: at least one unsafe; 2: none unsafe, but something could not be told.

    Parameters
    ----------
    paths
        Folders, files, archives or references.
    only
        These scanners or rules alone.
    since
        Say what changed since an earlier scan: the digest that it ended with, or a file that `--json` wrote.
    explain_against
        Also show what these scanners say where they are installed: `modelscan,picklescan,fickling,modelaudit,hayward`.
        It changes no outcome.
    hash
        Which digests to compute while the files are read.
    whole
        Fetch a remote repository whole. Otherwise only the ranges that scanners ask for are read, and the answer says
        what was not.
    watch
        Keep watching one folder, and scan each model that arrives in it.
    results
        With `--watch`: where the answers go, one JSON document for each model.
    convert
        Instead of scanning, write the tensors of one pickled file (PyTorch, numpy, joblib) to this file as safetensors,
        without loading it, and prove them equal.
    """
    common = common or Common()
    forms = forms or Forms()
    if not paths:
        say("error: nothing to scan\nhint: give a folder, a file, or `pypi:name`")
        return 2
    with progress_display(quiet=common.json or watch) as progress, open_session(common) as session:
        if convert is not None:
            return _convert(paths, convert, session, as_json=common.json)
        kept = session.settings.home / "scans"
        beside = _asked(explain_against, session)
        parts = session.parts
        if vouch is not None and (vouch.provenance or vouch.key):
            parts = vouched(parts, vouch.provenance, vouch.key, vouch.builder)
        if watch:
            return _watch(paths, results, only, beside, session)
        document = keep(
            scan(
                paths,
                parts,
                only=only,
                beside=beside,
                hashes=_HASHES[hash],
                everything=whole,
                progress=progress,
            ),
            kept,
        )
        if since is not None:
            document = compare(document, since, kept)
    forms.write(document)
    if common.json:
        print_json(document.as_json())
    else:
        print_text(scan_text(document))
        if explain_against is not None:
            print_text(peers_text(document))
        if document.changes is not None:
            print_text(changes_text(document.changes))
    return exit_code(document)


def exit_code(document: ScanDocument) -> int:
    """0 clean, 1 unsafe, 2 could not tell."""
    if document.summary["unsafe"]:
        return 1
    return 2 if document.summary["error"] else 0


def _asked(names: str | None, session: Session) -> Asked:
    if names is None:
        return NOBODY
    folders = [session.settings.peers] if session.settings.peers is not None else []
    return choose_peers([name.strip() for name in names.split(",")], session.parts.peers, folders)


def _convert(paths: tuple[str, ...], target: Path, session: Session, *, as_json: bool) -> int:
    conversion = to_safetensors(paths, target, session.parts)
    if as_json:
        print_json(conversion.as_json())
    else:
        print_text(conversion_text(conversion))
    return 0


def _watch(paths: tuple[str, ...], results: Path | None, only: tuple[str, ...], beside: Asked, session: Session) -> int:
    if len(paths) != 1 or results is None:
        say("error: `--watch` takes one folder and needs `--results`\nhint: bascule scan INBOX --watch --results DIR")
        return 2
    say(f"watching {paths[0]}; Ctrl-C ends it")

    def look(path: Path) -> ScanDocument:
        return scan((str(path),), session.parts, only=only, beside=beside)

    for arrival in arrivals(Path(paths[0]), results, look):
        name = visible(arrival.path.name)
        if arrival.document is None:
            print_text(f"error    {name}: {arrival.why.message if arrival.why else ''}")
        else:
            counts = ", ".join(f"{count} {what}" for what, count in arrival.document.summary.items() if count)
            word = {0: "clean", 1: "unsafe", 2: "unknown"}[exit_code(arrival.document)]
            print_text(f"{word:<8} {name}: {counts}; {arrival.answer}")
    return 0
