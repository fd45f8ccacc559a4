"""Member names of archives, judged without touching a file system; and the list of what is odd about an archive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from bascule.kernel.text import visible

_PER_CODE = 20


class Anomalies:
    """Collects `code: detail`, a bounded number of each code, each once."""

    def __init__(self) -> None:
        self._told: dict[str, None] = {}
        self._count: Counter[str] = Counter()

    def add(self, code: str, detail: str) -> None:
        line = f"{code}: {detail}"
        if line in self._told:
            return
        self._count[code] += 1
        if self._count[code] <= _PER_CODE:
            self._told[line] = None

    def told(self) -> tuple[str, ...]:
        more = (f"{code}: {count - _PER_CODE} more" for code, count in self._count.items() if count > _PER_CODE)
        return (*self._told, *more)


def check_names(raw_names: Iterable[bytes], anomalies: Anomalies) -> None:
    """Twins, names that only case tells apart, and names that lead or look elsewhere."""
    exact = Counter(raw_names)
    folded = Counter(name.lower() for name in exact)
    for raw, count in exact.items():
        shown = visible(text_of(raw))
        if count > 1:
            anomalies.add("duplicate-name", f"`{shown}` is there {count} times, and loaders differ in which they take")
        if folded[raw.lower()] > 1:
            anomalies.add("case-collision", f"`{shown}` differs from another name only in case, which PyTorch ignores")
        if not raw:
            anomalies.add("empty-name", "a member has no name")
        if b"\0" in raw:
            anomalies.add("nul-in-name", f"`{shown}`, which some loaders cut there")
        elif any(byte < 0x20 or byte == 0x7F for byte in raw):
            anomalies.add("control-in-name", f"`{shown}`")
        if b"\\" in raw:
            anomalies.add("backslash-in-name", f"`{shown}`")
        if raw.startswith((b"/", b"\\")) or raw[1:2] == b":":
            anomalies.add("absolute-name", f"`{shown}`")
        if b".." in raw.replace(b"\\", b"/").split(b"/"):
            anomalies.add("parent-in-name", f"`{shown}`")


def text_of(raw: bytes) -> str:
    """A raw name as text: UTF-8, and each byte that is not as `\\xNN`.

    A literal backslash before an `x` is itself written `\\x5c`, so that no two names share one text.
    Law: text_of is injective.
    """
    return raw.replace(b"\\x", b"\\x5cx").decode("utf-8", "backslashreplace")
