"""Signatures of model bundles: Ed25519 (RFC 8032) over the exact bytes of the manifest.

The manifest holds the SHA-256 of every part, so that one small signature vouches for the whole model.
A key is named by its id: the SHA-256 of its DER form (SubjectPublicKeyInfo, RFC 8410), 32 digits of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

SIGNATURE = "signature.json"
#: What the signature part may take at most.
MAX_SIGNATURE_BYTES = 4096
_PUBLIC_DER = bytes.fromhex("302a300506032b6570032100")
_PUBLIC_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----")
_KEY_ID_DIGITS = 32


class BadKey(Exception):
    """A key file is missing, unreadable or of another kind; the message names the file and the fault."""


class BadSignature(Exception):
    """A bundle is not signed as it must be; the message names the key by its id, and nothing else of it."""


class _Signature(BaseModel):
    """The part `signature.json`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    algorithm: Literal["Ed25519"] = "Ed25519"
    key_id: Annotated[str, Field(pattern=rf"^[0-9a-f]{{{_KEY_ID_DIGITS}}}$")]
    signature: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{86}==$")]


@dataclass(frozen=True)
class Trust:
    """Whose models are used: `keys` are raw Ed25519 public keys in hexadecimal. Without keys nobody's
    signature is looked at; with keys a signature must be good and by one of them. `required`: unsigned
    models are refused."""

    keys: tuple[str, ...] = ()
    required: bool = False

    def check(self, manifest: bytes, signature: bytes | None) -> str | None:
        """The id of the key that signed the manifest, None for none. Raises BadSignature."""
        if signature is None:
            if self.required:
                raise BadSignature("it is not signed, and only signed models are used here")
            return None
        found = _parsed(signature)
        if not self.keys:
            if self.required:
                raise BadSignature(f"it is signed with the key {found.key_id}, and no key is trusted here")
            return found.key_id
        key = next((key for key in self.keys if key_id(bytes.fromhex(key)) == found.key_id), None)
        if key is None:
            raise BadSignature(f"it is signed with the key {found.key_id}, which is not trusted here")
        if not _verifies(bytes.fromhex(key), manifest, base64.b64decode(found.signature)):
            raise BadSignature(
                f"its signature with the key {found.key_id} is bad: its manifest is not what was signed"
            )
        return found.key_id


class Signer:
    """A private key, ready to sign. Its text never shows the key."""

    def __init__(self, seed: bytes) -> None:
        """`seed` is the raw private key, 32 bytes."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._key.public_key().public_bytes_raw()
        self.key_id = key_id(self._public)

    def __repr__(self) -> str:
        return f"Signer({self.key_id})"

    @property
    def trust(self) -> Trust:
        """Trust in this key alone."""
        return Trust((self._public.hex(),), required=True)

    def sign(self, manifest: bytes) -> bytes:
        """The part `signature.json` for these bytes of the manifest; the same bytes each time."""
        signature = base64.b64encode(self._key.sign(manifest)).decode()
        return _Signature(key_id=self.key_id, signature=signature).model_dump_json(indent=1).encode()


#: What is done where nothing was set: signatures are not looked at.
ANYBODY = Trust()


def key_id(public: bytes) -> str:
    """The id of a raw public key."""
    return hashlib.sha256(_PUBLIC_DER + public).hexdigest()[:_KEY_ID_DIGITS]


def read_public_keys(path: Path) -> tuple[str, ...]:
    """The raw keys, hexadecimal, of a PEM file (any number of keys) or of all `*.pem` in a directory.

    Raises BadKey.
    """
    try:
        files = sorted(path.glob("*.pem")) if path.is_dir() else [path]
        keys = [key for file in files for key in _public_keys(file, file.read_bytes())]
    except OSError as error:
        raise BadKey(f"{error.filename or path} cannot be read ({error.strerror})") from None
    if not keys:
        raise BadKey(f"the directory {path} holds no *.pem file")
    return tuple(dict.fromkeys(keys))


def _public_keys(file: Path, data: bytes) -> Iterable[str]:
    blocks = _PUBLIC_PEM.findall(data)
    if not blocks:
        raise BadKey(f"{file} holds no PEM block (-----BEGIN PUBLIC KEY-----)")
    for label, text in blocks:
        if label != b"PUBLIC KEY":
            raise BadKey(f"{file} holds a {label.decode()}, not a PUBLIC KEY")
        try:
            der = base64.b64decode(b"".join(text.split()), validate=True)
        except binascii.Error:
            raise BadKey(f"{file} holds a PUBLIC KEY that is not valid base64") from None
        if len(der) != len(_PUBLIC_DER) + 32 or not der.startswith(_PUBLIC_DER):
            raise BadKey(f"{file} holds a public key that is not an Ed25519 key")
        yield der[len(_PUBLIC_DER) :].hex()


def read_signer(path: Path) -> Signer:
    """The private key of a PEM file (PKCS #8, without a password) that others may not read.

    Raises BadKey.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        mode, data = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise BadKey(f"{path} cannot be read ({error.strerror})") from None
    if mode & 0o007:
        raise BadKey(f"{path} may be read or changed by everybody (chmod o= {path})")
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError:
        raise BadKey(f"{path} is protected by a password; a key without one is needed") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadKey(f"{path} holds no private key in PEM form (PKCS #8)") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKey(f"{path} holds a private key that is not an Ed25519 key")
    return Signer(key.private_bytes_raw())


def _parsed(data: bytes) -> _Signature:
    try:
        return _Signature.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise BadSignature(f"{SIGNATURE} is not valid: {where}: {first['msg']}") from None


def _verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
