"""Chat templates: does loading a chat run code, or tell the model what nobody agreed to?

A chat template is a program that ships with the weights and runs at every turn. It is parsed and judged here by its
syntax tree, never rendered. `sources` finds templates, `grammar` parses, `folding` works out constants, `escape`
answers `template-runs-code`, `poison` and `roles` answer `template-suspicious`; `beside` finds the template that a
loader could take instead, `claimed` the base model whose template could be expected, and `difference` compares, for
`template-differs`; `identity` and `known` tell which public template this is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from jinja2 import nodes

from bascule.builtin.scanners.chat_template import grammar
from bascule.builtin.scanners.chat_template.beside import DEFAULT, by_name, reference_for
from bascule.builtin.scanners.chat_template.cases import EXAMPLES
from bascule.builtin.scanners.chat_template.claimed import claimed_bases
from bascule.builtin.scanners.chat_template.difference import difference, meaning_of
from bascule.builtin.scanners.chat_template.escape import routes
from bascule.builtin.scanners.chat_template.folding import Folder
from bascule.builtin.scanners.chat_template.identity import identity_of
from bascule.builtin.scanners.chat_template.known import known_name, published_with
from bascule.builtin.scanners.chat_template.poison import poison
from bascule.builtin.scanners.chat_template.sight import DIFFERS, RUNS_CODE, SUSPICIOUS, Sight
from bascule.builtin.scanners.chat_template.sources import POSSIBLE_NAMES, PROMISED_NAMES, Template, templates_in
from bascule.kernel.digests import sha256_of
from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Quantity, Reads, Rule
from bascule.plugins.readers import Malformed, media
from bascule.records import (
    ArtefactKind,
    Confidence,
    Coverage,
    Finding,
    Outcome,
    Reading,
    ReadingSource,
    Severity,
    State,
)

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
    Rule(
        id=DIFFERS,
        question="Does this template differ from the one that loaders take first here, or from its base model's?",
        severity=Severity.LOW,
        remedy="keep one template in all of its places; where they must differ, have a person accept the difference",
        why="Which of a repository's templates is taken depends on the loader and its version. A second one that says "
        "more, or drops a role, is what some users get and no reviewer read.",
        references=("CWE-1336", "OWASP LLM03:2025"),
    ),
)
_JUDGED = (RUNS_CODE, SUSPICIOUS)


class ChatTemplate:
    meta = Meta(
        id="chat_template",
        title="Chat templates",
        rules=_RULES,
        reads=Reads(
            kinds=(ArtefactKind.CHAT_TEMPLATE,),
            media_types=(media.GGUF, media.JSON, media.YAML),
            names=(*PROMISED_NAMES, *POSSIBLE_NAMES),
        ),
        readings=(
            Quantity("template.sha256", "sha256 of a chat template's source in UTF-8"),
            Quantity("template.ast", "sha256 of its normalised syntax tree: spelling and comments do not count"),
            Quantity("template.known", "the public templates of the same syntax tree"),
        ),
        limits=(
            f"templates of at most {grammar.LIMIT_CHARS} characters and {grammar.LIMIT_NODES} syntax nodes",
            "in files named as templates of any kind, only what runs code is told unless they walk `messages`",
            "attribute names that only a message's own text can complete are not told apart from item names",
        ),
    )

    @property
    def examples(self) -> Sequence[Example]:
        return EXAMPLES

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        is_text = file.media_type != media.GGUF
        trees: dict[str, nodes.Template] = {}
        worst = State.CLEAN
        found = list(templates_in(file))
        for template in found:
            if not template.is_for_chats:
                yield from _of_anything(template, file.path)
                continue
            yield _reading(file, template, "template.sha256", _sha256(template.source))
            try:
                tree = grammar.parse(template.source)
                sights = list(_sights(tree))
                identity = identity_of(tree)
            except Malformed as error:
                yield from _cannot_judge(template, file.path, error)
                worst = State.NOT_UNDERSTOOD
                continue
            trees[template.place] = tree
            yield _reading(file, template, "template.ast", identity)
            if names := known_name(identity):
                yield _reading(file, template, "template.known", names)
                sights = [_as_published(sight, names) for sight in sights]
            yield from _told(sights, template, file.path)
            worst = State.FINDING if sights else worst
        if trees:
            yield from _differences(file, found, trees)
        if is_text and any(template.is_for_chats for template in found):
            yield Coverage(start=0, end=file.size_bytes, state=worst, what="chat template")


def _as_published(sight: Sight, names: Sequence[str]) -> Sight:
    """What a public template is known to do is its users' to know, and no sign that this copy was tampered with."""
    if sight.rule != SUSPICIOUS:
        return sight
    return replace(sight, severity=Severity.LOW, what=f"{sight.what}; so does the public `{names[0]}`")


def _of_anything(template: Template, path: str) -> Iterator[Finding]:
    """A template of nobody knows what: only whether it runs code, and nothing where it is another language's."""
    try:
        sights = list(_sights(grammar.parse(template.source)))
    except grammar.NotATemplate:
        return
    except Malformed as error:
        yield from _cannot_judge(template, path, error)
    else:
        yield from _told([sight for sight in sights if sight.rule == RUNS_CODE], template, path)


def _sha256(source: str) -> str:
    return sha256_of(source.encode("utf-8", "surrogatepass"))


def _reading(file: ScanFile, template: Template, name: str, value: str | tuple[str, ...]) -> Reading:
    return Reading(
        name=name,
        value=value,
        artefact=file.path,
        location=visible(template.place),
        source=ReadingSource.MEASURED,
    )


def _cannot_judge(template: Template, path: str, error: Malformed) -> Iterator[Finding]:
    for rule in _RULES:
        if rule.id in _JUDGED:
            yield Finding(
                rule=rule.id,
                outcome=Outcome.ERROR,
                severity=rule.severity,
                message=f"this template cannot be judged: {visible(str(error), 400)}",
                artefact=path,
                location=visible(template.place),
                remedy="mend the template until Jinja's parser takes it",
            )


def _told(sights: Sequence[Sight], template: Template, path: str) -> Iterator[Finding]:
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


def _differences(file: ScanFile, found: Sequence[Template], trees: Mapping[str, nodes.Template]) -> Iterator[Finding]:
    """From this file's templates to those that loaders take first, name by name, and from a twin to its first."""
    first = by_name(iter(found))
    for template in found:
        twin = first[template.name or DEFAULT]
        if template.place in trees and twin is not template:
            yield from _difference(file, template, trees[template.place], twin, file.path)
    reference = reference_for(file)
    if reference is None:
        yield from _unlike_its_base(file, first, trees)
        return
    path, others = reference
    for name, template in first.items():
        if name in others and template.place in trees:
            yield from _difference(file, template, trees[template.place], others[name], path)


def _difference(
    file: ScanFile, template: Template, tree: nodes.Template, other: Template, path: str
) -> Iterator[Finding]:
    try:
        other_tree = grammar.parse(other.source)
        if identity_of(tree) == identity_of(other_tree):
            return
        told = difference(meaning_of(tree), meaning_of(other_tree))
    except Malformed:
        return  # told where that template is scanned
    except RecursionError as error:
        raise Malformed("nests deeper than can be followed") from error
    parts = [
        f"drops the roles {', '.join(told.dropped_roles)}" if told.dropped_roles else "",
        f"adds {len(told.literals)} literals" if told.literals else "",
        f"adds {len(told.conditions)} conditions" if told.conditions else "",
    ]
    what = "; ".join(part for part in parts if part) or "puts the same words together otherwise"
    whose = f"`{path}`" + (f" ({other.place})" if other.place else "")
    yield Finding(
        rule=DIFFERS,
        outcome=Outcome.TRUE,
        severity=Severity.MEDIUM if told.grave else Severity.LOW,
        message=visible(f"differs from the template in {whose}: {what}", 600),
        artefact=file.path,
        location=visible(template.place),
        remedy=next(rule.remedy for rule in _RULES if rule.id == DIFFERS),
        details={
            "other": visible(path, 300),
            "loader": "transformers takes chat_template.jinja before chat_template.json before tokenizer_config.json; "
            "llama.cpp takes the GGUF key",
            "added_literals": [visible(words) for words in told.literals],
            "added_conditions": [visible(words) for words in told.conditions],
            "dropped_roles": [visible(words) for words in told.dropped_roles],
        },
    )


def _unlike_its_base(
    file: ScanFile, first: Mapping[str, Template], trees: Mapping[str, nodes.Template]
) -> Iterator[Finding]:
    """Of the template that loaders take first: is it the one that the claimed base is known to come with?"""
    template = first.get(DEFAULT)
    if template is None or template.place not in trees:
        return
    identity = identity_of(trees[template.place])
    bases = {base: published_with(base) for base in claimed_bases(file)}
    known = sorted(base for base, identities in bases.items() if identities)
    if not known or any(identity in identities for identities in bases.values()):
        return
    yield Finding(
        rule=DIFFERS,
        outcome=Outcome.TRUE,
        severity=Severity.LOW,
        message=visible(
            f"is not the template that `{known[0]}`, which this model says it comes from, is known by", 600
        ),
        artefact=file.path,
        location=visible(template.place),
        confidence=Confidence.MEDIUM,
        remedy="compare it with the base model's template; whoever trains further may have good reasons to change it",
        details={"base": visible(known[0], 300), "ast": identity, "known": sorted(bases[known[0]])[:8]},
    )


def _sights(tree: nodes.Template) -> Iterator[Sight]:
    try:
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
