"""The audit: going through a ledger once, from its first entry, and naming whatever is not as it was signed.

It needs no database: what it is given may come from tables or from an export. The chain it follows is
body → digest in the entry's fields → leaf → root → signed head.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Any, TypeAlias

from securesystemslib.signer import Key

from bascule.kernel.digests import as_digest, digest_of
from bascule.kernel.errors import BasculeError, EvidenceError
from bascule.store.entry import leaf_of
from bascule.store.heads import read_head
from bascule.store.merkle import Frontier


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was signed.

    what: `body-changed`, `body-missing`, `fields-changed`, `entry-missing`, `leaf-missing`, `head-changed`,
    `head-missing`, `head-unverified`, `node-changed`, `read-model-differs`, `export-changed`.
    seq: the entry's place, where it is one entry's fault; digest: that entry's digest as it stands.
    """

    what: str
    seq: int | None
    digest: str | None
    detail: str

    def __str__(self) -> str:
        place = "the ledger" if self.seq is None else f"entry {self.seq}"
        return f"{self.what}: {place}{f' `{self.digest}`' if self.digest else ''}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry as it was found. body: its bytes, or why there are none."""

    fields: Mapping[str, Any]
    leaf: bytes | None
    body: bytes | BasculeError


@dataclass(frozen=True, slots=True)
class KeptHead:
    """A head as it was found: the size it is filed under, and its envelope."""

    size: int
    envelope: bytes


_Placed: TypeAlias = tuple[int, int, Kept | KeptHead]


def in_step(entries: Iterable[Kept], heads: Iterable[KeptHead]) -> Iterator[Kept | KeptHead]:
    """Both, each sorted by place, as one sequence in which a head follows the last entry that it covers."""
    placed_entries: Iterator[_Placed] = ((kept.fields["seq"] + 1, 0, kept) for kept in entries)
    placed_heads: Iterator[_Placed] = ((head.size, 1, head) for head in heads)
    for _size, _order, found in merge(placed_entries, placed_heads, key=lambda item: item[:2]):
        yield found


def audit(found: Iterable[Kept | KeptHead], verifiers: Sequence[Key]) -> Iterator[Fault]:
    """Every fault, in the ledger's order, from what `in_step` gives.

    One changed leaf makes every later root differ: only the first head that differs is named.
    """
    frontier, differs, signed_size = Frontier(), False, 0
    for item in found:
        if isinstance(item, Kept):
            yield from _entry_faults(item, frontier.size)
            frontier.append(item.leaf or b"")
            continue
        signed_size = item.size
        fault = _head_fault(item, frontier, verifiers)
        if fault is not None and not (differs and fault.what == "head-changed"):
            yield fault
            differs = differs or fault.what == "head-changed"
    if signed_size != frontier.size:
        what = "head-missing" if signed_size < frontier.size else "entry-missing"
        detail = f"the last head covers {signed_size} entries; {frontier.size} are there"
        yield Fault(what, min(signed_size, frontier.size), None, detail)


def _entry_faults(kept: Kept, expected_seq: int) -> Iterator[Fault]:
    seq, digest = kept.fields.get("seq"), str(kept.fields.get("digest"))
    if seq != expected_seq:
        yield Fault("entry-missing", expected_seq, None, f"the entry found in this place says it is number {seq}")
    if kept.leaf is None:
        yield Fault("leaf-missing", expected_seq, digest, "the tree holds no leaf for this entry")
    elif _leaf_or_none(kept.fields) != kept.leaf:
        yield Fault(
            "fields-changed", expected_seq, digest, "the entry's fields are not those that its leaf was made of"
        )
    if isinstance(kept.body, BasculeError):
        what = "body-missing" if kept.body.code.endswith("missing") else "body-changed"
        yield Fault(what, expected_seq, digest, kept.body.message)
    elif digest_of(kept.body) != digest:
        yield Fault("body-changed", expected_seq, digest, f"the body's digest is now `{digest_of(kept.body)}`")


def _leaf_or_none(fields: Mapping[str, Any]) -> bytes | None:
    try:
        return leaf_of(fields)
    except (BasculeError, KeyError):
        return None


def _head_fault(kept: KeptHead, frontier: Frontier, verifiers: Sequence[Key]) -> Fault | None:
    last = kept.size - 1
    try:
        head = read_head(kept.envelope, verifiers)
    except EvidenceError as error:
        return Fault("head-unverified", last, None, f"the head over {kept.size} entries: {error.message}")
    if head.size != kept.size:
        return Fault(
            "head-changed", last, None, f"the head filed under {kept.size} was signed over {head.size} entries"
        )
    if head.size != frontier.size:
        detail = f"a head was signed over {head.size} entries, of which {frontier.size} are there"
        return Fault("head-changed", last, None, detail)
    root = as_digest(frontier.root().hex())
    if head.root != root:
        detail = f"the first {head.size} entries now have the root `{root}`; `{head.root}` was signed"
        return Fault("head-changed", last, None, detail)
    return None
