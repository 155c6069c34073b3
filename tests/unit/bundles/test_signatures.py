"""Whose model it is: signatures are made with one key, verified with others, and never half believed."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from molfleet.bundles.archive import OpenBundle, open_bundle, write_bundle
from molfleet.bundles.manifest import MANIFEST
from molfleet.bundles.predict import load_model
from molfleet.bundles.signatures import SIGNATURE, BadKey, Trust, read_public_keys, read_signer
from molfleet.errors import Code, Rejected
from tests.unit.bundles.factory import Made, make
from tests.unit.bundles.keys import key, private_file, public_file, signer

LIMIT = 64 << 20


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("bundle") / "model.molmodel", featurizer="DESC")


@pytest.fixture
def signed(made: Made, tmp_path: Path) -> Path:
    path = tmp_path / "signed.molmodel"
    write_bundle(path, made.manifest, made.parts, signer=signer(tmp_path))
    return path


def trust(tmp_path: Path, *names: str, required: bool = False) -> Trust:
    return Trust(read_public_keys(public_file(tmp_path / "trusted.pem", *names)), required)


def key_id(name: str = "ours") -> str:
    der = key(name).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()[:32]


def opened(path: Path, whom: Trust) -> OpenBundle:
    return open_bundle(path, max_bytes=LIMIT, trust=whom)


def refusal(path: Path, whom: Trust) -> str:
    with pytest.raises(Rejected) as caught:
        opened(path, whom)
    assert caught.value.code is Code.INVALID_MODEL
    assert not caught.value.retryable
    return caught.value.message


def changed(path: Path, to: Path, **members: bytes | None) -> Path:
    """The archive with other members (None: without), in a zip without our seal."""
    named = {f"{name}.json": data for name, data in members.items()}
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for info in old.infolist():
            data = named.get(info.filename, old.read(info))
            if data is not None:
                new.writestr(info.filename, data)
    return to


def member(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(name)


def test_a_signed_model_is_used_by_whoever_trusts_its_key(signed: Path, made: Made, tmp_path: Path) -> None:
    bundle = opened(signed, trust(tmp_path, "other", "ours", required=True))
    assert (bundle.signed_by, bundle.manifest) == (key_id(), made.manifest)
    model = load_model(signed, max_bytes=LIMIT, trust=trust(tmp_path, required=True))
    assert model.manifest == made.manifest


def test_the_signature_is_over_the_bytes_of_the_manifest(signed: Path) -> None:
    told = json.loads(member(signed, SIGNATURE))
    assert (told["algorithm"], told["key_id"]) == ("Ed25519", key_id())
    key("ours").public_key().verify(base64.b64decode(told["signature"]), member(signed, MANIFEST))


def test_a_signed_model_has_the_same_bytes_each_time(signed: Path, made: Made, tmp_path: Path) -> None:
    write_bundle(tmp_path / "again", made.manifest, made.parts, signer=signer(tmp_path))
    assert (tmp_path / "again").read_bytes() == signed.read_bytes()


def test_a_signature_by_a_key_that_is_not_trusted_is_refused_by_its_id(
    signed: Path, tmp_path: Path
) -> None:
    told = refusal(signed, trust(tmp_path, "other"))
    assert f"signed with the key {key_id()}, which is not trusted" in told


def test_a_manifest_that_was_changed_after_the_signature_is_refused(signed: Path, tmp_path: Path) -> None:
    manifest = json.loads(member(signed, MANIFEST))
    other = changed(signed, tmp_path / "bad", manifest=json.dumps({**manifest, "name": "mine"}).encode())
    told = refusal(other, trust(tmp_path))
    assert f"signature with the key {key_id()} is bad" in told
    public = key("ours").public_key().public_bytes_raw()
    assert public.hex() not in told
    assert base64.b64encode(public).decode() not in told


def test_a_signature_that_names_a_trusted_key_but_was_made_with_another_is_refused(
    made: Made, tmp_path: Path
) -> None:
    write_bundle(tmp_path / "foreign", made.manifest, made.parts, signer=signer(tmp_path, "foreign"))
    told = json.loads(member(tmp_path / "foreign", SIGNATURE))
    forged = json.dumps({**told, "key_id": key_id()}).encode()
    assert "is bad" in refusal(
        changed(tmp_path / "foreign", tmp_path / "bad", signature=forged), trust(tmp_path)
    )


def test_a_bad_signature_is_told_before_anything_of_the_manifest_is_read(
    signed: Path, tmp_path: Path
) -> None:
    bad = changed(signed, tmp_path / "bad", manifest=b'{"format_version": "9.0"}')
    assert "is bad" in refusal(bad, trust(tmp_path))
    assert "format version is 9.0" in refusal(bad, Trust())


def test_a_part_that_was_changed_after_the_signature_is_refused(signed: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad"
    with zipfile.ZipFile(signed) as old, zipfile.ZipFile(path, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            new.writestr(info.filename, data[::-1] if info.filename == "golden.npz" else data)
    assert "part golden.npz is not what the manifest says" in refusal(path, trust(tmp_path))


def test_an_unsigned_model_is_refused_only_where_signatures_are_required(
    made: Made, tmp_path: Path
) -> None:
    assert opened(made.path, trust(tmp_path)).signed_by is None
    assert "it is not signed" in refusal(made.path, trust(tmp_path, required=True))


def test_a_signature_taken_off_makes_an_unsigned_model(signed: Path, tmp_path: Path) -> None:
    bare = changed(signed, tmp_path / "bare", signature=None)
    assert opened(bare, trust(tmp_path)).signed_by is None
    assert "it is not signed" in refusal(bare, trust(tmp_path, required=True))


def test_without_trusted_keys_a_signature_is_a_mere_claim(signed: Path) -> None:
    assert opened(signed, Trust()).signed_by == key_id()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "signature.json is not valid"),
        (b"[]", "signature.json is not valid"),
        (b"{}", "key_id"),
        (b'{"key_id": "../../etc", "signature": ""}', "key_id"),
        (b'{"algorithm": "none", "key_id": "%s", "signature": "%s"}' % (b"0" * 32, b"A" * 86), "algorithm"),
        (b'{"key_id": "%s", "signature": "AAAA"}' % (b"0" * 32), "signature"),
        (b" " * 5000, "larger than 4096 bytes"),
    ],
)
def test_a_signature_of_another_form_is_refused_even_without_trusted_keys(
    signed: Path, tmp_path: Path, data: bytes, says: str
) -> None:
    bad = changed(signed, tmp_path / "bad", signature=data)
    for whom in (Trust(), trust(tmp_path)):
        assert says in refusal(bad, whom)


def test_a_part_cannot_take_the_place_of_the_signature(made: Made, tmp_path: Path) -> None:
    golden = made.manifest.golden.model_copy(update={"part": SIGNATURE})
    with pytest.raises(ValueError, match=r"signature\.json"):
        write_bundle(
            tmp_path / "bad",
            made.manifest.model_copy(update={"golden": golden}),
            {**made.parts, SIGNATURE: made.parts["golden.npz"]},
        )


def test_public_keys_come_from_a_file_of_many_or_from_a_directory(tmp_path: Path) -> None:
    both = read_public_keys(public_file(tmp_path / "both.txt", "one", "two", "one"))
    assert both == tuple(key(name).public_key().public_bytes_raw().hex() for name in ("one", "two"))
    (tmp_path / "keys").mkdir()
    public_file(tmp_path / "keys" / "a.pem", "one")
    public_file(tmp_path / "keys" / "b.pem", "two")
    (tmp_path / "keys" / "readme.txt").write_text("not a key")
    assert read_public_keys(tmp_path / "keys") == both


def pem(kind: object) -> bytes:
    public = kind.public_key()  # type: ignore[attr-defined]
    return bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no PEM block"),
        (b"-----BEGIN PUBLIC KEY-----\nAAA\n-----END PUBLIC KEY-----\n", "not valid base64"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "not an Ed25519 key"),
        (pem(x25519.X25519PrivateKey.generate()), "not an Ed25519 key"),
    ],
)
def test_what_is_no_public_key_is_refused_by_file(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "bad.pem"
    path.write_bytes(data)
    with pytest.raises(BadKey, match=says) as caught:
        read_public_keys(path)
    assert str(path) in str(caught.value)


def test_a_private_key_among_the_trusted_ones_is_refused_and_not_shown(tmp_path: Path) -> None:
    path = private_file(tmp_path / "secret.pem")
    with pytest.raises(BadKey, match="holds a PRIVATE KEY, not a PUBLIC KEY") as caught:
        read_public_keys(path)
    assert path.read_text().splitlines()[1] not in str(caught.value)


def test_missing_key_files_are_named(tmp_path: Path) -> None:
    for read in (read_public_keys, read_signer):
        with pytest.raises(BadKey, match=r"nowhere\.pem cannot be read \(No such file"):
            read(tmp_path / "nowhere.pem")
    with pytest.raises(BadKey, match=r"holds no \*\.pem"):
        read_public_keys(tmp_path)


def test_a_private_key_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    path = private_file(tmp_path / "open.pem")
    path.chmod(0o644)
    with pytest.raises(BadKey, match="by everybody"):
        read_signer(path)
    path.chmod(0o640)
    assert read_signer(path).key_id == key_id()


def test_private_keys_of_other_kinds_are_refused(tmp_path: Path) -> None:
    locked = private_file(tmp_path / "locked.pem", password=b"secret")
    with pytest.raises(BadKey, match="protected by a password"):
        read_signer(locked)
    other = tmp_path / "other.pem"
    elliptic = ec.generate_private_key(ec.SECP256R1())
    other.write_bytes(elliptic.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    other.chmod(0o600)
    with pytest.raises(BadKey, match="not an Ed25519 key"):
        read_signer(other)
    with pytest.raises(BadKey, match="no private key"):
        read_signer(_closed(public_file(tmp_path / "public.pem")))


def _closed(path: Path) -> Path:
    path.chmod(0o600)
    return path


def test_a_signer_never_shows_its_key(tmp_path: Path) -> None:
    one = signer(tmp_path)
    assert repr(one) == f"Signer({key_id()})"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_keys_that_openssl_makes_are_read_and_named_as_the_documentation_says(tmp_path: Path) -> None:
    private, public = tmp_path / "models.key.pem", tmp_path / "models.pub.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    private.chmod(0o600)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", public, "-outform", "DER"], check=True, capture_output=True
    ).stdout
    one = read_signer(private)
    assert one.key_id == hashlib.sha256(der).hexdigest()[:32]
    assert one.trust.keys == read_public_keys(public)
