"""Defects of the services that this fleet replaces, each shown not to be here, on the real workers.

What smaller tests hold is not repeated: splits, domain, MODI, intervals and metrics (tests/unit/modeler,
tests/unit/bundles); lost connections, redelivery and lost events (tests/faults); error pages, missing
files and single structures that cannot be predicted (test_bad_input, test_denied).
"""

from __future__ import annotations

import asyncio
import csv
import io
import pickle
import zipfile
from pathlib import Path
from uuid import uuid4

import pytest
from rdkit import Chem

from molfleet.errors import Code, RecordCode
from molfleet.messages.generated import (
    CommandProgressed,
    FeatureVectorsCalculated,
    ModelRef,
    ModelTrained,
    ModelTrainingStarted,
    PropertiesPredicted,
    TrainingFailed,
)
from tests import builders
from tests.end_to_end.conftest import SMALL
from tests.end_to_end.fleet import RealFleet
from tests.harness import until

pytestmark = pytest.mark.real


class Planted:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def zipped(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, data)
    return out.getvalue()


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


async def test_no_code_in_an_uploaded_model_is_run_and_nothing_is_unpacked_elsewhere(
    local_fleet: RealFleet, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    code = pickle.dumps(Planted(trap))
    pickle.loads(code)
    assert trap.exists(), "the trap itself does not work"
    trap.unlink()
    source = local_fleet.put(b"CCO\n", "ethanol.smi")
    for data in (code, zipped("model.pkl", code), zipped(f"../../../../../..{trap}", b"unpacked")):
        blob = local_fleet.put(data, f"traps/{uuid4()}.molmodel")
        models = [ModelRef(id=uuid4(), blob=blob)]
        batch = await local_fleet.failure(builders.predict_properties(source=source, models=models))
        single = await local_fleet.failure(builders.single_structure_predict(models=models))
        assert (batch.code, single.code) == (Code.INVALID_MODEL, Code.INVALID_MODEL)
    assert not trap.exists()


async def test_a_training_that_ends_early_claims_no_model_no_pictures_and_no_files(
    local_fleet: RealFleet,
) -> None:
    source = local_fleet.put(builders.sdf(), "all-measured.sdf")
    command = builders.train_model(
        source=source, featurizers=[builders.ecfp()], hyper_parameters={"n_estimators": 1000}, k_fold=10
    )
    asked: list[asyncio.Task[object]] = []

    def cancel(progress: CommandProgressed) -> None:
        if not asked:
            cancelling = local_fleet.client.cancel(command.id, "the user has closed the page")
            asked.append(asyncio.create_task(cancelling))

    outcome = await local_fleet.run(command, cancel)
    event = outcome.event
    assert isinstance(event, TrainingFailed)
    assert event.code == Code.CANCELLED
    assert "the user has closed the page" in event.message
    assert (event.is_model_trained, event.is_thumbnail_generated, event.number_of_generic_files) == (
        False,
        False,
        0,
    )
    events = await local_fleet.events(command)
    assert [type(one) for one in events] == [ModelTrainingStarted, TrainingFailed]
    await until(lambda: not local_fleet.outputs_of(command))


async def test_one_bad_value_or_record_costs_itself_and_each_is_counted_and_listed(
    local_fleet: RealFleet,
) -> None:
    """Unparsable, unmeasured, censored and non-numeric records, no scaler and no test set, all at once."""
    good = builders.sdf(count=80)
    faults = {
        RecordCode.MISSING_TARGET: "",
        RecordCode.CENSORED_TARGET: ">  <activity>\n<4.2\n\n",
        RecordCode.NON_NUMERIC_TARGET: ">  <activity>\nnot so active\n\n",
    }
    block = Chem.MolToMolBlock(Chem.MolFromSmiles("CCCCO"))
    bad = "".join(f"{block}{fields}>  <comment>\nno number\n\n$$$$\n" for fields in faults.values())
    hopeless = "hopeless\n\n\n  1  0\nno atom line\nM  END\n>  <activity>\n5.0\n\n$$$$\n"
    source = local_fleet.put(bad.encode() + hopeless.encode() + good, "faulty.sdf")
    command = builders.train_model(
        source=source, task="regression", scaler=None, test_set_size=0.0, **{**SMALL, "k_fold": 3}
    )
    trained = await local_fleet.success(command, ModelTrained)
    assert trained.rejects is not None
    listed = rows(local_fleet.get(trained.rejects))
    assert trained.records_skipped == len(listed)
    assert trained.records_used + trained.records_skipped == 84
    assert [row["record"] for row in listed][:4] == ["0", "1", "2", "3"]
    assert [row["code"] for row in listed][:4] == [*faults, RecordCode.UNPARSABLE]
    assert "test" not in {metric.subset for metric in trained.metrics}
    calculated = await local_fleet.success(
        builders.calculate_feature_vectors(source=source, carry_properties=["*"]), FeatureVectorsCalculated
    )
    assert (calculated.records, calculated.structures, calculated.failed) == (84, 83, 1)


async def test_no_structure_value_or_name_is_cut_short(
    local_fleet: RealFleet, small_model: ModelRef
) -> None:
    smiles = Chem.MolToSmiles(Chem.MolFromSmiles("C" * 300 + "(=O)O"))
    value = "a value of more than forty characters, with a comma and \u00e9" * 3
    name = "a model whose name is longer than ten characters and says so"
    table = io.StringIO()
    csv.writer(table).writerows([("smiles", "a column with a long name, too"), (smiles, value)])
    source = local_fleet.put(table.getvalue().encode(), "long.csv")
    vectors = await local_fleet.success(
        builders.calculate_feature_vectors(
            source=source,
            featurizers=[builders.ecfp(64)],
            identifiers=["smiles"],
            carry_properties=["*"],
            output_format="csv",
        ),
        FeatureVectorsCalculated,
    )
    (row,) = rows(local_fleet.get(vectors.output))
    assert (row["smiles"], row["a column with a long name, too"]) == (smiles, value)
    models = [small_model.model_copy(update={"name": name})]
    predicted = await local_fleet.success(
        builders.predict_properties(source=source, models=models), PropertiesPredicted
    )
    (row,) = rows(local_fleet.get(predicted.output))
    assert row["smiles"] == smiles
    assert float(row[name])


async def test_no_secret_is_in_logs_records_or_receipts(s3_fleet: RealFleet) -> None:
    secret = s3_fleet.environment["AWS_SECRET_ACCESS_KEY"]
    source = s3_fleet.put(builders.sdf(count=3), "secret.sdf")
    await s3_fleet.success(builders.calculate_feature_vectors(source=source), FeatureVectorsCalculated)
    missing = builders.blob("never/put.sdf")
    await s3_fleet.failure(builders.calculate_feature_vectors(source=missing))
    await s3_fleet.failure(builders.train_model(source=missing))
    await s3_fleet.failure(builders.single_structure_predict(models=[builders.model("never/put")]))
    topics = [topic.name for topic in s3_fleet.topics.all]
    said = [str(record).encode() for record in await s3_fleet.read(*topics)]
    state = s3_fleet.settings.state_bucket
    said += [s3_fleet.store.read(state, info.key)[0] for info in s3_fleet.store.list(state)]
    said += [path.read_bytes() for path in s3_fleet.logs.iterdir()]
    assert any(b"never/put.sdf" in one for one in said)
    assert not [one[:200] for one in said if secret.encode() in one]


async def test_the_history_passes_the_audit(local_fleet: RealFleet) -> None:
    await local_fleet.audit()
    assert local_fleet.dead() == []
