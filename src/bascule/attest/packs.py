"""Policy packs under a signature: somebody answers for exactly these files.

Rules: every file of the folder is a subject of the statement, by its relative path, but for the signature's own; one
file more, less or changed is not that pack.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from bascule.attest.keys import KeyRing
from bascule.attest.statement import open_statement, sign_statement
from bascule.kernel.digests import Digest, digest_of
from bascule.kernel.errors import EvidenceError
from bascule.kernel.text import visible

PREDICATE_POLICY = "https://bascule.dev/attestation/policy/v1"
PREDICATE_POLICY_FILES = "https://bascule.dev/attestation/policy-files/v1"
SIGNATURE_FILE = "pack.dsse.json"
"""where a pack's signature lies in its folder"""


def sign_pack(files: Mapping[str, bytes], keyring: KeyRing) -> bytes:
    """The envelope to put beside the files. Law: verify_pack accepts it for these files and for no others."""
    return sign_statement(sorted(_manifest(files).items()), PREDICATE_POLICY, {}, keyring)


def verify_pack(envelope: bytes, files: Mapping[str, bytes], keyring: KeyRing) -> str:
    """The id of the key that answers for these files, the most independent one where several do.

    Raises EvidenceError as `open_statement` does; `attest.other-predicate`; `attest.pack-changed` with every file that
    is not as it was signed.
    """
    verified, statement = open_statement(envelope, keyring, authorities=True)
    _check_predicate(statement.predicate_type, PREDICATE_POLICY)
    signed = {subject.name: subject.digest for subject in statement.subjects}
    found = _manifest(files)
    faults = [
        f"`{visible(path)}` {'was added' if path not in signed else 'is missing' if path not in found else 'changed'}"
        for path in sorted({*signed, *found})
        if signed.get(path) != found.get(path)
    ]
    if faults or len(signed) != len(statement.subjects):
        raise EvidenceError(
            "attest.pack-changed",
            f"the pack is not as it was signed: {'; '.join(faults) or 'a file is named twice'}",
            "fetch it again, or have it signed again",
        )
    return keyring.producer(verified.key_ids).key_id


def keep_pack(digest: Digest, files: Mapping[str, bytes], keyring: KeyRing) -> bytes:
    """A pack's files themselves under our signature, so that what was decided under it can be judged again."""
    texts = {path: base64.b64encode(data).decode() for path, data in files.items()}
    return sign_statement([("policy", digest)], PREDICATE_POLICY_FILES, {"files": texts}, keyring)


def kept_pack(envelope: bytes, digest: Digest, keyring: KeyRing) -> dict[str, bytes]:
    """The files of the pack of that digest. Law: it inverts `keep_pack`.

    Raises EvidenceError as `open_statement` does; `attest.other-predicate`; `attest.not-this-pack`.
    """
    _, statement = open_statement(envelope, keyring, authorities=True)
    _check_predicate(statement.predicate_type, PREDICATE_POLICY_FILES)
    try:
        files = {path: base64.b64decode(text, validate=True) for path, text in statement.predicate["files"].items()}
    except (KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise _not_this_pack(digest) from error
    if [subject.digest for subject in statement.subjects] != [digest]:
        raise _not_this_pack(digest)
    return files


def _manifest(files: Mapping[str, bytes]) -> dict[str, Digest]:
    return {path: digest_of(data) for path, data in files.items() if path != SIGNATURE_FILE}


def _check_predicate(found: str, expected: str) -> None:
    if found != expected:
        raise EvidenceError(
            "attest.other-predicate",
            f"this statement's predicate is `{visible(found)}`, not `{expected}`",
            "give a signed policy pack",
        )


def _not_this_pack(digest: Digest) -> EvidenceError:
    return EvidenceError(
        "attest.not-this-pack", f"this envelope does not hold the files of `{digest}`", "record the policy again"
    )
