"""What a tokenizer's files claim of its tokens: which content has which id, and which tokens are special.

    tokenizer.json            added_tokens, model.vocab, and what rewrites text before and after (normalizer, …)
    tokenizer_config.json     added_tokens_decoder and the named tokens (bos_token, eos_token, …)
    added_tokens.json         content → id
    special_tokens_map.json   the named tokens

Rules: a claim keeps the order and the repetitions of its file, JSON's repeated keys included; a vocabulary too large to
be parsed is left out and `vocabulary_read` says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from bascule.plugins.kinds import ScanFile
from bascule.plugins.readers import Malformed
from bascule.plugins.readers.text import read_text

WHOLE_LIMIT_BYTES = 24 << 20
LIMIT_BYTES = 128 << 20
NAMED = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")
NAMES = ("tokenizer.json", "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json")
_DECIMAL = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Token:
    """An added token as a file states it. `id` is -1 where the file gives none."""

    content: str
    id: int = -1
    special: bool = False


@dataclass(slots=True)
class Claims:
    """Everything that one file says. `named`: bos_token and its like; `vocabulary`: token → id, for added ids' sake."""

    added: list[Token] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)
    vocabulary: dict[str, int] = field(default_factory=dict)
    twins: list[str] = field(default_factory=list)
    """Tokens of the vocabulary that share an id, or that are there twice."""
    steps: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    """(place, step) of each part of normalizer, pre_tokenizer, post_processor and decoder."""
    vocabulary_read: bool = True


def claims_in(file: ScanFile) -> Claims:
    """The claims of one of the four files. Raises `Malformed`."""
    source = read_text(file.read, file.size_bytes, LIMIT_BYTES).value
    name = PurePosixPath(file.path).name.lower()
    if name == "tokenizer.json" and file.size_bytes > WHOLE_LIMIT_BYTES:
        return _of_large(source)
    document = _parsed(source)
    if not isinstance(document, dict):
        return Claims()
    if name == "tokenizer.json":
        return _of_tokenizer(document)
    if name == "added_tokens.json":
        return Claims([Token(content, number) for content, number in document.items() if _is_id(number)])
    claims = Claims(named=dict(_named(document)))
    decoder = document.get("added_tokens_decoder")
    if isinstance(decoder, dict):
        claims.added = [
            _token(item, int(key))
            for key, item in decoder.items()
            if _DECIMAL.fullmatch(key) and isinstance(item, dict)
        ]
    listed = document.get("additional_special_tokens")
    for item in listed if isinstance(listed, list) else ():
        content = item.get("content") if isinstance(item, dict) else item
        if isinstance(content, str):
            claims.added.append(Token(content, special=True))
    return claims


def _parsed(source: str) -> Any:
    try:
        return json.loads(source)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from error


def _of_tokenizer(document: Mapping[str, Any]) -> Claims:
    added = document.get("added_tokens")
    listed = added if isinstance(added, list) else []
    claims = Claims([_token(item, item.get("id")) for item in listed if isinstance(item, dict)])
    model = document.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if isinstance(vocabulary, dict):
        claims.vocabulary = {token: number for token, number in vocabulary.items() if _is_id(number)}
        if len(set(claims.vocabulary.values())) != len(claims.vocabulary):
            first: dict[int, str] = {}
            for token, number in claims.vocabulary.items():
                if first.setdefault(number, token) != token:
                    claims.twins.append(token)
    elif isinstance(vocabulary, list):
        for number, item in enumerate(vocabulary):
            piece = item[0] if isinstance(item, list) and item else None
            if not isinstance(piece, str):
                continue
            if claims.vocabulary.setdefault(piece, number) != number:
                claims.twins.append(piece)
    for part in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        claims.steps.extend(_steps(document.get(part), part))
    return claims


def _of_large(source: str) -> Claims:
    """The added tokens alone: parsing a vocabulary takes ten times its bytes."""
    found = re.search(r'"added_tokens"\s*:\s*(?=\[)', source)
    if found is None:
        return Claims(vocabulary_read=False)
    try:
        added, _ = json.JSONDecoder().raw_decode(source, found.end())
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from error
    tokens = [_token(item, item.get("id")) for item in added if isinstance(item, dict)]
    return Claims(tokens, vocabulary_read=False)


def _steps(value: Any, place: str, depth: int = 8) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not isinstance(value, dict) or not depth:
        return
    yield place, value
    for key in ("normalizers", "pretokenizers", "processors", "decoders"):
        inner = value.get(key)
        for index, item in enumerate(inner if isinstance(inner, list) else ()):
            yield from _steps(item, f"{place}[{index}]", depth - 1)


def _named(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in NAMED:
        value = document.get(key)
        content = value.get("content") if isinstance(value, dict) else value
        if isinstance(content, str):
            yield key, content


def _token(item: Mapping[str, Any], number: Any) -> Token:
    content = item.get("content")
    return Token(
        content if isinstance(content, str) else "", number if _is_id(number) else -1, item.get("special") is True
    )


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
