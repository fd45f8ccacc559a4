"""Pickles for tests, assembled opcode by opcode: nothing here is ever loaded, and a test sees to that.

`HOSTILE` maps a name to bytes that a loader would run a command or code with; each is one way past some scanner.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping

STOP = b"."


def text(value: str) -> bytes:
    """SHORT_BINUNICODE, or BINUNICODE."""
    data = value.encode("utf-8", "surrogatepass")
    return b"\x8c" + bytes([len(data)]) + data if len(data) < 256 else b"X" + struct.pack("<I", len(data)) + data


def named(module: str, name: str) -> bytes:
    """GLOBAL."""
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def stacked(module: str, name: str) -> bytes:
    """STACK_GLOBAL."""
    return text(module) + text(name) + b"\x93"


def items(*values: bytes) -> bytes:
    """A tuple."""
    return b"(" + b"".join(values) + b"t"


def called(function: bytes, *arguments: bytes) -> bytes:
    """REDUCE."""
    return function + items(*arguments) + b"R"


def built(kind: bytes, *arguments: bytes) -> bytes:
    """NEWOBJ."""
    return kind + items(*arguments) + b"\x81"


def given(target: bytes, **state: bytes) -> bytes:
    """BUILD with a dict."""
    return target + b"}(" + b"".join(text(key) + value for key, value in state.items()) + b"ub"


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def proto(body: bytes, version: int = 4) -> bytes:
    """PROTO … STOP."""
    return b"\x80" + bytes([version]) + body + STOP


SYSTEM = stacked("os", "system")
COMMAND = text("id")
RUN = called(SYSTEM, COMMAND)


def _rot13(value: str) -> bytes:
    return called(stacked("_codecs", "encode"), text(value), text("rot13"))


HOSTILE: Mapping[str, Callable[[], bytes]] = {
    # every way to name
    "GLOBAL": lambda: proto(called(named("os", "system"), COMMAND), 2),
    "GLOBAL without PROTO": lambda: named("posix", "system") + b"(S'id'\ntR.",
    "GLOBAL of Python 2": lambda: named("__builtin__", "eval") + b"(S'1'\ntR.",
    "commands of Python 2": lambda: named("commands", "getoutput") + b"(S'id'\ntR.",
    "STACK_GLOBAL": lambda: proto(RUN),
    "STACK_GLOBAL from the memo": lambda: proto(
        text("os") + b"\x94" + text("system") + b"\x94" + b"00h\x00h\x01\x93" + COMMAND + b"\x85R"
    ),
    "STACK_GLOBAL of a duplicated text": lambda: proto(text("code") + b"2\x93" + COMMAND + b"\x85R"),
    "INST": lambda: b"(S'id'\nios\nsystem\n.",
    "OBJ": lambda: b"(" + named("os", "system") + b"S'id'\no.",
    "extension code": lambda: proto(called(b"\x82\x07", COMMAND), 2),
    "dotted alias": lambda: proto(called(stacked("torch.serialization", "os.system"), COMMAND)),
    "dotted alias of a module": lambda: proto(called(stacked("posixpath", "os.system"), COMMAND)),
    "builtins of a function": lambda: proto(
        called(called(stacked("collections", "namedtuple.__builtins__.get"), text("eval")), text("1"))
    ),
    "globals of a function": lambda: proto(
        called(called(stacked("random", "choices.__globals__.get"), text("_os")), COMMAND)
    ),
    "a gadget of numpy": lambda: proto(called(stacked("numpy.testing._private.utils", "runstring"), text("1"), b"}")),
    "a gadget of an unknown package": lambda: proto(called(stacked("somelib.tools", "sh"), COMMAND)),
    # every way to compute
    "module by rot13": lambda: proto(called(_rot13("bf") + text("system") + b"\x93", COMMAND)),
    "both by rot13": lambda: proto(called(_rot13("bf") + _rot13("flfgrz") + b"\x93", COMMAND)),
    "name joined from letters": lambda: proto(
        called(
            text("os") + called(stacked("builtins", "str.join"), text(""), items(text("sys"), text("tem"))) + b"\x93",
            COMMAND,
        )
    ),
    "name by a sum": lambda: proto(
        called(text("os") + called(stacked("operator", "add"), text("sys"), text("tem")) + b"\x93", COMMAND)
    ),
    "name by an unknown call": lambda: proto(
        called(text("os") + called(stacked("somelib", "decode"), text("x")) + b"\x93", COMMAND)
    ),
    "import and getattr": lambda: proto(
        called(
            called(
                stacked("builtins", "getattr"),
                called(stacked("importlib", "import_module"), text("os")),
                text("system"),
            ),
            COMMAND,
        )
    ),
    "import by name": lambda: proto(called(stacked("builtins", "__import__"), text("antigravity"))),
    "attrgetter": lambda: proto(
        called(called(called(stacked("operator", "attrgetter"), text("system")), stacked("importlib", "os")), COMMAND)
    ),
    "methodcaller": lambda: proto(
        called(
            called(stacked("operator", "methodcaller"), text("system"), COMMAND),
            called(stacked("importlib", "import_module"), text("os")),
        )
    ),
    "partial": lambda: proto(called(called(stacked("functools", "partial"), SYSTEM, COMMAND))),
    "partial that changes its function": lambda: proto(
        called(
            called(stacked("functools", "partial"), stacked("builtins", "list"))
            + items(SYSTEM, items(COMMAND), b"}", b"N")
            + b"b"
        )
    ),
    "map in a list": lambda: proto(
        called(stacked("builtins", "list"), called(stacked("builtins", "map"), SYSTEM, items(COMMAND)))
    ),
    "itemgetter on sys.modules": lambda: proto(
        called(called(called(stacked("operator", "itemgetter"), text("os")), stacked("sys", "modules")), COMMAND)
    ),
    "numpy imports a member": lambda: proto(
        called(called(stacked("numpy.core", "_ufunc_reconstruct"), text("os"), text("system")), COMMAND)
    ),
    "numpy calls a constructor": lambda: proto(
        called(stacked("numpy.random._pickle", "__generator_ctor"), COMMAND, SYSTEM)
    ),
    "torch rebuilds with a function": lambda: proto(
        called(
            stacked("torch._tensor", "_rebuild_from_type_v2"), SYSTEM, stacked("torch", "Tensor"), items(COMMAND), b"}"
        )
    ),
    "copyreg makes an unfit class": lambda: proto(
        called(
            stacked("copyreg", "_reconstructor"),
            stacked("subprocess", "Popen"),
            stacked("subprocess", "Popen"),
            items(COMMAND),
        )
    ),
    "runpy": lambda: proto(called(stacked("runpy", "run_path"), text("/tmp/x"))),
    "marshal": lambda: proto(
        called(stacked("types", "FunctionType"), called(stacked("marshal", "loads"), b"C\x01x"), b"}")
    ),
    # every way to write
    "BUILD puts a call in the place of __setstate__": lambda: proto(
        given(built(stacked("somelib", "Thing")), __setstate__=SYSTEM) + COMMAND + b"b"
    ),
    "BUILD puts a call in the place of append": lambda: proto(
        given(called(stacked("types", "SimpleNamespace")), append=SYSTEM) + COMMAND + b"a"
    ),
    "BUILD writes onto an allowed function": lambda: proto(
        given(stacked("torch._utils", "_rebuild_tensor_v2"), a=text("os")) + b"0N"
    ),
    "SETITEM on sys.modules": lambda: proto(
        stacked("sys", "modules") + text("json") + stacked("builtins", "list") + b"s"
    ),
    "APPEND on sys.path": lambda: proto(stacked("sys", "path") + text("/tmp") + b"a"),
    "scipy compiles a template": lambda: proto(
        given(
            built(stacked("scipy.stats._continuous_distns", "norm_gen")),
            _parse_arg_template=text("import os\nos.getpid()"),
        )
    ),
    # every way to hide
    "numbers that only unpicklers read": lambda: (
        b"I0x10\n0I 0b101\n0L0x10L\n0I010\n0I1_0\n0F 1e3 \n0I1\x00junk\n0" + named("os", "system") + b"(S'id'\ntR."
    ),
    "half a million no-ops": lambda: proto(b"N0" * 500_000 + RUN),
    "popped after the call": lambda: proto(RUN + b"0N"),
    "a mark popped": lambda: proto(b"(" + RUN + b"1N"),
    "memo by LONG_BINPUT": lambda: proto(SYSTEM + b"r\xff\xff\xff\x7f0j\xff\xff\xff\x7f" + COMMAND + b"\x85R"),
    "arguments from a list": lambda: proto(SYSTEM + b"](" + COMMAND + b"eR"),
    "NEWOBJ_EX": lambda: proto(stacked("subprocess", "Popen") + items(COMMAND) + b"}\x92"),
    "broken after the call": lambda: proto(RUN)[:-1] + b"\xff\xff",
    "truncated after the call": lambda: proto(RUN)[:-1],
    "concatenated": lambda: proto(b"]") + proto(RUN),
    "behind junk": lambda: proto(b"]") + b"\0" * 64 + proto(RUN),
    "nested in bytes": lambda: proto(b"]" + _bytes(proto(RUN)) + b"a"),
    "nested twice": lambda: proto(_bytes(proto(_bytes(proto(RUN))))),
    "nested in a torch storage": lambda: proto(
        called(stacked("torch.storage", "_load_from_bytes"), _bytes(b"N0" + RUN + STOP))
    ),
    "frames that lie": lambda: b"\x80\x04\x95\x03\0\0\0\0\0\0\0" + RUN + b".",
    "a text of 300 bytes in between": lambda: proto(text("x" * 300) + b"0" + RUN),
    "bytes larger than a window in between": lambda: proto(_bytes(b"x" * 200_000) + b"0" + RUN),
}


def _bytes(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def zip_of(
    members: list[tuple[str, bytes]], *, flags: int = 0, local_flags: int | None = None, crc: int | None = None
) -> bytes:
    """A stored zip archive by hand: twins, lying flags and CRCs."""
    body, directory = b"", b""
    for name, data in members:
        raw = name.encode()
        told = zlib.crc32(data) if crc is None else crc

        def common(flag: int, told: int = told, data: bytes = data, raw: bytes = raw) -> bytes:
            return struct.pack("<5H3L2H", 20, flag, 0, 0, 0x21, told, len(data), len(data), len(raw), 0)

        directory += (
            b"PK\x01\x02" + struct.pack("<H", 20) + common(flags) + struct.pack("<3H2L", 0, 0, 0, 0, len(body)) + raw
        )
        body += b"PK\x03\x04" + common(flags if local_flags is None else local_flags) + raw + data
    end = struct.pack("<4H2LH", 0, 0, len(members), len(members), len(directory), len(body), 0)
    return body + directory + b"PK\x05\x06" + end


def torch_zip(program: bytes, storage: bytes = b"\0" * 64) -> bytes:
    return zipped(
        {
            "archive/data.pkl": program,
            "archive/byteorder": b"little",
            "archive/data/0": storage,
            "archive/version": b"3\n",
        }
    )


def torch_legacy(program: bytes, storage: bytes = b"\0" * 64) -> bytes:
    magic = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
    return magic + b"\x80\x02M\xe9\x03." + proto(b"}", 2) + program + proto(b"]", 2) + struct.pack("<q", 16) + storage


def npy(descr: str, shape: str, data: bytes) -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def tensor(key: str = "0") -> bytes:
    """What torch writes for one tensor of a state dict, at protocol 2."""
    storage = items(text("storage"), named("torch", "FloatStorage"), text(key), text("cpu"), b"K\x04") + b"Q"
    hooks = called(named("collections", "OrderedDict"))
    return called(
        named("torch._utils", "_rebuild_tensor_v2"), storage, b"K\x00", b"K\x04\x85", b"K\x01\x85", b"\x89", hooks
    )


def state_dict() -> bytes:
    return proto(called(named("collections", "OrderedDict")) + b"(" + text("weight") + tensor() + b"u", 2)


def dtype(code: str = "f8", flags: int = 0) -> bytes:
    made = called(named("numpy", "dtype"), text(code), b"\x89", b"\x88")
    return made + items(b"K\x03", text("<"), b"N", b"N", b"N", number(-1), number(-1), number(flags)) + b"b"


def joblib_array(raw: bytes, code: str = "f8", shape: bytes = b"", padding: int | None = 3) -> bytes:
    """A NumpyArrayWrapper, and the array that joblib writes behind it."""
    state = {
        "subclass": named("numpy", "ndarray"),
        "shape": shape or b"K" + bytes([len(raw) // 8]) + b"\x85",
        "order": text("C"),
        "dtype": dtype(code),
        "allow_mmap": b"\x88",
    }
    if padding is not None:
        state["numpy_array_alignment_bytes"] = b"K\x10"
    wrapper = given(built(named("joblib.numpy_pickle", "NumpyArrayWrapper")), **state)
    return wrapper + (b"" if padding is None else bytes([padding]) + b"\xff" * padding) + raw
