"""HDF5 files, as far as Keras writes them: what objects there are, what they are called, what leads out of the file.

Rules:
- Walks every object that a hard link reaches, each once, and never follows a soft or external link; raw data of
  datasets is not read.
- What is well formed but beyond this reader (dense storage of links or attributes, shared messages, files in several
  parts) is *missed*: told by place, so that the caller answers `not-available`, never clean.
- What breaks in one object leaves the others readable, for us as for the library, which opens objects one by one: it is
  a *fault* beside what was found, so that a broken dataset hides no configuration.
- Of attributes only those asked for are kept, and only those that are one string, as Keras reads them.
- Checksums of the newer structures are not verified: who forges the bytes forges the sum.

Source: HDF5 File Format Specification 3.0, sections II (superblock), III.A (B-tree 1), III.B-D (symbol tables and
heaps), IV.A (object headers and their messages).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bascule.kernel.text import visible
from bascule.plugins.readers import Malformed, Truncated

Read = Callable[[int, int], bytes]
"""read(offset, size): exactly `size` bytes, or `Truncated`."""

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MAX_OBJECTS = 50_000
MAX_MESSAGES = 1_000_000
MAX_NODES = 100_000
MAX_BLOCK = 1 << 20
MAX_HEAP = 16 << 20
MAX_TEXT = 32 << 20
MAX_NAME = 4096
MAX_READ = 128 << 20
"""Bytes of structure in all: many small objects may share one large heap."""
MAX_PATH = 600
MAX_TOLD = 100

_DATASPACE, _LINK_INFO, _DATATYPE, _LINK, _EXTERNAL_FILES, _LAYOUT = 0x01, 0x02, 0x03, 0x06, 0x07, 0x08
_ATTRIBUTE, _CONTINUATION, _SYMBOL_TABLE, _ATTRIBUTE_INFO = 0x0C, 0x10, 0x11, 0x15
_READ_MESSAGES = frozenset([_LINK_INFO, _LINK, _EXTERNAL_FILES, _LAYOUT, _ATTRIBUTE, _SYMBOL_TABLE, _ATTRIBUTE_INFO])
_SHARED = 0x02
_FIXED_STRING, _VARIABLE_LENGTH = 3, 9
_VIRTUAL = 3
_HARD_LINK, _SOFT_LINK, _EXTERNAL_LINK = 0, 1, 64


@dataclass(frozen=True, slots=True)
class Attribute:
    """A string attribute that was asked for. path: the object's, `/` for the root."""

    path: str
    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Outside:
    """A place that leads out of the file: an external link, external storage or a virtual dataset.

    target: the file as named, empty when it was not read.
    """

    path: str
    how: str
    target: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What the walk met.

    missed: places that this reader does not understand, each with what stands there. faults: what breaks the format or
    ends early, in the order met; other objects may have more to tell, and none of them is clean.
    """

    attributes: tuple[Attribute, ...]
    outside: tuple[Outside, ...]
    soft_links: int
    objects: int
    missed: tuple[str, ...]
    faults: tuple[Malformed, ...] = ()


def read_contents(read: Read, size_bytes: int, wanted: frozenset[str]) -> Contents:
    """Walk a file of `size_bytes` and keep the string attributes named in `wanted`.

    Raises `Truncated` or `Malformed` where the superblock is at fault and nothing can be found; later faults, and
    bounds of this module that are passed, are among the contents.
    """
    walk = _Walk(read, size_bytes, wanted)
    walk.open()
    return Contents(
        tuple(walk.attributes),
        tuple(walk.outside),
        walk.soft_links,
        len(walk.seen),
        tuple(walk.missed),
        tuple(walk.faults),
    )


class _NotCovered(Exception):
    """Well formed as far as can be told, but beyond this reader."""


class _Block:
    """Bytes with a position; a read beyond their end is `Malformed`, since the structure claimed too little."""

    def __init__(self, data: bytes, at: int, offset_bytes: int, length_bytes: int) -> None:
        self.data, self.start, self.at = data, at, 0
        self.offset_bytes, self.length_bytes = offset_bytes, length_bytes

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise Malformed(f"{size} bytes promised at offset {self.start + self.at:#x}, {self.left} in the structure")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def address(self) -> int | None:
        """None for the undefined address, all bits set."""
        value = self.number(self.offset_bytes)
        return None if value == (1 << 8 * self.offset_bytes) - 1 else value

    def length(self) -> int:
        return self.number(self.length_bytes)

    def expect(self, signature: bytes) -> None:
        if self.take(len(signature)) != signature:
            raise Malformed(f"no `{signature.decode()}` at offset {self.start:#x}")

    def align(self) -> None:
        self.at = min(-(-self.at // 8) * 8, len(self.data))


@dataclass(slots=True)
class _Walk:
    """One pass over one file."""

    read: Read
    size_bytes: int
    wanted: frozenset[str]
    base: int = 0
    offset_bytes: int = 8
    length_bytes: int = 8
    attributes: list[Attribute] = field(default_factory=list)
    outside: list[Outside] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    faults: list[Malformed] = field(default_factory=list)
    soft_links: int = 0
    seen: set[int] = field(default_factory=set)
    queue: deque[tuple[str, int]] = field(default_factory=deque)
    messages: int = 0
    nodes: int = 0
    text_bytes: int = 0
    read_bytes: int = 0

    def open(self) -> None:
        """Find the root and walk all that it reaches."""
        try:
            root = self._superblock()
        except _NotCovered as why:
            self._miss("/", str(why))
            return
        self._reach("/", root)
        while self.queue:
            path, address = self.queue.popleft()
            with self._noting(path):
                self._object(path, address)

    @contextmanager
    def _noting(self, path: str) -> Iterator[None]:
        try:
            yield
        except _NotCovered as why:
            self._miss(path, str(why))
        except Malformed as fault:
            # Beyond the first hundred more of them change no answer.
            if len(self.faults) < MAX_TOLD:
                self.faults.append(fault)

    def _miss(self, path: str, what: str) -> None:
        if len(self.missed) < MAX_TOLD:
            self.missed.append(f"{path}: {what}")

    def _lead_out(self, path: str, how: str, target: bytes) -> None:
        # Beyond the first hundred more of them change no answer.
        if len(self.outside) < MAX_TOLD:
            self.outside.append(Outside(path, how, visible(target.decode("utf-8", "backslashreplace"), 300)))

    def _reach(self, path: str, address: int) -> None:
        if address in self.seen:
            return
        if len(self.seen) >= MAX_OBJECTS:
            raise Malformed(f"more than {MAX_OBJECTS} objects")
        self.seen.add(address)
        self.queue.append((path, address))

    def _block(self, address: int | None, size: int, what: str, most: int = MAX_BLOCK) -> _Block:
        if address is None:
            raise Malformed(f"{what} has no address")
        if size > most:
            raise Malformed(f"{what} of {size} bytes at {address:#x}, more than {most}")
        at = self.base + address
        if at + size > self.size_bytes:
            raise Truncated(f"{what} of {size} bytes at {at:#x}, the file ends at {self.size_bytes:#x}")
        self.read_bytes += size
        if self.read_bytes > MAX_READ:
            raise Malformed(f"more than {MAX_READ} bytes of structure")
        return _Block(self.read(at, size), at, self.offset_bytes, self.length_bytes)

    # --- superblock ---

    def _superblock(self) -> int:
        self.base = _signature_place(self.read, self.size_bytes)
        head = self._block(0, min(self.size_bytes - self.base, 128), "superblock")
        head.take(len(SIGNATURE))
        version = head.number(1)
        if version > 3:
            raise _NotCovered(f"superblock of version {version}")
        if version < 2:
            head.take(4)
        self.offset_bytes = head.offset_bytes = head.number(1)
        self.length_bytes = head.length_bytes = head.number(1)
        if self.offset_bytes not in (2, 4, 8) or self.length_bytes not in (2, 4, 8):
            raise Malformed(f"offsets of {self.offset_bytes} and lengths of {self.length_bytes} bytes")
        head.take((9, 13)[version] if version < 2 else 1)
        stated_base = head.address() or 0
        head.address()
        end = head.address()
        # The library takes the place of the signature for the base, whatever the superblock says, and moves the end.
        if end is not None and end + self.base - stated_base > self.size_bytes:
            raise Truncated(f"the file says that it ends at {end:#x}, it ends at {self.size_bytes:#x}")
        if version < 2:
            if head.address() is not None:
                raise _NotCovered("a driver block, as files in several parts have")
            head.take(self.offset_bytes)
        root = head.address()
        if root is None:
            raise Malformed("there is no root group")
        return root

    # --- objects ---

    def _object(self, path: str, address: int) -> None:
        for kind, flags, body in self._messages(address):
            if kind not in _READ_MESSAGES:
                continue
            with self._noting(path):
                if flags & _SHARED:
                    raise _NotCovered(f"a shared message of type {kind:#x}")
                self._message(path, kind, body)

    def _messages(self, address: int) -> Iterator[tuple[int, int, _Block]]:
        """(type, flags, body) of an object header, through its continuations."""
        if self._block(address, 4, "object header").data == b"OHDR":
            head, flags, size = self._new_header(address)
            tracked = bool(flags & 4)
            chunks = deque([(address + head, size, True)])
        else:
            prefix = self._block(address, 16, "object header")
            if (version := prefix.number(1)) != 1:
                raise Malformed(f"object header of version {version} at {prefix.start:#x}")
            prefix.take(7)
            tracked, size = False, prefix.number(4)
            chunks = deque([(address + 16, size, False)])
        visited = set()
        while chunks:
            start, size, new = chunks.popleft()
            if start in visited:
                raise Malformed(f"object header at {self.base + address:#x} continues into itself")
            visited.add(start)
            block = self._block(start, size, "object header block")
            header_bytes = (6 if tracked else 4) if new else 8
            while block.left >= header_bytes:
                self.messages += 1
                if self.messages > MAX_MESSAGES:
                    raise Malformed(f"more than {MAX_MESSAGES} messages")
                kind = block.number(1 if new else 2)
                length, flags = block.number(2), block.number(1)
                block.take(header_bytes - (4 if new else 5))
                at = block.start + block.at
                body = _Block(block.take(length), at, self.offset_bytes, self.length_bytes)
                if kind == _CONTINUATION:
                    chunks.append(self._continuation(body, new))
                else:
                    yield kind, flags, body

    def _new_header(self, address: int) -> tuple[int, int, int]:
        """(bytes before the messages, flags, bytes of messages)"""
        prefix = self._block(address, min(34, self.size_bytes - self.base - address), "object header")
        prefix.expect(b"OHDR")
        if (version := prefix.number(1)) != 2:
            raise _NotCovered(f"object header of version {version}")
        flags = prefix.number(1)
        prefix.take((16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0))
        size = prefix.number(1 << (flags & 3))
        return prefix.at, flags, size

    def _continuation(self, body: _Block, new: bool) -> tuple[int, int, bool]:
        start, size = body.address(), body.length()
        if start is None:
            raise Malformed(f"a continuation to nowhere at {body.start:#x}")
        if not new:
            return start, size, new
        self._block(start, 4, "object header block").expect(b"OCHK")
        if size < 8:
            raise Malformed(f"object header block of {size} bytes at {self.base + start:#x}")
        return start + 4, size - 8, new

    def _message(self, path: str, kind: int, body: _Block) -> None:
        if kind == _SYMBOL_TABLE:
            self._symbol_table(path, body.address(), body.address())
        elif kind == _LINK:
            self._link(path, body)
        elif kind == _LINK_INFO:
            self._dense(body, 8, "links")
        elif kind == _ATTRIBUTE_INFO:
            self._dense(body, 2, "attributes")
        elif kind == _ATTRIBUTE:
            self._attribute(path, body)
        elif kind == _EXTERNAL_FILES:
            self._external_files(path, body)
        elif kind == _LAYOUT and body.left >= 2 and body.data[0] >= 4 and body.data[1] == _VIRTUAL:
            self._lead_out(path, "virtual dataset", b"")

    def _dense(self, body: _Block, index_bytes: int, what: str) -> None:
        body.number(1)
        if body.number(1) & 1:
            body.take(index_bytes)
        if body.address() is not None:
            raise _NotCovered(f"{what} in dense storage")

    # --- groups ---

    def _symbol_table(self, path: str, tree: int | None, heap_address: int | None) -> None:
        heap = self._local_heap(heap_address)
        nodes, visited = deque([tree]), set()
        while nodes:
            address = nodes.popleft()
            if address in visited:
                raise Malformed(f"group `{path}`: its index leads into itself")
            visited.add(address)
            self.nodes += 1
            if self.nodes > MAX_NODES:
                raise Malformed(f"more than {MAX_NODES} index nodes")
            if self._block(address, 4, "group index").data == b"SNOD":
                self._symbols(path, address, heap)
            else:
                nodes.extend(self._children(address))

    def _children(self, address: int | None) -> Iterator[int | None]:
        wide, long = self.offset_bytes, self.length_bytes
        head = self._block(address, 8 + 2 * wide, "group index")
        head.expect(b"TREE")
        if (kind := head.number(1)) != 0:
            raise Malformed(f"a group's index of type {kind} at {head.start:#x}")
        head.take(1)
        count = head.number(2)
        body = self._block((address or 0) + 8 + 2 * wide, count * (wide + long), "group index")
        for _ in range(count):
            body.length()
            yield body.address()

    def _symbols(self, path: str, address: int | None, heap: bytes) -> None:
        head = self._block(address, 8, "symbol node")
        head.take(6)
        count = head.number(2)
        self.messages += count
        if self.messages > MAX_MESSAGES:
            raise Malformed(f"more than {MAX_MESSAGES} messages and symbols")
        entry_bytes = 2 * self.offset_bytes + 24
        body = self._block((address or 0) + 8, count * entry_bytes, "symbol node", most=4 << 20)
        for _ in range(count):
            name = _text_at(heap, body.number(self.offset_bytes), "name")
            target, cache = body.address(), body.number(4)
            body.take(20)
            if cache == 2:
                self.soft_links += 1
            elif target is None:
                raise Malformed(f"`{visible(path, 100)}`: a link to nowhere")
            else:
                self._reach(_joined(path, name), target)

    def _link(self, path: str, body: _Block) -> None:
        if (version := body.number(1)) != 1:
            raise _NotCovered(f"a link of version {version}")
        flags = body.number(1)
        kind = body.number(1) if flags & 8 else _HARD_LINK
        body.take((8 if flags & 4 else 0) + (1 if flags & 0x10 else 0))
        name = _joined(path, body.take(body.number(1 << (flags & 3))))
        if kind == _HARD_LINK:
            target = body.address()
            if target is None:
                raise Malformed(f"`{name}`: a link to nowhere")
            self._reach(name, target)
        elif kind == _SOFT_LINK:
            self.soft_links += 1
        elif kind == _EXTERNAL_LINK:
            self._lead_out(name, "external link", body.take(body.number(2))[1:].split(b"\0")[0])
        else:
            self._lead_out(name, f"user-defined link of type {kind}", b"")

    def _external_files(self, path: str, body: _Block) -> None:
        body.take(6)
        count = body.number(2)
        heap = self._local_heap(body.address())
        for _ in range(count):
            self._lead_out(path, "external storage", _text_at(heap, body.length(), "file name"))
            body.take(2 * self.length_bytes)

    def _local_heap(self, address: int | None) -> bytes:
        head = self._block(address, 8 + 2 * self.length_bytes + self.offset_bytes, "local heap")
        head.expect(b"HEAP")
        head.take(4)
        size = head.length()
        head.length()
        return self._block(head.address(), size, "local heap", most=MAX_HEAP).data

    # --- attributes ---

    def _attribute(self, path: str, body: _Block) -> None:
        version, flags = body.number(1), body.number(1)
        if not 1 <= version <= 3:
            raise _NotCovered(f"an attribute of version {version}")
        sizes = [body.number(2) for _ in range(3)]
        body.take(1 if version == 3 else 0)
        parts = []
        for size in sizes:
            parts.append(body.take(size))
            if version == 1:
                body.align()
        name = parts[0].rstrip(b"\0").decode("utf-8", "backslashreplace")
        if name not in self.wanted:
            return
        if version > 1 and flags & 3:
            raise _NotCovered(f"attribute `{name}` of a shared type")
        value = self._string(name, _Block(parts[1], body.start, 8, 8), _elements(parts[2], self.length_bytes), body)
        self.text_bytes += len(value)
        if self.text_bytes > MAX_TEXT:
            raise Malformed(f"more than {MAX_TEXT} bytes of attributes")
        self.attributes.append(Attribute(path, name, value))

    def _string(self, name: str, kind: _Block, elements: int, body: _Block) -> bytes:
        type_class, bits = kind.number(1) & 0x0F, kind.number(3)
        size = kind.number(4)
        if elements != 1:
            raise _NotCovered(f"attribute `{name}` of {elements} values")
        if type_class == _FIXED_STRING:
            return body.take(size).rstrip(b"\0")
        if type_class != _VARIABLE_LENGTH or bits & 0x0F != 1:
            raise _NotCovered(f"attribute `{name}` is not a string")
        length = body.number(4)
        collection, index = body.address(), body.number(4)
        if length == 0:
            return b""
        # Loaders stop at the first NUL.
        return self._heap_object(collection, index)[:length].split(b"\0")[0]

    def _heap_object(self, address: int | None, wanted: int) -> bytes:
        head = self._block(address, 8 + self.length_bytes, "global heap")
        head.expect(b"GCOL")
        head.take(4)
        size = head.length()
        if size < len(head.data):
            raise Malformed(f"global heap of {size} bytes at {head.start:#x}")
        heap = self._block(address, size, "global heap", most=MAX_TEXT)
        heap.take(len(head.data))
        while heap.left >= 8 + self.length_bytes:
            index = heap.number(2)
            heap.take(6)
            length = heap.length()
            if index == wanted:
                return heap.take(length)
            if index == 0:
                break
            heap.take(min(-(-length // 8) * 8, heap.left) if length <= heap.left else length)
        raise Malformed(f"global heap at {heap.start:#x} has no object {wanted}")


def _signature_place(read: Read, size_bytes: int) -> int:
    """The signature stands at 0, 512, 1024, 2048 and so on; what precedes it is the user's."""
    at = 0
    while at + len(SIGNATURE) <= size_bytes:
        if read(at, len(SIGNATURE)) == SIGNATURE:
            return at
        at = at * 2 or 512
    raise Malformed("no HDF5 signature")


def _elements(space: bytes, length_bytes: int) -> int:
    block = _Block(space, 0, length_bytes, length_bytes)
    version, rank, _ = block.number(1), block.number(1), block.number(1)
    if version == 1:
        block.take(5)
    elif version != 2:
        raise _NotCovered(f"a dataspace of version {version}")
    elif block.number(1) == 2:
        return 0
    count = 1
    for _ in range(rank):
        count *= block.length()
    return count


def _text_at(heap: bytes, at: int, what: str) -> bytes:
    end = heap.find(b"\0", at, at + MAX_NAME)
    if end < 0 and at + MAX_NAME < len(heap):
        raise _NotCovered(f"{what} of more than {MAX_NAME} bytes")
    if end < 0:
        raise Malformed(f"{what} at {at:#x} of a heap of {len(heap)} bytes")
    return heap[at:end]


def _joined(path: str, name: bytes) -> str:
    word = visible(name[:400].decode("utf-8", "backslashreplace"), 200)
    return f"{path.rstrip('/')}/{word}"[:MAX_PATH]
