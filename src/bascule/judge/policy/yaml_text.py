"""YAML, bounded and without surprises: for packs, contexts and whatever else people write by hand.

Rules:
- Plain data only, by YAML 1.2's core schema: `no` is a word (and Norway), `2026-08-02` is text, `1:30` is no number.
- A key twice in one mapping, a file beyond its size, nesting or count of values (aliases expanded): refused.
- Every value remembers its line, so that a fault found later can name the place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bascule.kernel.errors import InputError
from bascule.kernel.text import visible

MAX_BYTES = 1 << 20
MAX_DEPTH = 40
MAX_VALUES = 100_000

Place: TypeAlias = tuple[str | int, ...]
HINT = "mend the file at that place; `bascule policy lint` checks a whole pack"


@dataclass(frozen=True, slots=True)
class Document:
    """Parsed YAML: plain JSON values, and the line of each place."""

    name: str
    value: Any
    lines: dict[Place, int]

    def at(self, place: Place) -> str:
        """`rules/security.yaml:12`: the line of a place, or of the nearest place around it."""
        for size in range(len(place), -1, -1):
            if place[:size] in self.lines:
                return f"{self.name}:{self.lines[place[:size]]}"
        return self.name


def load_yaml(data: bytes, what: str) -> Any:
    """The value of a YAML text. Raises InputError `policy.not-yaml` naming `what` and the line."""
    return load_document(data, what).value


def load_document(data: bytes, what: str) -> Document:
    """The same with the line of every value."""
    if len(data) > MAX_BYTES:
        raise _refused(what, 0, f"has {len(data)} bytes, more than {MAX_BYTES}")
    try:
        root = _compose(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _refused(what, data[: error.start].count(b"\n") + 1, "is not UTF-8") from error
    except RecursionError as error:
        raise _refused(what, 0, f"is nested deeper than {MAX_DEPTH}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", "") or "cannot be read"
        raise _refused(what, mark.line + 1 if mark else 0, str(problem)) from error
    reader = _Reader(what)
    value = reader.read(root, (), 0) if root is not None else None
    return Document(what, value, reader.lines)


def _refused(what: str, line: int, why: str) -> InputError:
    place = f"`{visible(what)}`" + (f" line {line}" if line else "")
    return InputError("policy.not-yaml", f"{place}: {why}", HINT)


class _Loader(yaml.SafeLoader):
    """PyYAML's scanner and composer, with the core schema's words for scalars."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))


def _compose(text: str) -> Node | None:
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


class _Reader:
    def __init__(self, what: str) -> None:
        self.what = what
        self.lines: dict[Place, int] = {}
        self._left = MAX_VALUES
        self._open: set[int] = set()

    def read(self, node: Node, place: Place, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            why = f"holds more than {MAX_VALUES} values" if self._left < 0 else f"is nested deeper than {MAX_DEPTH}"
            raise _refused(self.what, node.start_mark.line + 1, why)
        if id(node) in self._open:
            raise _refused(self.what, node.start_mark.line + 1, "a value contains itself")
        self.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        self._open.add(id(node))
        try:
            if isinstance(node, SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
                return [self.read(item, (*place, index), depth + 1) for index, item in enumerate(node.value)]
            if isinstance(node, MappingNode) and node.tag == "tag:yaml.org,2002:map":
                return self._mapping(node, place, depth)
        finally:
            self._open.discard(id(node))
        raise self._unknown_tag(node)

    def _mapping(self, node: MappingNode, place: Place, depth: int) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                for source in self._merge_sources(value_node):
                    merged = self._mapping(source, (*place, "<<"), depth + 1) | merged
                continue
            key = self._scalar(key_node) if isinstance(key_node, ScalarNode) else None
            if not isinstance(key, str):
                raise _refused(self.what, key_node.start_mark.line + 1, "a key must be a word; quote it")
            if key in own:
                raise _refused(self.what, key_node.start_mark.line + 1, f"key `{visible(key)}` appears twice")
            own[key] = self.read(value_node, (*place, key), depth + 1)
        return merged | own

    def _merge_sources(self, node: Node) -> Iterator[MappingNode]:
        for source in node.value if isinstance(node, SequenceNode) else [node]:
            if not isinstance(source, MappingNode) or id(source) in self._open:
                raise _refused(self.what, node.start_mark.line + 1, "`<<` takes a mapping or a list of mappings")
            yield source

    def _scalar(self, node: ScalarNode) -> Any:
        text = str(node.value)
        match node.tag.removeprefix("tag:yaml.org,2002:"):
            case "str" | "merge":
                return self._whole(text, node)
            case "bool":
                return text == "true"
            case "null":
                return None
            case "int":
                return self._bounded(int(text) if len(text) < 20 else float(text), node)
            case "float":
                return self._bounded(float(text), node)
        raise self._unknown_tag(node)

    def _whole(self, text: str, node: Node) -> str:
        """Pairs of escaped surrogates joined, as in JSON; a lone one is no character, and nothing could sign it."""
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise _refused(self.what, node.start_mark.line + 1, "half a character (a lone surrogate)") from None

    def _bounded(self, number: int | float, node: Node) -> int | float:
        if abs(number) > 2**53 and not isinstance(number, float):
            return float(number)
        if number in (float("inf"), float("-inf")):
            raise _refused(self.what, node.start_mark.line + 1, "a number is too large")
        return number

    def _unknown_tag(self, node: Node) -> InputError:
        return _refused(self.what, node.start_mark.line + 1, f"the tag `{visible(node.tag, 60)}` is not plain data")
