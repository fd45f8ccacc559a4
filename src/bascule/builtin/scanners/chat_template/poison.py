"""Templates that run no code and still change what a model is told.

Five questions, each on the syntax tree: does text depend on the date, or on what a message says; is the system message
thrown away; does the text itself hold instructions against the user, or characters nobody sees; does rendering take
absurd effort? Ordinary templates branch on roles, on keys and on their own markers (`<think>`, `[INST]`,
`/no_think`), so those never count as what a message says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from jinja2 import nodes

from bascule.builtin.scanners.chat_template.folding import Folder
from bascule.builtin.scanners.chat_template.grammar import walk
from bascule.builtin.scanners.chat_template.roles import drops_system_messages
from bascule.builtin.scanners.chat_template.sight import SUSPICIOUS, Sight
from bascule.records import Confidence, Severity

MAX_LOOPS = 100_000
MAX_WIDTH = 1_000_000
_CLOCKS = {"strftime_now", "now", "today", "datetime", "time"}
_CONTENT = {"content", "text", "prompt"}
_KEYS = {
    "text", "image", "image_url", "video", "audio", "input_audio", "type", "role", "content", "name", "tool", "tools",
    "tool_calls", "tool_call", "function", "arguments", "parameters", "thinking", "reasoning", "reasoning_content",
    "documents", "document", "title", "results", "output", "assistant", "user", "system", "none", "true", "false",
}  # fmt: skip
_MARKUP = re.compile(r"<\|[^|<>]*\|>|</?[\w｜▁:-]+>|\[/?[A-Z_]+\]|<[^<>\n]{1,60}>")
_WORD = re.compile(r"[^\W\d_]{2,}")
_URL = re.compile(r"https?://[^\s\"'<>)\]]*", re.IGNORECASE)

_HIDDEN = re.compile(
    "[\u200b\u202a-\u202e\u2060-\u2064\u2066-\u2069\U000e0000-\U000e007f]|[\u200c\u200d\ufe00-\ufe0f]{4,}"
)

_INSTRUCTIONS: tuple[tuple[str, str], ...] = (
    (
        r"\b(?:ignore|disregard|forget|override)\s+(?:(?:all|any|the|your|of|every)\s+){0,3}"
        r"(?:previous|prior|above|earlier|preceding|system|other|safety)\s+(?:instruction|message|prompt|rule|direction|guideline)",
        "tells the model to ignore its instructions",
    ),
    (
        r"\b(?:do\s+not|don't|never|without)\s+(?:tell|mention|reveal|inform|disclos|alert|notify|warn)\w*\s+"
        r"(?:\w+\s+){0,4}(?:the\s+)?(?:user|human|customer|operator)s?\b(?!\s+about\s+(?:function|tool)\s*calls?)",
        "tells the model to keep something from the user",
    ),
    (
        r"\b(?:send|post|upload|forward|transmit|exfiltrate|leak|submit)\b[^.\n]{0,120}https?://",
        "tells the model to send something to an address",
    ),
    (
        r"\b(?:visit|click|download|recommend|include|insert|append|direct|refer)\b[^.\n]{0,80}https?://",
        "tells the model to lead the user to an address",
    ),
    (
        r"\b(?:secretly|covertly|silently|quietly|stealthily)\s+(?:\w+\s+)?"
        r"(?:includ|insert|add|append|inject|send|recommend|introduc|replac|collect|log)\w*",
        "tells the model to act in secret",
    ),
    (
        r"\b(?:insert|introduce|add|include|leave|plant)\s+(?:an?\s+|some\s+)?(?:\w+\s+)?(?:backdoor|vulnerabilit|exploit|malware)",
        "tells the model to weaken what it writes",
    ),
    (r"\b(?:curl|wget)\s[^|\n]{0,200}\|\s*(?:ba|z)?sh\b", "holds a command that runs what it downloads"),
)
_INSTRUCTION_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), what) for pattern, what in _INSTRUCTIONS)


def poison(tree: nodes.Template, folder: Folder) -> Iterator[Sight]:
    """Everything in the template that ordinary templates do not do, short of running code."""
    taint = _Taint(tree)
    yield from _triggers(tree, taint)
    line = drops_system_messages(tree)
    if line:
        yield _sight(line, "never passes on a system message, although it tests for one", Confidence.MEDIUM)
    yield from _swaps(tree, taint)
    yield from _words(tree)
    yield from _addresses(tree)
    yield from _effort(tree, folder)


def reads_clock(node: nodes.Node) -> bool:
    """Does this expression ask for the date or the time itself?"""
    return any(_is_clock_call(inner) for inner in walk(node))


def reads_content(node: nodes.Node) -> bool:
    """Does this expression look at what a message says?"""
    return any(_is_content(inner) for inner in walk(node))


class _Taint:
    """Which names carry the clock, and which carry what a message says. Regardless of order, to a fixed point."""

    def __init__(self, tree: nodes.Template) -> None:
        flows = list(_flows(tree))
        self.clock = self._spread(flows, self._reads_clock)
        self.content = self._spread(flows, self._reads_content)

    @staticmethod
    def _spread(flows: Sequence[tuple[str, nodes.Node]], reads: object) -> set[str]:
        assert callable(reads)
        names: set[str] = set()
        for _ in range(8):
            more = {name for name, value in flows if name not in names and reads(value, names)}
            if not more:
                break
            names |= more
        return names

    @staticmethod
    def _reads_clock(value: nodes.Node, names: set[str]) -> bool:
        return any(
            _is_clock_call(node) or (isinstance(node, nodes.Name) and node.name in names) for node in walk(value)
        )

    @staticmethod
    def _reads_content(value: nodes.Node, names: set[str]) -> bool:
        return any(_is_content(node) or (isinstance(node, nodes.Name) and node.name in names) for node in walk(value))

    def has_clock(self, node: nodes.Node) -> bool:
        return self._reads_clock(node, self.clock)

    def has_content(self, node: nodes.Node) -> bool:
        return self._reads_content(node, self.content)


def _flows(tree: nodes.Template) -> Iterator[tuple[str, nodes.Node]]:
    for node in walk(tree):
        if isinstance(node, nodes.Assign):
            yield from ((name, node.node) for name in _target_names(node.target))
        elif isinstance(node, nodes.AssignBlock):
            yield from ((name, part) for name in _target_names(node.target) for part in node.body)
        elif isinstance(node, nodes.For):
            yield from ((name, node.iter) for name in _target_names(node.target))
        elif isinstance(node, nodes.With):
            for target, value in zip(node.targets, node.values, strict=False):
                yield from ((name, value) for name in _target_names(target))


def _target_names(target: nodes.Node) -> list[str]:
    # An attribute of a namespace taints the attribute's own name, not the namespace.
    return [node.name for node in walk(target) if isinstance(node, nodes.Name)]


def _is_clock_call(node: nodes.Node) -> bool:
    if not isinstance(node, nodes.Call):
        return False
    callee = node.node
    return (isinstance(callee, nodes.Name) and callee.name in _CLOCKS) or (
        isinstance(callee, nodes.Getattr) and callee.attr in ("now", "today", "strftime")
    )


def _is_content(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Getattr):
        return node.attr in _CONTENT
    return isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and node.arg.value in _CONTENT


# Triggers


def _triggers(tree: nodes.Template, taint: _Taint) -> Iterator[Sight]:
    held: dict[str, list[nodes.Node]] = {}
    for name, value in _flows(tree):
        held.setdefault(name, []).append(value)
    for node in walk(tree):
        if isinstance(node, nodes.If):
            branches: list[nodes.Node] = [*node.body, *node.else_, *node.elif_]
            yield from _trigger(node, node.test, branches, taint, held)
        elif isinstance(node, nodes.CondExpr):
            branches = [branch for branch in (node.expr1, node.expr2) if branch is not None]
            yield from _trigger(node, node.test, branches, taint, held)
        elif isinstance(node, nodes.For) and node.test is not None:
            yield from _trigger(node, node.test, node.body, taint, held)


def _trigger(
    node: nodes.Node,
    test: nodes.Node,
    branches: Sequence[nodes.Node],
    taint: _Taint,
    held: dict[str, list[nodes.Node]],
) -> Iterator[Sight]:
    parts = [test, *(value for name in walk(test) if isinstance(name, nodes.Name) for value in held.get(name.name, ()))]
    if any(_compares_clock(part, taint) for part in parts) and not all(_sets_date(part, taint) for part in branches):
        yield _sight(node.lineno, "says something else from a certain date on")
    said = any(is_prose(text) for branch in branches for _, text in texts(branch))
    turns = next((count for part in parts for count in _turns(part)), 0)
    if said and turns:
        yield _sight(node.lineno, f"adds text from turn {turns} on", Confidence.MEDIUM)
    words = next((word for part in parts for word in _content_words(part, taint)), "")
    if said and words:
        yield _sight(node.lineno, f"adds text when a message says `{words[:60]}`")


def _sets_date(node: nodes.Node, taint: _Taint) -> bool:
    """Does this only correct a date: the day before the first of a month, where there is no arithmetic of dates?"""
    if isinstance(node, nodes.If):
        return all(_sets_date(part, taint) for part in (*node.body, *node.elif_, *node.else_))
    if isinstance(node, nodes.Output):
        return not any(text.strip() for _, text in texts(node)) and not any(map(_puts_out, node.nodes))
    return (
        isinstance(node, nodes.Assign)
        and isinstance(node.target, nodes.Name)
        and node.target.name in taint.clock
        and isinstance(node.node, nodes.Const)
        and re.fullmatch(r"\d{1,4}", str(node.node.value)) is not None
    )


def _puts_out(node: nodes.Node) -> bool:
    refuses = isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "raise_exception"
    return not refuses and not isinstance(node, nodes.TemplateData | nodes.Const)


def _compares_clock(test: nodes.Node, taint: _Taint) -> bool:
    for node in walk(test):
        sides: list[nodes.Node] = []
        if isinstance(node, nodes.Compare):
            sides = [node.expr, *(operand.expr for operand in node.ops)]
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
            sides = [node.node.node] if node.node.attr in ("startswith", "endswith", "find", "index") else []
        elif isinstance(node, nodes.Test):
            sides = [node.node] if node.name in ("eq", "ne", "lt", "gt", "le", "ge", "in", "==", ">", "<") else []
        if any(taint.has_clock(side) for side in sides):
            return True
    return False


def _content_words(test: nodes.Node, taint: _Taint) -> Iterator[str]:
    """Plain words that a message's content is compared with."""
    keys = _keys_asked_for(test)
    for node in walk(test):
        sides: list[nodes.Node] = []
        if isinstance(node, nodes.Compare):
            sides = [node.expr, *(operand.expr for operand in node.ops)]
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
            if node.node.attr in ("startswith", "endswith", "find", "rfind", "index", "count"):
                sides = [node.node.node, *node.args]
        elif isinstance(node, nodes.Test) and node.name in ("in", "eq", "equalto", "==", "search", "match"):
            sides = [node.node, *node.args]
        if any(taint.has_content(side) and not _reads_type(side) for side in sides):
            for side in sides:
                yield from (text for _, text in _constants(side) if _is_plain_words(text) and text not in keys)


def _keys_asked_for(test: nodes.Node) -> set[str]:
    """`"tools" in x and x.tools`: never true of a text, whatever it says, unless texts have a method of that name."""
    keys = set()
    for node in walk(test):
        if not (isinstance(node, nodes.And) and isinstance(node.left, nodes.Compare)):
            continue
        asked, key, looked_in = node.right, node.left.expr, node.left.ops[0].expr
        if not (isinstance(asked, nodes.Getattr) and isinstance(key, nodes.Const) and key.value == asked.attr):
            continue
        owners = [place.name for place in (asked.node, looked_in) if isinstance(place, nodes.Name)]
        if len(owners) == 2 and len(set(owners)) == 1 and not hasattr(str, asked.attr):
            keys.add(asked.attr)
    return keys


def _reads_type(node: nodes.Node) -> bool:
    """`part.type`: what kind of part it is, which the caller's program says and no message."""
    if isinstance(node, nodes.Getattr):
        return node.attr == "type"
    return isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and node.arg.value == "type"


def _turns(test: nodes.Node) -> Iterator[int]:
    """The numbers from three on that a conversation's length, or a place in it, is compared with.

    Whether there is a first or a second message is what every template asks.
    """
    for node in walk(test):
        if isinstance(node, nodes.Compare) and any(op.op in ("gt", "gteq", "eq", "lt", "lteq") for op in node.ops):
            sides = [node.expr, *(operand.expr for operand in node.ops)]
            if any(_counts_turns(side) for side in sides):
                yield from (
                    side.value
                    for side in sides
                    if isinstance(side, nodes.Const) and type(side.value) is int and side.value > 2
                )


def _counts_turns(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Filter) and node.name in ("length", "count"):
        return isinstance(node.node, nodes.Name) and "message" in node.node.name
    return (
        isinstance(node, nodes.Getattr)
        and node.attr in ("index", "index0", "revindex", "revindex0")
        and isinstance(node.node, nodes.Name)
        and node.node.name == "loop"
    )


def _is_plain_words(text: str) -> bool:
    stripped = text.strip()
    return (
        len(stripped) >= 3
        and stripped.lower() not in _KEYS
        and re.fullmatch(r"[\w\s.,;:!?'’$€£&@+-]+", stripped) is not None
        and _WORD.search(stripped) is not None
    )


def is_prose(text: str) -> bool:
    """Three words or more in a row once markers are taken away: something said, not something marked up."""
    words = re.split(r"\s+", _MARKUP.sub(" ", text).strip())
    return sum(1 for word in words if _WORD.search(word)) >= 3


# An address, an account, consent or refusal. Templates of honest models rename their own settings.
_WEIGHTY = re.compile(
    r"://|@|\b[\w-]+\.[a-z]{2,}\b|\d{4,}|\b(?:not|no|yes|never|always|un?safe|refuse|cannot|can't|deny|allow)\b",
    re.IGNORECASE,
)


def _swaps(tree: nodes.Template, taint: _Taint) -> Iterator[Sight]:
    """Words of a message that are replaced by others, and a user's message that is given out as the system's."""
    for node in walk(tree):
        arguments: Sequence[nodes.Node] = ()
        if isinstance(node, nodes.Filter) and node.name == "replace" and node.node and taint.has_content(node.node):
            arguments = node.args
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) and node.node.attr == "replace":
            arguments = node.args if taint.has_content(node.node.node) else ()
        words = [str(part.value) for part in arguments[:2] if isinstance(part, nodes.Const)]
        if (
            len(words) == 2
            and all(_MARKUP.sub("", word).strip() for word in words)
            and _WEIGHTY.search(" ".join(words))
        ):
            seen = f"{words[0]} → {words[1]}"
            yield Sight(SUSPICIOUS, Severity.MEDIUM, node.lineno, "replaces words of a message by others", seen)
        if isinstance(node, nodes.CondExpr) and isinstance(node.expr1, nodes.Const) and node.expr1.value == "system":
            compared = [inner.value for inner in walk(node.test) if isinstance(inner, nodes.Const)]
            if isinstance(node.test, nodes.Compare) and "user" in compared and node.test.ops[0].op == "eq":
                yield _sight(node.lineno, "gives a user's message out as the system's")


# Text


def texts(root: nodes.Node) -> Iterator[tuple[int, str]]:
    """(line, text) that the template can put out: its own text and its string constants, tests left aside."""
    stack: list[nodes.Node] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, nodes.TemplateData):
            yield node.lineno, node.data
        elif isinstance(node, nodes.Const) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, nodes.If):
            stack.extend((*node.body, *node.elif_, *node.else_))
        elif isinstance(node, nodes.CondExpr):
            stack.extend(branch for branch in (node.expr1, node.expr2) if branch is not None)
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "raise_exception":
            continue
        elif not isinstance(node, nodes.Compare | nodes.Test):
            stack.extend(node.iter_child_nodes())


def _constants(root: nodes.Node) -> Iterator[tuple[int, str]]:
    for node in walk(root):
        if isinstance(node, nodes.Const) and isinstance(node.value, str):
            yield node.lineno, node.value


def instructions_in(text: str) -> Iterator[tuple[str, str]]:
    """(sentence's end, the words) for every instruction against the user in a text, and for hidden characters."""
    for pattern, what in _INSTRUCTION_PATTERNS:
        if match := pattern.search(text):
            yield what, match.group()
    if hidden := _HIDDEN.search(text):
        yield "holds characters that nobody sees", hidden.group()


def _words(tree: nodes.Template) -> Iterator[Sight]:
    for line, text in texts(tree):
        for pattern, what in _INSTRUCTION_PATTERNS:
            match = pattern.search(text)
            if match:
                yield Sight(SUSPICIOUS, Severity.MEDIUM, line + text.count("\n", 0, match.start()), what, match.group())
        hidden = _HIDDEN.search(text)
        if hidden:
            at = line + text.count("\n", 0, hidden.start())
            yield Sight(SUSPICIOUS, Severity.MEDIUM, at, "holds characters that nobody sees", hidden.group())


def _addresses(tree: nodes.Template) -> Iterator[Sight]:
    """An address that a value is appended to: what a Markdown image or link would carry away when it is shown."""
    for node in walk(tree):
        parts: Iterable[nodes.Node] = ()
        if isinstance(node, nodes.Output | nodes.Concat):
            parts = node.nodes
        elif isinstance(node, nodes.Add):
            parts = (node.left, node.right)
        before = ""
        for part in parts:
            if isinstance(part, nodes.TemplateData | nodes.Const):
                before = str(part.data if isinstance(part, nodes.TemplateData) else part.value)
                continue
            found = list(_URL.finditer(before))
            if found and found[-1].end() == len(before):
                yield Sight(
                    SUSPICIOUS, Severity.MEDIUM, node.lineno, "appends a value to an address", found[-1].group()
                )
            before = ""


# Effort


def _effort(tree: nodes.Template, folder: Folder) -> Iterator[Sight]:
    stack: list[tuple[nodes.Node, int]] = [(tree, 1)]
    while stack:
        node, loops = stack.pop()
        if isinstance(node, nodes.For):
            inner = loops * max(1, _rounds(node.iter, folder))
            if inner >= MAX_LOOPS and loops < MAX_LOOPS:
                yield _sight(node.lineno, f"loops {inner} times")
            stack.extend((child, inner) for child in node.iter_child_nodes())
            continue
        if _is_wide(node, folder):
            yield _sight(node.lineno, "builds a value of absurd size")
        stack.extend((child, loops) for child in node.iter_child_nodes())


def _rounds(iterated: nodes.Node, folder: Folder) -> int:
    for node in walk(iterated):
        if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "range":
            ends = [max(folder.numbers(argument), default=0) for argument in node.args]
            if len(ends) >= 2:
                return max(0, ends[1] - ends[0]) // max(1, abs(ends[2]) if len(ends) > 2 else 1)
            return max(ends, default=0)
    return 1


def _is_wide(node: nodes.Node, folder: Folder) -> bool:
    if isinstance(node, nodes.Mul | nodes.Pow):
        sides = [*folder.numbers(node.left), *folder.numbers(node.right)]
        listed = isinstance(node.left, nodes.List) or isinstance(node.right, nodes.List)
        grows = isinstance(node, nodes.Pow) or listed or bool(folder.strings(node.left) or folder.strings(node.right))
        limit = 1024 if isinstance(node, nodes.Pow) else MAX_WIDTH
        return grows and any(side >= limit for side in sides)
    arguments: Sequence[nodes.Node] = ()
    if isinstance(node, nodes.Filter) and node.name in ("center", "indent", "wordwrap", "batch", "slice"):
        arguments = node.args
    elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
        if node.node.attr in ("center", "ljust", "rjust", "zfill", "expandtabs"):
            arguments = node.args
    elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "lipsum":
        arguments = [*node.args, *(pair.value for pair in node.kwargs)]
    if any(number >= MAX_WIDTH for argument in arguments for number in folder.numbers(argument)):
        return True
    formatted = ""
    if isinstance(node, nodes.Mod):
        formatted = next(iter(folder.strings(node.left)), "")
    elif isinstance(node, nodes.Filter) and node.name == "format" and node.node is not None:
        formatted = next(iter(folder.strings(node.node)), "")
    elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) and node.node.attr == "format":
        formatted = next(iter(folder.strings(node.node.node)), "")
    return re.search(r"[%{:][^%{}a-z]{0,8}\d{7,}", formatted) is not None


def _sight(line: int, what: str, confidence: Confidence = Confidence.HIGH) -> Sight:
    return Sight(SUSPICIOUS, Severity.MEDIUM, line, what, confidence=confidence)
