"""What is scanned, and by whom: the source of a reference, and those that were chosen."""

from __future__ import annotations

from bascule.collect.after import AFTER_KIND
from bascule.journeys.parts import Parts
from bascule.kernel.errors import InputError
from bascule.kernel.text import suggestion, visible
from bascule.plugins.kinds import Fetched, RangeSource, Source, Workspace
from bascule.plugins.registry import Loaded


def fetch(ref: str, sources: tuple[Loaded, ...], space: Workspace, *, ranges: bool = False) -> Fetched:
    """The first source that accepts the reference, those with a scheme before the plain path.

    ranges: leave the bytes where they are if the source can.
    """
    usable: list[Source] = [loaded.plugin for loaded in sources if loaded.plugin is not None]
    for source in sorted(usable, key=lambda item: item.meta.id == "path"):
        if source.accepts(ref):
            return source.look(ref, space) if ranges and isinstance(source, RangeSource) else source.fetch(ref, space)
    known = [loaded.plugin.meta.title for loaded in sources if loaded.plugin is not None]
    raise InputError(
        "review.no-source",
        f"`{visible(ref)}` is neither a file or folder that exists, nor a reference that a source accepts",
        f"check the path, or give one of these. {'. '.join(known)}",
    )


def choose(parts: Parts, only: tuple[str, ...]) -> tuple[tuple[Loaded, ...], tuple[Loaded, ...]]:
    """(scanners, steps after them): those named by id or rule, and the scanners that a named step works on."""
    chosen = choose_scanners(parts.asking, only)
    steps = tuple(loaded for loaded in chosen if loaded.kind == AFTER_KIND)
    needed = {name for step in steps for name in step.plugin.needs} if only else set()
    return tuple(loaded for loaded in parts.scanners if loaded in chosen or loaded.id in needed), steps


def choose_scanners(scanners: tuple[Loaded, ...], only: tuple[str, ...]) -> tuple[Loaded, ...]:
    """Those named by scanner id or rule id; all when none is named. Raises InputError `review.unknown-name`."""
    if not only:
        return scanners
    names: dict[str, str] = {}
    for loaded in scanners:
        names[loaded.id] = loaded.id
        if loaded.plugin is not None:
            names.update({rule.id: loaded.id for rule in loaded.plugin.meta.rules})
    unknown = [name for name in only if name not in names]
    if unknown:
        near = suggestion(unknown[0], names)
        raise InputError(
            "review.unknown-name",
            f"no scanner or rule is called `{visible(unknown[0])}`",
            near or "see `bascule rules`",
        )
    wanted = {names[name] for name in only}
    return tuple(loaded for loaded in scanners if loaded.id in wanted)
