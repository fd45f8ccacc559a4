"""Keys and trust, as files that a person can look at.

    keys/ed25519.pem, ed25519.pub.pem      our own key, made on first use (or ecdsa-p256.*)
    keys/trusted/<key id>.pem, .json       another's public key, its holder's name and independence

Rules: a key's id is the sha256 of its SubjectPublicKeyInfo in DER; a private key is readable by its owner alone or it
is refused, and it is never printed; verifying makes no key; two processes that both come first make one key; a trusted
key without a word about its holder counts as self-reported, and a self-reported key brings evidence and nothing else:
no ledger heads, decisions, waivers or approvals.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.signer import CryptoSigner, Key, Signer, SSlibKey

from bascule.kernel.digests import sha256_of
from bascule.kernel.errors import EvidenceError, InputError, StoreError
from bascule.kernel.files import write_whole
from bascule.records import Producer, Record
from bascule.records.evidence import Independence

Kind: TypeAlias = Literal["ed25519", "ecdsa-p256"]
PrivateKey: TypeAlias = Ed25519PrivateKey | EllipticCurvePrivateKey

KINDS: tuple[Kind, ...] = ("ed25519", "ecdsa-p256")
MAX_KEY_BYTES = 64 * 1024
_State: TypeAlias = tuple[tuple[str, int, int, int, int], ...]


class Holder(Record):
    """Who holds a trusted key, as the person who trusted it wrote it down."""

    name: str = ""
    independence: Independence = Independence.SELF_REPORTED


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key that verifies, and whose it is. own: this home holds the private half."""

    key: Key
    holder: Holder
    pem: str
    own: bool = False

    @property
    def key_id(self) -> str:
        """64 hex digits."""
        return str(self.key.keyid)


class KeyRing:
    """Our own key, and those of others whom this house trusts, under `home/keys`."""

    def __init__(
        self, home: Path, kind: Kind = "ed25519", name: str = "", independence: Independence = Independence.INTERNAL
    ) -> None:
        """home: the house's folder; kind: which key signs; name, independence: how our own evidence is labelled."""
        if kind not in KINDS:
            raise InputError("attest.unknown-key-kind", f"`{kind}` is no kind of key", f"use one of {', '.join(KINDS)}")
        self._folder = home / "keys"
        self._kind: Kind = kind
        self._own_holder = Holder(name=name, independence=independence)
        self._seen: tuple[_State, tuple[TrustedKey, ...]] | None = None

    @cached_property
    def signer(self) -> Signer:
        """What signs, made on first use. Raises StoreError or EvidenceError `attest.key-exposed`, `attest.bad-key`."""
        private = self._private()
        return CryptoSigner(private, _public(private.public_key()))

    @property
    def key_id(self) -> str:
        """The id of the key that signs, made on first use."""
        return str(self.signer.public_key.keyid)

    def public_pem(self) -> bytes:
        """The public half of the key that signs, in PEM; this may be given to anybody."""
        return _spki_pem(self._private().public_key())

    def export(self, path: Path) -> None:
        """Write the public half where others can take it."""
        write_whole(path, self.public_pem())

    def trust(self, path: Path, name: str, independence: Independence | str) -> TrustedKey:
        """Accept signatures by the public key in this PEM file as its holder's.

        Raises InputError `attest.not-a-public-key` or `attest.unknown-independence`. Trusting a key again replaces
        what was written about its holder.
        """
        try:
            holder = Holder(name=name, independence=Independence(independence))
        except ValueError as error:
            raise InputError(
                "attest.unknown-independence",
                f"`{independence}` is no degree of independence",
                f"use one of {', '.join(Independence)}",
            ) from error
        key = _read_public(path)
        trusted = self._folder / "trusted"
        self._make_folders(trusted)
        # The holder first: a key is never trusted for a moment without what was said about it.
        key_id = sha256_of(_spki_der(key))
        write_whole(trusted / f"{key_id}.json", holder.to_json())
        write_whole(trusted / f"{key_id}.pem", _spki_pem(key))
        return _trusted(key, holder)

    def trusted(self) -> tuple[TrustedKey, ...]:
        """Every key that verifies here: our own, then others' by id. Makes no key.

        Raises EvidenceError `attest.bad-trust` with every unreadable file at once, and as `signer` does.
        """
        # Looked at every time, parsed when changed: trust withdrawn by another process holds from the next call on.
        state = _state(self._folder)
        if self._seen is None or self._seen[0] != state:
            self._seen = (state, self._read_trusted())
        return self._seen[1]

    def verifiers(self) -> tuple[Key, ...]:
        """The keys of `trusted`, whose evidence is read."""
        return tuple(item.key for item in self.trusted())

    def authorities(self) -> tuple[Key, ...]:
        """Keys whose word is acted on: those of `trusted`, but for others who only report about themselves."""
        return tuple(
            item.key
            for item in self.trusted()
            if item.own or item.holder.independence is not Independence.SELF_REPORTED
        )

    def holders(self) -> dict[str, str]:
        """Who holds each key of `trusted`, by its id; blank where nobody said."""
        return {item.key_id: item.holder.name for item in self.trusted()}

    def producer(self, key_ids: tuple[str, ...]) -> Producer:
        """Whose evidence this is: of those who signed it, the most independent, because each of them vouches for it.

        Raises EvidenceError `attest.untrusted-key` when none of the ids is trusted.
        """
        order = list(Independence)
        signed = [item for item in self.trusted() if item.key_id in key_ids]
        if not signed:
            raise EvidenceError(
                "attest.untrusted-key",
                "none of the keys that signed this is trusted",
                "trust the producer's key, if you do trust them: `bascule keys trust FILE --name NAME`",
            )
        first = max(signed, key=lambda item: order.index(item.holder.independence))
        return Producer(key_id=first.key_id, independence=first.holder.independence, name=first.holder.name)

    def _read_trusted(self) -> tuple[TrustedKey, ...]:
        found: dict[str, TrustedKey] = {}
        for kind in KINDS:
            private = self._own(kind)
            if private is not None:
                own = _trusted(private.public_key(), self._own_holder, own=True)
                found[own.key_id] = own
        others, faults = [], []
        for path in sorted((self._folder / "trusted").glob("*.pem")):
            try:
                others.append(_trusted(_read_public(path), _read_holder(path.with_suffix(".json"))))
            except InputError as error:
                faults.append(error.message)
        if faults:
            raise EvidenceError(
                "attest.bad-trust", "trusted keys cannot be read: " + "; ".join(faults), "mend or remove these files"
            )
        for other in sorted(others, key=lambda item: item.key_id):
            found.setdefault(other.key_id, other)
        return tuple(found.values())

    def _own(self, kind: Kind) -> PrivateKey | None:
        path = self._folder / f"{kind}.pem"
        try:
            data = _read_private_file(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(
                "attest.key-unreadable", f"`{path}` cannot be read: {error.strerror}", "run as the key's owner"
            ) from error
        try:
            key = load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # `from None`: what the parser says may quote what it read.
            raise _bad_key(path) from None
        if kind == "ed25519" and isinstance(key, Ed25519PrivateKey):
            return key
        if kind == "ecdsa-p256" and isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
            return key
        raise _bad_key(path)

    def _private(self) -> PrivateKey:
        return self._own(self._kind) or self._make()

    def _make(self) -> PrivateKey:
        self._make_folders(self._folder)
        with _locked(self._folder):
            existing = self._own(self._kind)
            if existing is not None:
                return existing
            private: PrivateKey = (
                Ed25519PrivateKey.generate() if self._kind == "ed25519" else generate_private_key(SECP256R1())
            )
            pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            write_whole(self._folder / f"{self._kind}.pub.pem", _spki_pem(private.public_key()))
            write_whole(self._folder / f"{self._kind}.pem", pem, mode=0o600)
            return private

    def _make_folders(self, folder: Path) -> None:
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StoreError(
                "attest.cannot-keep-keys",
                f"`{folder}` cannot be made: {error.strerror}",
                "choose another --home or mend its permissions",
            ) from error


def _state(folder: Path) -> _State:
    """What tells that a key or a word about its holder was added, changed or taken away."""
    files = [*folder.glob("*.pem"), *(folder / "trusted").glob("*")]
    seen = []
    for path in sorted([folder, *files]):
        with contextlib.suppress(OSError):
            status = path.stat()
            seen.append((str(path), status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode))
    return tuple(seen)


def _read_private_file(path: Path) -> bytes:
    """The file's bytes, after its own permissions and its folder's were found narrow enough."""
    with path.open("rb") as file:
        # The open file's own mode, not the path's: the path may point elsewhere a moment later.
        mode = os.fstat(file.fileno()).st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise EvidenceError(
                "attest.key-exposed",
                f"`{path}` can be read or written by others than its owner",
                f"run `chmod 600 {path}`, and make a new key if somebody may have copied it",
            )
        if path.parent.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise EvidenceError(
                "attest.key-exposed",
                f"`{path.parent}` can be written by others than its owner, who could replace the keys",
                f"run `chmod 700 {path.parent}`",
            )
        return file.read(MAX_KEY_BYTES)


def read_public_pem(pem: bytes, what: str) -> Key:
    """A key that verifies, from PEM. Raises InputError `attest.not-a-public-key` naming `what`."""
    return _public(_load_public(pem, what))


def trusted_pem(pem: bytes, what: str, name: str) -> TrustedKey:
    """A key that a person vouches for in one run, and that no home keeps. Raises as `read_public_pem`."""
    return _trusted(_load_public(pem, what), Holder(name=name, independence=Independence.INTERNAL))


def _read_public(path: Path) -> PublicKeyTypes:
    try:
        with path.open("rb") as file:
            return _load_public(file.read(MAX_KEY_BYTES), f"`{path}`")
    except OSError as error:
        raise InputError(
            "attest.not-a-public-key", f"`{path}` cannot be read: {error.strerror}", "check the path"
        ) from error


def _load_public(pem: bytes, what: str) -> PublicKeyTypes:
    try:
        key = load_pem_public_key(pem)
        _public(key)
    except (ValueError, UnsupportedAlgorithm):
        raise InputError(
            "attest.not-a-public-key",
            f"{what} holds no public key that can be used",
            "give the public half in PEM: ed25519, ECDSA on a NIST curve, or RSA",
        ) from None
    return key


def _read_holder(path: Path) -> Holder:
    try:
        return Holder.from_json(path.read_bytes(), f"`{path}`")
    except FileNotFoundError:
        return Holder()
    except OSError as error:
        raise InputError(
            "attest.bad-trust", f"`{path}` cannot be read: {error.strerror}", "check its permissions"
        ) from error


def _bad_key(path: Path) -> EvidenceError:
    return EvidenceError(
        "attest.bad-key",
        f"`{path}` does not hold the private key that its name promises, without a passphrase",
        "restore it, or move it away to have a new one made",
    )


def _trusted(key: PublicKeyTypes, holder: Holder, *, own: bool = False) -> TrustedKey:
    return TrustedKey(_public(key), holder, _spki_pem(key).decode(), own)


def _public(key: PublicKeyTypes) -> SSlibKey:
    return SSlibKey.from_crypto(key, keyid=sha256_of(_spki_der(key)))


def _spki_der(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _spki_pem(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time; the kernel lets go when a holder dies."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
