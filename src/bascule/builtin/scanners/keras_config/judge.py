"""What loading a Keras configuration would do: every object that it names, wherever it is nested.

Rules:
- Each JSON object with a `class_name` is one that the loader builds, whatever wraps it; the walk does not care which
  layer holds which, so a Lambda inside a Bidirectional inside a model inside a TimeDistributed is a Lambda.
- Code in the file, and names that reach code, files or the network, are `runs`; names of objects whose code is
  elsewhere are `custom`: medium where the file also names the module that the loader then imports, low where loading
  fails until somebody hands the object in. A name is judged by its last part, since loaders strip what precedes it.
- The walk is bounded by the document, which its reader bounds; depth is bounded by the JSON parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bascule.builtin.scanners.keras_config import catalogue
from bascule.kernel.text import visible
from bascule.records import Severity

RUNS, CUSTOM = "keras-runs-code", "keras-custom-object"
_FUNCTION_KINDS = ("function", "output_shape", "mask", "arguments")
_REGISTERED_BY_KIND = ("function", "builtin_function_or_method", "ufunc", "type")


@dataclass(frozen=True, slots=True)
class Concern:
    """rule: `RUNS` or `CUSTOM`. place: the path inside the document. name: what is named, when something is.
    references: the advisory that the shape repeats, where there is one."""

    rule: str
    severity: Severity
    message: str
    place: str
    name: str = ""
    references: tuple[str, ...] = ()


def concerns_of(document: object) -> Iterator[Concern]:
    """Everything in a configuration that loading would act on, in document order."""
    pending: list[tuple[str, object]] = [("", document)]
    while pending:
        place, value = pending.pop()
        if isinstance(value, dict):
            yield from _of_object(place, value)
            children = [(f"{place}.{visible(str(key), 60)}", item) for key, item in value.items()]
        elif isinstance(value, list):
            children = [(f"{place}[{index}]", item) for index, item in enumerate(value)]
        else:
            continue
        pending.extend((where[:500], item) for where, item in reversed(children) if isinstance(item, (dict, list)))


def _of_object(place: str, value: Mapping[str, Any]) -> Iterator[Concern]:
    where = place.lstrip(".") or "(root)"
    carried = [kind for kind in _FUNCTION_KINDS if value.get(f"{kind}_type") == "lambda"]
    if carried:
        yield _runs(
            where, f"`{carried[0]}` is marshalled Python code, which the loader unmarshals and runs", "lambda", _LAMBDA
        )
    yield from _of_training(where, value)
    name = value.get("class_name")
    if not isinstance(name, str):
        return
    last = _last(name)
    config = value.get("config")
    settings: Mapping[str, Any] = config if isinstance(config, dict) else {}
    if last == "__lambda__":
        yield _runs(
            where, "a function as marshalled Python code, which the loader unmarshals and runs", "lambda", _LAMBDA
        )
        return
    if catalogue.plain(last) in catalogue.LOADING_CLASSES:
        told = ("CVE-2025-49655",) if last == "TorchModuleWrapper" else ()
        yield _runs(where, f"`{_shown(last)}` {catalogue.LOADING_CLASSES[catalogue.plain(last)]}", last, told)
        return
    if last == "KerasLayer" and "handle" in settings:
        yield _runs(where, f"`KerasLayer` {catalogue.LOADING_CLASSES['kerashublayer']}", last)
        return
    if last == "Lambda":
        yield from _of_lambda(where, settings)
    if catalogue.plain(last).endswith("oplambda") or last == "TensorFlowOpLayer":
        yield from _of_operation(where, settings)
    yield from _of_files(where, settings)
    yield from _of_name(where, value, last, config)


def _of_training(where: str, value: Mapping[str, Any]) -> Iterator[Concern]:
    """A training configuration names its losses and metrics by strings alone: compiling looks them up."""
    if "loss" not in value or not {"optimizer_config", "optimizer", "metrics"} & value.keys():
        return
    for key in ("loss", "metrics", "weighted_metrics"):
        for name in _strings_in(value.get(key)):
            if not (_known(name) or catalogue.plain(name) in catalogue.MEASURES_BY_NAME):
                yield _custom(f"{where}.{key}", f"`{_shown(name)}` is no {_WORDS[key]} of Keras", name)


_WORDS = {"loss": "loss", "metrics": "metric", "weighted_metrics": "metric"}


def _strings_in(value: object) -> Iterator[str]:
    """The names in a string, a list or a dict of them by output; objects are looked at by themselves."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            pending.extend(reversed(item))
        elif isinstance(item, dict) and "class_name" not in item:
            pending.extend(reversed(list(item.values())))


def _of_name(where: str, value: Mapping[str, Any], last: str, config: object) -> Iterator[Concern]:
    """The module and registered name under which the loader looks an object up."""
    module = value.get("module")
    registered = value.get("registered_name")
    # A function is written as class `function` whose configuration is its name.
    is_function = last in _REGISTERED_BY_KIND and isinstance(config, str)
    called = _last(config) if is_function and isinstance(config, str) else last
    if isinstance(module, str) and module:
        yield from _of_module(where, module, called, is_function)
        if _root(module) not in (*catalogue.FAMILY, "builtins"):
            return
    if isinstance(registered, str) and ">" in registered:
        package = registered.split(">")[0]
        if catalogue.plain(package) not in _FAMILY_PLAIN:
            yield _custom(where, f"`{_shown(registered)}` is registered by other code", registered)
        return
    full = value["class_name"]
    if ">" in full and catalogue.plain(full.split(">")[0]) not in _FAMILY_PLAIN:
        yield _custom(where, f"`{_shown(full)}` is registered by other code", full)
    elif not (module or ">" in full or is_function or _known(last)):
        yield _custom(where, f"`{_shown(last)}` is no class of Keras", last)


def _known(last: str) -> bool:
    return last in catalogue.PLAIN_MARKERS or catalogue.plain(last) in catalogue.KNOWN


_FAMILY_PLAIN = frozenset(catalogue.plain(name) for name in catalogue.FAMILY)


def _of_module(where: str, module: str, called: str, is_function: bool) -> Iterator[Concern]:
    root = _root(module)
    name = f"{module}.{called}"
    if root in ("builtins", "__builtin__"):
        reaching = called in catalogue.BUILT_IN_FUNCTIONS
        if reaching:
            yield _runs(
                where, f"names Python's `{_shown(called)}`, which the loader would look up and call", name, _IMPORTED
            )
    elif root in catalogue.FAMILY:
        by_module = is_function and not catalogue.REACHING_MODULES.isdisjoint(module.lower().split("."))
        harmless = catalogue.plain(called) in catalogue.HARMLESS_NAMES
        if (by_module and not harmless) or catalogue.plain(called) in catalogue.REACHING_NAMES:
            yield _runs(
                where, f"names `{_shown(name)}`, which reaches files, the network or code", name, _told_of(called)
            )
    elif root in catalogue.GADGET_MODULES:
        yield _runs(where, f"names `{_shown(name)}`, which the loader would import and call", name, _IMPORTED)
    else:
        yield _custom(
            where, f"`{_shown(name)}` is not of Keras: loading imports the module `{_shown(module)}`", name, True
        )


def _of_lambda(where: str, settings: Mapping[str, Any]) -> Iterator[Concern]:
    function = settings.get("function")
    if isinstance(function, list):
        yield _runs(
            where, "a Lambda layer carries marshalled Python code, which the loader unmarshals", "lambda", _LAMBDA
        )
    elif isinstance(function, str):
        module = settings.get("module")
        root = _root(module) if isinstance(module, str) else ""
        name = f"{module}.{function}" if root else function
        if re.search(r"\blambda\b|[(;\n]", function):
            message = f"a Lambda layer carries source text: `{_shown(function)}`"
            yield Concern(RUNS, Severity.HIGH, message, where, visible(function, 200), _LAMBDA)
            return
        if root in catalogue.GADGET_MODULES or (
            root in catalogue.FAMILY and catalogue.plain(_last(function)) in catalogue.REACHING_NAMES
        ):
            yield _runs(where, f"a Lambda layer calls `{_shown(name)}`", name)
        else:
            yield _custom(
                where, f"a Lambda layer calls `{_shown(name)}`, whose code is not in the file", name, bool(root)
            )


def _of_operation(where: str, settings: Mapping[str, Any]) -> Iterator[Concern]:
    """An operation of TensorFlow by its name: `math.reduce_mean`, or a node's `op`."""
    function = settings.get("function")
    named = [_last(function)] if isinstance(function, str) else []
    node = settings.get("node_def")
    if isinstance(node, str):
        named += [
            name for name in ("PyFunc", "EagerPyFunc", "ReadFile", "WriteFile", "PyFuncStateless") if name in node
        ]
    for name in named:
        if catalogue.plain(name) in catalogue.REACHING_NAMES or name == "PyFuncStateless":
            yield _runs(where, f"the operation `{_shown(name)}` reaches files or code", name)
            return


def _of_files(where: str, settings: Mapping[str, Any]) -> Iterator[Concern]:
    """A vocabulary is a list or a file of the archive's; a path of its own choosing reads any file or address."""
    vocabulary = settings.get("vocabulary")
    if not isinstance(vocabulary, str):
        return
    outside = "://" in vocabulary or vocabulary.startswith(("/", "\\", "~")) or ".." in vocabulary
    if outside or vocabulary[1:2] == ":":
        message = f"the vocabulary is read from `{_shown(vocabulary)}`, outside the model"
        yield Concern(RUNS, Severity.HIGH, message, where, vocabulary[:200], ("CVE-2025-12058", "CWE-73", "CWE-918"))


def _runs(where: str, message: str, name: str, references: tuple[str, ...] = ()) -> Concern:
    return Concern(RUNS, Severity.CRITICAL, message, where, visible(name, 200), references)


_LAMBDA = ("CVE-2024-3660", "CWE-94")
_IMPORTED = ("CVE-2025-1550", "CWE-502")


def _told_of(called: str) -> tuple[str, ...]:
    """The advisory about a function of Keras's own."""
    if catalogue.plain(called) == "enableunsafedeserialization":
        return ("CVE-2025-9906", "CWE-502")
    if catalogue.plain(called) == "getfile":
        return ("CVE-2025-8747", "CVE-2025-12060", "CWE-502", "CWE-22")
    return ("CVE-2025-8747", "CWE-502")


def _custom(where: str, message: str, name: str, imported: bool = False) -> Concern:
    severity = Severity.MEDIUM if imported else Severity.LOW
    return Concern(CUSTOM, severity, message, where, visible(name, 200))


def _root(module: str) -> str:
    return module.strip().split(".")[0].lower()


def _last(name: str) -> str:
    return name.rsplit(">", 1)[-1].rsplit(".", 1)[-1].strip()


def _shown(name: str) -> str:
    return visible(name, 200)
