"""A declared build, run again: the same bytes are reproduced, others are explained, and a failed build is neither."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from commands import here

MAKE = """
import json, os, struct, sys
values = [float(line) for line in open("input.txt")]
{extra}
data = struct.pack(f"<{{len(values)}}f", *values)
header = json.dumps({{"w": {{"dtype": "F32", "shape": [len(values)], "data_offsets": [0, len(data)]}}}}).encode()
open("model.safetensors", "wb").write(len(header).to_bytes(8, "little") + header + data)
"""


def subject(folder: Path, extra: str = "") -> Path:
    """A model with the script that makes it; what is published is made by the script without `extra`."""
    folder.mkdir()
    (folder / "input.txt").write_text("1\n2\n3\n")
    (folder / "make.py").write_text(MAKE.format(extra=""))
    subprocess.run([sys.executable, "make.py"], cwd=folder, check=True)
    (folder / "make.py").write_text(MAKE.format(extra=extra))
    return folder


def declared(path: Path, **more: Any) -> Path:
    path.write_text(json.dumps({"command": [sys.executable, "make.py"], "outputs": ["model.safetensors"], **more}))
    return path


def answer(tmp_path: Path, extra: str = "", **more: Any) -> tuple[int, Mapping[str, Any]]:
    build = declared(tmp_path / "build.yaml", **more)
    said = here("reproduce", build, subject(tmp_path / "model", extra), "--json", home=tmp_path / "home")
    return said.code, said.json


def test_the_same_bytes_are_reproduced_and_the_record_is_kept(tmp_path: Path) -> None:
    code, record = answer(tmp_path)
    assert (code, record["outcome"], record["exit_code"]) == (0, "reproduced", 0)
    assert sorted(record["inputs"]) == ["input.txt", "make.py"]
    assert record["outputs"][0]["published_sha256"] == record["outputs"][0]["built_sha256"]
    assert len(list((tmp_path / "home" / "reproductions").iterdir())) == 1


def test_other_values_are_named_by_tensor_and_offset(tmp_path: Path) -> None:
    code, record = answer(tmp_path, "values[2] = 4.0")
    (output,) = record["outputs"]
    assert (code, record["outcome"], output["same"]) == (1, "differs", False)
    assert output["first_difference"] == output["published_bytes"] - 2
    assert output["explained"] == ["1 tensor of 1 with other values: `w`"]


def test_another_shape_is_told(tmp_path: Path) -> None:
    code, record = answer(tmp_path, "values.append(4.0)")
    assert code == 1
    assert any("[3] published and F32[4] built" in line for line in record["outputs"][0]["explained"])


def test_published_outputs_are_not_there_to_be_copied(tmp_path: Path) -> None:
    code, record = answer(tmp_path, "assert not os.path.exists('model.safetensors')")
    assert (code, record["outcome"]) == (0, "reproduced")


@pytest.mark.parametrize(
    ("extra", "more"), [("sys.exit(3)", {}), ("import time; time.sleep(60)", {"seconds": 0.5}), ("raise KeyError", {})]
)
@pytest.mark.usefixtures("must_end")
def test_a_build_that_does_not_end_well_is_an_error(tmp_path: Path, extra: str, more: dict[str, Any]) -> None:
    code, record = answer(tmp_path, extra, **more)
    assert (code, record["outcome"]) == (2, "error")
    assert record["outputs"][0]["explained"] == ["the build made no such file"]


def test_nothing_of_the_caller_s_environment_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN_OF_MINE", "1")
    code, _ = answer(
        tmp_path, "assert 'A_TOKEN_OF_MINE' not in os.environ and os.environ['SEED'] == '7'", environment={"SEED": "7"}
    )
    assert code == 0


def test_what_is_not_there_cannot_be_compared(tmp_path: Path) -> None:
    build = declared(tmp_path / "build.yaml", outputs=["nothing.bin"])
    said = here("reproduce", build, subject(tmp_path / "model"), "--json", home=tmp_path / "home")
    assert (said.code, said.json["code"]) == (2, "reproduce.not-here")
