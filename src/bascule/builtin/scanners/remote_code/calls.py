"""Walks a module and names every call from the catalogue, with when it would run.

Importing a module runs its body, class bodies, decorators and default values, and whatever functions those call;
loading a model imports its modules. A function that only waits weighs less. `if __name__ == "__main__"` does not run
on import. In `setup.py` the body, and the `run` of a command class, run on installation.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from bascule.builtin.scanners.remote_code import catalogue
from bascule.builtin.scanners.remote_code.catalogue import FAMILIES, Family
from bascule.builtin.scanners.remote_code.names import Names
from bascule.builtin.scanners.remote_code.sight import DANGEROUS_CALL, REMOTE_CODE, Sight
from bascule.plugins.readers import Malformed
from bascule.records import Confidence, Severity

_RUN_ON_IMPORT = {"__getattr__", "__dir__", "__init_subclass__", "__set_name__", "__class_getitem__", "__prepare__"}
_RUN_ON_CREATION = {"__init__", "__new__", "__post_init__", "__call__", "__enter__"}
_SENSITIVE = re.compile(catalogue.SENSITIVE_PATHS)
_COPIERS = {"builtins.dict", "builtins.str", "builtins.repr", "json.dumps"}


def parse(source: bytes | str) -> ast.Module:
    """The syntax tree of a module; bytes keep to the encoding that they declare, as Python does. Raises `Malformed`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as error:
        raise Malformed(f"does not parse as Python: line {error.lineno or 0}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise Malformed(f"does not parse as Python: {type(error).__name__}") from error


def dangerous_calls(
    tree: ast.Module, prefix: str = "", is_setup: bool = False, imported: bool = True
) -> Iterator[Sight]:
    """Every call from the catalogue, and every place that lets a loader fetch code.

    prefix: put before a line in the place, such as `cell 3 `. imported: the body runs on import, not by hand.
    """
    module = _Module(tree, is_setup)
    told: set[tuple[int, str]] = set()
    for node, on_import in module.walk(imported):
        for sight in module.judge(node, on_import, prefix):
            key = (getattr(node, "lineno", 0), sight.what)
            if key not in told:
                told.add(key)
                yield sight


@dataclass(frozen=True, slots=True)
class _Hit:
    family: Family
    name: str
    confidence: Confidence = Confidence.HIGH


class _Module:
    def __init__(self, tree: ast.Module, is_setup: bool) -> None:
        self._tree = tree
        self._is_setup = is_setup
        self._names = Names(tree)
        self._called = _called_on_import(tree)
        self._called_functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        self._unpacked: set[str] = set()
        self._note_unpacked()

    def walk(self, imported: bool) -> Iterator[tuple[ast.AST, bool]]:
        """Every node with whether it runs on import."""
        stack: list[tuple[ast.AST, bool]] = [(self._tree, imported)]
        while stack:
            node, on_import = stack.pop()
            yield node, on_import
            stack.extend(_children(node, on_import, self._called, self._is_setup))

    def judge(self, node: ast.AST, on_import: bool, prefix: str) -> Iterator[Sight]:
        place = f"{prefix}line {getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Call):
            yield from self._judge_call(node, on_import, place)
        elif isinstance(node, ast.Attribute):
            if node.attr in catalogue.INTERNALS and not _is_own(node.value):
                yield from _sight(_Hit(catalogue.INTROSPECTION, node.attr, Confidence.MEDIUM), on_import, place)
            yield from self._judge_reference(node, on_import, place)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield from self._judge_reference(node, on_import, place)

    def _judge_reference(self, node: ast.Attribute | ast.Name, on_import: bool, place: str) -> Iterator[Sight]:
        if id(node) in self._called_functions:
            return
        for name in sorted(self._names.dotted(node)):
            family = FAMILIES.get(name)
            if family is not None and family.by_reference and not name.rpartition(".")[2][:1].isupper():
                yield from _sight(_Hit(family, name, Confidence.MEDIUM), on_import, place)

    def _judge_call(self, node: ast.Call, on_import: bool, place: str) -> Iterator[Sight]:
        yield from self._remote(node, place)
        hits: list[_Hit] = []
        for name in sorted(self._names.called(node)):
            hit = self._hit(name, node)
            if hit is not None:
                hits.append(hit)
            if name == "builtins.getattr" and len(node.args) >= 2 and self._names.text(node.args[1]) is None:
                modules = {"os", "subprocess", "builtins", "importlib", "posix", "ctypes"}
                base = self._names.dotted(node.args[0]) & modules
                hits.extend(_Hit(catalogue.CODE, f"getattr({found}, …)", Confidence.MEDIUM) for found in sorted(base))
        for hit in hits:
            yield from _sight(hit, on_import, place)

    def _hit(self, name: str, node: ast.Call) -> _Hit | None:
        conditional = self._conditional(name, node)
        if conditional is not None:
            return conditional[0]
        family = FAMILIES.get(name)
        if family is None:
            return None
        if family is catalogue.DOWNLOAD and self._carries_secrets(node):
            return _Hit(catalogue.UPLOAD, name)
        if name in ("types.FunctionType", "types.CodeType") and not node.args:
            return None
        return _Hit(family, name)

    def _conditional(self, name: str, node: ast.Call) -> tuple[_Hit | None] | None:
        """For calls that depend on their arguments: (a hit, or None when harmless); None for all others."""
        first = node.args[0] if node.args else None
        if name in ("builtins.exec", "builtins.eval", "builtins.compile"):
            return (self._code(name, first, node),)
        if name in ("builtins.__import__", "importlib.import_module", "importlib.__import__"):
            known = first is None or self._names.text(first) is not None
            return (None if known else _Hit(catalogue.IMPORT, name),)
        if name == "torch.load":
            flag = _keyword(node, "weights_only")
            if isinstance(flag, ast.Constant) and flag.value is True:
                return (None,)
            is_off = isinstance(flag, ast.Constant) and flag.value is False
            return (_Hit(catalogue.UNPICKLE if is_off else catalogue.WEIGHTS, name),)
        if name in ("yaml.load", "yaml.load_all"):
            loader = node.args[1] if len(node.args) > 1 else _keyword(node, "Loader")
            loaders = {item.rpartition(".")[2] for item in self._names.dotted(loader)} if loader is not None else set()
            is_safe = bool(loaders & {"SafeLoader", "CSafeLoader", "BaseLoader", "CBaseLoader"})
            return (None if is_safe else _Hit(catalogue.UNPICKLE, name),)
        if name == "numpy.load":
            flag = _keyword(node, "allow_pickle")
            is_on = isinstance(flag, ast.Constant) and flag.value is True
            return (_Hit(catalogue.UNPICKLE, f"{name}(allow_pickle=True)") if is_on else None,)
        if name in ("builtins.open", "os.open", "io.open", "pathlib.Path", "os.path.expanduser"):
            path = self._names.text(first) if first is not None else None
            is_sensitive = path is not None and _SENSITIVE.search(path) is not None
            return (_Hit(catalogue.SENSITIVE, f"{name.removeprefix('builtins.')}({path!r})") if is_sensitive else None,)
        if name in ("setuptools.setup", "distutils.core.setup") and _keyword(node, "cmdclass") is not None:
            return (_Hit(_COMMANDS, f"{name}(cmdclass=…)"),)
        return None

    def _code(self, name: str, first: ast.expr | None, node: ast.Call) -> _Hit | None:
        if first is None:
            return None
        if self._is_unpacked(first):
            return _Hit(catalogue.HIDDEN_CODE, name)
        if name == "builtins.compile" and len(node.args) + len(node.keywords) < 2:
            return None
        if isinstance(first, ast.Constant) or self._reads_own_file(first):
            # `exec(open("version.py").read())` is how many a setup.py learns its version; the file is scanned too.
            return _Hit(_OWN_CODE, name, Confidence.LOW)
        return _Hit(catalogue.CODE, name)

    def _reads_own_file(self, node: ast.expr) -> bool:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Call) and "builtins.open" in self._names.dotted(inner.func):
                return True
            if isinstance(inner, ast.Attribute) and inner.attr == "read_text":
                return True
        return False

    def _is_unpacked(self, node: ast.expr) -> bool:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and inner.id in self._unpacked:
                return True
            if isinstance(inner, ast.Call) and self._names.dotted(inner.func) & catalogue.UNPACKERS:
                return True
        return False

    def _note_unpacked(self) -> None:
        assignments = [node for node in ast.walk(self._tree) if isinstance(node, ast.Assign)]
        for _ in range(3):
            before = len(self._unpacked)
            for node in assignments:
                if self._is_unpacked(node.value):
                    self._unpacked |= {target.id for target in node.targets if isinstance(target, ast.Name)}
            if len(self._unpacked) == before:
                break

    def _carries_secrets(self, node: ast.Call) -> bool:
        """Does a request carry the whole environment or name a sensitive file?"""
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            if "os.environ" in self._names.dotted(argument):
                return True
            for inner in ast.walk(argument):
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str) and _SENSITIVE.search(inner.value):
                    return True
                copied = inner.args if isinstance(inner, ast.Call) and self._names.dotted(inner.func) & _COPIERS else []
                if any("os.environ" in self._names.dotted(part) for part in copied):
                    return True
        return False

    def _remote(self, node: ast.Call, place: str) -> Iterator[Sight]:
        for keyword in node.keywords:
            value = keyword.value
            if keyword.arg == "trust_remote_code" and isinstance(value, ast.Constant) and value.value is True:
                what = "lets a loader run code that comes with a model: `trust_remote_code=True`"
                yield Sight(REMOTE_CODE, Severity.MEDIUM, place, what, {"keyword": keyword.arg})
            elif keyword.arg == "custom_pipeline" and not (isinstance(value, ast.Constant) and value.value is None):
                what = "loads a pipeline whose code comes from a repository: `custom_pipeline`"
                yield Sight(REMOTE_CODE, Severity.MEDIUM, place, what, {"keyword": keyword.arg})
        if "torch.hub.load" in self._names.dotted(node.func):
            source = _keyword(node, "source")
            if not (isinstance(source, ast.Constant) and source.value == "local"):
                what = "fetches a repository and runs its code: `torch.hub.load`"
                yield Sight(REMOTE_CODE, Severity.MEDIUM, place, what, {"callable": "torch.hub.load"})


_OWN_CODE = Family("code", Severity.LOW, Severity.LOW, "runs code from a constant or a file of its own")
_COMMANDS = Family("installation", Severity.MEDIUM, Severity.LOW, "runs commands of its own on installation")


def _sight(hit: _Hit, on_import: bool, place: str) -> Iterator[Sight]:
    severity = hit.family.on_import if on_import else hit.family.in_function
    if severity is not None:
        name = hit.name.removeprefix("builtins.")
        when = "on import" if on_import else "in a function"
        seen = {"callable": name, "family": hit.family.name, "runs": when}
        yield Sight(DANGEROUS_CALL, severity, place, f"`{name}` {hit.family.does} {when}", seen, hit.confidence)


def _keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in node.keywords if keyword.arg == name), None)


def _is_own(node: ast.expr) -> bool:
    """`func.__globals__` and `cls.__subclasses__` in wrappers and registries are common; on a literal they are not."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


# When things run.


def _children(node: ast.AST, on_import: bool, called: frozenset[str], is_setup: bool) -> Iterator[tuple[ast.AST, bool]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        outside: list[ast.AST] = [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
        yield from ((part, on_import) for part in outside)
        runs = node.name in called or node.name in _RUN_ON_IMPORT
        yield from ((part, runs) for part in node.body)
    elif isinstance(node, ast.ClassDef):
        yield from (
            (part, on_import) for part in (*node.decorator_list, *node.bases, *(k.value for k in node.keywords))
        )
        created = node.name in called or (is_setup and _is_command(node))
        for part in node.body:
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                runs = created and (part.name in _RUN_ON_CREATION or (is_setup and part.name in _COMMAND_METHODS))
                runs = runs or part.name in _RUN_ON_IMPORT
                yield from ((inner, on_import) for inner in (*part.decorator_list, *part.args.defaults))
                yield from ((inner, runs) for inner in part.body)
            else:
                yield part, on_import
    elif isinstance(node, ast.AnnAssign):
        yield from ((part, on_import) for part in (node.target, node.value) if part is not None)
    elif isinstance(node, ast.Lambda):
        yield from ((default, on_import) for default in node.args.defaults)
        yield node.body, False
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Lambda):
        yield from ((part, on_import) for part in (*node.args, *(k.value for k in node.keywords), node.func.body))
    elif isinstance(node, ast.If) and _is_guarded(node.test):
        yield from ((part, False) for part in node.body)
        yield from ((part, on_import) for part in node.orelse)
    else:
        yield from ((child, on_import) for child in ast.iter_child_nodes(node))


_COMMAND_METHODS = {"run", "initialize_options", "finalize_options", "build_extension", "build_extensions"}


def _is_command(node: ast.ClassDef) -> bool:
    bases = [base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in node.bases]
    return any(re.search(r"(?i)command|install|develop|build|egg_info|sdist|bdist", base) is not None for base in bases)


def _is_guarded(test: ast.expr) -> bool:
    """`__name__ == "__main__"` and `TYPE_CHECKING`: bodies that importing does not run."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(_is_guarded(value) for value in test.values)
    if isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__":
        return isinstance(test.ops[0], ast.Eq)
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _called_on_import(tree: ast.Module) -> frozenset[str]:
    """Names of functions and classes that the module's body calls or decorates with, and those that these call."""
    bodies: dict[str, list[ast.AST]] = {}
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bodies.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            modules.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    called: set[str] = set()
    todo = list(_names_called(tree, modules))
    while todo:
        name = todo.pop()
        if name in called or name not in bodies:
            continue
        called.add(name)
        for body in bodies[name]:
            if isinstance(body, ast.FunctionDef | ast.AsyncFunctionDef):
                todo.extend(called_name for part in body.body for called_name in _names_called(part, modules))
    return frozenset(called)


def _names_called(root: ast.AST, modules: set[str]) -> Iterator[str]:
    stack: list[tuple[ast.AST, bool]] = [(root, True)]
    while stack:
        node, on_import = stack.pop()
        if on_import and isinstance(node, ast.Call):
            yield from _callee_names(node.func, modules)
        elif on_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from (item.id for item in node.decorator_list if isinstance(item, ast.Name))
        stack.extend(_children(node, on_import, frozenset(), False))


def _callee_names(callee: ast.expr, modules: set[str]) -> Iterator[str]:
    """What a call may run in this module. `Loader().start()` and `loader.start()` run a `start`; `re.compile()` runs
    none of ours."""
    if isinstance(callee, ast.Name):
        yield callee.id
    elif isinstance(callee, ast.Attribute):
        root: ast.expr = callee
        while isinstance(root, ast.Attribute):
            root = root.value
        if not (isinstance(root, ast.Name) and root.id in modules):
            yield callee.attr
