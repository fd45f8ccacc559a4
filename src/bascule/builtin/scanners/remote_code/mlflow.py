"""What an MLflow `MLmodel` has its loader import: a module, a folder of code, data outside of the model.

Rules: a flavour of MLflow's own names an `mlflow.` module and loads what it documents; any other module is the
publisher's and runs with the load, as do the files under `code`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bascule.builtin.scanners.remote_code.sight import REMOTE_CODE, Sight
from bascule.plugins.readers.card import load_yaml
from bascule.records import Severity

_OUTSIDE = re.compile(r"(?:^|[/\\\\])\.\.(?:[/\\\\]|$)|^[/~\\\\]|^[A-Za-z]:|^\w+://")
_CODE_KEYS = ("code", "model_code_path")
_PATH_KEYS = (*_CODE_KEYS, "data", "path", "artifact_path", "model_data", "env", "python_model", "pickled_model")


def mlmodel_code(source: str) -> Iterator[Sight]:
    """Everything in the file that brings code, or that leads out of the model's folder. Raises `Malformed`."""
    flavours = load_yaml(source, "MLmodel").get("flavors")
    for name, flavour in (flavours if isinstance(flavours, dict) else {}).items():
        if not isinstance(flavour, dict):
            continue
        place = f"flavors.{str(name)[:80]}"
        module = flavour.get("loader_module")
        if isinstance(module, str) and not module.startswith("mlflow."):
            what = f"loading the model imports `{module[:200]}`, a module that comes with it or is found elsewhere"
            yield Sight(REMOTE_CODE, Severity.MEDIUM, f"{place}.loader_module", what, {"module": module[:200]})
        for key in _CODE_KEYS:
            if isinstance(flavour.get(key), str) and flavour[key]:
                what = f"loading the model puts `{flavour[key][:200]}` on Python's path, or runs it"
                yield Sight(REMOTE_CODE, Severity.MEDIUM, f"{place}.{key}", what, {"path": flavour[key][:200]})
        for key in _PATH_KEYS:
            value = flavour.get(key)
            if isinstance(value, str) and _OUTSIDE.search(value):
                what = f"`{key}` leads out of the model's folder, to `{value[:200]}`"
                yield Sight(REMOTE_CODE, Severity.HIGH, f"{place}.{key}", what, {"path": value[:200]})
