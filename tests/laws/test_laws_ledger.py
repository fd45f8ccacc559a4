"""Laws of the Merkle tree and of the ledger over it."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.store import merkle

LARGEST = 200


class Tree:
    """A tree that is grown leaf by leaf, its nodes in memory."""

    def __init__(self) -> None:
        self.size = 0
        self.nodes: dict[tuple[int, int], bytes] = {}

    def append(self, leaf: bytes) -> None:
        for level, position, node in merkle.completed(self.size, leaf, self):
            self.nodes[level, position] = node
        self.size += 1

    def __call__(self, level: int, position: int) -> bytes:
        return self.nodes[level, position]


def leaf(number: int) -> bytes:
    return merkle.leaf_hash(b"entry %d" % number)


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962's MTH, word for word, over hashed leaves."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


def grown(size: int) -> Tree:
    tree = Tree()
    for number in range(size):
        tree.append(leaf(number))
    return tree


FULL = grown(LARGEST)
LEAVES = [leaf(number) for number in range(LARGEST)]
ROOTS = [by_definition(LEAVES[:size]) for size in range(LARGEST + 1)]
sizes = st.integers(1, LARGEST)
hashes = st.binary(min_size=32, max_size=32)


def test_the_root_is_the_definitions_at_every_size() -> None:
    frontier = merkle.Frontier()
    assert frontier.root() == ROOTS[0] == merkle.EMPTY_ROOT
    for size in range(1, LARGEST + 1):
        frontier.append(LEAVES[size - 1])
        assert merkle.root(size, FULL) == frontier.root() == ROOTS[size]


def test_known_answers_of_certificate_transparency_hold() -> None:
    """The vectors that the Certificate Transparency implementations share."""
    tree = Tree()
    for data in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"):
        tree.append(merkle.leaf_hash(bytes.fromhex(data)))
    assert merkle.root(1, tree).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert merkle.root(8, tree).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_every_leaf_of_every_tree_is_proved() -> None:
    for size in range(1, LARGEST + 1):
        for index in range(size):
            path = merkle.inclusion_proof(index, size, FULL)
            assert merkle.verify_inclusion(LEAVES[index], index, size, path, ROOTS[size])
            assert len(path) <= (size - 1).bit_length()


def test_every_tree_is_proved_to_begin_with_every_earlier_one() -> None:
    for size in range(LARGEST + 1):
        for old_size in range(size + 1):
            path = merkle.consistency_proof(old_size, size, FULL)
            assert merkle.verify_consistency(old_size, size, ROOTS[old_size], ROOTS[size], path)


@given(size=sizes, data=st.data())
def test_an_inclusion_proof_holds_for_nothing_else(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = list(merkle.inclusion_proof(index, size, FULL))
    other = data.draw(hashes)
    assert not merkle.verify_inclusion(other, index, size, path, ROOTS[size])
    assert not merkle.verify_inclusion(LEAVES[index], index, size, path, other)
    assert not merkle.verify_inclusion(LEAVES[index], index, size, [*path, other], ROOTS[size])
    assert not merkle.verify_inclusion(LEAVES[index], size, size, path, ROOTS[size])
    if path:
        place = data.draw(st.integers(0, len(path) - 1))
        assert not merkle.verify_inclusion(LEAVES[index], index, size, path[:-1], ROOTS[size])
        path[place] = other
        assert not merkle.verify_inclusion(LEAVES[index], index, size, path, ROOTS[size])


@given(size=sizes, data=st.data())
def test_a_proof_at_one_index_is_none_at_another(size: int, data: st.DataObject) -> None:
    index, elsewhere = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_proof(index, size, FULL)
    holds = merkle.verify_inclusion(LEAVES[index], elsewhere, size, path, ROOTS[size])
    assert holds == (index == elsewhere)


@given(size=sizes, data=st.data())
def test_a_consistency_proof_holds_for_nothing_else(size: int, data: st.DataObject) -> None:
    old_size = data.draw(st.integers(1, size))
    path = list(merkle.consistency_proof(old_size, size, FULL))
    other = data.draw(hashes)
    assert not merkle.verify_consistency(old_size, size, other, ROOTS[size], path)
    assert not merkle.verify_consistency(old_size, size, ROOTS[old_size], other, path)
    assert not merkle.verify_consistency(old_size, size, ROOTS[old_size], ROOTS[size], [*path, other])
    assert not merkle.verify_consistency(size + 1, size, ROOTS[old_size], ROOTS[size], path)
    if path:
        place = data.draw(st.integers(0, len(path) - 1))
        assert not merkle.verify_consistency(old_size, size, ROOTS[old_size], ROOTS[size], path[:-1])
        path[place] = other
        assert not merkle.verify_consistency(old_size, size, ROOTS[old_size], ROOTS[size], path)


@given(size=st.integers(2, LARGEST), data=st.data())
def test_a_history_that_was_rewritten_is_consistent_with_none_of_its_past(size: int, data: st.DataObject) -> None:
    changed = data.draw(st.integers(0, size - 2))
    old_size = data.draw(st.integers(changed + 1, size - 1))
    forged = Tree()
    for number in range(size):
        forged.append(leaf(number) if number != changed else leaf(LARGEST + 1))
    path = merkle.consistency_proof(old_size, size, forged)
    assert not merkle.verify_consistency(old_size, size, ROOTS[old_size], merkle.root(size, forged), path)


@settings(max_examples=50)
@given(size=st.integers(0, 1 << 20))
def test_an_append_reads_and_writes_logarithmically(size: int) -> None:
    read = 0

    def nodes(level: int, position: int) -> bytes:
        nonlocal read
        read += 1
        return hashlib.sha256(f"{level}/{position}".encode()).digest()

    written = list(merkle.completed(size, leaf(0), nodes))
    assert read <= size.bit_length()
    assert len(written) <= size.bit_length() + 1
    read = 0
    merkle.root(size, nodes)
    assert read <= size.bit_length()


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_proof_for_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        merkle.inclusion_proof(index, size, FULL)


def test_there_is_no_proof_that_a_tree_began_with_a_longer_one() -> None:
    with pytest.raises(ValueError, match="never had"):
        merkle.consistency_proof(4, 3, FULL)
