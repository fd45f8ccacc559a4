"""Settings in YAML that name what their loader shall call: tags, and the keys of Hydra, NeMo and latent diffusion.

HyperPyYAML builds `!new:pkg.Class`, calls `!apply:pkg.function` and imports `!module:pkg`; PyYAML's unsafe loaders do
so for `!!python/object/apply:…` and its like; Hydra and NeMo instantiate whatever `_target_` names. So such a file is
code that runs when it is loaded.

Rules: only events are read, so nothing is constructed and no alias is expanded; a dangerous callable is told as
critical, an object of an unknown class as medium, a setting that names something outside the libraries that models are
made with as low; `target` alone is an everyday word and tells dangerous ones only. Objects of other languages' loaders
(`!ruby/object`, `!!javax…`, `!!js/function`) have no place beside a model at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bascule.builtin.scanners.remote_code.catalogue import FAMILIES, KNOWN_LIBRARIES
from bascule.builtin.scanners.remote_code.sight import DANGEROUS_CALL, Sight
from bascule.plugins.readers import Malformed
from bascule.plugins.readers.pickles.names import Known, Standing, lists, reach
from bascule.records import Confidence, Severity

MAX_EVENTS = 1_000_000
MAX_DEPTH = 200

_TAGS = re.compile(
    r"(?:!(?P<local>apply(?:ref)?|new|name|module)"
    r"|tag:yaml\.org,2002:python/(?P<python>object(?:/apply|/new)?|name|module)):(?P<what>.*)",
    re.DOTALL,
)
_FOREIGN = re.compile(
    r"(?:tag:(?:yaml\.org,2002:|ruby\.yaml\.org,2002:)|!)"
    r"(?P<what>(?:ruby|php)/(?:object|hash|struct|class|module|array|regexp|exception).*|js/(?:function|regexp|undefined).*"
    r"|(?:javax?|com\.sun|org\.(?:spring|apache|yaml))\.[\w.$]+)",
    re.DOTALL,
)
# Rules and examples of code stand in YAML too; nobody writes `__import__` into them but to have it evaluated.
_IMPORT_IN_TEXT = re.compile(r"__import__\s*\(")
_CODE_IN_TEXT = re.compile(r"__import__\s*\(|\bos\.(?:system|popen)\s*\(|\bsubprocess\.\w+\s*\(")
_TARGETS = ("_target_", "target")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*)*")
# Functions that fetch or run what they are given, or find any other function by its name.
_REACH = """
    builtins.__import__ builtins.compile builtins.eval builtins.exec builtins.getattr builtins.open pydoc.locate
    importlib.import_module operator.attrgetter operator.methodcaller hydra.utils.call hydra.utils.get_method
    hydra.utils.get_object hydra.utils.instantiate torch.hub.load torch.hub.load_state_dict_from_url torch.load
    numpy.load pandas.eval
"""
_REACH_FURTHER = frozenset(_REACH.split())
# Of what no pickle may name, what has no honest use in settings either; and what has one all the same.
_GRAVE = ("starts a process", "runs code", "unpickles")
_GRAVE_IN_PICKLES_ONLY = frozenset({"inspect", "numba", "platform", "ray", "signal", "threading", "weakref"})
_HONEST = re.compile(
    r"os\.(?:path\.\w+|getenv|getcwd|cpu_count|environ\.get|makedirs)|multiprocessing\.cpu_count"
    r"|contextlib\.(?:nullcontext|ExitStack)"
)


def instances(source: str) -> Iterator[Sight]:
    """Every callable that loading this YAML would name, but for the known ones. Raises `Malformed`."""
    told: set[tuple[int, str]] = set()
    for line, way, name in _named(source):
        sight = _foreign(name, line) if way == _OTHERS else judged(name, way, f"line {line}")
        if sight is not None and (line, name) not in told:
            told.add((line, name))
            yield sight


_OTHERS = "other"


def _foreign(name: str, line: int) -> Sight:
    what = f"`{name[:100]}` is an object of another language's loader, which builds what it names"
    return Sight(DANGEROUS_CALL, Severity.HIGH, f"line {line}", what, {"callable": name[:200], "named_by": "tag"})


def code_in_text(value: str, place: str, is_yaml: bool = True) -> Sight | None:
    """Python that a value holds, for whoever evaluates it."""
    match = (_IMPORT_IN_TEXT if is_yaml else _CODE_IN_TEXT).search(value)
    if match is None:
        return None
    what = f"a value holds code, `{match.group()}…`, for a loader that evaluates it"
    seen = {"seen": value[max(0, match.start() - 20) : match.end() + 100]}
    return Sight(DANGEROUS_CALL, Severity.MEDIUM, place, what, seen, Confidence.MEDIUM)


def judged(name: str, way: str, place: str) -> Sight | None:
    """What naming this callable that way is worth telling; None where nothing is."""
    path = name.strip().replace(":", ".").rstrip(".")
    is_dotted = _DOTTED.fullmatch(path) is not None
    if way.endswith("module"):
        path += ".__name__"  # to import a module is to run it, whatever of it is used then
    danger = _danger(path if "." in path else f"builtins.{path}") if is_dotted else ""
    seen = {"callable": name[:200], "named_by": way}
    if danger:
        what = f"`{way}` names `{name}` for the loader to call, which {danger}"
        return Sight(DANGEROUS_CALL, Severity.CRITICAL, place, what, seen)
    if way == "target" or (is_dotted and _is_known(path)):
        return None
    what = f"`{way}` has the loader import and call `{name}`, which is of no library that models are made with"
    severity = Severity.MEDIUM if way.startswith("!!python/object/") else Severity.LOW
    return Sight(DANGEROUS_CALL, severity, place, what, seen, Confidence.MEDIUM)


def _danger(path: str) -> str:
    """What is dangerous about it, in words that follow `which`."""
    family = FAMILIES.get(path)
    if family is not None:
        return family.does
    if path in _REACH_FURTHER:
        return "runs, fetches or finds whatever it is given"
    root = path.partition(".")[0]
    if _HONEST.fullmatch(path) or root in _GRAVE_IN_PICKLES_ONLY:
        return ""
    known = _known(path)
    grave = _GRAVE[:1] if root in KNOWN_LIBRARIES else _GRAVE
    return known.why if known.standing is Standing.DANGEROUS and known.why.startswith(grave) else ""


def _is_known(path: str) -> bool:
    if path.partition(".")[0] in KNOWN_LIBRARIES or _HONEST.fullmatch(path):
        return True
    qualified = path if "." in path else f"builtins.{path}"
    return _known(qualified).standing in (Standing.CALL, Standing.BUILD, Standing.VALUE)


def _known(path: str) -> Known:
    module, _, name = path.rpartition(".")
    return lists().of(reach(module, name, 0))


def _named(source: str) -> Iterator[tuple[int, str, str]]:
    """(line, tag or key, dotted name) for whatever the file names for its loader to call."""
    keys = _Keys()
    for event in _events(source):
        line = event.start_mark.line + 1
        tag = _TAGS.fullmatch(getattr(event, "tag", None) or "")
        if tag is not None:
            way = f"!{tag['local']}" if tag["local"] else f"!!python/{tag['python']}"
            yield line, way, tag["what"] or str(getattr(event, "value", ""))
        elif foreign := _FOREIGN.fullmatch(getattr(event, "tag", None) or ""):
            yield line, _OTHERS, foreign["what"]
        key, value = keys.take(event)
        if key in _TARGETS and isinstance(value, str):
            yield line, key, value


class _Keys:
    """Which value belongs to which key, as events go by; a scalar that an alias repeats is remembered."""

    def __init__(self) -> None:
        # For each open collection: None in a sequence, else [the key that waits for its value, if any].
        self._open: list[list[str | None] | None] = []
        self._anchors: dict[str, str] = {}

    def take(self, event: Any) -> tuple[str | None, str | None]:
        """The key and the value that this event completes, where both are words."""
        kind = type(event).__name__
        if kind in ("MappingEndEvent", "SequenceEndEvent"):
            self._open.pop()
            return None, None
        if kind not in ("ScalarEvent", "AliasEvent", "MappingStartEvent", "SequenceStartEvent"):
            return None, None
        word = None
        if kind == "ScalarEvent":
            word = str(event.value)
            if event.anchor:
                self._anchors[event.anchor] = word
        elif kind == "AliasEvent":
            word = self._anchors.get(event.anchor)
        key = None
        around = self._open[-1] if self._open else None
        if around is not None:
            if around:
                key = around.pop()
            else:
                around.append(word)
                word = None
        if kind == "MappingStartEvent":
            self._open.append([])
        elif kind == "SequenceStartEvent":
            self._open.append(None)
        return key, word


def scalars(source: str) -> Iterator[tuple[int, str]]:
    """(line, value) of every scalar. Raises `Malformed`."""
    for event in _events(source):
        if type(event).__name__ == "ScalarEvent":
            yield event.start_mark.line + 1, event.value


def _events(source: str) -> Iterator[Any]:
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        depth = 0
        for count, event in enumerate(yaml.parse(source, Loader=loader)):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if count > MAX_EVENTS:
                raise Malformed(f"more than {MAX_EVENTS} values")
            if depth > MAX_DEPTH:  # some parsers' time grows with the square of the depth
                raise Malformed(f"more than {MAX_DEPTH} values inside each other")
            yield event
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        raise Malformed(
            f"does not parse as YAML: {line}{getattr(error, 'problem', None) or 'unfit characters'}"
        ) from error
