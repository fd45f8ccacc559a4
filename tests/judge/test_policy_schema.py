"""The schema that editors are given agrees with what the parser takes."""

from __future__ import annotations

import jsonschema
import pytest

from bascule.journeys.schemas import json_schema
from bascule.judge.policy.schema import pack_file_schema
from bascule.judge.policy.sheet import KEYS
from bascule.judge.policy.yaml_text import load_yaml
from packs import EXAMPLES, SHIPPED, files_under, pack_files


@pytest.mark.parametrize("name", [*SHIPPED, "example"])
def test_every_file_that_ships_is_valid(name: str) -> None:
    files = files_under(EXAMPLES / "policy-pack") if name == "example" else pack_files(name)
    schemas = {
        "licences/": json_schema("licence-terms"),
        "works.yaml": json_schema("known-works"),
        "": pack_file_schema(),
    }
    for path, data in files.items():
        schema = next(schemas[start] for start in schemas if path.startswith(start))
        validator = jsonschema.Draft202012Validator(schema)
        assert [error.message for error in validator.iter_errors(load_yaml(data, path))] == [], path


def test_it_knows_every_key_and_no_other() -> None:
    assert set(pack_file_schema()["properties"]) == set(KEYS)
    validator = jsonschema.Draft202012Validator(pack_file_schema())
    assert not validator.is_valid({"ruls": []})
    assert not validator.is_valid({"rules": [{"id": "x", "when": True}]})
