"""The tree of commands. Each one's module is imported only when that command runs."""

from __future__ import annotations

import os
import sys
import traceback

from cyclopts import App, CycloptsError

import bascule

_GROUPS: dict[str, dict[str, str]] = {
    "": {
        "review": "Decide, from evidence, how open a model may be: the main job.",
        "scan": "Supply-chain evidence alone: what is in these files?",
        "decide": "Judge again from the evidence in the ledger, as of any date.",
        "approve": "Sign a decision in a role.",
        "comply": "Answer a framework control by control from the evidence: EU, NIST, ISO, OWASP.",
        "reproduce": "Run a declared build again, and compare what it makes with what is published.",
        "verify": "Check a release bundle offline: every file, signature and piece of evidence.",
        "doctor": "Say what this machine can do, and what a missing part would add.",
        "rules": "List every rule, or explain one.",
        "plugins": "List the plug-ins that are built in and installed.",
    },
    "policy": {
        "test": "Run a policy pack's table cases.",
        "lint": "Find faults in a policy pack.",
        "cover": "Say which rules no table case exercises.",
        "diff": "Say which past decisions another pack would change.",
        "sign": "Sign a policy pack.",
        "show": "Show a pack: ladders, thresholds, rules.",
    },
    "waiver": {
        "grant": "Let one rule pass for one subject at one tier, for a while, under a name.",
        "list": "List waivers and whether they still hold.",
    },
    "ledger": {
        "verify": "Check every entry, blob and head of the ledger.",
        "replay": "Rebuild the read models, and every decision, from the ledger.",
        "export": "Write the ledger as one file that verifies by itself.",
        "show": "List what the ledger holds.",
        "import": "Record evidence that others signed.",
        "envelope": "Write one signed envelope as it is kept, for others to import.",
    },
    "advisories": {
        "add": "Take in an export of advisories, so that dependencies are matched without a network.",
        "show": "Show which advisories are at hand, and how old they are.",
    },
    "licence": {
        "detect": "Say what licence each text is, and what each place that names one says.",
        "solve": "Say what a lineage, a use and a context allow, clause by clause.",
        "suggest": "Propose licences for a wanted openness, with the duties each creates.",
        "show": "List the licences whose clauses are known, or show one's clauses.",
    },
    "release": {
        "plan": "Plan what is published to whom at which tier, part by part, from a live decision.",
        "build": "Build a bundle from a plan: what leaves the house, and the signed proof for it.",
    },
    "keys": {
        "show": "Show the key that signs here, and the keys that are trusted.",
        "export": "Write the public half of the key that signs here.",
        "trust": "Believe what another's key signs.",
    },
    "new": {"scanner": "Write a working scanner plug-in with built examples."},
    "schema": {"show": "Print a document's JSON Schema.", "write": "Write every JSON Schema to a folder."},
}

_GROUP_HELP = {
    "policy": "Policy packs: test, lint, cover, diff, sign.",
    "waiver": "Waivers: a named person lets a rule pass for a while.",
    "ledger": "The truth: an append-only, signed ledger.",
    "advisories": "Published faults of packages, from snapshots that somebody takes in.",
    "licence": "Licences: what text it is, what it allows, which duties it brings.",
    "release": "Releases: plan, build; `bascule verify` checks a bundle.",
    "keys": "Signing keys: our own, and those of others whom this home trusts.",
    "new": "Scaffold a plug-in.",
    "schema": "JSON Schemas of the documents.",
}


# Reports name these as ways to evidence; the version that has them is still to come.
_TO_COME = (
    *("advisory", "data", "drift", "eval", "fork", "gateway", "incident", "memorise", "redteam"),
    *("serve", "tamper", "usage"),
)


def build_app() -> App:
    """The command tree, with nothing imported that `--help` does not need."""
    app = App(
        name="bascule",
        version=bascule.__version__,
        help="Decide, from signed evidence, how open an AI model may be.",
        help_format="plaintext",
        result_action="return_value",
        exit_on_error=False,
    )
    for group, commands in _GROUPS.items():
        parent = app
        if group:
            parent = App(name=group, help=_GROUP_HELP[group], help_format="plaintext")
            app.command(parent)
        for name, help_line in commands.items():
            module = group or name
            parent.command(f"bascule.cli.{module}:{name}_command", name=name, help=help_line)
    return app


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit code; the console script exits with it."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        if given and given[0] in _TO_COME:
            return _explain(_not_yet(given[0]), as_json="--json" in given)
        result = build_app()(given)
    except CycloptsError as error:
        return _misused(error, as_json="--json" in given)  # cyclopts has said what is wrong, with a suggestion
    except KeyboardInterrupt:
        print("interrupted; nothing was half-written", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader went away; say nothing more, as `head` expects.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except Exception as error:
        return _explain(error, as_json="--json" in given)
    return result if isinstance(result, int) else 0


def _not_yet(name: str) -> Exception:
    from bascule.kernel.errors import InputError

    return InputError(
        "cli.not-yet",
        f"`bascule {name}` is not part of this version",
        "until it is, what it would measure stays unknown, and unknown grants nothing",
    )


def _misused(error: CycloptsError, *, as_json: bool) -> int:
    print("hint: see `bascule --help`, or `--help` after the command", file=sys.stderr)
    if as_json:
        from bascule.cli.output import print_json

        hint = "see `bascule --help`"
        print_json({"schema": "bascule.error/v1", "code": "cli.usage", "message": str(error), "hint": hint})
    return 2


def _explain(error: Exception, *, as_json: bool) -> int:
    from bascule.cli.output import print_error
    from bascule.kernel.errors import BasculeError

    if isinstance(error, BasculeError):
        print_error(error, as_json=as_json)
        return 2
    traceback.print_exception(error)
    print("hint: this is a bug in bascule, not an answer; please report it with the lines above", file=sys.stderr)
    return 2
