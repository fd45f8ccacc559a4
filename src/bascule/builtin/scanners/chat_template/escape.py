"""Routes from a template to the Python beneath it.

A template that formats messages reads items of dictionaries and attributes that carry data. It never needs the class of
an object, the globals of a function or another template. Every such route begins with one of a few names, however it is
spelled; so expressions are folded first and the names are looked for in what they come to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jinja2 import nodes

from bascule.builtin.scanners.chat_template.folding import UNKNOWN, Folder
from bascule.builtin.scanners.chat_template.grammar import walk
from bascule.builtin.scanners.chat_template.sight import RUNS_CODE, SUSPICIOUS, Sight
from bascule.records import Confidence, Severity

# Dunder names, the name-mangled attributes of `self`, and the frames and code behind functions and generators.
_INTERNAL = re.compile(
    r"^__|^_\w+__\w|^(?:mro|f_(?:globals|locals|builtins|back|code)|(?:gi|cr|ag)_(?:frame|code|await)"
    r"|tb_(?:frame|next)|func_(?:globals|code|closure|defaults)|im_(?:func|self|class))$"
)
_FIELD_ROUTE = re.compile(r"\{[^{}]*[.\[]_{1,2}\w+")

# Filters that take the name of an attribute, and follow dots in it.
_BY_ATTRIBUTE = {"attr", "map", "selectattr", "rejectattr", "groupby", "sort", "unique", "min", "max", "sum", "join"}

_NEVER_READ = {"lipsum", "self"}
_ONLY_CALLED = {"cycler", "joiner", "namespace", "dict", "range", "raise_exception", "strftime_now"}
_MAKES_DATA = {("dict", "fromkeys"), ("dict", "from_keys")}
_MODULES = {"os", "sys", "subprocess", "builtins", "importlib", "socket", "shutil", "ctypes", "pickle", "posix", "pty"}
_BUILT_INS = {"eval", "exec", "compile", "open", "getattr", "setattr", "globals", "locals", "vars", "import_module"}
_PROCESS_CALLS = {
    "popen",
    "Popen",
    "system",
    "check_output",
    "check_call",
    "getoutput",
    "getstatusoutput",
    "import_module",
    "load_module",
    "execve",
    "execvp",
    "spawnv",
    "spawnl",
    "posix_spawn",
}


def routes(tree: nodes.Template, folder: Folder) -> Iterator[Sight]:
    """Every place where the template reaches for Python rather than for its messages."""
    for node in walk(tree):
        if isinstance(node, nodes.Getattr):
            yield from _by_name(node, node.node, (node.attr,), folder)
        elif isinstance(node, nodes.Getitem):
            yield from _by_name(node, node.node, folder.strings(node.arg), folder)
        elif isinstance(node, nodes.Filter):
            yield from _by_filter(node, folder)
        elif isinstance(node, nodes.Call):
            yield from _by_call(node, folder)
        elif isinstance(node, nodes.Name):
            if node.ctx == "load" and node.name not in folder.bound and _is_forbidden_name(node.name):
                yield _sight(node, f"reads `{node.name}`", node.name)
        elif isinstance(node, nodes.Include | nodes.Import | nodes.FromImport | nodes.Extends):
            verb = type(node).__name__.lower().removeprefix("from")
            yield _sight(node, f"loads another template by `{verb}`", verb)


def _by_name(node: nodes.Node, base: nodes.Node, names: tuple[str, ...], folder: Folder) -> Iterator[Sight]:
    for name in names:
        if _INTERNAL.search(name):
            yield _sight(node, f"reaches for the internal attribute `{name[:80]}`", name)
    if isinstance(base, nodes.Name) and base.name not in folder.bound:
        if base.name in _ONLY_CALLED and any((base.name, name) not in _MAKES_DATA for name in names or ("?",)):
            yield _sight(node, f"looks inside the function `{base.name}`", base.name)
        elif base.name in _MODULES:
            yield _sight(node, f"looks inside the module `{base.name}`", base.name)


def _by_filter(node: nodes.Filter, folder: Folder) -> Iterator[Sight]:
    if isinstance(node.node, nodes.Name) and node.node.name in _ONLY_CALLED and node.node.name not in folder.bound:
        yield _sight(node, f"looks inside the function `{node.node.name}`", node.node.name)
    if node.name not in _BY_ATTRIBUTE:
        return
    arguments = [*node.args, *(pair.value for pair in node.kwargs)]
    for argument in arguments:
        for value in folder.strings(argument):
            for part in value.split("."):
                if _INTERNAL.search(part):
                    yield _sight(node, f"reaches for the internal attribute `{part[:80]}` by `{node.name}`", part)
    # Where the name cannot be told, the filter `attr` is still there to reach what a subscript would not.
    through_map = node.name == "map" and "attr" in (folder.strings(node.args[0]) if node.args else ())
    named = node.args[1:2] if through_map else node.args[:1]
    if (node.name == "attr" or through_map) and any(UNKNOWN in folder.fold(argument) for argument in named):
        yield Sight(
            SUSPICIOUS,
            Severity.HIGH,
            node.lineno,
            "reads an attribute whose name is computed",
            "attr",
            Confidence.MEDIUM,
        )


def _by_call(node: nodes.Call, folder: Folder) -> Iterator[Sight]:
    callee = node.node
    if isinstance(callee, nodes.Name):
        if callee.name in _BUILT_INS and callee.name not in folder.bound:
            yield _sight(node, f"calls `{callee.name}`", callee.name)
        return
    names: tuple[str, ...] = ()
    if isinstance(callee, nodes.Getattr):
        names = (callee.attr,)
        if callee.attr in ("format", "format_map"):
            for template in folder.strings(callee.node):
                if _FIELD_ROUTE.search(template):
                    yield _sight(node, "reaches for an internal attribute in a format string", template)
    elif isinstance(callee, nodes.Getitem):
        names = folder.strings(callee.arg)
    elif isinstance(callee, nodes.Filter) and callee.name == "attr" and callee.args:
        names = folder.strings(callee.args[0])
    for name in names:
        if name in _PROCESS_CALLS:
            yield _sight(node, f"calls `{name}`", name)


def _is_forbidden_name(name: str) -> bool:
    return name in _NEVER_READ or _INTERNAL.search(name) is not None


def _sight(node: nodes.Node, what: str, seen: str) -> Sight:
    return Sight(RUNS_CODE, Severity.CRITICAL, node.lineno, what, seen)
