"""XML walked event by event, with every reference to an entity refused: nothing is fetched and nothing unfolds.

    external   a document type or an entity that names a file or an address: whoever resolves it reads or calls that
    bomb       entities made of entities
    scripts    code in an element that a reader runs: PMML's and XSLT's extensions, SVG's scripts

Rules: the parser is expat, told to take no external entity and to unfold none of the document's own; what it cannot
parse is `Malformed`. An OpenVINO graph is read for libraries that its layers name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from bascule.plugins.readers import Malformed
from bascule.plugins.readers.payloads import shape

MAX_DEPTH = 2000
_STYLE_SHEETS = ("http://www.w3.org/1999/XSL/Transform",)
_CODE_SPACES = re.compile(
    r"(?:xml\.apache\.org/(?:xalan|xslt)|saxon\.sf\.net|^urn:schemas-microsoft-com:xslt|exslt\.org/|java:|^clr-namespace)",
    re.IGNORECASE,
)
_PROGRAM = re.compile(r"\.(?:so(?:\.\d+)*|dll|dylib|exe|jar|py)$", re.IGNORECASE)
_JAVA = re.compile(r"\b(?:getRuntime\s*\(|ProcessBuilder\b|ScriptEngine\b|Class\.forName\s*\(|java\.lang\.Runtime\b)")


def _is_program(attributes: dict[str, str]) -> bool:
    """An `Extension` of PMML holds whatever its writer likes; one that evaluators run is called a script, or is one."""
    value = attributes.get("value", "")
    return _JAVA.search(value) is not None or shape(value) is not None


@dataclass(slots=True)
class Walk:
    """What was seen: (line, kind, sentence's end). `root` is the first element's name without its prefix."""

    root: str = ""
    seen: list[tuple[int, str, str]] = field(default_factory=list)


def walk_xml(chunks: Iterator[bytes]) -> Walk:
    """One document, in linear time and memory. Raises `Malformed`."""
    walk = Walk()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = False
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    depth = 0

    def tell(kind: str, what: str) -> None:
        if len(walk.seen) < 100:
            walk.seen.append((parser.CurrentLineNumber, kind, what))

    def document_type(_name: str, system: str | None, public: str | None, _internal: int) -> None:
        if system and not public:
            tell("external", f"takes its document type from `{system[:200]}`")

    def entity(
        name: str, is_parameter: int, value: str | None, _base: str | None, system: str | None, *_more: str | None
    ) -> None:
        if value is None:
            tell("external", f"has an entity `{name[:60]}` that names `{(system or '')[:200]}`")
        elif re.search(r"[&%][\w.-]+;", value):
            tell("bomb", f"has an entity `{name[:60]}` made of entities")
        elif is_parameter and "<!ENTITY" in value:
            tell("external", f"has an entity `{name[:60]}` that declares others")

    def opened(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise Malformed(f"more than {MAX_DEPTH} elements inside each other")
        space, _, local = name.rpartition(" ")
        walk.root = walk.root or local
        if local == "script":
            tell("script", "holds a script")
        elif local == "Extension" and walk.root == "PMML" and _is_program(attributes):
            tell("script", "has an extension whose value is a program")
        elif _CODE_SPACES.search(space):
            tell("script", f"holds an element of `{space[:100]}`, which runs code")
        elif local == "include" and "XInclude" in space:
            tell("external", f"includes `{attributes.get('href', '')[:200]}`")
        elif local == "document" and space in _STYLE_SHEETS:
            tell("external", "reads another document")
        for key, value in attributes.items():
            bare = key.rpartition(" ")[2].lower()
            if re.fullmatch(r"on[a-z]{3,30}", bare) and walk.root.lower() in ("svg", "html"):
                tell("script", f"has the handler `{bare}`")
            elif bare in ("href", "src") and re.match(r"\s*(?:java|vb)script:", value, re.IGNORECASE):
                tell("script", f"has an address that is a script in `{bare}`")
            elif walk.root == "net" and _PROGRAM.search(value):
                tell("script", f"names the library `{value[:200]}` in `{bare}`")

    def closed(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def instruction(target: str, data: str) -> None:
        if target == "xml-stylesheet" and "://" in data:
            tell("external", f"takes its style from elsewhere: `{data[:200]}`")

    parser.StartDoctypeDeclHandler = document_type
    parser.EntityDeclHandler = entity
    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.ProcessingInstructionHandler = instruction
    parser.DefaultHandler = lambda _text: None  # with a default handler, expat unfolds no entity of the document
    parser.ExternalEntityRefHandler = lambda *_names: 1
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        if walk.seen:
            return walk  # what was declared stands, and is mostly why the rest does not parse
        raise Malformed(f"line {error.lineno}: {expat.errors.messages.get(error.code, 'not XML')}") from error
    except (ValueError, UnicodeError, LookupError) as error:
        raise Malformed(f"not XML: {type(error).__name__}") from error
    return walk
