"""Numbers that stand out among their siblings, from samples: hints for a person, never a verdict.

A layer belongs with the layers whose names differ from its own in a number alone. Rules: nothing is said of fewer than
`LEAST_SIBLINGS`; an outlier is far from the median by both a fixed factor and a multiple of the usual spread; each
oddity is told once for the file, with the first names.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from bascule.builtin.scanners.tensor_signs import looks
from bascule.plugins.readers.tensors import Tensor

LEAST_SIBLINGS = 6
LEAST_ELEMENTS = 4096
FACTOR_LOG2 = 4.0
"""16 times as large or small"""
SPREADS = 10.0
ROW_BYTES_BUDGET = 256 << 10
LEAST_ROWS = 64
ROW_FACTOR_LOG2 = 3.0
_EMBEDDING = re.compile(r"(embed\w*|wte|tokens?_embd|word_embeddings|lm_head|output)\.weight$")
_NUMBER = re.compile(r"\d+")

Read = Callable[[int, int], bytes]


@dataclass(slots=True)
class Statistics:
    """What the samples of one file add up to. Feed it with `add`, then ask for `oddities`."""

    scales: dict[tuple[str, str, tuple[int, ...]], list[tuple[float, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    kinds: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    not_finite: dict[str, int] = field(default_factory=dict)
    constant: list[str] = field(default_factory=list)
    low_bytes: dict[str, dict[looks.LowBytes, int]] = field(default_factory=dict)

    def add_head(self, tensor: Tensor, data: bytes) -> None:
        """The beginning of a tensor."""
        family = _NUMBER.sub("#", tensor.name)
        if tensor.dtype in looks.FLOAT_BYTES and _is_matrix(tensor):
            self.kinds[family].append((tensor.dtype, tensor.name))
        found = looks.scale(data, tensor.dtype) if _is_matrix(tensor) else None
        if found is not None:
            self.scales[family, tensor.dtype, tensor.shape].append((found, tensor.name))
        if _is_matrix(tensor) and looks.is_constant(data, tensor.dtype):
            self.constant.append(tensor.name)

    def add(self, tensor: Tensor, data: bytes, start: int) -> None:
        """Any stretch of a tensor that begins at one of its elements, in the file from offset `start` on."""
        for at, low in looks.low_bytes(data, tensor.dtype):
            self.low_bytes.setdefault(tensor.name, {}).setdefault(low, start + at)
        count = looks.not_finite(data, tensor.dtype)
        if count:
            self.not_finite[tensor.name] = self.not_finite.get(tensor.name, 0) + count

    def oddities(self) -> Iterator[tuple[str, list[str]]]:
        """(what is odd, the tensors' names)."""
        if self.not_finite:
            total = sum(self.not_finite.values())
            yield f"{total} sampled elements are NaN or infinite", list(self.not_finite)
        if self.constant:
            yield "all sampled elements of a matrix are the same number", self.constant
        far = [name for rows in self.scales.values() for name in _outliers(rows)]
        if far:
            yield "elements are far larger or smaller than those of the same matrix in other layers", far
        unlike = [name for rows in self.kinds.values() for name in _unlike(rows)]
        if unlike:
            yield "the element type is not that of the same matrix in other layers", unlike

    def filled(self) -> Iterator[tuple[str, int]]:
        """(tensor, offset) where low bytes are noise in one place and zero in another, or in its siblings alone.

        Zeros are left by a conversion from a shorter type; whoever then hides something, encrypted or not, leaves
        noise. So does training on, but that reaches a matrix as a whole, save for the rows of an embedding.
        """
        families: dict[str, list[str]] = defaultdict(list)
        for name, seen in self.low_bytes.items():
            if "embed" in name.lower() or _EMBEDDING.search(name):
                continue
            if len(seen) > 1:
                yield name, seen[looks.LowBytes.NOISE]
            else:
                families[_NUMBER.sub("#", name)].append(name)
        for names in families.values():
            noisy = [name for name in names if looks.LowBytes.NOISE in self.low_bytes[name]]
            if len(names) >= LEAST_SIBLINGS and 1 <= len(noisy) <= 2:
                yield from ((name, self.low_bytes[name][looks.LowBytes.NOISE]) for name in noisy)


def median(values: Iterable[float]) -> float:
    """The upper median of one or more values. The standard library's costs 10 ms to import."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def _is_matrix(tensor: Tensor) -> bool:
    """Norms, biases and a graph's nameless constants differ between layers by nature."""
    return bool(tensor.name) and len(tensor.shape) > 1 and tensor.elements >= LEAST_ELEMENTS


def _outliers(rows: list[tuple[float, str]]) -> list[str]:
    if len(rows) < LEAST_SIBLINGS:
        return []
    middle = median(value for value, _name in rows)
    spread = median(abs(value - middle) for value, _name in rows)
    limit = max(FACTOR_LOG2, SPREADS * 1.4826 * spread)
    return [name for value, name in rows if abs(value - middle) > limit]


def _unlike(rows: list[tuple[str, str]]) -> list[str]:
    if len(rows) < LEAST_SIBLINGS:
        return []
    usual, count = Counter(kind for kind, _name in rows).most_common(1)[0]
    return [name for kind, name in rows if kind != usual] if count >= len(rows) - 2 else []


def is_embedding(tensor: Tensor) -> bool:
    """Is it a matrix with a row for each token, going by its name?"""
    return tensor.dtype in looks.FLOAT_BYTES and len(tensor.shape) == 2 and bool(_EMBEDDING.search(tensor.name))


def odd_rows(read: Read, tensor: Tensor) -> tuple[int, list[int]]:
    """(rows looked at, those whose elements are on average eight times as large as is usual) of an embedding."""
    width = looks.FLOAT_BYTES[tensor.dtype]
    rows, columns = tensor.shape
    row_bytes = columns * width
    # A header with faults may promise more rows than the tensor has bytes for.
    if columns < 32 or not LEAST_ROWS <= rows <= tensor.size_bytes // row_bytes:
        return 0, []
    if row_bytes * LEAST_ROWS > ROW_BYTES_BUDGET:
        return 0, []
    step = -(-rows * row_bytes // ROW_BYTES_BUDGET)
    found = []
    for row in range(0, rows, step):
        value = looks.mean_scale(read(tensor.start + row * row_bytes, row_bytes), tensor.dtype)
        if value is not None:
            found.append((value, row))
    if len(found) < LEAST_ROWS:
        return len(found), []
    middle = median(value for value, _row in found)
    spread = median(abs(value - middle) for value, _row in found)
    limit = max(ROW_FACTOR_LOG2, SPREADS * 1.4826 * spread)
    return len(found), [row for value, row in found if value - middle > limit]
