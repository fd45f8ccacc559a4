"""A model card: the front matter that hubs read, and the sections that people read. Nothing is ever rendered.

Rules: the front matter is YAML of bounded size, depth and number of aliases, with every key once, since two loaders
disagree on a second; a file that breaks this is `Malformed`. A section counts when it says something: a heading without
words, a comment, or `More Information Needed` is not content. What a heading is about is told by the words that
publishers use (`Bias, Risks, and Limitations`, `Direct Use`, `Results`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from bascule.kernel.text import visible
from bascule.plugins.readers import Malformed
from bascule.plugins.readers.text import Read, read_text
from bascule.records import ArtefactKind

if TYPE_CHECKING:
    from bascule.plugins.kinds import Listed

MAX_CARD_BYTES = 1 << 20
MAX_FRONT_MATTER = 512 << 10
MAX_ALIASES = 16
MAX_DEPTH = 32
MAX_STRINGS = 500
MAX_STRING = 200
CONTENT_WORDS = 3

SECTIONS: tuple[tuple[str, str], ...] = (
    (
        "intended_use",
        r"\bintended (uses?|usage|users|purpose|application)|^(direct |downstream |primary )?uses?$"
        r"|^(direct|downstream|primary) uses?\b|^use cases?$|^uses and|^applications?$|^purpose$",
    ),
    (
        "out_of_scope",
        r"out of scope|\bmisuse|malicious use|prohibited use|not intended|unsupported use|excluded use|not for",
    ),
    ("limitations", r"\blimitations?\b|\bbias(es)?\b|\brisks?\b|\bcaveats?\b|known issues|weakness|ethical cons"),
    (
        "training_data",
        r"\b(pre ?)?training (and evaluation )?(data|datasets?|corpus|corpora|sets?)\b|^data ?sets?$|^data$"
        r"|^data (sources?|used)|^(fine ?tuning) data",
    ),
    (
        "evaluation",
        r"\bevaluations?\b|^(main |test |quantitative )?results?\b|\bbenchmarks?\b|\bperformance\b|\bmetrics\b",
    ),
    ("safety", r"\bsafety\b|red team|\bresponsib(le|ility)\b|\bsafeguards?\b|\bharms?\b"),
    ("contact", r"\bcontacts?\b|^support$|\bfeedback\b|^maintainers?$|\bquestions or\b|^(model card )?authors?\b"),
    ("licence", r"\blicen[cs](e|es|ing)\b"),
    ("disclosure", r"\bdisclosure\b|\bvulnerabilit|security policy|reporting (a )?(security|issue|problem|bug)"),
    (
        "training_procedure",
        r"training (procedure|protocol|details|regime|process|setup|hyper)|\bfine ?tuning\b|hyper ?parameters"
        r"|^(pre ?)?training$",
    ),
    ("environmental_impact", r"environmental|\bcarbon\b|\bco2|emissions|energy (use|consumption)"),
)
"""(section, what its headings say, in lower case without punctuation)"""

SECTION_NAMES = tuple(name for name, _ in SECTIONS)
_PATTERNS = tuple((name, re.compile(pattern)) for name, pattern in SECTIONS)

HUB_KEYS = frozenset(
    [
        "base_model",
        "base_model_relation",
        "co2_eq_emissions",
        "datasets",
        "inference",
        "language",
        "library_name",
        "license",
        "license_link",
        "license_name",
        "metrics",
        "model-index",
        "model_name",
        "pipeline_tag",
        "tags",
        "widget",
    ]
)
_CARD_SIGNS = frozenset(["intended_use", "out_of_scope", "limitations", "training_data", "environmental_impact"])


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and all that stands under it, deeper headings included. level: 1 to 6, 7 for a bold label."""

    title: str
    level: int
    line: int
    body: str

    @property
    def topics(self) -> tuple[str, ...]:
        """What the heading is about, by `SECTIONS`."""
        return topics_of(self.title)

    @property
    def says_something(self) -> bool:
        return says_something(self.body)


@dataclass(frozen=True, slots=True)
class Card:
    """meta: the front matter, empty when there is none; sections in order; text: all below the front matter, without
    comments, from line `first_line` on."""

    meta: Mapping[str, Any]
    sections: tuple[Section, ...]
    text: str = ""
    first_line: int = 1

    @property
    def is_card(self) -> bool:
        """Does it bear a sign of a model card: hub keys, or headings that only a model card has?"""
        if HUB_KEYS & set(self.meta):
            return True
        titled = any("model card" in _plain(section.title) for section in self.sections)
        topics = {topic for section in self.sections for topic in section.topics}
        return titled or len(topics & _CARD_SIGNS) >= 2

    @property
    def present(self) -> tuple[str, ...]:
        """Topics with content, in the order of `SECTIONS`. Front matter counts for what it names."""
        found = {topic for section in self.sections for topic in section.topics if section.says_something}
        meta = self.meta
        if any(strings(meta.get(key)) for key in ("license", "license_name")):
            found.add("licence")
        if strings(meta.get("datasets")):
            found.add("training_data")
        if _has_results(meta.get("model-index")):
            found.add("evaluation")
        if meta.get("co2_eq_emissions"):
            found.add("environmental_impact")
        return tuple(name for name in SECTION_NAMES if name in found)

    @property
    def empty(self) -> tuple[str, ...]:
        """Topics with a heading that says nothing."""
        headed = {topic for section in self.sections for topic in section.topics}
        return tuple(name for name in SECTION_NAMES if name in headed and name not in self.present)


def read_card(read: Read, size_bytes: int) -> Card:
    """A card from a file. Raises `Malformed` for a file that is too long or whose front matter is not plain YAML."""
    return parse_card(read_text(read, size_bytes, MAX_CARD_BYTES).value)


def parse_card(text: str) -> Card:
    """A card from its text; see `read_card`."""
    head, body, first_line = split_front_matter(text)
    shown = _without_comments(body)
    return Card(load_yaml(head) if head is not None else {}, tuple(_sections(shown, first_line)), shown, first_line)


def main_card(listing: Sequence[Listed]) -> str | None:
    """The path of the card that speaks for the subject: named as a card before a README, near weights before far.

    Time grows with the listing and no faster.
    """
    below: dict[tuple[str, ...], int] = {}  # how far below each folder the nearest weights lie
    for folder in {PurePosixPath(item.path).parent.parts for item in listing if item.kind in _WEIGHTS}:
        for depth in range(len(folder) + 1):
            steps = len(folder) - depth
            below[folder[:depth]] = min(steps, below.get(folder[:depth], steps))

    def rank(path: str) -> tuple[bool, int, int, str]:
        own = PurePosixPath(path).parent.parts
        steps = (len(own) - depth + below[own[:depth]] for depth in range(len(own) + 1) if own[:depth] in below)
        return not named_card(path), min(steps, default=len(own)), len(own), path

    return min((item.path for item in listing if item.kind == ArtefactKind.MODEL_CARD), key=rank, default=None)


def named_card(path: str) -> bool:
    """Does the file call itself a model card?"""
    return PurePosixPath(path).name.lower().startswith(("model_card", "model-card", "modelcard"))


_WEIGHTS = (ArtefactKind.WEIGHTS, ArtefactKind.ADAPTER)


_FRONT = re.compile(r"\s*---[ \t]*\r?\n(.*?)(?:^|\r?\n)---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)


def split_front_matter(text: str) -> tuple[str | None, str, int]:
    """(front matter or None, the rest, the rest's first line number)"""
    match = _FRONT.match(text)
    if match is None:
        return None, text, 1
    return match[1], text[match.end() :], 1 + text.count("\n", 0, match.end())


def load_yaml(text: str, what: str = "front matter") -> Mapping[str, Any]:
    """A YAML mapping from untrusted text: no tags beyond the plain ones, bounded size, depth and aliases, unique keys.

    Raises `Malformed`.
    """
    if len(text) > MAX_FRONT_MATTER:
        raise Malformed(f"{what} of {len(text)} characters, more than the {MAX_FRONT_MATTER} that are read")
    try:
        value = yaml.load(text, _BoundedLoader)  # noqa: S506 - a SafeLoader with further bounds
    except yaml.YAMLError as error:
        raise Malformed(f"{what} is not plain YAML: {visible(_summary(error), 300)}") from error
    except (RecursionError, ValueError, OverflowError) as error:
        raise Malformed(f"{what} is not plain YAML: {visible(str(error), 300)}") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Malformed(f"{what} is not a mapping of keys to values")
    return {str(key): item for key, item in value.items()}


def strings(value: object) -> tuple[str, ...]:
    """The words in a value that may be one or a list: bounded, safe to show, each once, in order."""
    if isinstance(value, bool) or value is None:
        return ()
    if isinstance(value, (str, int, float)):
        word = visible(" ".join(str(value).split()), MAX_STRING)
        return (word,) if word else ()
    if isinstance(value, list):
        return tuple(dict.fromkeys(word for item in value[:MAX_STRINGS] for word in _scalar_strings(item)))
    return ()


def _scalar_strings(item: object) -> tuple[str, ...]:
    return () if isinstance(item, list) else strings(item)


def topics_of(title: str) -> tuple[str, ...]:
    """What a heading is about, by `SECTIONS`; often one topic, sometimes several, mostly none."""
    plain = _plain(title)
    return tuple(name for name, pattern in _PATTERNS if pattern.search(plain))


_NOISE = re.compile(r"<[^<>\n]{0,400}>|!\[[^\[\]\n]{0,400}\]\([^()\n]{0,1000}\)")
_PLACEHOLDER = re.compile(
    r"\[?\(?\b(?:more information (?:is )?needed|information (?:is )?needed"
    r"|to be (?:added|completed|determined|announced|done)|coming soon|work in progress|fill (?:this |me )?in"
    r"|add (?:text|content|description|details|more information) here"
    r"|not (?:yet )?(?:available|specified|provided|documented)|no information(?: (?:available|provided))?"
    r"|lorem ipsum|to ?do|tba|tbd|n/a|none|null|unknown|wip|xxx+|…)(?!\w)\]?\)?\.?",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+")


def says_something(body: str) -> bool:
    """Is there content once comments, pictures, nested headings and placeholders are gone?"""
    lines = [line for line in _NOISE.sub(" ", body).splitlines() if not _HEADING.match(line)]
    text = _PLACEHOLDER.sub(" ", " ".join(_label_body(line) for line in lines))
    return len(_WORD.findall(text)) >= CONTENT_WORDS


_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_HTML_HEADING = re.compile(r"\s*<h([1-6])\b[^>]{0,400}>(.{0,400}?)</h\1>", re.IGNORECASE)
_BOLD_LINE = re.compile(r"\s*(?:\*\*|__)([^*_]{2,120}?):?(?:\*\*|__):?\s*$")
_LABEL = re.compile(r"\s*[-*+]\s+(?:\*\*|__)([^*_]{2,120}?):?(?:\*\*|__)[^\S\n]*:?(.*)$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


def _without_comments(text: str) -> str:
    """HTML comments are gone, their line breaks stay. Linear: an unclosed one is looked for once."""
    pieces, position = [], 0
    while (start := text.find("<!--", position)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        pieces += [text[position:start], "\n" * text.count("\n", start, end)]
        position = end + 3
    return "".join([*pieces, text[position:]])


def _label_body(line: str) -> str:
    """What follows the label in `- **Developed by:** somebody`."""
    match = _LABEL.match(line)
    return match[2] if match else line


def _sections(text: str, first_line: int) -> Iterator[Section]:
    rows = text.splitlines()
    marks = list(_marks(rows))
    for index, (row, level, title, inline) in enumerate(marks):
        if level == 8:  # a label holds its own line only
            yield Section(title, 7, first_line + row, inline)
            continue
        later = (marks[i] for i in range(index + 1, len(marks)))
        end = next((row for row, deeper, _, _ in later if deeper <= level), len(rows))
        yield Section(title, level, first_line + row, "\n".join(rows[row + 1 : end]))


def _marks(rows: list[str]) -> Iterator[tuple[int, int, str, str]]:
    """(row, level, title, text on the same line) of every heading, 7 for a bold line, 8 for a label in a list."""
    fence = ""
    for row, line in enumerate(rows):
        if opened := _FENCE.match(line):
            if not fence:
                fence = opened[1]
            elif opened[1].startswith(fence):
                fence = ""
            continue
        if fence:
            continue
        if match := _HEADING.match(line):
            yield row, len(match[1]), _title(match[2]), ""
        elif match := _HTML_HEADING.match(line):
            yield row, int(match[1]), _title(match[2]), ""
        elif match := _BOLD_LINE.match(line):
            yield row, 7, _title(match[1]), ""
        elif match := _LABEL.match(line):
            yield row, 8, _title(match[1]), match[2]
        elif (
            (match := _UNDERLINE.match(line))
            and row
            and rows[row - 1].strip()
            and len(rows[row - 1]) < 200
            and not rows[row - 1].lstrip().startswith(("|", "-", "*", "#", ">"))
        ):
            yield row - 1, 1 if match[1][0] == "=" else 2, _title(rows[row - 1]), ""


def _title(raw: str) -> str:
    return visible(" ".join(_NOISE.sub(" ", raw).split()), MAX_STRING)


def _plain(title: str) -> str:
    return " ".join(_WORD.findall(title.casefold().replace("'", "")))


def _has_results(index: object) -> bool:
    return isinstance(index, list) and any(isinstance(row, dict) and row.get("results") for row in index)


def _summary(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or str(error).split("\n", 1)[0]
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}: {problem}" if mark is not None else str(problem)


class _BoundedLoader(yaml.SafeLoader):
    """PyYAML's safe loader that also counts aliases and depth, and refuses a key that stands twice."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._aliases = 0
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            self._aliases += 1
            if self._aliases > MAX_ALIASES:
                raise yaml.YAMLError(f"more than {MAX_ALIASES} aliases")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise yaml.YAMLError(f"nested deeper than {MAX_DEPTH}")
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        if len(names) != len(set(names)):
            twice = next(name for name in names if names.count(name) > 1)
            raise yaml.YAMLError(f"key `{visible(twice, 80)}` appears twice")
        return super().construct_mapping(node, deep)
