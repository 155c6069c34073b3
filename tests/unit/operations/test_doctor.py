"""The doctor says what is wrong, what to do about it, and no secret."""

from __future__ import annotations

from pathlib import Path

from molfleet.operations import doctor
from molfleet.operations.doctor import Verdict
from molfleet.settings import Settings, load, variables

NOWHERE = {"MOLFLEET_KAFKA_BOOTSTRAP": "127.0.0.1:1", "MOLFLEET_KAFKA_REQUEST_TIMEOUT_MS": "1000"}


async def test_without_a_broker_the_rest_is_still_looked_at(tmp_path: Path) -> None:
    settings = load({**NOWHERE, "MOLFLEET_BLOBS_URL": f"file://{tmp_path}"})
    checks = {check.name: check for check in await doctor.examine(settings)}
    assert checks["broker"].verdict is Verdict.BAD
    assert checks["broker"].unreachable
    assert "MOLFLEET_KAFKA_BOOTSTRAP" in checks["broker"].advice
    assert checks["topics"].verdict is Verdict.SKIPPED
    assert checks["store"].verdict is Verdict.GOOD
    assert "keeps its conditions" in checks["store"].found


async def test_a_store_that_cannot_be_written_says_which_setting_to_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = load({**NOWHERE, "MOLFLEET_BLOBS_URL": f"file://{tmp_path}/file"})
    checks = {check.name: check for check in await doctor.examine(settings)}
    assert checks["store"].verdict is Verdict.BAD
    assert "MOLFLEET_BLOBS_URL" in checks["store"].advice


def test_every_setting_is_shown_and_no_secret_with_it() -> None:
    settings = load(
        {"MOLFLEET_KAFKA_SASL_PASSWORD": "hunter2", "MOLFLEET_SCHEMA_REGISTRY_AUTH": "me:hunter2"}
    )
    shown = doctor.shown(settings)
    assert [variable for variable, _, _ in shown] == [variable for variable, _, _, _ in variables()]
    assert "hunter2" not in repr(shown) + doctor.chosen(settings).found
    assert "KAFKA_SASL_PASSWORD=**********" in doctor.chosen(settings).found


def test_settings_at_their_defaults_are_not_listed() -> None:
    assert doctor.chosen(Settings()).found == "all at their defaults"
    assert "LOG_LEVEL=DEBUG" in doctor.chosen(load({"MOLFLEET_LOG_LEVEL": "DEBUG"})).found
