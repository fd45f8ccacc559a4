"""What one place says on one thing a form asks for."""

from __future__ import annotations

from dataclasses import dataclass

from bascule.records import Reading, ReadingSource

Value = str | float | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """name: without its `doc.`; location: the heading, key or line that says it."""

    name: str
    value: Value
    path: str
    location: str = ""
    source: ReadingSource = ReadingSource.DECLARED

    def reading(self) -> Reading:
        return Reading(
            name=f"doc.{self.name}",
            value=self.value,
            artefact=self.path,
            location=self.location,
            source=self.source,
        )
