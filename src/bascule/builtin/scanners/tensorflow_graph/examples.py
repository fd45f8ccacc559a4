"""Built cases: a writer of graphs just large enough for them."""

from __future__ import annotations

from bascule.plugins.meta import Example
from bascule.plugins.readers.protobuf import write
from bascule.records import Outcome

DANGEROUS, CUSTOM = "tensorflow-dangerous-op", "tensorflow-custom-op"
OUTSIDE, MALFORMED = "tensorflow-outside-path", "tensorflow-malformed"


def node(kind: str, name: str = "n", inputs: tuple[str, ...] = (), **settings: bytes) -> bytes:
    """A NodeDef; settings are AttrValues by name."""
    body = write(1, name) + write(2, kind) + b"".join(write(3, item) for item in inputs)
    return body + b"".join(write(5, write(1, key) + write(2, value)) for key, value in settings.items())


def text(value: str | bytes) -> bytes:
    """An AttrValue that is a string."""
    return write(2, value)


def constant(name: str, value: str | bytes) -> bytes:
    """A node that holds a string."""
    return node("Const", name, dtype=write(6, 7), value=write(8, write(1, 7) + write(2, b"") + write(8, value)))


def graph(*nodes: bytes, functions: tuple[bytes, ...] = ()) -> bytes:
    """A GraphDef."""
    library = write(2, b"".join(write(1, item) for item in functions)) if functions else b""
    return b"".join(write(1, item) for item in nodes) + library + write(4, write(1, 1882))


def function(name: str, *nodes: bytes) -> bytes:
    """A FunctionDef."""
    return write(1, write(1, name)) + b"".join(write(3, item) for item in nodes)


def meta_graph(inner: bytes, asset: str = "") -> bytes:
    """A MetaGraphDef."""
    info = write(2, write(1, write(1, "NoOp"))) + write(4, "serve") + write(5, "2.21.0")
    return write(1, info) + write(2, inner) + (write(6, write(1, write(1, "a:0")) + write(2, asset)) if asset else b"")


def saved(inner: bytes, asset: str = "") -> dict[str, bytes]:
    """A SavedModel."""
    return {"saved_model.pb": write(1, 1) + write(2, meta_graph(inner, asset))}


_PLAIN = (node("Placeholder", "x"), node("MatMul", "y", ("x", "w")), node("StatefulPartitionedCall", "call"))
_SAVES = (
    node("Placeholder", "prefix"),
    node("SaveV2", "save", ("prefix", "names", "slices")),
    node("RestoreV2", "restore", ("prefix", "names", "slices")),
)
_WRITES = (constant("where", "/etc/cron.d/x"), node("WriteFile", "w", ("where", "what")))
_CLEAN = dict.fromkeys((DANGEROUS, CUSTOM, OUTSIDE, MALFORMED), Outcome.FALSE)
_TRUE = Outcome.TRUE

EXAMPLES = (
    Example("a graph that computes", lambda: saved(graph(*_PLAIN)), _CLEAN),
    Example("a graph that restores what it is fed", lambda: saved(graph(*_SAVES), "vocab.txt"), _CLEAN),
    Example("a frozen graph", lambda: {"frozen.pb": graph(*_PLAIN)}, _CLEAN),
    Example("a graph that writes a file", lambda: saved(graph(*_WRITES)), {**_CLEAN, DANGEROUS: _TRUE}),
    Example("a graph that reads a file", lambda: {"f.pb": graph(node("ReadFile", "r"))}, {**_CLEAN, DANGEROUS: _TRUE}),
    Example(
        "a function that calls Python",
        lambda: saved(graph(*_PLAIN, functions=(function("f", node("PyFunc", "p", token=text("pyfunc_0"))),))),
        {**_CLEAN, DANGEROUS: _TRUE},
    ),
    Example(
        "a graph in a string of a graph",
        lambda: {"ckpt.meta": meta_graph(graph(*_PLAIN, constant("g", graph(*_WRITES))))},
        {**_CLEAN, DANGEROUS: _TRUE},
    ),
    Example(
        "a message printed to a file",
        lambda: saved(graph(node("PrintV2", "p", output_stream=text("file:///tmp/x")))),
        {**_CLEAN, DANGEROUS: _TRUE},
    ),
    Example("a message", lambda: saved(graph(node("PrintV2", "p", output_stream=text("stderr")))), _CLEAN),
    Example("an operation of its own", lambda: saved(graph(node("AcmeGate", "g"))), {**_CLEAN, CUSTOM: _TRUE}),
    Example(
        "an operation that says what it does",
        lambda: saved(graph(node("ShellExecute", "s"))),
        {**_CLEAN, CUSTOM: _TRUE, DANGEROUS: _TRUE},
    ),
    Example("an asset above the model", lambda: saved(graph(*_PLAIN), "../../x"), {**_CLEAN, OUTSIDE: _TRUE}),
    Example(
        "a checkpoint at a fixed place",
        lambda: saved(graph(constant("p", "/root/.ssh/x"), node("SaveV2", "s", ("p", "names")))),
        {**_CLEAN, OUTSIDE: _TRUE},
    ),
    Example(
        "the text form", lambda: {"saved_model.pbtxt": b'node {\n  op: "ReadFile"\n}\n'}, {**_CLEAN, DANGEROUS: _TRUE}
    ),
    Example(
        "a message that leaves its own",
        lambda: {"saved_model.pb": write(1, 1) + write(2, write(2, write(1, b"\x0a\x7fx")) + bytes(8))},
        {MALFORMED: _TRUE, DANGEROUS: Outcome.ERROR},
    ),
    Example(
        "a graph cut short",
        lambda: {"saved_model.pb": saved(graph(*_PLAIN))["saved_model.pb"][:-9]},
        {MALFORMED: Outcome.ERROR},
    ),
)
