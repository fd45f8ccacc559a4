"""What a licence lets one do, clause by clause: one file each in a pack's folder `licences/`, and what known works
stand under.

    texts → Terms (by id, read when first asked for) → LicenceTerms → Clause | Duty | Reach | Relicense

Rules: a row says where in which text it stands, and who has reviewed it; a licence without a file is unknown, whatever
it resembles; an id may point at the file of another whose terms are the same (`terms:` in `licences.yaml`). A hub name
says under which licence a parent stands only as far as `works.yaml` knows it, and a verdict shows that it came from
there.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from pydantic import ConfigDict, Field, ValidationError

from bascule.judge.licensing.when import ALWAYS, When
from bascule.judge.policy.yaml_text import load_document
from bascule.kernel.errors import InputError
from bascule.kernel.text import visible
from bascule.records.base import Record, faults_of

FOLDER = "licences/"
WORKS = "works.yaml"

CHANGES = ("finetune", "adapter", "merge", "quantise")
"""Acts that make a derivative of the weights themselves."""
EDGE_ACTS = (*CHANGES, "distil", "train_on", "generate")
USE_ACTS = ("use", "host", "distribute_weights", "distribute_data", "train_on", "relicense")

Act: TypeAlias = Literal[
    "use",
    "host",
    "modify",
    "finetune",
    "adapter",
    "merge",
    "quantise",
    "distil",
    "train_on",
    "generate",
    "use_outputs_to_train",
    "distribute_weights",
    "distribute_data",
    "sublicense",
    "relicense",
    "*",
]
Way: TypeAlias = Literal["finetune", "adapter", "merge", "quantise", "distil", "train_on", "outputs", "output_training"]
Effect: TypeAlias = Literal["allow", "deny", "contested", "unknown"]
DutyKind: TypeAlias = Literal[
    "notice", "attribution", "naming", "use-policy", "share-alike", "filter", "disclose", "source", "other"
]


class _Row(Record):
    model_config = ConfigDict(arbitrary_types_allowed=True, populate_by_name=True)


class Clause(_Row):
    """What a licence says of some acts, under a condition."""

    id: str
    acts: tuple[Act, ...] = Field(min_length=1)
    effect: Effect
    when: When = ALWAYS
    cite: str = Field(min_length=1, description="where in the text: `§2`")
    because: str = Field(min_length=1, description="one sentence, in our words")
    applies_from: date | None = None
    applies_until: date | None = None
    link: str = ""

    def speaks_of(self, act: str) -> bool:
        return act in self.acts or "*" in self.acts or ("modify" in self.acts and act in CHANGES)

    def applies(self, as_of: date) -> bool:
        return (self.applies_from is None or as_of >= self.applies_from) and (
            self.applies_until is None or as_of < self.applies_until
        )


class Duty(_Row):
    """What has to be done where it may be done. check: a declared fact that shows it kept; false is a breach.

    flows: must recipients be bound to it too? must_be_known: is permission in doubt until the fact is declared?
    """

    id: str
    kind: DutyKind
    acts: tuple[Act, ...] = Field(min_length=1)
    when: When = ALWAYS
    made_by: tuple[Way, ...] = ()
    flows: bool = False
    check: When | None = None
    must_be_known: bool = False
    cite: str = Field(min_length=1)
    text: str = Field(min_length=1)
    link: str = ""
    applies_from: date | None = None


class Reach(_Row):
    """Is what is made from it still under it?"""

    is_: Literal["yes", "no", "contested", "unknown"] = Field(alias="is")
    cite: str = Field(min_length=1)
    because: str = Field(min_length=1)
    link: str = ""


class Relicense(_Row):
    """May a copy or a derivative be given to others under other terms? A list names those that it may.

    carrying: under any that bind recipients to the same use restrictions; which of those do is for a person to read,
    and those that bind to none do not. beside: licences whose works may be made one with it, each part keeping its own.
    """

    to: Literal["any", "same", "none", "carrying", "contested", "unknown"] | tuple[str, ...]
    beside: Literal["any"] | tuple[str, ...] = ()
    cite: str = Field(min_length=1)
    because: str = Field(min_length=1)
    link: str = ""


class LicenceTerms(_Row):
    """One licence."""

    schema_: Literal["bascule.licence-terms/1"] = Field(alias="schema")
    id: str
    title: str
    vendor: str = Field(default="", description="whose own terms they are, written for its own works alone")
    covers: tuple[Literal["model", "data", "code"], ...] = Field(min_length=1)
    published: date | None = Field(default=None, description="the version's date, which `on: published` means")
    link: str = Field(pattern=r"^https?://")
    read: str = Field(min_length=1, description="which text was read, or `not read here`")
    reviewed_by: tuple[str, ...] = Field(min_length=2, description="two reviewers; `nobody yet` is one that is missing")
    notes: str = ""
    reach: dict[Way, Reach] = Field(default_factory=dict)
    clauses: tuple[Clause, ...] = Field(min_length=1)
    duties: tuple[Duty, ...] = ()
    relicense: Relicense | None = None

    @property
    def was_read(self) -> bool:
        """Was a text of it read, or do the rows stand from what is known of it?"""
        return not self.read.startswith("not read here")


class KnownWork(Record):
    """What a published model or data set stands under, by its name on the hub. declared: what the hub's tag says,
    where that differs; generated_by: the model whose outputs it is made of."""

    name: str
    licence: str
    kind: Literal["model", "dataset"]
    source: str = Field(min_length=1)
    declared: str = ""
    generated_by: str = ""
    notes: str = ""


class KnownWorks(Record):
    """The whole of `works.yaml`; the first row whose name matches speaks."""

    schema_: Literal["bascule.known-works/1"] = Field(alias="schema")
    works: tuple[KnownWork, ...]


class Terms:
    """The clause table of a pack, read row by row as it is asked.

    texts: YAML by licence id; classes: rows of `licences.yaml`; works: the text of `works.yaml`.
    Law: the same texts give the same terms; an id without a text is None, never a guess.
    """

    def __init__(self, texts: Mapping[str, str], classes: Mapping[str, Mapping[str, Any]], works: str = "") -> None:
        self._texts = dict(texts)
        self._classes = classes
        self._works = works

    @property
    def files(self) -> tuple[str, ...]:
        """The licences with a file of their own, sorted."""
        return tuple(sorted(self._texts))

    @property
    def ids(self) -> tuple[str, ...]:
        """Every licence with clauses, sorted: with a file, pointing at one, or open by its row."""
        return tuple(sorted({*self._texts, *(name for name in self._classes if self._known(name))}))

    def of(self, licence: str) -> LicenceTerms | None:
        """The terms of a licence. Raises InputError `policy.invalid` where the file has a fault."""
        name = self._file_of(licence)
        if name is not None:
            return read_terms(self._texts[name], f"{FOLDER}{name}.yaml", name)
        return open_terms(licence, self._classes[licence]) if self._known(licence) else None

    def _known(self, licence: str) -> bool:
        row = self._classes.get(licence, {})
        return self._file_of(licence) is not None or (row.get("open") is True and row.get("class") in _OPEN_CLASSES)

    def work(self, name: str) -> KnownWork | None:
        """What is known of a work by its hub name; the first row that matches."""
        lowered = name.casefold()
        return next((row for pattern, row in read_works(self._works) if pattern.match(lowered)), None)

    def _file_of(self, licence: str) -> str | None:
        if licence in self._texts:
            return licence
        named = self._classes.get(licence, {}).get("terms")
        return named if named in self._texts else None


_OPEN_CLASSES = ("permissive", "weak-copyleft", "strong-copyleft")


def open_terms(licence: str, row: Mapping[str, Any]) -> LicenceTerms:
    """What the Open Source and Open Definitions demand of every licence that meets them, for one without a file.

    Anybody may use, change and pass on, for any purpose; notices stay; what is copyleft is passed on under itself.
    Whether its terms reach a model that was trained on the work is not in the definitions: contested for copyleft.
    """
    cite = str(row.get("source") or "Open Source Definition")
    copyleft = row["class"] != "permissive"
    notice = {"id": "notice", "kind": "notice", "acts": ["distribute_weights", "distribute_data"], "flows": True}
    alike = {
        "id": "share-alike",
        "kind": "share-alike",
        "acts": ["distribute_weights", "distribute_data"],
        "flows": True,
    }
    change = {"is": "yes", "cite": cite, "because": "what is changed is a derivative work"}
    trained = {
        "is": "contested" if copyleft else "no",
        "cite": cite,
        "because": "whether a model derives from what it was trained on is disputed",
    }
    return LicenceTerms.model_validate(
        {
            "schema": "bascule.licence-terms/1",
            "id": licence,
            "title": f"{licence} ({row['class']}, by its class)",
            "covers": ["model", "data", "code"],
            "link": next((word for word in cite.split() if word.startswith("http")), "https://opensource.org/osd"),
            "read": "not read here: what the Open Source and Open Definitions demand of each licence that meets them",
            "reviewed_by": ["nobody yet", "nobody yet"],
            "reach": {
                **dict.fromkeys(CHANGES, change),
                "distil": trained,
                "train_on": trained,
                "outputs": {**change, "is": "no", "because": "what a program puts out is not the program"},
                "output_training": {**trained, "is": "no"},
            },
            "clauses": [
                {
                    "id": "open",
                    "acts": ["*"],
                    "effect": "allow",
                    "cite": cite,
                    "because": "an open licence lets anybody use, change and pass on, for any purpose",
                }
            ],
            "duties": [
                {**notice, "cite": cite, "text": "pass the licence text and all notices on with every copy"},
                *(
                    [{**alike, "cite": cite, "text": f"pass what derives from it on under {licence}"}]
                    if copyleft
                    else []
                ),
            ],
            "relicense": {
                "to": "same" if copyleft else "any",
                "beside": "any" if row["class"] == "weak-copyleft" else [],
                "cite": cite,
                "because": "a derivative stands under the same terms" if copyleft else "other terms may be put on top",
            },
        }
    )


@lru_cache(maxsize=512)
def read_terms(text: str, place: str, name: str) -> LicenceTerms:
    """One file of the table. Raises InputError `policy.invalid` with every fault as `file:line: what is wrong`."""
    document = load_document(text.encode(), place)
    try:
        terms = LicenceTerms.model_validate(document.value)
    except ValidationError as error:
        rows = zip(error.errors(include_url=False), faults_of(LicenceTerms, error), strict=True)
        faults = [f"{document.at(tuple(row['loc']))}: {fault}" for row, fault in rows]
        raise _invalid(place, faults) from error
    faults = []
    if terms.id != name:
        faults.append(f"{document.at(('id',))}: the file is named for `{visible(name)}`")
    for key, ids in (("clauses", [row.id for row in terms.clauses]), ("duties", [row.id for row in terms.duties])):
        twice = [index for index, row_id in enumerate(ids) if row_id in ids[:index]]
        faults += [f"{document.at((key, index))}: `{visible(ids[index])}` is already there" for index in twice]
    if faults:
        raise _invalid(place, faults)
    return terms


@lru_cache(maxsize=8)
def read_works(text: str) -> tuple[tuple[re.Pattern[str], KnownWork], ...]:
    """(name's pattern, row) of `works.yaml`. Raises InputError `policy.invalid`."""
    if not text:
        return ()
    document = load_document(text.encode(), WORKS)
    try:
        works = KnownWorks.model_validate(document.value).works
    except ValidationError as error:
        rows = zip(error.errors(include_url=False), faults_of(KnownWorks, error), strict=True)
        raise _invalid(WORKS, [f"{document.at(tuple(row['loc']))}: {fault}" for row, fault in rows]) from error
    return tuple((re.compile(fnmatch.translate(row.name.casefold())), row) for row in works)


def _invalid(place: str, faults: list[str]) -> InputError:
    return InputError.from_faults(
        "policy.invalid",
        f"the clause table `{place}` cannot be used",
        faults,
        "mend the places named; `bascule policy lint` checks again",
    )
