"""Keys are private, made once, and trusted by name."""

from __future__ import annotations

import stat
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from bascule.attest import KeyRing
from bascule.kernel.errors import EvidenceError, InputError
from bascule.records.evidence import Independence


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def exported(keyring: KeyRing, path: Path) -> Path:
    keyring.export(path)
    return path


def test_the_key_is_made_on_first_use_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    keyring = KeyRing(tmp_path)
    assert not (tmp_path / "keys").exists()
    first = keyring.key_id
    assert mode_of(tmp_path / "keys") == 0o700
    assert mode_of(tmp_path / "keys/ed25519.pem") == 0o600
    assert KeyRing(tmp_path).key_id == first


def test_verifying_makes_no_key(tmp_path: Path) -> None:
    assert KeyRing(tmp_path).verifiers() == ()
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa-p256"])
def test_the_key_id_is_the_sha256_of_the_public_key_in_der(tmp_path: Path, kind: str) -> None:
    keyring = KeyRing(tmp_path, kind)  # type: ignore[arg-type]
    public = load_pem_public_key(keyring.public_pem())
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert keyring.key_id == sha256(der).hexdigest()


def test_a_p256_key_is_one(tmp_path: Path) -> None:
    public = load_pem_public_key(KeyRing(tmp_path, "ecdsa-p256").public_pem())
    assert isinstance(public, EllipticCurvePublicKey)
    assert isinstance(public.curve, SECP256R1)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_that_others_can_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    KeyRing(tmp_path).key_id  # noqa: B018 - makes the key
    (tmp_path / "keys/ed25519.pem").chmod(mode)
    with pytest.raises(EvidenceError) as caught:
        KeyRing(tmp_path).key_id  # noqa: B018
    assert caught.value.code == "attest.key-exposed"
    assert "chmod 600" in caught.value.hint


def test_a_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    KeyRing(tmp_path).key_id  # noqa: B018
    (tmp_path / "keys").chmod(0o777)
    with pytest.raises(EvidenceError, match="could replace the keys"):
        KeyRing(tmp_path).verifiers()


def test_a_broken_key_is_named_and_not_quoted(tmp_path: Path) -> None:
    KeyRing(tmp_path).key_id  # noqa: B018
    path = tmp_path / "keys/ed25519.pem"
    path.write_text("-----BEGIN PRIVATE KEY-----\nc2VjcmV0IGJ5dGVz\n-----END PRIVATE KEY-----\n")
    with pytest.raises(EvidenceError) as caught:
        KeyRing(tmp_path).key_id  # noqa: B018
    assert caught.value.code == "attest.bad-key"
    assert "c2Vj" not in f"{caught.value.message}{caught.value.hint}{caught.value.__cause__}"


def test_nothing_of_the_private_key_is_ever_shown(tmp_path: Path) -> None:
    keyring = KeyRing(tmp_path)
    secret = (tmp_path / "keys/ed25519.pem").read_text().splitlines()[1] if keyring.key_id else ""
    shown = repr(keyring) + repr(keyring.signer) + repr(keyring.trusted()) + keyring.public_pem().decode()
    assert secret not in shown


def test_processes_that_come_first_at_once_make_one_key(tmp_path: Path) -> None:
    program = "import sys; from pathlib import Path; from bascule.attest import KeyRing; "
    program += "print(KeyRing(Path(sys.argv[1])).key_id)"
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) for _ in range(4)
    ]
    assert len({process.communicate()[0] for process in started}) == 1


def test_a_trusted_key_verifies_under_its_holders_name(tmp_path: Path) -> None:
    other, ours = KeyRing(tmp_path / "other"), KeyRing(tmp_path / "ours")
    ours.trust(exported(other, tmp_path / "other.pem"), "Audit Ltd", "independent")
    (trusted,) = ours.trusted()
    assert trusted.key_id == other.key_id
    assert (trusted.holder.name, trusted.holder.independence) == ("Audit Ltd", Independence.INDEPENDENT)
    assert ours.producer((other.key_id,)).independence is Independence.INDEPENDENT


def test_a_trusted_key_without_a_word_about_its_holder_counts_as_self_reported(tmp_path: Path) -> None:
    other, ours = KeyRing(tmp_path / "other"), KeyRing(tmp_path / "ours")
    ours.trust(exported(other, tmp_path / "other.pem"), "Audit Ltd", "independent")
    (tmp_path / f"ours/keys/trusted/{other.key_id}.json").unlink()
    assert ours.producer((other.key_id,)).independence is Independence.SELF_REPORTED


def test_trust_withdrawn_by_another_process_holds_at_once(tmp_path: Path) -> None:
    other, ours = KeyRing(tmp_path / "other"), KeyRing(tmp_path / "ours")
    ours.trust(exported(other, tmp_path / "other.pem"), "Audit Ltd", "independent")
    assert len(ours.verifiers()) == 1
    (tmp_path / f"ours/keys/trusted/{other.key_id}.pem").unlink()
    assert ours.verifiers() == ()
    with pytest.raises(EvidenceError):
        ours.producer((other.key_id,))


def test_a_private_key_is_never_taken_for_a_public_one(tmp_path: Path) -> None:
    other = KeyRing(tmp_path / "other")
    assert other.key_id
    with pytest.raises(InputError) as caught:
        KeyRing(tmp_path / "ours").trust(tmp_path / "other/keys/ed25519.pem", "Mallory", "internal")
    assert caught.value.code == "attest.not-a-public-key"
    assert not (tmp_path / "ours").exists()


def test_an_unknown_degree_of_independence_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        KeyRing(tmp_path).trust(tmp_path / "any.pem", "Audit Ltd", "very")
    assert "self-reported, internal, independent" in caught.value.hint


def test_every_unreadable_trusted_key_is_named_at_once(tmp_path: Path) -> None:
    trusted = tmp_path / "keys/trusted"
    trusted.mkdir(parents=True)
    for name in ("a.pem", "b.pem"):
        (trusted / name).write_text("no key")
    with pytest.raises(EvidenceError, match=r"a\.pem.*b\.pem") as caught:
        KeyRing(tmp_path).trusted()
    assert caught.value.code == "attest.bad-trust"
