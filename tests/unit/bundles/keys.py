"""Key files as `openssl genpkey` writes them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from molfleet.bundles.signatures import Signer, read_signer


def key(name: str) -> Ed25519PrivateKey:
    """The key of a name: the same each time."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def private_file(path: Path, name: str = "ours", password: bytes | None = None) -> Path:
    lock: KeySerializationEncryption = BestAvailableEncryption(password) if password else NoEncryption()
    path.write_bytes(key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
    path.chmod(0o600)
    return path


def public_file(path: Path, *names: str) -> Path:
    keys = [key(name).public_key() for name in names or ("ours",)]
    path.write_bytes(
        b"".join(one.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) for one in keys)
    )
    return path


def signer(folder: Path, name: str = "ours") -> Signer:
    return read_signer(private_file(folder / f"{name}.key", name))
