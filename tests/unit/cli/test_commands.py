"""Commands that need no broker: what they print, and what they refuse before anything is sent."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from molfleet.cli import show
from molfleet.cli.app import app
from molfleet.cli.frame import Exit
from molfleet.messages.generated import FeatureVectorsCalculated, TrainModel
from molfleet.settings import variables
from molfleet.telemetry.health import HealthServer
from molfleet.telemetry.metrics import Metrics
from tests import builders

ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"COLUMNS": "200", "NO_COLOR": "1", "MOLFLEET_BLOBS_URL": f"file://{tmp_path / 'blobs'}"}


def run(env: dict[str, str], *arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner(env=env).invoke(app, [str(word) for word in arguments], input=stdin)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("TrainModle",), "Did you mean TrainModel?"),
        (("TrainModel",), "targets is missing (--set targets=...)"),
        (("TrainModel", "--set", "k_fold=x"), "k_fold: "),
        (("CancelCommand", "--source", "a/b"), "CancelCommand takes no source"),
        (("TrainModel", "--source", "./nowhere.sdf"), "there is no such file"),
        (("TrainModel", "--file", "-"), "not JSON"),
        (("TrainModel", "--file", "nowhere.json"), "there is no such file"),
        (("PredictProperties", "--model", "nowhere.molmodel"), "there is no such file"),
    ],
)
def test_a_command_that_cannot_be_is_refused_before_it_is_sent(
    env: dict[str, str], arguments: tuple[str, ...], says: str
) -> None:
    result = run(env, "publish", *arguments, stdin="{")
    assert result.exit_code == Exit.USAGE
    assert says in result.output


def test_files_go_up_are_listed_and_come_down(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "a.smi").write_text("CCO\n")
    put = run(env, "blobs", "put", tmp_path / "a.smi", "inputs/a.smi", "--json")
    assert put.exit_code == Exit.SUCCESS, put.output
    assert json.loads(put.stdout)["key"] == "a.smi"
    listed = run(env, "blobs", "list", "inputs", "--json")
    assert [blob["key"] for blob in json.loads(listed.stdout)] == ["a.smi"]
    assert "inputs/a.smi" in run(env, "blobs", "list", "inputs").stdout
    got = run(env, "blobs", "get", "inputs/a.smi", tmp_path / "b.smi")
    assert got.exit_code == Exit.SUCCESS
    assert (tmp_path / "b.smi").read_text() == "CCO\n"
    missing = run(env, "blobs", "get", "inputs/none.smi", tmp_path / "c.smi")
    assert missing.exit_code == Exit.FAILED
    assert "BLOB_NOT_FOUND" in missing.output
    assert "nothing under" in run(env, "blobs", "list", "elsewhere").stdout


def test_a_command_without_a_receipt_has_no_outputs(env: dict[str, str]) -> None:
    result = run(env, "outputs", ID)
    assert result.exit_code == Exit.USAGE
    assert "has no receipt" in result.output


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_settings_are_all_shown_and_no_secret_with_them(env: dict[str, str], form: tuple[str, ...]) -> None:
    result = run({**env, "MOLFLEET_KAFKA_SASL_PASSWORD": "hunter2"}, "settings", *form)
    assert result.exit_code == Exit.SUCCESS
    assert "hunter2" not in result.output
    assert all(variable in result.output for variable, *_ in variables())


def test_the_table_of_settings_has_a_row_for_each(env: dict[str, str]) -> None:
    lines = run(env, "settings", "--markdown").stdout.splitlines()
    assert len(lines) == 2 + len(list(variables()))
    assert all(line.count("|") == 4 for line in lines)


def test_an_env_file_is_read(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "fleet.env").write_text("export MOLFLEET_OUTPUT_BUCKET='mine'\n")
    result = run(env, "--env-file", tmp_path / "fleet.env", "settings", "--json")
    assert json.loads(result.stdout)["MOLFLEET_OUTPUT_BUCKET"] == "mine"


def test_schemas_are_listed_shown_and_exported(env: dict[str, str], tmp_path: Path) -> None:
    listed = json.loads(run(env, "schemas", "list", "--json").stdout)
    assert TrainModel.full_name in listed
    shown = run(env, "schemas", "show", "trainmodel")
    assert "targets" in shown.stdout
    assert json.loads(run(env, "schemas", "show", listed[TrainModel.full_name], "--json").stdout)["fields"]
    assert "Did you mean TrainModel?" in run(env, "schemas", "show", "TrainModl").output
    assert run(env, "schemas", "export", tmp_path / "x").exit_code == Exit.SUCCESS
    assert (tmp_path / "x" / "index.json").is_file()


def test_topics_are_shown_with_the_prefix(env: dict[str, str]) -> None:
    env = {**env, "MOLFLEET_TOPIC_PREFIX": "lab."}
    names = [topic["name"] for topic in json.loads(run(env, "topics", "show", "--json").stdout)]
    assert "lab.training.commands.dead-letters" in names
    assert "lab.fleet.schemas" in run(env, "topics", "show").stdout


def test_the_catalogue_names_what_commands_can_use(env: dict[str, str]) -> None:
    found = json.loads(run(env, "catalogue", "--json").stdout)
    assert {"ECFP", "MACCS"} <= {row["code"] for row in found["featurizer"]}
    assert "lightgbm" in {row["code"] for row in found["method"]}
    only = run(env, "catalogue", "featurizers")
    assert "MACCS" in only.stdout
    assert "lightgbm" not in only.stdout
    wrong = run(env, "catalogue", "featuriser")
    assert wrong.exit_code == Exit.USAGE
    assert "Did you mean featurizer?" in wrong.output


def test_the_catalogue_tells_all_of_one_row_by_its_code_or_alias(env: dict[str, str]) -> None:
    erg = run(env, "catalogue", "featurizer", "erg").stdout
    assert all(said in erg for said in ("EGR", "Stiefl", "max_path", "a whole number from 2 to 30", "fuzz"))
    (row,) = json.loads(run(env, "catalogue", "featurizer", "erg", "--json").stdout)["featurizer"]
    assert row["parameters"] == {"max_path": 15, "fuzz": 0.3}
    wrong = run(env, "catalogue", "featurizer", "MACSC")
    assert wrong.exit_code == Exit.USAGE
    assert "Did you mean MACCS?" in wrong.output


async def test_the_health_of_a_worker_is_its_exit_code(env: dict[str, str]) -> None:
    reasons = ["the broker is away"]
    server = HealthServer(lambda: reasons, Metrics().render)
    await server.start("127.0.0.1", 0)
    env = {**env, "MOLFLEET_WORKER_HTTP_PORT": str(server.port)}
    sick = await asyncio.to_thread(run, env, "worker", "health")
    assert (sick.exit_code, sick.stdout) == (Exit.FAILED, "not ready\n  the broker is away\n")
    alive = await asyncio.to_thread(run, env, "worker", "health", "--alive")
    assert (alive.exit_code, alive.stdout) == (Exit.SUCCESS, "alive\n")
    reasons.clear()
    well = await asyncio.to_thread(run, env, "worker", "health", "--json")
    assert (well.exit_code, json.loads(well.stdout)) == (Exit.SUCCESS, {"ready": True, "reasons": []})
    await server.stop()
    gone = await asyncio.to_thread(run, env, "worker", "health")
    assert gone.exit_code == Exit.UNREACHABLE


def test_messages_are_plain_json_with_iso_times() -> None:
    said: dict[str, Any] = show.named(builders.train_model())
    assert json.loads(json.dumps(said)) == said
    assert said["type"] == "TrainModel"
    assert said["time_stamp"].endswith("Z")


def test_an_event_is_shown_without_what_says_nothing() -> None:
    command = builders.calculate_feature_vectors(id=uuid4())
    ref = builders.blob("features.parquet", "out")
    event = FeatureVectorsCalculated.answer(
        command, output=ref, summary=ref, records=3, structures=3, failed=0, columns=1
    )
    assert show.rows(event)[0] == ("output", "out/features.parquet")
    assert {name for name, _ in show.rows(event)} == {
        *("output", "summary", "records", "structures", "failed", "columns")
    }
    assert "records=3" in show.line(event)
