"""Chat templates: does loading a chat run code, or tell the model what nobody agreed to?

A chat template is a program that ships with the weights and runs at every turn. It is parsed and judged here by its
syntax tree, never rendered. `sources` finds templates, `grammar` parses, `folding` works out constants, `escape`
answers `template-runs-code`, `poison` and `roles` answer `template-suspicious`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bascule.builtin.scanners.chat_template import grammar
from bascule.builtin.scanners.chat_template.cases import EXAMPLES
from bascule.builtin.scanners.chat_template.escape import routes
from bascule.builtin.scanners.chat_template.folding import Folder
from bascule.builtin.scanners.chat_template.poison import poison
from bascule.builtin.scanners.chat_template.sight import RUNS_CODE, SUSPICIOUS, Sight
from bascule.builtin.scanners.chat_template.sources import Template, templates_in
from bascule.kernel.digests import sha256_of
from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Quantity, Reads, Rule
from bascule.plugins.readers import Malformed, media
from bascule.records import ArtefactKind, Finding, Outcome, Reading, ReadingSource, Severity

MAX_FINDINGS = 20

_RULES = (
    Rule(
        id=RUNS_CODE,
        question="Does this chat template reach for Python beneath it?",
        severity=Severity.CRITICAL,
        remedy="do not load this template; take the one of the base model, or write one that only formats messages",
        why="Engines that render templates without a sandbox, or with a leaky one, run what a template reaches: every "
        "chat with the model then runs the publisher's code on the machine that serves it.",
        references=("CVE-2024-34359", "CWE-1336"),
    ),
    Rule(
        id=SUSPICIOUS,
        question="Does this chat template do more than format: triggers, hidden instructions, absurd loops?",
        severity=Severity.MEDIUM,
        remedy="compare the template with the base model's; remove what formats no message, or have a person accept it",
        why="A template sees every message and writes every prompt. One that waits for a date or a word, drops the "
        "operator's instructions or adds its own changes the model's behaviour without touching a weight.",
        references=("OWASP LLM03:2025", "OWASP LLM01:2025"),
    ),
)


class ChatTemplate:
    meta = Meta(
        id="chat_template",
        title="Chat templates",
        rules=_RULES,
        reads=Reads(
            kinds=(ArtefactKind.CHAT_TEMPLATE,),
            media_types=(media.GGUF,),
            names=("tokenizer_config.json", "*processor_config.json", "chat_template*.json", "*.jinja", "*.jinja2"),
        ),
        readings=(Quantity("template.sha256", "sha256 of a chat template's source in UTF-8"),),
        limits=(
            f"templates of at most {grammar.LIMIT_CHARS} characters and {grammar.LIMIT_NODES} syntax nodes",
            "attribute names that only a message's own text can complete are not told apart from item names",
        ),
    )

    @property
    def examples(self) -> Sequence[Example]:
        return EXAMPLES

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        for template in templates_in(file):
            yield Reading(
                name="template.sha256",
                value=sha256_of(template.source.encode("utf-8", "surrogatepass")),
                artefact=file.path,
                location=visible(template.place),
                source=ReadingSource.MEASURED,
            )
            yield from _judge(template, file.path)


def _judge(template: Template, path: str) -> Iterator[Finding]:
    try:
        sights = list(_sights(template.source))
    except Malformed as error:
        for rule in _RULES:
            yield Finding(
                rule=rule.id,
                outcome=Outcome.ERROR,
                severity=rule.severity,
                message=f"this template cannot be judged: {visible(str(error), 400)}",
                artefact=path,
                location=visible(template.place),
                remedy="mend the template until Jinja's parser takes it",
            )
        return
    for sight in sights[:MAX_FINDINGS]:
        yield Finding(
            rule=sight.rule,
            outcome=Outcome.TRUE,
            severity=sight.severity,
            confidence=sight.confidence,
            message=f"the template {visible(sight.what, 300)}",
            artefact=path,
            location=visible(template.at(sight.line)),
            remedy=next(rule.remedy for rule in _RULES if rule.id == sight.rule),
            details={"seen": visible(sight.seen, 300)} if sight.seen else {},
        )


def _sights(source: str) -> Iterator[Sight]:
    try:
        tree = grammar.parse(source)
        folder = Folder(tree)
        told: set[tuple[str, int, str]] = set()
        for sight in (*routes(tree, folder), *poison(tree, folder)):
            key = (sight.rule, sight.line, sight.what)
            if key not in told:
                told.add(key)
                yield sight
    except RecursionError as error:
        raise Malformed("nests deeper than can be followed") from error


plugin = ChatTemplate()
