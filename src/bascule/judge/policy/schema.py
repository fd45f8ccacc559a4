"""JSON Schema of a pack's files, for editors: any YAML file of a pack holds some of the same keys."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from bascule.judge.policy.pack import ExpectedFacts, Licensing, Weights
from bascule.judge.policy.parse import LICENCE_CLASSES, MODELS
from bascule.judge.policy.sheet import SINGLE
from bascule.records import Context

_FREEDOMS: dict[str, Any] = {
    "type": "object",
    "required": ["class"],
    "additionalProperties": False,
    "properties": {
        "class": {"enum": list(LICENCE_CLASSES)},
        "open": {"type": "boolean"},
        "redistribution": {"type": "boolean"},
        "commercial": {"type": "boolean"},
        "obligations": {"type": "array", "items": {"type": "string"}},
        "terms": {"type": "string", "description": "id of the file in `licences/` whose clauses are the same"},
        "source": {"type": "string"},
        "notes": {"type": "string"},
    },
}


def pack_file_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of `pack.yaml`, `rules/*.yaml`, `scenarios.yaml`, `cases.yaml` and the others."""
    tables: dict[str, Any] = {
        "weights": Weights,
        "context_defaults": Context,
        "facts": ExpectedFacts,
        "licensing": Licensing,
    }
    models = [*MODELS.values(), *tables.values()]
    references, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/$defs/{model}"
    )
    anything = TypeAdapter(dict[str, Any]).json_schema()
    properties: dict[str, Any] = {key: {"type": "string"} for key in SINGLE}
    properties |= {key: {"type": "array", "items": references[model, "validation"]} for key, model in MODELS.items()}
    properties |= {key: references[model, "validation"] for key, model in tables.items()}
    properties["licence_classes"] = {"type": "object", "additionalProperties": _FREEDOMS}
    properties |= dict.fromkeys(("fixtures", "remove", "overrides"), anything)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A file of a policy pack",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "$defs": definitions["$defs"],
    }
