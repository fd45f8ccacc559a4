"""A template's identity: the digest of its syntax tree, which spelling, comments and whitespace control do not change.

Rules: text between the tags counts by its words, runs of white space being one blank and blanks at its ends nothing;
string constants count as they stand; adjacent text is one text, wherever a comment cut it. Two templates of one
identity say the same words under the same conditions; they may differ in blanks that they put out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from jinja2 import nodes

from bascule.kernel.digests import Sha256


def identity_of(tree: nodes.Template) -> Sha256:
    """sha256 over the normalised syntax tree."""
    digest = hashlib.sha256()
    for token in _tokens(tree.body):
        digest.update(token.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return Sha256(digest.hexdigest())


_END = object()


def _tokens(root: Any) -> Iterator[str]:
    """The tree in order, without recursion: a type, its fields, an end."""
    stack: list[Any] = [root]
    while stack:
        item = stack.pop()
        if item is _END:
            yield ")"
        elif isinstance(item, nodes.Node):
            yield f"({type(item).__name__}"
            stack.append(_END)
            stack.extend(value for _, value in reversed(list(item.iter_fields())))
        elif isinstance(item, list | tuple):
            yield "["
            stack.append(_END)
            stack.extend(reversed(_merged(item)))
        else:
            yield f"{type(item).__name__}:{item!r}"


def _merged(items: Any) -> list[Any]:
    """A body with its outputs joined and its text normalised; any other list as it is."""
    if not any(isinstance(item, nodes.Output | nodes.TemplateData) for item in items):
        return list(items)
    flat: list[Any] = []
    for item in items:
        flat.extend(item.nodes if isinstance(item, nodes.Output) else (item,))
    merged: list[Any] = []
    text: list[str] = []
    for item in [*flat, None]:
        if isinstance(item, nodes.TemplateData):
            text.append(item.data)
            continue
        words = " ".join("".join(text).split())
        if words:
            merged.append(words)
        text = []
        if item is not None:
            merged.append(item)
    return merged
