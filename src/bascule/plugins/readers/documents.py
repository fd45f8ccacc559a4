"""Small structured documents beside a model: configuration in JSON, read as its loader reads it, within bounds.

Rules: at most `MAX_DOCUMENT` bytes; what is not JSON is `Malformed`; NaN and a repeated key are let through, as the
loaders of model configurations let them through, the last key winning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bascule.kernel.text import visible
from bascule.plugins.readers import Malformed
from bascule.plugins.readers.text import Read, read_text

MAX_DOCUMENT = 4 << 20


def read_json(read: Read, size_bytes: int, limit_bytes: int = MAX_DOCUMENT) -> Any:
    """A JSON value. Raises `Malformed`."""
    text = read_text(read, size_bytes, limit_bytes).value
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {visible(str(error))}") from error


def read_json_object(read: Read, size_bytes: int, limit_bytes: int = MAX_DOCUMENT) -> Mapping[str, Any]:
    """The same where an object is expected; any other value is an empty one."""
    value = read_json(read, size_bytes, limit_bytes)
    return value if isinstance(value, dict) else {}
