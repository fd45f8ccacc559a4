"""A conversion as lines for people."""

from __future__ import annotations

from bascule.kernel.text import visible
from bascule.records.conversion import Conversion

_SHOWN = 20


def conversion_text(conversion: Conversion) -> str:
    """What was written, what was proved, and what was left out."""
    lines = [
        f"converted {visible(conversion.source)} to {visible(conversion.target)}",
        f"proved    {len(conversion.tensors)} tensors equal, byte by byte; nothing was executed",
    ]
    for tensor in conversion.tensors[:_SHOWN]:
        shape = "×".join(str(side) for side in tensor.shape) or "scalar"
        lines.append(f"  {tensor.dtype:<5} {shape:<16} {tensor.sha256[:16]}  {visible(tensor.name, 80)}")
    if len(conversion.tensors) > _SHOWN:
        lines.append(f"  and {len(conversion.tensors) - _SHOWN} more; `--json` lists all")
    for names in conversion.shared:
        shown = ", ".join(visible(name, 60) for name in names[:4])
        lines.append(f"shared    {shown} lie in one storage; each was written for itself")
    if conversion.left_out_count:
        shown = ", ".join(f"{visible(item.name, 40)} = {visible(item.what, 30)}" for item in conversion.left_out[:4])
        lines.append(f"left out  {conversion.left_out_count} values that are no tensors: {shown}")
    return "\n".join(lines)
