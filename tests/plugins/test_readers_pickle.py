"""The symbolic unpickler: its numbers, its memo and marks, its names, its budgets, its streams."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import pickled
from bascule.plugins.readers import Malformed, Truncated, npy
from bascule.plugins.readers.pickles import numbers
from bascule.plugins.readers.pickles.machine import Budget, Machine
from bascule.plugins.readers.pickles.names import Standing, lists, reach
from bascule.plugins.readers.pickles.places import notes
from bascule.plugins.readers.pickles.stream import Span, Stream, span_of
from bascule.plugins.readers.pickles.values import UNKNOWN, Items, Value, show
from bascule.plugins.readers.pickles.verdict import Remark, Verdict
from pickled import COMMAND, RUN, SYSTEM, called, named, proto, stacked, text


def run(data: bytes, budget: Budget | None = None) -> tuple[Value, tuple[Remark, ...]]:
    verdict = Verdict()
    machine = Machine(Stream(span_of(data)), verdict, budget or Budget())
    machine.run(0)
    return machine.result, verdict.remarks


def standing(path: str) -> Standing:
    module, _, name = path.partition(":")
    return lists().of(reach(module, name, 0)).standing


class TestNumbers:
    @pytest.mark.parametrize(
        ("line", "value"),
        [
            (b"1", 1),
            (b"-7", -7),
            (b"00", False),
            (b"01", True),
            (b"0x10", 16),
            (b" 0b101", 5),
            (b"0o17", 15),
            (b"010", 8),
            (b"1_000", 1000),
            (b"+3", 3),
            (b"5\0junk", 5),
            (b"\t6 ", 6),
            (b"0X1f", 31),
        ],
    )
    def test_integers_are_read_as_either_unpickler_reads_them(self, line: bytes, value: int) -> None:
        assert numbers.integer(line) == value

    @pytest.mark.parametrize(("line", "value"), [(b"0x10L", 16), (b"7", 7), (b"-1L", -1), (b"5\0L", 5)])
    def test_longs_too(self, line: bytes, value: int) -> None:
        assert numbers.long_integer(line) == value

    @pytest.mark.parametrize("line", [b"", b"x", b"1x", b"09", b"--1", b"0x", b"1LL"])
    def test_what_no_unpickler_reads_is_malformed(self, line: bytes) -> None:
        with pytest.raises(Malformed):
            numbers.long_integer(line)

    def test_a_number_of_a_million_digits_costs_nothing(self) -> None:
        assert numbers.integer(b"9" * 1_000_000) is UNKNOWN


class TestMachine:
    def test_constants_stand_for_themselves(self) -> None:
        result, _ = run(proto(b"(NK\x01\x88G" + b"?\xf8" + bytes(6) + text("x") + b"C\x01b" + b"\x8a\x01\xfft"))
        assert result == (None, 1, True, 1.5, "x", b"b", -1)

    def test_the_memo_counts_what_it_holds(self) -> None:
        result, _ = run(proto(text("a") + b"q\x07\x940h\x01"))
        assert result == "a"

    def test_a_memo_that_was_never_written_is_malformed(self) -> None:
        with pytest.raises(Malformed, match="memo 3"):
            run(proto(b"h\x03"))

    @pytest.mark.parametrize("body", [b"", b"0", b"1", b"t", b"\x86", b"Na", b"Nb", b"R", b"o", b"(o", b"\x93", b"h"])
    def test_a_stack_that_runs_out_is_malformed(self, body: bytes) -> None:
        with pytest.raises(Malformed):
            run(proto(body))

    def test_a_pop_takes_a_mark_away_too(self) -> None:
        result, _ = run(proto(b"N(0"))
        assert result is None

    def test_items_keep_what_may_matter_of_a_long_list(self) -> None:
        result, _ = run(proto(b"](" + b"K\x01" * 5000 + SYSTEM + b"e"))
        assert isinstance(result, Items)
        assert result.count == 5001
        assert show(result.items[-1]) == "os.system"
        assert len(result.items) < 300

    def test_a_frame_is_only_a_hint(self) -> None:
        result, _ = run(b"\x80\x04\x95" + (5).to_bytes(8, "little") + b"K\x01.")
        assert result == 1

    def test_protocol_six_is_malformed(self) -> None:
        with pytest.raises(Malformed, match="protocol 6"):
            run(proto(b"N", 6))

    def test_calling_a_constant_is_malformed(self) -> None:
        with pytest.raises(Malformed):
            run(proto(text("os.system") + text("id") + b"\x85R"))

    @pytest.mark.parametrize(
        ("body", "budget"),
        [
            (b"N0" * 90_000, Budget(program_bytes=4096)),
            (b"N" * 90_000, Budget(held_values=1000)),
            (b"(" * 50, Budget(marks=10)),
            (called(stacked("builtins", "list")) * 1 + b"N" * 70_000 + b"0" * 70_000, Budget(held_values=1000)),
        ],
    )
    def test_each_bound_ends_the_run(self, body: bytes, budget: Budget) -> None:
        with pytest.raises(Malformed, match="over budget"):
            run(proto(body), budget)

    def test_calls_that_nest_without_end_are_over_budget(self) -> None:
        partial = stacked("functools", "partial")
        body = SYSTEM
        for _ in range(40):
            body = called(partial, body)
        with pytest.raises(Malformed, match="over budget"):
            run(proto(called(body)))

    def test_text_that_would_double_forever_is_not_computed(self) -> None:
        add = stacked("operator", "add")
        body = text("ab") + b"\x94"
        for index in range(60):
            body += b"0" + add + b"h" + bytes([index]) * 1 + b"h" + bytes([index]) + b"\x86R\x94"
        run(proto(body))

    def test_an_object_that_holds_itself_is_shown_and_judged(self) -> None:
        result, _ = run(proto(b"]\x94h\x00a" + b"0" + called(stacked("own", "f"), b"h\x00")))
        assert show(result)


class TestNames:
    @pytest.mark.parametrize(
        "path",
        [
            "os:system",
            "posix:system",
            "nt:system",
            "subprocess:Popen",
            "builtins:eval",
            "__builtin__:eval",
            "commands:getoutput",
            "builtins:__import__",
            "torch.serialization:os.system",
            "collections:namedtuple.__builtins__.get",
            "urllib2:urlopen",
            "_io:open",
            "torch:load",
            "runpy:_run_code",
            "numpy._core.multiarray:__dict__",
            "importlib.util:spec_from_file_location",
            "sys:modules",
            "copy_reg:add_extension",
        ],
    )
    def test_what_a_pickle_has_no_use_for_is_dangerous(self, path: str) -> None:
        assert standing(path) is Standing.DANGEROUS

    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("collections:OrderedDict", Standing.CALL),
            ("numpy._core.multiarray:_reconstruct", Standing.CALL),
            ("numpy.core.multiarray:_reconstruct", Standing.CALL),
            ("copy_reg:_reconstructor", Standing.CALL),
            ("sklearn.svm._classes:SVC", Standing.BUILD),
            ("sklearn.svm._classes:train", Standing.VALUE),
            ("torch.nn.modules.linear:Linear", Standing.BUILD),
            ("torch.nn.modules.linear:math.Linear", Standing.UNKNOWN),
            ("torch:FloatStorage", Standing.VALUE),
            ("numpy:memmap", Standing.VALUE),
            ("own:Thing", Standing.UNKNOWN),
            ("sklearn_evil:Thing", Standing.UNKNOWN),
        ],
    )
    def test_the_rest_has_its_place(self, path: str, expected: Standing) -> None:
        assert standing(path) is expected

    def test_no_path_is_both_allowed_and_dangerous(self) -> None:
        known = lists()
        for path in known.call | known.build | known.value:
            module, _, name = path.rpartition(".")
            bare = lists()._danger(reach(module, name, 0))
            # What is allowed exactly may lie in a module that is dangerous as a whole; it may not be named so itself.
            assert path not in known.dangerous_names, (path, bare)

    def test_every_group_names_its_source(self) -> None:
        from bascule.plugins.readers.pickles.names import _table

        assert all(len(group["source"]) > 20 for group in _table("allowed.toml")["group"])


class TestStreams:
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
    def test_the_answer_does_not_depend_on_how_bytes_arrive(self, size: int) -> None:
        data = proto(b"B" + (9000).to_bytes(4, "little") + b"y" * 9000 + b"0" + text("z" * 300) + b"0I12\n0" + RUN)

        def chunks() -> Iterator[bytes]:
            for start in range(0, len(data), size):
                yield data[start : start + size]

        verdict = Verdict()
        end = Machine(Stream(chunks()), verdict, Budget()).run(0)
        assert end >= 0
        assert [remark.offset for remark in verdict.remarks] == [remark.offset for remark in run(data)[1]]

    def test_a_payload_of_gigabytes_is_stepped_over(self) -> None:
        asked: list[int] = []
        head = b"\x80\x04\x8e" + (4 << 30).to_bytes(8, "little")
        tail = b"0" + RUN + b"."
        size = len(head) + (4 << 30) + len(tail)

        def read(offset: int, count: int) -> bytes:
            asked.append(count)
            out = bytearray(count)
            for start, piece in ((0, head), (size - len(tail), tail)):
                for index, byte in enumerate(piece):
                    if offset <= start + index < offset + count:
                        out[start + index - offset] = byte
            return bytes(out)

        found = list(notes(Span(read, 0, size), "big.pkl", "application/x-pickle"))
        assert any(getattr(note, "remarks", ()) for note in found)
        assert sum(asked) < 2 << 20

    def test_a_line_that_never_ends_is_truncated(self) -> None:
        with pytest.raises(Truncated):
            run(b"I" + b"1" * 100_000)

    def test_a_global_in_two_windows_is_one(self) -> None:
        body = b"N0" * 32_760 + named("os", "system") + b"(S'id'\ntR"
        _, remarks = run(proto(body, 2))
        assert remarks[0].callable == "os.system"


class TestArrays:
    @pytest.mark.parametrize(
        ("descr", "size"),
        [
            ("'<f8'", 8),
            ("'|b1'", 1),
            ("'<U10'", 40),
            ("'|S3'", 3),
            ("[('a', '<f4'), ('b', '<i2', (3,))]", 10),
            ("'<M8[ns]'", 8),
        ],
    )
    def test_item_sizes(self, descr: str, size: int) -> None:
        data = pickled.npy(descr, "(2, 3)", b"")
        header = npy.read_header(span_of(data).bytes_at, len(data))
        assert header.item_bytes == size
        assert header.data_bytes == size * 6

    @pytest.mark.parametrize(
        "descr", ["'|O'", "'O'", "[('a', '<f4'), ('b', '|O')]", "[('a', [('b', 'O')])]", "'?!'", "7", "'|V'"]
    )
    def test_what_holds_objects_or_is_not_understood_may_be_a_pickle(self, descr: str) -> None:
        data = pickled.npy(descr, "(1,)", b"")
        assert npy.read_header(span_of(data).bytes_at, len(data)).holds_objects

    @pytest.mark.parametrize(
        "header",
        [
            b"",
            b"{}",
            b"__import__('os')",
            b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
            b"(" * 5000,
            b"\0" * 20,
        ],
    )
    def test_a_header_that_is_no_plain_literal_is_malformed(self, header: bytes) -> None:
        data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
        with pytest.raises(Malformed):
            npy.read_header(span_of(data).bytes_at, len(data))


def test_showing_a_value_is_bounded() -> None:
    result, _ = run(proto(b"(" + (text("x" * 200) + COMMAND) * 5000 + b"t"))
    assert len(show(result)) <= 161
