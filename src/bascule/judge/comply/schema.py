"""JSON Schema of a framework's files, for editors: `framework.yaml` holds all of it, `controls/*.yaml` the controls."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from bascule.judge.comply.framework import Control, Section
from bascule.judge.comply.parse import DEFAULTS, IDENTITY, SCHEMA


def framework_file_schema() -> dict[str, Any]:
    """JSON Schema 2020-12. What `defaults` may give is required of no control."""
    models = (Control, Section)
    references, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/$defs/{model}"
    )
    rows = {model: {"type": "array", "items": references[model, "validation"]} for model in models}
    control = definitions["$defs"]["Control"]
    control["required"] = [name for name in control["required"] if name not in DEFAULTS]
    defaults = {name: control["properties"][name] for name in DEFAULTS}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A file of a framework",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "schema": {"const": SCHEMA},
            **{name: {"type": "string"} for name in IDENTITY},
            "sections": rows[Section],
            "defaults": {"type": "object", "additionalProperties": False, "properties": defaults},
            "controls": rows[Control],
        },
        "$defs": definitions["$defs"],
    }
