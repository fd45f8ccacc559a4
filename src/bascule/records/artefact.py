"""What was pointed at, and its parts.

Rules: an artefact's identity is the sha256 of its bytes; a subject's identity binds the names, sizes and digests
of all its parts, so that swapping two files' contents, or renaming one, is another subject. A closed model is an
`endpoint`, identified by its address and model id.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from bascule.kernel.digests import DIGEST_PATTERN, Digest, digest_of_json
from bascule.records.base import Record

DigestField = Annotated[Digest, StringConstraints(pattern=DIGEST_PATTERN)]
Sha256Field = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class ArtefactKind(StrEnum):
    """The 17 components of the Model Openness Framework, five more parts of a model, and two for the rest."""

    WEIGHTS = "weights"
    INTERMEDIATE_WEIGHTS = "intermediate_weights"
    ARCHITECTURE = "architecture"
    EVALUATION_RESULTS = "evaluation_results"
    MODEL_CARD = "model_card"
    DATA_CARD = "data_card"
    TECHNICAL_REPORT = "technical_report"
    SAMPLE_OUTPUTS = "sample_outputs"
    TRAINING_CODE = "training_code"
    INFERENCE_CODE = "inference_code"
    EVALUATION_CODE = "evaluation_code"
    EVALUATION_DATA = "evaluation_data"
    LIBRARIES = "libraries"
    DATASET = "dataset"
    PREPROCESSING_CODE = "preprocessing_code"
    RESEARCH_PAPER = "research_paper"
    METADATA = "metadata"
    TOKENIZER = "tokenizer"
    CHAT_TEMPLATE = "chat_template"
    ADAPTER = "adapter"
    SYSTEM_PROMPT = "system_prompt"
    ENDPOINT = "endpoint"
    LICENCE = "licence"
    UNCLASSIFIED = "unclassified"


class Relation(StrEnum):
    """How an artefact came from its parent."""

    TRAINED_ON = "trained_on"
    FINETUNE_OF = "finetune_of"
    ADAPTER_OF = "adapter_of"
    MERGE_OF = "merge_of"
    QUANTISED_FROM = "quantised_from"
    DISTILLED_FROM = "distilled_from"
    GENERATED_BY = "generated_by"


class Edge(Record):
    """A parent as it was named, with the place that named it; a digest only where one is known."""

    relation: Relation
    parent: str
    declared_in: str
    digest: DigestField | None = None


class Artefact(Record):
    """One part of a subject."""

    path: str = Field(description="relative POSIX path; bytes that are not UTF-8 are escaped as \\xNN")
    kind: ArtefactKind
    media_type: str = Field(description="by content, not by extension")
    size_bytes: int = Field(ge=0)
    sha256: Sha256Field
    edges: tuple[Edge, ...] = ()


class Subject(Record):
    """What was pointed at. `notes` says what intake refused or recorded instead of following."""

    ref: str
    digest: DigestField
    artefacts: tuple[Artefact, ...]
    edges: tuple[Edge, ...] = ()
    notes: tuple[IntakeNote, ...] = ()

    @property
    def kinds(self) -> tuple[ArtefactKind, ...]:
        """The kinds present, in a stable order."""
        return tuple(sorted({artefact.kind for artefact in self.artefacts}))


class IntakeNote(Record):
    """Something that intake saw and did not take: `symlink`, `device`, `not-utf8`, `outside`, `too-large`, …"""

    path: str
    what: str
    detail: str
    blocks: bool = Field(description="true when the part left out could hide something, so that cleanliness is unknown")


Subject.model_rebuild()


def subject_digest(artefacts: tuple[Artefact, ...], notes: tuple[IntakeNote, ...] = ()) -> Digest:
    """Identity of a set of artefacts: sha256 over the sorted names, sizes and digests, and what was left out.

    Law: independent of order, of kinds and of where the subject lies.
    """
    rows = sorted([artefact.path, artefact.size_bytes, artefact.sha256] for artefact in artefacts)
    left_out = sorted([note.path, note.what, note.detail] for note in notes)
    return digest_of_json({"artefacts": rows, "left_out": left_out})
