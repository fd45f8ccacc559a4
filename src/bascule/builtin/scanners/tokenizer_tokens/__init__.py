"""A tokenizer's added and special tokens: is each what it seems, in every file that names it?

A tokenizer can be edited without touching a weight: a word made special disappears from what the model is seen to say,
an id given to another text changes what it says, a replacement changes what it is told. `claims` reads what four files
say, `checks` compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from bascule.builtin.scanners.tokenizer_tokens.checks import Oddity, between, within
from bascule.builtin.scanners.tokenizer_tokens.claims import LIMIT_BYTES, NAMES, WHOLE_LIMIT_BYTES, claims_in
from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.plugins.readers import Malformed
from bascule.records import Coverage, Finding, Outcome, Severity, State

MAX_FINDINGS = 20

SHADOWED = Rule(
    id="tokenizer-shadowed-token",
    question="Does this tokenizer hide, swap or rewrite words by its added tokens, ids or replacement steps?",
    severity=Severity.MEDIUM,
    remedy="compare the tokenizer with the base model's; keep one statement of each token, or have a person accept it",
    why="What a tokenizer swaps, neither the weights nor the prompt show: a refusal can be decoded as consent, a word "
    "can vanish from every answer, and an instruction can be put before every prompt.",
    references=("CWE-345", "MITRE ATLAS AML.T0010", "OWASP LLM03:2025"),
)


class TokenizerTokens:
    meta = Meta(
        id="tokenizer_tokens",
        title="A tokenizer's own tokens",
        rules=(SHADOWED,),
        reads=Reads(names=NAMES),
        limits=(
            f"files of at most {LIMIT_BYTES} bytes",
            f"of a tokenizer.json above {WHOLE_LIMIT_BYTES} bytes the added tokens alone",
            "merges and scores are not compared with those of a base model",
        ),
    )

    @property
    def examples(self) -> Sequence[Example]:
        return _examples()

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        claims = claims_in(file)
        oddities = list(within(claims))
        for path in _earlier(file):
            neighbour = file.neighbour(path)
            if neighbour is None:
                continue
            try:
                other = claims_in(neighbour)
            except Malformed:
                continue  # told where that file is scanned
            oddities.extend(between(claims, other, path))
        yield from (_finding(file.path, oddity) for oddity in oddities[:MAX_FINDINGS])
        if not claims.vocabulary_read:
            yield Finding(
                rule=SHADOWED.id,
                outcome=Outcome.NOT_AVAILABLE,
                severity=SHADOWED.severity,
                message=f"only its added tokens were read: it is larger than {WHOLE_LIMIT_BYTES} bytes",
                artefact=file.path,
            )
        elif file.size_bytes:
            state = State.FINDING if oddities else State.CLEAN
            yield Coverage(start=0, end=file.size_bytes, state=state, what="tokenizer")


def _earlier(file: ScanFile) -> Iterator[str]:
    """The files of the same folder that come before this one, so that each difference is told once."""
    folder, _, name = file.path.rpartition("/")
    listed = {item.path for item in file.listing}
    for other in NAMES[: NAMES.index(name.lower())]:
        path = f"{folder}/{other}" if folder else other
        if path in listed:
            yield path


def _finding(path: str, oddity: Oddity) -> Finding:
    return Finding(
        rule=SHADOWED.id,
        outcome=Outcome.TRUE,
        severity=oddity.severity,
        message=f"the tokenizer {visible(oddity.what, 600)}",
        artefact=path,
        location=oddity.place,
        remedy=SHADOWED.remedy,
        details=oddity.seen,
    )


def tokenizer(added: Sequence[Mapping[str, object]], vocabulary: object = None, **steps: object) -> bytes:
    """A built tokenizer.json."""
    return json.dumps({"added_tokens": list(added), **steps, "model": {"vocab": vocabulary or {}}}).encode()


def _examples() -> tuple[Example, ...]:
    clean, odd = {SHADOWED.id: Outcome.FALSE}, {SHADOWED.id: Outcome.TRUE}
    end = {"id": 1, "content": "</s>", "special": True}
    decoder = {"added_tokens_decoder": {"1": {"content": "</s>", "special": True}}, "eos_token": "</s>"}
    swapped = {"added_tokens_decoder": {"1": {"content": "<pad>", "special": True}}}
    return (
        Example(
            "files that agree",
            lambda: {
                "tokenizer.json": tokenizer([end], {"yes": 0, "</s>": 1}),
                "tokenizer_config.json": json.dumps(decoder).encode(),
            },
            clean,
        ),
        Example(
            "a word made special",
            lambda: {"tokenizer.json": tokenizer([end, {"id": 2, "content": "never", "special": True}])},
            odd,
        ),
        Example(
            "an id given to another text",
            lambda: {"tokenizer.json": tokenizer([end], {"yes": 0, "no": 1})},
            odd,
        ),
        Example(
            "two files that disagree",
            lambda: {"tokenizer.json": tokenizer([end]), "tokenizer_config.json": json.dumps(swapped).encode()},
            odd,
        ),
        Example(
            "a step that replaces words",
            lambda: {
                "tokenizer.json": tokenizer(
                    [end], normalizer={"type": "Replace", "pattern": {"String": "do not"}, "content": "do"}
                )
            },
            odd,
        ),
        Example("what is no JSON", lambda: {"tokenizer.json": b"{"}, {SHADOWED.id: Outcome.ERROR}),
    )


plugin = TokenizerTokens()
