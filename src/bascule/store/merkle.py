"""The Merkle tree of RFC 6962: one hash stands for a list, and short proofs say what it holds.

A list of leaves is cut into *perfect subtrees*: node (level, position) is the hash over the 2^level leaves from
position × 2^level on, and never changes once those leaves are there. Whoever keeps these nodes can append, and prove,
with O(log n) of them; every function here takes such a look-up, `Nodes`, and is otherwise pure.

Laws: a proof verifies exactly for the leaf, index, size and root that it was made for; a tree that grew is consistent
with every tree that it was; nodes written by `completed` are all that is ever looked up.

Source: RFC 6962 section 2.1 (hashes, audit paths, consistency proofs), RFC 9162 section 2.1.3.2 and 2.1.4.2 (checking).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

Nodes: TypeAlias = Callable[[int, int], bytes]
"""(level, position) -> the 32 bytes of that perfect subtree"""

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf, never equal to that of a node over the same bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def completed(size: int, leaf: bytes, nodes: Nodes) -> Iterator[tuple[int, int, bytes]]:
    """(level, position, hash) of every perfect subtree that the leaf completes when it joins `size` others.

    The leaf itself comes first; it completes one more subtree for every trailing one-bit of `size`.
    """
    level, position, node = 0, size, leaf
    yield level, position, node
    while position & 1:
        node = node_hash(nodes(level, position - 1), node)
        level, position = level + 1, position >> 1
        yield level, position, node


def root(size: int, nodes: Nodes) -> bytes:
    """The hash over the first `size` leaves."""
    return _subtree(0, size, nodes) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, nodes: Nodes) -> tuple[bytes, ...]:
    """The siblings from the leaf upwards. Raises ValueError unless 0 ≤ index < size."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_subtree(middle, high, nodes))
            high = middle
        else:
            path.append(_subtree(low, middle, nodes))
            low = middle
    return tuple(reversed(path))


def consistency_proof(old_size: int, size: int, nodes: Nodes) -> tuple[bytes, ...]:
    """What shows that the tree of `size` begins with the tree of `old_size`.

    Empty for an empty or an equal tree. Raises ValueError unless 0 ≤ old_size ≤ size.
    """
    if not 0 <= old_size <= size:
        raise ValueError(f"a tree of {size} never had {old_size} leaves")
    if old_size in (0, size):
        return ()
    path: list[bytes] = []
    low, high = 0, size
    while old_size != high:
        middle = low + _split(high - low)
        if old_size <= middle:
            path.append(_subtree(middle, high, nodes))
            high = middle
        else:
            path.append(_subtree(low, middle, nodes))
            low = middle
    if low > 0:  # the old tree's last subtree is not the old tree itself, so the checker cannot know it
        path.append(_subtree(low, high, nodes))
    return tuple(reversed(path))


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root_hash: bytes) -> bool:
    """Does this path lead from this leaf, at this index, to this root over `size` leaves?"""
    if not 0 <= index < size:
        return False
    node, position, last = leaf, index, size - 1
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and node == root_hash


def verify_consistency(old_size: int, size: int, old_root: bytes, root_hash: bytes, path: Sequence[bytes]) -> bool:
    """Does this path show that the `size` leaves under `root_hash` begin with the `old_size` under `old_root`?"""
    if not 0 <= old_size <= size:
        return False
    if old_size == size:
        return not path and old_root == root_hash
    if old_size == 0:
        return not path and old_root == EMPTY_ROOT
    # A power of two is one subtree, which the checker already knows: it is the old root.
    known = [old_root, *path] if old_size & (old_size - 1) == 0 else list(path)
    if not known:
        return False
    position, last = old_size - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = known[0]
    for sibling in known[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and old == old_root and new == root_hash


class Frontier:
    """A tree's right edge: all that a reader who goes through the leaves once must remember, O(log n) hashes."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        node, carry = leaf, self.size
        while carry & 1:
            node = node_hash(self._peaks.pop(), node)
            carry >>= 1
        self._peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        """The hash over all leaves so far."""
        if not self._peaks:
            return EMPTY_ROOT
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = node_hash(peak, node)
        return node


def _split(count: int) -> int:
    """The largest power of two below `count`, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)


def _subtree(low: int, high: int, nodes: Nodes) -> bytes:
    """The hash over leaves low to high - 1, where low is a multiple of a power of two not below the count."""
    count = high - low
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return nodes(level, low >> level)
    middle = low + _split(count)
    return node_hash(_subtree(low, middle, nodes), _subtree(middle, high, nodes))
