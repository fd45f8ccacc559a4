"""What a global really reaches, and what is known of it.

`module` + `name` is a path that a loader walks: `torch.serialization` + `os.system` is `os.system`, and Python 2 names
are today's names. What is known is data: `allowed.toml` and `dangerous.toml`, each group with its source.

Rules, first match wins:
1. exactly allowed: the whole path stands in a list, and no alias leads to it;
2. dangerous: the path, or any module or name that a dotted name passes through, stands in a list; or it passes through
   a part of Python's own machinery (`__globals__`, `__builtins__`, …);
3. allowed by pattern or package: a class of a known package, good for being built, not for being called;
4. unknown.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any

from bascule.plugins.readers.pickles.values import Global


class Standing(Enum):
    """What is known of a global."""

    CALL = "may be called"
    BUILD = "may be built, as a class"
    VALUE = "may be named"
    DANGEROUS = "dangerous"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Known:
    """A global's standing; `why` says what a dangerous one does."""

    standing: Standing
    why: str = ""


_MACHINERY = frozenset(
    (
        "__builtins__",
        "__globals__",
        "__dict__",
        "__class__",
        "__subclasses__",
        "__bases__",
        "__base__",
        "__mro__",
        "mro",
        "__getattribute__",
        "__getattr__",
        "__setattr__",
        "__delattr__",
        "__import__",
        "__loader__",
        "__spec__",
        "__code__",
        "__closure__",
        "__call__",
        "__reduce__",
        "__reduce_ex__",
        "__self__",
        "__func__",
        "__wrapped__",
        "__init__",
        "__new__",
        "__setstate__",
        "__getitem__",
        "__setitem__",
        "__init_subclass__",
        "__get__",
        "__set_name__",
        "__class_getitem__",
        "f_globals",
        "f_builtins",
        "f_back",
        "tb_frame",
        "gi_frame",
        "cr_frame",
        "func_globals",
    )
)
_CLASS = re.compile(r"_*[A-Z]\w*(\._*[A-Z]\w*)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists as data. Packages end in `.`; everything else is a whole path."""

    call: frozenset[str]
    build: frozenset[str]
    value: frozenset[str]
    call_pattern: re.Pattern[str]
    build_pattern: re.Pattern[str]
    packages: tuple[str, ...]
    value_packages: tuple[str, ...]
    dangerous_modules: dict[str, str]
    dangerous_names: dict[str, str]
    renamed: dict[str, str]

    def of(self, reached: Global) -> Known:
        """What is known of a global."""
        path = reached.path
        if path in self.call:
            return Known(Standing.CALL)
        if path in self.build:
            return Known(Standing.BUILD)
        if path in self.value:
            return Known(Standing.VALUE)
        if why := self._danger(reached):
            return Known(Standing.DANGEROUS, why)
        if self.call_pattern.fullmatch(path):
            return Known(Standing.CALL)
        if self.build_pattern.fullmatch(path):
            return Known(Standing.BUILD)
        if path.startswith(self.packages) and _CLASS.fullmatch(reached.name):
            return Known(Standing.BUILD)
        if path.startswith(self.value_packages) and "." not in reached.name:
            return Known(Standing.VALUE)
        return Known(Standing.UNKNOWN)

    def _danger(self, reached: Global) -> str:
        steps = reached.name.split(".") if reached.name else []
        for step in steps:
            if step in _MACHINERY:
                return f"reaches into Python's own machinery through `{step}`"
        ways = [reached.path]
        if len(steps) > 1:
            # An alias: the module holds another module as an attribute, and the name walks through it.
            ways += [".".join(steps[start:]) for start in range(len(steps) - 1)]
        for way in ways:
            if why := self._listed(way):
                return why
        return ""

    def _listed(self, path: str) -> str:
        if why := self.dangerous_names.get(path):
            return why
        head = path
        while head:
            if why := self.dangerous_modules.get(head):
                return why
            head = head.rpartition(".")[0]
        return ""


@cache
def lists() -> Lists:
    """The lists, read once."""
    allowed = _table("allowed.toml")["group"]
    dangerous = _table("dangerous.toml")
    modules: dict[str, str] = {}
    names: dict[str, str] = {}
    for group in dangerous["group"]:
        modules |= dict.fromkeys(group.get("modules", ()), group["does"])
        names |= dict.fromkeys(group.get("names", ()), group["does"])

    def gathered(key: str) -> list[str]:
        return [path for group in allowed for path in group.get(key, ())]

    return Lists(
        call=frozenset(gathered("call")),
        build=frozenset(gathered("build")),
        value=frozenset(gathered("value")),
        call_pattern=re.compile("|".join(gathered("call_patterns")), re.ASCII),
        build_pattern=re.compile("|".join(gathered("build_patterns")), re.ASCII),
        packages=tuple(gathered("packages")),
        value_packages=tuple(gathered("value_packages")),
        dangerous_modules=modules,
        dangerous_names=names,
        renamed=dangerous["renamed"],
    )


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / name).read_text(encoding="utf-8"))


def reach(module: str, name: str, offset: int, hidden: bool = False) -> Global:
    """The global that a loader finds, under its name in today's Python."""
    renamed = lists().renamed
    path = renamed.get(f"{module}.{name}")
    if path is not None:
        module, _, name = path.rpartition(".")
        return Global(module, name, offset, hidden)
    if module in renamed:
        return Global(renamed[module], name, offset, hidden)
    # `numpy.core` became `numpy._core` in numpy 2, and both names still load.
    if module.startswith("numpy._core"):
        module = "numpy.core" + module.removeprefix("numpy._core")
    return Global(module, name, offset, hidden)


def attribute_of(owner: Global, name: str) -> Global:
    """What `getattr(owner, name)` reaches: a module's member, or one step further along a dotted name."""
    if not owner.name:
        return reach(owner.module, name, owner.offset, owner.hidden)
    return Global(owner.module, f"{owner.name}.{name}", owner.offset, owner.hidden)
