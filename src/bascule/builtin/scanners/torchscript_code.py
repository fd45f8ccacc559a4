"""TorchScript and ExecuTorch programs: what does the code that a PyTorch archive carries reach for?

`torch.jit.load`, and `torch.load` before 2.6 even with `weights_only=True`, compile and run the sources under `code/`.
That language has no `import os`, but it has operations that write and map files, and it calls whatever operators a
library has registered.

Rules: sources are read as text with their strings and comments blanked, never compiled; an operation that reaches files
is high, what no TorchScript needs (Python's own doors) is critical; an operator of nobody known is custom. Libraries
and Python packed beside the weights are told, since `torch.package` and AOTInductor run them.
"""

from __future__ import annotations

import bisect
import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence

from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.plugins.readers.flatbuffer import Buffer
from bascule.plugins.readers.media import EXECUTORCH, TORCH_ZIP
from bascule.plugins.readers.zip import ZipEntry, open_member, read_directory
from bascule.records import Finding, Outcome, Severity

SUSPICIOUS, CUSTOM, PACKED = "torchscript-suspicious", "torchscript-custom-op", "torchscript-packed-code"

META = Meta(
    id="torchscript_code",
    title="TorchScript and ExecuTorch programs",
    rules=(
        Rule(
            id=SUSPICIOUS,
            question="Does the program in this archive reach files, or Python itself?",
            severity=Severity.CRITICAL,
            remedy="do not load it; export the weights alone, as safetensors, from a copy that you trust",
            why="`torch.jit.load` compiles and runs this code, and so did `torch.load(weights_only=True)` before 2.6; "
            "`torch.save` and `torch.from_file` in it write and map any file of the process",
            references=("CVE-2025-32434", "CVE-2022-45907", "CWE-94", "CWE-73", "MITRE ATLAS AML.T0011.000"),
        ),
        Rule(
            id=CUSTOM,
            question="Does the program need operators that PyTorch does not have?",
            severity=Severity.MEDIUM,
            remedy="review the library that brings them, or export the model without them",
            why="a custom operator is a compiled library that has to be loaded before the program runs",
            references=("CWE-829", "MITRE ATLAS AML.T0010"),
        ),
        Rule(
            id=PACKED,
            question="Are libraries or Python modules packed beside the weights?",
            severity=Severity.MEDIUM,
            remedy="read them, or publish the weights without them",
            why="`torch.package` imports the Python it finds in its archive, and AOTInductor loads the library, with "
            "all the rights of the process",
            references=("CWE-829", "CWE-94", "MITRE ATLAS AML.T0010"),
        ),
    ),
    reads=Reads(media_types=(TORCH_ZIP, EXECUTORCH)),
    limits=(
        "code that is written as text is read; bytecode of the mobile runtime is searched for names alone",
        "what the program computes is not judged",
    ),
)

MAX_SOURCE_BYTES = 16 << 20
MAX_TOLD = 30
MAX_NAMES = 5000
"""Names that are worth telling before the file counts as unreadable."""
_STRINGS = re.compile(r"\"\"\".*?\"\"\"|'''.*?'''|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|#[^\n]*", re.DOTALL)
_FILES = re.compile(
    r"\btorch\.(save|from_file|_load_for_executorch|load)\s*\(|\bops\.aten\.(save|from_file)\b|\bops\.image\.(read_file|write_file)\b"
)
_PYTHON = re.compile(
    r"\b(__import__|exec|eval|compile|open|breakpoint|globals|__builtins__|__subclasses__|__globals__)\s*[(\[.]"
    r"|\b(os|subprocess|sys|shutil|socket|ctypes|importlib|pickle|marshal|builtins)\s*\.\s*[a-z_]\w*\s*\("
)
_IMPORT = re.compile(r"^[ \t]*(?:import|from)\s+([\w.]+)", re.MULTILINE)
_OPERATOR = re.compile(r"\bops\.(\w+)\.(\w+)")
_BYTECODE_NAME = re.compile(rb"\b(\w+)::(\w+)")
_OWN = frozenset(
    [
        "aten",
        "prim",
        "prims",
        "quantized",
        "quantized_decomposed",
        "torch",
        "profiler",
        "mkldnn",
        "mkldnn_prepacked",
        "prepacked",
        "static",
        "sparse",
        "onnx",
        "inductor",
        "metal",
        "vulkan",
        "vulkan_prepack",
        "xnnpack",
        "rand",
        "_quantized",
        "_c10d_functional",
        "c10d",
        "c10d_functional",
        "higher_order",
        "debugprims",
        "cuda",
        "fb",
        "internal",
        "executorch_prim",
        "dim_order_ops",
        "et_vk",
        "llama",
        "tosa",
        "cadence",
        "edge",
    ]
)
_SISTERS = frozenset(
    ["torchvision", "image", "video_reader", "torchaudio", "torchtext", "torchao", "fbgemm", "torch_sparse"]
)
_REACHING_NAMES = frozenset(
    [(b"aten", b"save"), (b"aten", b"from_file"), (b"image", b"read_file"), (b"image", b"write_file")]
)
_BACKENDS = frozenset(
    [
        *(
            "XnnpackBackend",
            "CoreMLBackend",
            "MPSBackend",
            "QnnBackend",
            "VulkanBackend",
            "EthosUBackend",
            "VGFBackend",
        ),
        *("MediaTekBackend", "NeuropilotBackend", "OpenvinoBackend", "EnnBackend", "CudaBackend", "MetalBackend"),
        *(
            "NXPBackend",
            "NeutronBackend",
            "AotiBackend",
            "TOSABackend",
            "ArmBackend",
            "SamsungBackend",
            "CadenceBackend",
        ),
    ]
)
_LIBRARY = re.compile(r"\.(so(\.\d+)*|dll|dylib|pyd|exe|cubin|hsaco|spv|o)$", re.IGNORECASE)


class TorchscriptCode:
    """The scanner."""

    meta = META

    @property
    def examples(self) -> Sequence[Example]:
        return _EXAMPLES

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        found = _program(file) if file.media_type == EXECUTORCH else _archive(file)
        told: dict[tuple[str, str], Finding] = {}
        for finding in found:
            # One finding a name: a model repeats its calls in every layer.
            told.setdefault((finding.rule, str(finding.details.get("callable", finding.location))), finding)
            if len(told) > MAX_NAMES:
                yield _finding(SUSPICIOUS, f"more than {MAX_NAMES} names", "", outcome=Outcome.ERROR)
                break
        yield from sorted(told.values(), key=lambda finding: -finding.severity.rank)[:MAX_TOLD]


plugin = TorchscriptCode()


def _archive(file: ScanFile) -> Iterator[Finding]:
    sources_bytes = 0
    for entry in read_directory(file.read, file.size_bytes).entries:
        parts = entry.name.split("/")
        place = f"{visible(entry.name, 300)}!"
        if _LIBRARY.search(entry.name):
            yield _finding(PACKED, "a compiled library in the archive", f"{place}", {"callable": parts[-1][:100]})
        elif entry.name.endswith(".py"):
            sources_bytes += entry.size_bytes
            if sources_bytes > MAX_SOURCE_BYTES:
                said = f"sources of more than {MAX_SOURCE_BYTES} bytes, the rest was not read"
                for rule in META.rules:
                    yield _finding(rule.id, said, place, outcome=Outcome.NOT_AVAILABLE)
                return
            if "code" not in parts[:2]:
                yield _finding(PACKED, "a Python module in the archive", place, {"callable": parts[-1][:100]})
            yield from _source(_text(file, entry), place, "code" in parts[:2])
        elif parts[-1] == "bytecode.pkl" and entry.size_bytes <= MAX_SOURCE_BYTES:
            for match in _BYTECODE_NAME.finditer(_text(file, entry)):
                yield from _named(match[1].decode(), match[2].decode(), place)


def _text(file: ScanFile, entry: ZipEntry) -> bytes:
    # Loaders take the bytes whether or not their CRC is right.
    return b"".join(open_member(file.read, entry, max_bytes=MAX_SOURCE_BYTES, check_crc=False))


def _source(data: bytes, place: str, is_script: bool) -> Iterator[Finding]:
    text = _STRINGS.sub(lambda match: '""' + "\n" * match[0].count("\n"), data.decode("utf-8", "replace"))
    breaks = [match.start() for match in re.finditer("\n", text)]

    def line(match: re.Match[str]) -> str:
        return f"{place}line {bisect.bisect(breaks, match.start()) + 1}"

    for match in _distinct(_FILES, text):
        name = match[0].rstrip("( \t")
        said = f"`{name}` in the program reads, maps or writes a file of its choosing"
        yield _finding(SUSPICIOUS, said, line(match), {"callable": name}, severity=Severity.HIGH)
    for match in _distinct(_PYTHON, text) if is_script else ():
        name = match[0].rstrip("([. \t")
        yield _finding(SUSPICIOUS, f"`{name}`, which is Python and no TorchScript", line(match), {"callable": name})
    for match in _distinct(_IMPORT, text) if is_script else ():
        name = visible(match[1], 100)
        if name.split(".")[0] not in ("__torch__", "torch", "typing"):
            said = f"an import of `{name}`, which TorchScript does not have"
            yield _finding(SUSPICIOUS, said, line(match), {"callable": name}, severity=Severity.HIGH)
    for match in _distinct(_OPERATOR, text):
        yield from _named(match[1], match[2], line(match))


def _distinct(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """The first match of each wording."""
    seen: set[str] = set()
    for match in pattern.finditer(text):
        if match[0] not in seen:
            seen.add(match[0])
            yield match


def _named(namespace: str, name: str, place: str) -> Iterator[Finding]:
    called = f"{visible(namespace, 80)}::{visible(name, 80)}"
    if (namespace.encode(), name.encode()) in _REACHING_NAMES:
        said = f"the operation `{called}` reads, maps or writes a file of its choosing"
        yield _finding(SUSPICIOUS, said, place, {"callable": called}, severity=Severity.HIGH)
    elif namespace in _SISTERS:
        said = f"the operator `{called}` is of a library of PyTorch's, which has to be loaded"
        yield _finding(CUSTOM, said, place, {"callable": called}, severity=Severity.LOW)
    elif namespace not in _OWN:
        yield _finding(CUSTOM, f"the operator `{called}` is of nobody this scanner knows", place, {"callable": called})


def _program(file: ScanFile) -> Iterator[Finding]:
    """An ExecuTorch program. Source: `schema/program.fbs` of ExecuTorch."""
    for plan in Buffer(file.read, file.size_bytes).root().tables(1):
        for operator in plan.tables(6):
            namespace, _, name = operator.text(0).partition("::")
            yield from _named(namespace, name, "execution plan")
        for delegate in plan.tables(7):
            backend = delegate.text(0)
            known = backend in _BACKENDS
            said = f"parts of the program are compiled for the backend `{visible(backend, 80)}`"
            severity = Severity.INFO if known else Severity.MEDIUM
            yield _finding(CUSTOM, said, "execution plan", {"callable": backend[:100]}, severity=severity)


def _finding(
    rule: str,
    message: str,
    place: str,
    details: Mapping[str, str] | None = None,
    *,
    severity: Severity | None = None,
    outcome: Outcome = Outcome.TRUE,
) -> Finding:
    told = META.rule(rule)
    return Finding(
        rule=rule,
        outcome=outcome,
        severity=severity or told.severity,
        message=message,
        location=place[:900],
        remedy=told.remedy,
        details=dict(details or {}),
    )


def _zip(members: Mapping[str, bytes]) -> bytes:
    """A zip of stored members."""
    out, index = b"", b""
    for name, data in members.items():
        label = name.encode()
        common = struct.pack("<HHHHHLLLHH", 20, 0, 0, 0, 33, zlib.crc32(data), len(data), len(data), len(label), 0)
        index += b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHLL", 0, 0, 0, 0, len(out)) + label
        out += b"PK\x03\x04" + common + label + data
    count = len(members)
    return out + index + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(index), len(out), 0)


def _script(body: str, **others: bytes) -> dict[str, bytes]:
    """An archive as `torch.jit.save` writes it, with one class."""
    source = f"class M(Module):\n  def forward(self: __torch__.M, x: Tensor) -> Tensor:\n    {body}\n    return x\n"
    members = {"m/data.pkl": b"\x80\x02}.", "m/code/__torch__.py": source.encode(), "m/version": b"3\n"}
    return {"model.pt": _zip({**members, **others})}


def _pte(operator: str, backend: str) -> dict[str, bytes]:
    """A program of one plan."""
    from bascule.builtin.scanners.tflite_model import flatbuffer

    return {"model.pte": flatbuffer({1: [{0: "forward", 6: [{0: operator}], 7: [{0: backend}]}]}, b"ET12")}


_CLEAN = dict.fromkeys((SUSPICIOUS, CUSTOM, PACKED), Outcome.FALSE)
_TRUE = Outcome.TRUE
_EXAMPLES = (
    Example("a program that computes", lambda: _script("x = torch.relu(ops.prim.data(x))"), _CLEAN),
    Example("words in a string", lambda: _script('ops.prim.RaiseException("use os.system(1)")'), _CLEAN),
    Example("a program that writes", lambda: _script('torch.save(x, "/root/.bashrc")'), {**_CLEAN, SUSPICIOUS: _TRUE}),
    Example("a file, mapped", lambda: _script('x = torch.from_file("/etc/passwd", False, 9)'), {SUSPICIOUS: _TRUE}),
    Example("Python in a program", lambda: _script('__import__("os").system("id")'), {SUSPICIOUS: _TRUE}),
    Example("an import", lambda: _script("import os"), {SUSPICIOUS: _TRUE}),
    Example("an operator of its own", lambda: _script("x = ops.acme.gate(x)"), {**_CLEAN, CUSTOM: _TRUE}),
    Example("a library", lambda: _script("pass", **{"m/data/aotinductor/m.so": b"\x7fELF"}), {**_CLEAN, PACKED: _TRUE}),
    Example("a module", lambda: _script("pass", **{"m/pkg/model.py": b"x = 1\n"}), {**_CLEAN, PACKED: _TRUE}),
    Example("a mobile program", lambda: _script("pass", **{"m/bytecode.pkl": b"aten::save"}), {SUSPICIOUS: _TRUE}),
    Example("weights", lambda: {"m.pt": _zip({"m/data.pkl": b"\x80\x02}.", "m/data/0": bytes(8)})}, _CLEAN),
    Example("a program for a device", lambda: _pte("aten::add", "XnnpackBackend"), {SUSPICIOUS: Outcome.FALSE}),
    Example("a program with an operator of its own", lambda: _pte("acme::gate", "AcmeBackend"), {CUSTOM: _TRUE}),
)
