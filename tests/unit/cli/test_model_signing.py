"""molfleet model: signing a file, and saying whose it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from molfleet.bundles.archive import open_bundle
from molfleet.cli.app import app
from molfleet.cli.frame import Exit
from tests.unit.bundles.factory import make
from tests.unit.bundles.keys import private_file, public_file, signer

TRUSTED, REQUIRED = "MOLFLEET_BUNDLES_TRUSTED_KEYS", "MOLFLEET_BUNDLES_REQUIRE_SIGNATURE"


def molfleet(*arguments: str | Path, **env: str | Path) -> Result:
    words = [str(word) for word in arguments]
    there = {name: str(value) for name, value in env.items()}
    return CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1", **there}).invoke(app, words)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make(tmp_path / "model.molmodel").path


@pytest.fixture
def signed(model: Path, tmp_path: Path) -> Path:
    private = private_file(tmp_path / "key.pem")
    result = molfleet(
        *("model", "sign", model, "--output", tmp_path / "signed"),
        MOLFLEET_BUNDLES_SIGNING_KEY_FILE=private,
    )
    assert result.exit_code == Exit.SUCCESS, result.output
    assert signer(tmp_path).key_id in result.output
    return tmp_path / "signed"


def test_a_signed_model_is_the_same_model(model: Path, signed: Path) -> None:
    before, after = (open_bundle(path, max_bytes=1 << 30) for path in (model, signed))
    assert (before.manifest, before.parts) == (after.manifest, after.parts)


def test_signing_needs_a_key(model: Path, tmp_path: Path) -> None:
    result = molfleet("model", "sign", model, "--output", tmp_path / "signed")
    assert result.exit_code == Exit.USAGE
    assert "MOLFLEET_BUNDLES_SIGNING_KEY_FILE" in result.output
    assert not (tmp_path / "signed").exists()


def test_inspect_says_whose_model_it_is_and_whether_that_was_verified(signed: Path, tmp_path: Path) -> None:
    key_id = signer(tmp_path).key_id
    assert f"{key_id}, not verified" in molfleet("model", "inspect", signed).output
    public = public_file(tmp_path / "public.pem")
    assert f"{key_id}, verified." in molfleet("model", "inspect", signed, **{TRUSTED: public}).output
    printed = molfleet("model", "inspect", signed, "--json", **{TRUSTED: public}).output
    assert json.loads(printed)["signed_by"] == key_id


def test_inspect_refuses_what_the_settings_do_not_trust(model: Path, signed: Path, tmp_path: Path) -> None:
    foreign = public_file(tmp_path / "foreign.pem", "foreign")
    result = molfleet("model", "inspect", signed, **{TRUSTED: foreign})
    assert (result.exit_code, "not trusted" in result.output) == (Exit.FAILED, True)
    strict: dict[str, str | Path] = {TRUSTED: foreign, REQUIRED: "true"}
    result = molfleet("model", "inspect", model, **strict)
    assert (result.exit_code, "not signed" in result.output) == (Exit.FAILED, True)
