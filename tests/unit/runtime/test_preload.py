"""Children of the fork server find everything loaded: an import in each of them costs its time each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import builders
from tests.paths import ROOT

pytestmark = pytest.mark.worker

#: Imports what the fork server would, then runs a command and tells what else it imported.
PROGRAM = """
import importlib, json, sys
from pathlib import Path
from molfleet.messages.generated import ALL_RECORDS
from molfleet.local.offline import Files, run_offline
from molfleet.runtime.job import load_table, preloads

table, command_type, source, fields = sys.argv[1:]
for name in (*preloads(table), "molfleet.runtime.child"):
    importlib.import_module(name)
def packages():
    return {name.partition(".")[0] for name in sys.modules}

before = packages()
files = Files()
identity = {"id": "11111111-1111-4111-8111-111111111111", "time_stamp": 0}
command = ALL_RECORDS[command_type].model_validate({
    **identity, "correlation_id": identity["id"], "source": files.ref(Path(source)), **json.loads(fields)})
event = run_offline(command, load_table(table)[type(command)], files, Path(source).parent / "outputs")
late = packages() - before - set(sys.stdlib_module_names)
print(json.dumps([event.full_name, sorted(name for name in late if not name.startswith("_"))]))
"""

ECFP = {"type": "ECFP", "size": 64, "radius": 2}
FEW = {"hyper_parameters": {"n_estimators": 5}, "k_fold": 2, "targets": ["activity"], "featurizers": [ECFP]}


@pytest.mark.parametrize(
    ("table", "command", "fields", "event"),
    [
        (
            "workers.feature_vectors.handlers:HANDLERS",
            "CalculateFeatureVectors",
            {"featurizers": [ECFP, {"type": "DESC", "parameters": {"names": ["MolWt"]}}]},
            "FeatureVectorsCalculated",
        ),
        (
            "workers.modeler.handlers:HANDLERS",
            "TrainModel",
            {"method": "randomforestregressor", **FEW},
            "ModelTrained",
        ),
    ],
    ids=["feature vectors", "random forest"],
)
def test_a_command_imports_no_library_that_the_fork_server_has_not(
    tmp_path: Path, table: str, command: str, fields: dict[str, object], event: str
) -> None:
    source = tmp_path / "measured.sdf"
    source.write_bytes(builders.sdf(count=60))
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, table, f"molfleet.commands.{command}", source, json.dumps(fields)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    name, late = json.loads(run.stdout.splitlines()[-1])
    assert name == f"molfleet.events.{event}"
    assert late == []
