"""What a call would give, without making it.

A few callables decide where a load goes next: they fetch an attribute, import a module, bind arguments, turn one text
into another, or call what they are handed. Here each is replaced by its effect on symbols, so that
`getattr(import_module("o" + "s"), "system")` is seen as `os.system`. Every other call gives a `Built`.

Rules: every call is told to the observer before its effect; text is computed only within a bound; an effect that cannot
be told is `Unknown`, and calling an unknown thing is told like any call.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import TYPE_CHECKING

from bascule.plugins.readers import Malformed
from bascule.plugins.readers.pickles.names import attribute_of, reach
from bascule.plugins.readers.pickles.values import (
    CONSTANTS,
    Blob,
    Bound,
    Built,
    Computed,
    Global,
    Items,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from bascule.plugins.readers.pickles.machine import Observer

_DEPTH = 12
_TEXT = 1 << 12

Effect = Callable[["_Call"], Value]
_EFFECTS: dict[str, Effect] = {}


class _Call:
    """One call of a known helper."""

    __slots__ = ("arguments", "depth", "function", "observer", "offset")

    def __init__(
        self, observer: Observer, function: Global, arguments: tuple[Value, ...], offset: int, depth: int
    ) -> None:
        self.observer = observer
        self.function = function
        self.arguments = arguments
        self.offset = offset
        self.depth = depth

    def argument(self, index: int) -> Value:
        return self.arguments[index] if index < len(self.arguments) else None

    def forward(self, function: Value, arguments: tuple[Value, ...], shape: str = "CALL") -> Value:
        """The call that this one makes."""
        if type(function) in (Global, Bound, Built, Unknown):
            return call(self.observer, function, arguments, shape, self.offset, self.depth + 1)
        return Unknown("a call of what cannot be called")


def call(
    observer: Observer, function: Value, arguments: tuple[Value, ...], shape: str, offset: int, depth: int = 0
) -> Value:
    """What `function(*arguments)` would give. Raises Malformed for what cannot be called."""
    if depth > _DEPTH:
        raise Malformed(f"over budget: calls nest more than {_DEPTH} deep at {offset}")
    kind = type(function)
    if kind is Global:
        observer.called(function, arguments, shape, offset)
        effect = _EFFECTS.get(function.path)
        if effect is not None and shape not in ("NEWOBJ", "NEWOBJ_EX"):
            return effect(_Call(observer, function, arguments, offset, depth))
        if effect is None and function.name.count(".") and not shape.startswith("NEWOBJ"):
            return _member_of_a_namespace(observer, function, arguments)
        return Built(function, arguments)
    if kind is Bound:
        return _call_bound(observer, function, arguments, offset, depth)
    if kind is Built or kind is Unknown:
        observer.called(function, arguments, shape, offset)
        return Built(function, arguments)
    raise Malformed(f"the {shape} at {offset} calls something that cannot be called")


def spread(arguments: Value, offset: int) -> tuple[Value, ...]:
    """Arguments as a call takes them: a tuple, or anything that the Python unpickler could iterate."""
    kind = type(arguments)
    if kind is tuple:
        spread_out: tuple[Value, ...] = arguments
        return spread_out
    if kind is Items:
        return tuple(arguments.items[::2] if arguments.kind == "dict" else arguments.items)
    if kind is str or kind is Computed:
        return tuple(arguments[:256])
    if kind in CONSTANTS and kind is not bytes:
        raise Malformed(f"the call at {offset} has no arguments that could be spread")
    return (Unknown("arguments that only a load would show"),)


def set_state(observer: Observer, target: Built, state: Value, offset: int) -> None:
    """Give an object its state; call what an earlier state put in the place of `__setstate__`."""
    override = (target.attributes or {}).get("__setstate__")
    if override is not None:
        call(observer, override, (state,), "BUILD", offset)
        return
    target.state = state
    observer.given(target, state, offset)
    for part in state if type(state) is tuple and len(state) == 2 else (state,):
        if type(part) is not Items or part.kind != "dict":
            continue
        for key, value in part.pairs():
            if type(key) in (str, Computed) and type(value) not in CONSTANTS:
                if target.attributes is None:
                    target.attributes = {}
                if len(target.attributes) < 256:
                    target.attributes[key] = value


def rebind(observer: Observer, target: Value, state: Value, offset: int) -> None:
    """Give a state to what is not a fresh object: a partial takes another function, anything else changes for all."""
    if type(target) is Bound and target.kind == "partial" and type(state) is tuple and len(state) > 1:
        target.function, target.arguments = state[0], spread(state[1], offset)
    elif type(target) in (Global, Unknown, Bound):
        observer.wrote(target, state, offset)


def _call_bound(observer: Observer, bound: Bound, arguments: tuple[Value, ...], offset: int, depth: int) -> Value:
    owner = arguments[0] if arguments else None
    if bound.kind == "partial":
        inner = bound.function
        if type(inner) in (Global, Bound, Built, Unknown):
            return call(observer, inner, (*bound.arguments, *arguments), "CALL", offset, depth + 1)
        return Unknown("a call of what cannot be called")
    if bound.kind == "attrgetter":
        found = [_attribute(owner, name) for name in bound.arguments]
        return found[0] if len(found) == 1 else tuple(found)
    if bound.kind == "itemgetter":
        found = [_item(owner, key) for key in bound.arguments]
        return found[0] if len(found) == 1 else tuple(found)
    if bound.kind == "methodcaller":
        method = _attribute(owner, bound.arguments[0] if bound.arguments else None)
        if type(method) in (Global, Bound, Built, Unknown):
            return call(observer, method, bound.arguments[1:], "CALL", offset, depth + 1)
        return Unknown("a call of what cannot be called")
    # A method of a constant or of an object.
    if type(bound.function) in (str, Computed, bytes):
        return _text_method(bound.function, bound.arguments[0], arguments)
    observer.called(bound, arguments, "CALL", offset)
    return Built(bound, arguments)


def _attribute(owner: Value, name: Value) -> Value:
    """`getattr(owner, name)`, dotted as attrgetter allows."""
    if type(name) not in (str, Computed):
        return Unknown("an attribute whose name only a load would show")
    for step in name.split("."):
        if type(owner) is Global:
            owner = attribute_of(owner, step)
            if type(name) is Computed:
                owner.hidden = True
        elif type(owner) is Built and owner.attributes and step in owner.attributes:
            owner = owner.attributes[step]
        elif (type(owner) is Built and type(owner.maker) is Global) or type(owner) in (str, Computed, bytes):
            owner = Bound("method", owner, (step,))
        else:
            return Unknown("an attribute of what only a load would show")
    return owner


_NAMESPACES = ("__builtins__", "__dict__", "__globals__", "f_globals", "f_builtins", "func_globals")


def _item(owner: Value, key: Value) -> Value:
    """`owner[key]`: a namespace's member is a global."""
    if type(owner) is Global and isinstance(key, str):
        if owner.path == "sys.modules":
            return Global(str(key), "", owner.offset, owner.hidden)
        found = _of_namespace(owner, key)
        if found is not None:
            return found
    if type(owner) is Items and owner.kind == "dict" and type(key) in CONSTANTS:
        for known, value in owner.pairs():
            if type(known) in CONSTANTS and known == key:
                return value
    if type(owner) in (tuple, Items) and type(key) is int:
        held = owner if type(owner) is tuple else owner.items
        if -len(held) <= key < len(held) and (type(owner) is tuple or owner.kind == "list"):
            return held[key]
    return Unknown("an item of what only a load would show")


def _of_namespace(owner: Global, key: str) -> Global | None:
    last = owner.name.rpartition(".")[2]
    if last not in _NAMESPACES:
        return None
    if "builtins" in last:
        return reach("builtins", str(key), owner.offset, owner.hidden)
    return reach(owner.module, str(key), owner.offset, owner.hidden)


def _member_of_a_namespace(observer: Observer, function: Global, arguments: tuple[Value, ...]) -> Value:
    """`x.__builtins__.get("eval")` and the like give the member; any other method gives what it builds."""
    holder, _, method = function.name.rpartition(".")
    if method in ("get", "__getitem__", "pop", "setdefault") and arguments:
        found = _item(Global(function.module, holder, function.offset, function.hidden), arguments[0])
        if type(found) is Global:
            observer.named(found)
            return found
    return Built(function, arguments)


# -- helpers that fetch ------------------------------------------------------------------------------------------------


def _effect(*paths: str) -> Callable[[Effect], Effect]:
    def register(effect: Effect) -> Effect:
        _EFFECTS.update(dict.fromkeys(paths, effect))
        return effect

    return register


@_effect("builtins.getattr", "builtins.object.__getattribute__", "inspect.getattr_static", "operator.__getattr__")
def _getattr(call_: _Call) -> Value:
    found = _attribute(call_.argument(0), call_.argument(1))
    if type(found) is Global:
        call_.observer.named(found)
    return found


@_effect("operator.attrgetter")
def _attrgetter(call_: _Call) -> Value:
    return Bound("attrgetter", None, call_.arguments)


@_effect("operator.itemgetter")
def _itemgetter(call_: _Call) -> Value:
    return Bound("itemgetter", None, call_.arguments)


@_effect("operator.methodcaller")
def _methodcaller(call_: _Call) -> Value:
    return Bound("methodcaller", None, call_.arguments)


@_effect("operator.getitem", "operator.__getitem__", "builtins.dict.get", "builtins.dict.__getitem__")
def _getitem(call_: _Call) -> Value:
    found = _item(call_.argument(0), call_.argument(1))
    if type(found) is Global:
        call_.observer.named(found)
    return found


@_effect("builtins.vars", "builtins.globals", "builtins.locals")
def _vars(call_: _Call) -> Value:
    owner = call_.argument(0)
    return attribute_of(owner, "__dict__") if type(owner) is Global else Unknown("a namespace")


@_effect("importlib.import_module", "builtins.__import__", "importlib.__import__", "pkgutil.resolve_name")
def _import(call_: _Call) -> Value:
    name = call_.argument(0)
    if type(name) not in (str, Computed):
        return Unknown("a module whose name only a load would show")
    module, _, member = str(name).partition(":")
    found = Global(module, "", call_.offset, hidden=type(name) is Computed)
    return reach(module, member, call_.offset) if member else found


@_effect("numpy.core._ufunc_reconstruct", "torch._utils._import_dotted_name")
def _imported_member(call_: _Call) -> Value:
    module, name = call_.argument(0), call_.argument(1)
    if isinstance(module, str) and not isinstance(name, str):
        module, _, name = module.rpartition(".")
    if not isinstance(module, str) or not isinstance(name, str):
        return Unknown("a global whose name only a load would show")
    found = reach(str(module), str(name), call_.offset, Computed in (type(module), type(name)))
    call_.observer.named(found)
    return found


# -- helpers that call what they are handed ----------------------------------------------------------------------------


@_effect("functools.partial", "types.MethodType", "functools.partialmethod")
def _partial(call_: _Call) -> Value:
    return Bound("partial", call_.argument(0), call_.arguments[1:])


@_effect("operator.call", "operator.__call__", "_thread.start_new_thread", "contextvars.copy_context.run")
def _operator_call(call_: _Call) -> Value:
    return call_.forward(call_.argument(0), call_.arguments[1:])


@_effect("builtins.map", "builtins.filter", "itertools.starmap", "functools.reduce", "itertools.filterfalse")
def _each(call_: _Call) -> Value:
    items = call_.argument(1)
    first = spread(items, call_.offset)[:1] if type(items) in (tuple, Items) else ()
    arguments = first
    if call_.function.name == "starmap" and first:
        arguments = spread(first[0], call_.offset)
    return call_.forward(call_.argument(0), arguments)


@_effect("copyreg._reconstructor", "copyreg.__newobj__", "copyreg.__newobj_ex__")
def _newobj(call_: _Call) -> Value:
    return call_.forward(call_.argument(0), call_.arguments[1:], "NEWOBJ")


_PANDAS_INDEXES = (
    "pandas.core.indexes.base._new_Index",
    "pandas.core.indexes.datetimes._new_DatetimeIndex",
    "pandas.core.indexes.period._new_PeriodIndex",
    "pandas.core.indexes.interval._new_IntervalIndex",
)


@_effect(*_PANDAS_INDEXES)
def _new_index(call_: _Call) -> Value:
    return call_.forward(call_.argument(0), call_.arguments[1:], "NEWOBJ")


@_effect("torch._tensor._rebuild_from_type_v2")
def _rebuild_from_type(call_: _Call) -> Value:
    inner = call_.argument(2)
    made = call_.forward(call_.argument(0), inner if type(inner) is tuple else (inner,))
    kind = call_.argument(1)
    return Built(kind, (made,)) if type(kind) is Global else made


@_effect("torch._tensor._rebuild_from_type")
def _rebuild_from_old_type(call_: _Call) -> Value:
    return _rebuild_from_type(call_)


@_effect("torch.storage._load_from_bytes")
def _load_from_bytes(call_: _Call) -> Value:
    call_.observer.payload(call_.argument(0), call_.offset, promised=True)
    return Built(call_.function, call_.arguments)


@_effect("numpy.random._pickle.__randomstate_ctor", "numpy.random._pickle.__generator_ctor")
def _random_state(call_: _Call) -> Value:
    maker = call_.argument(1)
    if type(maker) in (Global, Bound, Built):
        call_.forward(maker, call_.arguments[:1])
    return Built(call_.function, call_.arguments)


JUDGES_ITS_ARGUMENTS = frozenset(
    {"copyreg._reconstructor", "copyreg.__newobj__", "copyreg.__newobj_ex__", *_PANDAS_INDEXES}
)
"""Callables whose handed class is judged by the call they make, so that a second judgement would only repeat it."""

# -- helpers that turn one text into another ---------------------------------------------------------------------------

# Those that give text or bytes of about the same length, by pure functions of the standard library.
_CODECS = frozenset(
    (
        "latin1",
        "latin-1",
        "latin_1",
        "iso-8859-1",
        "iso8859-1",
        "iso_8859_1",
        "l1",
        "ascii",
        "us-ascii",
        "utf-8",
        "utf8",
        "utf_8",
        "u8",
        "utf-7",
        "utf7",
        "utf_7",
        "utf-16",
        "utf16",
        "utf_16",
        "utf-16-le",
        "utf_16_le",
        "utf-16-be",
        "utf_16_be",
        "utf-32",
        "utf32",
        "utf_32",
        "rot13",
        "rot_13",
        "rot-13",
        "hex",
        "hex_codec",
        "hex-codec",
        "base64",
        "base64_codec",
        "base64-codec",
        "uu",
        "quopri",
        "punycode",
        "unicode_escape",
        "unicode-escape",
        "raw_unicode_escape",
        "raw-unicode-escape",
        "cp037",
        "cp273",
        "cp437",
        "cp500",
        "cp850",
        "cp1026",
        "cp1140",
        "cp1250",
        "cp1251",
        "cp1252",
        "koi8-r",
        "mac-roman",
    )
)


def _text_or_bytes(value: Value) -> str | bytes | None:
    if type(value) is Blob:
        return None
    return value if isinstance(value, str | bytes) and len(value) <= _TEXT else None


def _computed(value: object) -> Value:
    if isinstance(value, str) and len(value) <= 4 * _TEXT:
        return Computed(value)
    if isinstance(value, bytes) and len(value) <= 4 * _TEXT:
        return value
    return Unknown("text that only a load would show")


@_effect("_codecs.encode", "codecs.encode", "_codecs.decode", "codecs.decode")
def _recode(call_: _Call) -> Value:
    return _codec(call_.argument(0), call_.argument(1), decode=call_.function.name == "decode")


def _codec(value: Value, codec: Value, *, decode: bool) -> Value:
    text = _text_or_bytes(value)
    name = str(codec).lower() if isinstance(codec, str) else "utf-8"
    if text is None or name not in _CODECS:
        return Unknown("text that only a load would show")
    try:
        return _computed(codecs.decode(text, name) if decode else codecs.encode(text, name))  # type: ignore[arg-type]
    except Exception:
        # Whatever the codec raises, the load would fail here too.
        return Unknown("text that cannot be recoded")


def _text_method(owner: str | bytes, method: Value, arguments: tuple[Value, ...]) -> Value:
    """A method of a constant, where it is one that only rearranges text."""
    if method in ("encode", "decode"):
        return _codec(owner, arguments[0] if arguments else None, decode=method == "decode")
    if method not in _REARRANGING or len(owner) > _TEXT:
        return Unknown("what a method of a constant gives")
    if method == "join":
        arguments = tuple(spread(part, 0) for part in arguments[:1] if type(part) in (tuple, Items))
    flat = arguments[0] if method == "join" and arguments else arguments
    if not all(type(part) in (str, Computed, bytes, int) for part in flat):
        return Unknown("what a method of a constant gives")
    if sum(len(part) if isinstance(part, str | bytes) else 0 for part in flat) > _TEXT:
        return Unknown("a long text")
    if method == "replace" and len(owner) * max([1, *(len(p) for p in flat if isinstance(p, str | bytes))]) > _TEXT:
        return Unknown("a long text")
    try:
        return _computed(getattr(owner, str(method))(*arguments))
    except Exception:
        return Unknown("text that cannot be computed")


_REARRANGING = frozenset(
    (
        "join",
        "lower",
        "upper",
        "title",
        "swapcase",
        "casefold",
        "capitalize",
        "strip",
        "lstrip",
        "rstrip",
        "replace",
        "removeprefix",
        "removesuffix",
        "__add__",
        "hex",
    )
)


@_effect("builtins.str.join", "builtins.bytes.join")
def _join(call_: _Call) -> Value:
    owner = call_.argument(0)
    return _text_method(owner, "join", call_.arguments[1:]) if _text_or_bytes(owner) is not None else Unknown("a text")


@_effect(
    *(f"builtins.str.{method}" for method in sorted(_REARRANGING - {"join"} | {"encode"})),
    *(f"builtins.bytes.{method}" for method in ("decode", "hex", "replace", "strip")),
)
def _method_by_its_class(call_: _Call) -> Value:
    owner = call_.argument(0)
    if _text_or_bytes(owner) is None:
        return Unknown("a text")
    return _text_method(owner, call_.function.name.rpartition(".")[2], call_.arguments[1:])


@_effect(
    "operator.add", "operator.concat", "operator.iadd", "operator.iconcat", "operator.__add__", "operator.__concat__"
)
def _add(call_: _Call) -> Value:
    left, right = _text_or_bytes(call_.argument(0)), _text_or_bytes(call_.argument(1))
    if isinstance(left, str) and isinstance(right, str):
        return _computed(left + right)
    if isinstance(left, bytes) and isinstance(right, bytes):
        return left + right
    return Unknown("a sum")


@_effect("builtins.str")
def _str(call_: _Call) -> Value:
    value = call_.argument(0)
    if len(call_.arguments) > 1:
        return _codec(value, call_.argument(1), decode=True)
    return _computed(value) if isinstance(value, str) else Unknown("a text")


@_effect("builtins.chr")
def _chr(call_: _Call) -> Value:
    code = call_.argument(0)
    return Computed(chr(code)) if type(code) is int and 0 <= code < 0x110000 else Unknown("a character")


@_effect("builtins.bytes", "builtins.bytearray")
def _bytes(call_: _Call) -> Value:
    value = call_.argument(0)
    if isinstance(value, str):
        return _codec(value, call_.argument(1), decode=False)
    if isinstance(value, bytes):
        return value
    if type(value) in (tuple, Items):
        codes = spread(value, call_.offset)[:_TEXT]
        if all(type(code) is int and 0 <= code < 256 for code in codes):
            return bytes(codes)
    return Unknown("bytes") if value is not None else b""
