"""What every record has in common."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from bascule.kernel.canonical import canonical_json, parse_json
from bascule.kernel.digests import Digest, digest_of
from bascule.kernel.errors import InputError
from bascule.kernel.text import suggestion, visible


class Record(BaseModel):
    """A frozen noun. Law: T.from_json(t.to_json()) == t, and equal records have equal content digests."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        defer_build=True,  # a worker or a `--help` uses few of them; building all costs a tenth of a second
        allow_inf_nan=False,
        ser_json_inf_nan="constants",
    )

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; nothing left out, so that the shape is the same every time."""
        return self.model_dump(mode="json")

    def to_json(self) -> bytes:
        """Canonical bytes."""
        return canonical_json(self.as_json())

    def content_digest(self) -> Digest:
        """sha256 of the canonical bytes."""
        return digest_of(self.to_json())

    @classmethod
    def from_json(cls, data: bytes | str, what: str = "") -> Self:
        """Read a record back. Raises InputError `records.invalid` with every fault at once."""
        return cls.from_value(parse_json(data, what or f"this {cls.__name__.lower()}"), what)

    @classmethod
    def from_value(cls, value: Any, what: str = "") -> Self:
        """The same from parsed JSON or YAML."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            name = what or f"this {cls.__name__.lower()}"
            raise InputError.from_faults(
                "records.invalid",
                f"{name} is not valid",
                faults_of(cls, error),
                "mend the places named and try again",
            ) from error


def faults_of(model: type[BaseModel], error: ValidationError) -> list[str]:
    """Each fault as `place: what is wrong`, an unknown key with the nearest known one."""
    faults = []
    for item in error.errors(include_url=False):
        place = ".".join(str(part) for part in item["loc"]) or "the document"
        if item["type"] == "extra_forbidden":
            near = suggestion(str(item["loc"][-1]), _fields_at(model, item["loc"]))
            faults.append(f"`{visible(place)}`: unknown key" + (f", {near}" if near else ""))
        else:
            faults.append(f"`{visible(place)}`: {item['msg'][:1].lower()}{item['msg'][1:]}")
    return faults


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    fields = model.model_fields
    for part in location[:-1]:
        inner = fields[part].annotation if isinstance(part, str) and part in fields else None
        candidates = [inner, *getattr(inner, "__args__", ())]
        nested = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        if nested is None:
            continue
        fields = nested.model_fields
    return [field.alias or name for name, field in fields.items()]
