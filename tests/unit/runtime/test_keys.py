"""Keys are read when a worker starts: one that could not verify or sign says so and does not start."""

from __future__ import annotations

from pathlib import Path

import pytest

from molfleet.bundles.signatures import Trust
from molfleet.runtime import main
from molfleet.runtime.handler import ComputeShare
from molfleet.runtime.job import Residence
from molfleet.runtime.keys import signer_of, trust_of
from molfleet.settings import BundleSettings, Settings, SettingsError, load
from tests.unit.bundles.keys import key, private_file, public_file


def settings(**bundles: object) -> Settings:
    return Settings(bundles=BundleSettings.model_validate(bundles))


def test_without_settings_nothing_is_signed_and_no_signature_looked_at() -> None:
    assert trust_of(Settings()) == Trust()
    assert signer_of(Settings()) is None


def test_settings_name_the_keys(tmp_path: Path) -> None:
    public, private = public_file(tmp_path / "p.pem", "one", "two"), private_file(tmp_path / "s.pem", "one")
    trust = trust_of(settings(trusted_keys=public, require_signature=True))
    assert trust.required
    assert trust.keys == tuple(key(name).public_key().public_bytes_raw().hex() for name in ("one", "two"))
    signer = signer_of(settings(signing_key_file=private))
    assert signer is not None
    assert signer.trust.keys == trust.keys[:1]


def test_children_are_told_whom_to_trust(tmp_path: Path) -> None:
    trust = trust_of(settings(trusted_keys=public_file(tmp_path / "p.pem"), require_signature=True))
    residence = Residence(
        table="t:H",
        worker_kind="k",
        version="1",
        event_topics={},
        scratch="s",
        cache_bytes=1,
        trust=trust,
        settings={},
    )
    assert Residence.model_validate_json(residence.model_dump_json()).trust == trust
    assert ComputeShare(trust=trust).trust.required


def test_signatures_cannot_be_required_without_keys_to_verify_them() -> None:
    with pytest.raises(SettingsError, match="REQUIRE_SIGNATURE needs MOLFLEET_BUNDLES_TRUSTED_KEYS"):
        load({"MOLFLEET_BUNDLES_REQUIRE_SIGNATURE": "true"})


@pytest.mark.parametrize(
    ("kind", "variable"),
    [
        ("predictor", "MOLFLEET_BUNDLES_TRUSTED_KEYS"),
        ("modeler", "MOLFLEET_BUNDLES_TRUSTED_KEYS"),
        ("modeler", "MOLFLEET_BUNDLES_SIGNING_KEY_FILE"),
    ],
)
def test_a_worker_does_not_start_with_a_key_file_that_is_not_there(
    kind: str,
    variable: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "nowhere.pem"))
    monkeypatch.setenv("MOLFLEET_BLOBS_URL", tmp_path.as_uri())
    with pytest.raises(SystemExit) as left:
        main.main(kind)
    assert left.value.code == 2
    told = capsys.readouterr().err
    assert f"{variable}: {tmp_path / 'nowhere.pem'} cannot be read" in told


def test_only_the_modeler_reads_the_private_key(tmp_path: Path) -> None:
    from molfleet.runtime.job import check_settings

    unreadable = settings(signing_key_file=tmp_path / "nowhere.pem")
    check_settings("workers.predictor.handlers:HANDLERS", unreadable)
    with pytest.raises(SettingsError, match="MOLFLEET_BUNDLES_SIGNING_KEY_FILE"):
        check_settings("workers.modeler.handlers:HANDLERS", unreadable)
