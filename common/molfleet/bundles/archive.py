"""The zip that holds a model: written so that equal content gives equal bytes, verified before use."""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from pydantic import BaseModel, ConfigDict, ValidationError

from molfleet.bundles.arrays import Array, unpack
from molfleet.bundles.manifest import (
    FORMAT,
    FORMAT_VERSION,
    MANIFEST,
    Manifest,
    PartInfo,
    check_part_name,
)
from molfleet.bundles.signatures import (
    ANYBODY,
    MAX_SIGNATURE_BYTES,
    SIGNATURE,
    BadSignature,
    Signer,
    Trust,
)
from molfleet.bundles.sizes import MAX_CONTENT_BYTES, too_large
from molfleet.errors import Code, Rejected

MAX_PARTS = 512
MAX_MANIFEST_BYTES = 16 << 20
#: A bundle may hold so many times its own size; what is below the second figure is never a bomb.
MAX_RATIO, HARMLESS_BYTES = 200, 16 << 20

_EPOCH = (1980, 1, 1, 0, 0, 0)
_BLOCK = 1 << 20
_END = struct.Struct("<4s4H2LH")
_ZIP64_LOCATOR = b"PK\x06\x07"
_SEAL = b"sha256:"
_SEAL_SIZE = len(_SEAL) + 64


def write_bundle(
    path: Path, manifest: Manifest, parts: Mapping[str, bytes | Path], *, signer: Signer | None = None
) -> Manifest:
    """Write the bundle, signed where there is a signer; its manifest with the parts' digests and sizes.

    Equal arguments give equal bytes. The archive's comment is the SHA-256 of all that precedes the
    end record, so that a change of any single byte is seen, headers and padding included. Raises
    Rejected(RESULT_TOO_LARGE) where the parts are more than MAX_CONTENT_BYTES, and ValueError where they
    are not exactly those that the manifest refers to.
    """
    if SIGNATURE in parts:
        raise ValueError(f"{SIGNATURE} is no part: a signer writes it")
    missing, extra = manifest.named_parts() - set(parts), set(parts) - manifest.named_parts()
    if missing or extra:
        raise ValueError(f"parts missing: {sorted(missing)}; not referred to: {sorted(extra)}")
    if len(parts) >= MAX_PARTS:
        raise ValueError(f"a bundle holds fewer than {MAX_PARTS} parts, not {len(parts)}")
    found = {check_part_name(name): _measure(parts[name]) for name in sorted(parts)}
    if (total := sum(part.size for part in found.values())) > MAX_CONTENT_BYTES:
        raise too_large(f"{total:,} bytes", MAX_CONTENT_BYTES)
    complete = manifest.model_copy(update={"parts": found, "format_version": FORMAT_VERSION})
    Manifest.model_validate_json(complete.model_dump_json())
    told = complete.model_dump_json(indent=1).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, allowZip64=False) as archive:
        with _member(archive, MANIFEST) as member:
            member.write(told)
        if signer is not None:
            with _member(archive, SIGNATURE) as member:
                member.write(signer.sign(told))
        for name in found:
            with _member(archive, name) as member:
                for block in _blocks(parts[name]):
                    member.write(block)
    _seal(path)
    return complete


@dataclass(frozen=True)
class OpenBundle:
    """A verified bundle: its manifest, its parts in memory, and the id of the key that signed it (a mere
    claim where no key was trusted)."""

    manifest: Manifest
    parts: Mapping[str, bytes]
    signed_by: str | None = None

    def arrays(self, name: str) -> dict[str, Array]:
        """The arrays of an npz part; raises Rejected(INVALID_MODEL)."""
        try:
            return unpack(self.parts[name])
        except ValueError as error:
            refuse(f"part {name}: {error}")


def refuse(reason: str, /, **details: str) -> NoReturn:
    """Raises Rejected(INVALID_MODEL) with `reason` as the rest of its sentence."""
    raise Rejected(Code.INVALID_MODEL, f"The model cannot be used: {reason}.", details=details)


def open_bundle(path: Path, *, max_bytes: int, trust: Trust = ANYBODY) -> OpenBundle:
    """Read and verify a bundle; no more than `max_bytes` of unpacked content is ever held.

    The signature is verified before the manifest is parsed or a part is unpacked. Raises
    Rejected(INVALID_MODEL) with a sentence that says which part is at fault and why: a signature that is
    bad, missing or by a key that is not trusted, not a zip, changed bytes, traversal, duplicates, links,
    encryption, parts missing or too many, sizes or digests that differ, a zip bomb, a manifest that is
    not valid or of another format version.
    """
    try:
        _check_frame(path)
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, path.stat().st_size, max_bytes)
            told = _read(archive, members[MANIFEST])
            signed_by = _signed_by(archive, members.get(SIGNATURE), told, trust)
            manifest = _manifest(told)
            declared, present = set(manifest.parts), set(members) - {MANIFEST, SIGNATURE}
            if declared != present:
                missing, extra = _listed(declared - present), _listed(present - declared)
                refuse(f"parts missing: {missing}; unexpected: {extra}")
            if absent := manifest.named_parts() - declared:
                refuse(f"its manifest refers to parts that it does not list: {_listed(absent)}")
            parts = {name: _verified(archive, members[name], manifest.parts[name]) for name in declared}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, EOFError) as error:
        refuse(f"it is not a readable zip archive ({error})")
    return OpenBundle(manifest, parts, signed_by)


def _signed_by(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo | None, manifest: bytes, trust: Trust
) -> str | None:
    if info is not None and info.file_size > MAX_SIGNATURE_BYTES:
        refuse(f"its {SIGNATURE} is larger than {MAX_SIGNATURE_BYTES} bytes")
    try:
        return trust.check(manifest, None if info is None else _read(archive, info))
    except BadSignature as error:
        refuse(str(error))


def _listed(names: set[str] | frozenset[str]) -> str:
    return ", ".join(sorted(names)[:5]) or "none"


def _blocks(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block


def _measure(content: bytes | Path) -> PartInfo:
    digest, size = hashlib.sha256(), 0
    for block in _blocks(content):
        digest.update(block)
        size += len(block)
    return PartInfo(sha256=digest.hexdigest(), size=size)


@contextmanager
def _member(archive: zipfile.ZipFile, name: str) -> Iterator[IO[bytes]]:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    info.create_system = 3
    with archive.open(info, "w") as stream:
        yield stream


def _hash_before(stream: IO[bytes], size: int) -> str:
    digest = hashlib.sha256()
    stream.seek(0)
    while size > 0 and (block := stream.read(min(_BLOCK, size))):
        digest.update(block)
        size -= len(block)
    return digest.hexdigest()


def _seal(path: Path) -> None:
    with path.open("r+b") as stream:
        end = path.stat().st_size - _END.size
        seal = _SEAL + _hash_before(stream, end).encode()
        stream.seek(end)
        fields = _END.unpack(stream.read(_END.size))
        stream.seek(end)
        stream.write(_END.pack(*fields[:-1], len(seal)) + seal)


def _check_frame(path: Path) -> None:
    """The end record, before zipfile believes it: a hostile count would make it build huge tables."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(max(0, size - _END.size - _SEAL_SIZE))
        tail = stream.read()
        sealed = tail[-_SEAL_SIZE:].startswith(_SEAL)
        seal = tail[-_SEAL_SIZE:] if sealed else b""
        end = size - _END.size - len(seal)
        if end < 0:
            refuse("it is not a readable zip archive (too short)")
        fields = _END.unpack(tail[len(tail) - len(seal) - _END.size : len(tail) - len(seal)])
        signature, disk, first_disk, here, entries, length, offset, comment = fields
        if signature != b"PK\x05\x06" or comment != len(seal) or disk or first_disk or here != entries:
            refuse("it is not a readable zip archive (cut short, or with something added)")
        if entries > MAX_PARTS or offset + length != end:
            refuse("it is not a readable zip archive (its table of contents does not fit)")
        stream.seek(max(0, end - 20))
        if stream.read(4) == _ZIP64_LOCATOR:
            refuse("it is a zip64 archive, which no bundle is")
        if sealed and _hash_before(stream, end).encode() != seal[len(_SEAL) :]:
            refuse("its bytes are not those that were written (the digest of the archive differs)")


def _members(archive: zipfile.ZipFile, packed: int, max_bytes: int) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.orig_filename
        if name not in (MANIFEST, SIGNATURE):
            try:
                check_part_name(name)
            except ValueError as error:
                refuse(str(error))
        if name in members:
            refuse(f"part {name} occurs twice")
        if info.external_attr >> 16 & 0o170000 not in (0, 0o100000):
            refuse(f"part {name} is not a plain file")
        if info.flag_bits & 0x1:
            refuse(f"part {name} is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            refuse(f"part {name} is compressed in a way that bundles do not use")
        members[name] = info
    total = sum(info.file_size for info in members.values())
    if total > max_bytes:
        refuse(f"it unpacks to {total} bytes, more than the {max_bytes} that are allowed")
    if total > max(HARMLESS_BYTES, MAX_RATIO * packed):
        refuse(f"it unpacks to {total} bytes from {packed}, which no model does")
    if MANIFEST not in members:
        refuse(f"it has no {MANIFEST}")
    if members[MANIFEST].file_size > MAX_MANIFEST_BYTES:
        refuse(f"its {MANIFEST} is larger than {MAX_MANIFEST_BYTES} bytes")
    return members


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The member's bytes, at most as many as the table of contents says."""
    try:
        with archive.open(info) as stream:
            data = stream.read(info.file_size + 1)
            if len(data) != info.file_size or stream.read(1):
                refuse(f"part {info.filename} does not have the size that the archive says")
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        refuse(f"part {info.filename} is damaged ({error})", part=info.filename)
    return data


def _verified(archive: zipfile.ZipFile, info: zipfile.ZipInfo, expected: PartInfo) -> bytes:
    name = info.filename
    if info.file_size != expected.size:
        refuse(f"part {name} has {info.file_size} bytes, the manifest says {expected.size}", part=name)
    data = _read(archive, info)
    if hashlib.sha256(data).hexdigest() != expected.sha256:
        refuse(f"part {name} is not what the manifest says (its digest differs)", part=name)
    return data


class _Version(BaseModel):
    model_config = ConfigDict(extra="ignore")

    format_version: str


def _manifest(data: bytes) -> Manifest:
    try:
        head = _Version.model_validate_json(data)
        major, minor = (int(number) for number in head.format_version.split("."))
    except ValueError:
        refuse(f"{MANIFEST} is not valid: it has no format version")
    if major != FORMAT[0] or minor > FORMAT[1]:
        refuse(
            f"its format version is {head.format_version}, this worker reads {FORMAT_VERSION}",
            format_version=head.format_version,
        )
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "the whole"
        refuse(f"{MANIFEST} is not valid: {where}: {first['msg']}")
