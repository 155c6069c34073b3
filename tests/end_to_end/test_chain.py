"""From measured molecules to predictions through the three real workers, as `make demo` does it.

What comes out is held against RDKit and against the measurements, not against our own code.
"""

from __future__ import annotations

import csv
import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import correlation, pstdev

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import Descriptors, rdFingerprintGenerator, rdinchi
from rdkit.Chem.MolStandardize import rdMolStandardize

from molfleet import features
from molfleet.messages.generated import (
    CalculateFeatureVectors,
    CommandProgressed,
    FeatureVectorsCalculated,
    FeaturizerSpec,
    ModelRef,
    ModelThumbnailGenerated,
    ModelTrained,
    ModelTrainingStarted,
    PropertiesPredicted,
    SingleStructurePredicted,
    TrainModel,
)
from tests import builders
from tests.end_to_end.fleet import RealFleet

pytestmark = pytest.mark.real

MEASURED = builders.measured_molecules()[::2]
UNKNOWN = builders.nci_smiles()[:250]
#: What is predicted: molecules that nobody measured, then some that were learned from.
KNOWN = MEASURED[::12]
ASKED = (*UNKNOWN, *(molecule.smiles for molecule in KNOWN))
MODEL = "CHEMBL2321810 activity"


@dataclass(frozen=True)
class Chain:
    """What the commands of one chain were, and what they gave."""

    fleet: RealFleet
    calculate: CalculateFeatureVectors
    progress: Sequence[CommandProgressed]
    calculated: FeatureVectorsCalculated
    train: TrainModel
    trained: ModelTrained
    predicted: PropertiesPredicted
    rows: Sequence[dict[str, str]]

    @property
    def model(self) -> ModelRef:
        return ModelRef(id=self.trained.id, blob=self.trained.model, name=MODEL)


@pytest.fixture(scope="module", params=["local", "s3"])
def fleet(request: pytest.FixtureRequest) -> RealFleet:
    found = request.getfixturevalue(f"{request.param}_fleet")
    assert isinstance(found, RealFleet)
    return found


@pytest.fixture(scope="module")
async def chain(fleet: RealFleet) -> Chain:
    source = fleet.put(builders.sdf(MEASURED), "measured.sdf")
    calculate = builders.calculate_feature_vectors(
        source=source,
        featurizers=[builders.ecfp(), FeaturizerSpec(type="DESC", parameters={"names": ["MolWt", "TPSA"]})],
        standardize="parent-neutral",
        identifiers=["smiles", "inchikey"],
        carry_properties=["activity"],
    )
    progress: list[CommandProgressed] = []
    outcome = await fleet.run(calculate, progress.append)
    assert isinstance(outcome.event, FeatureVectorsCalculated), outcome.why
    train = builders.train_model(
        source=source,
        task="regression",
        featurizers=[builders.ecfp()],
        hyper_parameters={"n_estimators": 60},
        model_name=MODEL,
        k_fold=3,
    )
    trained = await fleet.success(train, ModelTrained)
    predict = builders.predict_properties(
        source=fleet.put("\n".join(ASKED).encode(), "asked.smi"),
        models=[ModelRef(id=trained.id, blob=trained.model)],
    )
    predicted = await fleet.success(predict, PropertiesPredicted)
    rows = list(csv.DictReader(io.StringIO(fleet.get(predicted.output).decode())))
    return Chain(fleet, calculate, progress, outcome.event, train, trained, predicted, rows)


def test_the_vectors_are_rdkits_own(chain: Chain, tmp_path: Path) -> None:
    path = tmp_path / "features.parquet"
    path.write_bytes(chain.fleet.get(chain.calculated.output))
    table = features.read(path)
    mols = [rdMolStandardize.ChargeParent(Chem.MolFromSmiles(m.smiles)) for m in MEASURED]
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    bits = np.stack([generator.GetFingerprintAsNumPy(mol) for mol in mols])
    known = dict(Descriptors.descList)
    weights = [[calculate(mol) for calculate in (known["MolWt"], known["TPSA"])] for mol in mols]
    descriptors = next(column for column in table.columns.values() if column.kind == "descriptors")
    assert np.array_equal(table.arrays["ECFP_2048_2"], bits)
    assert descriptors.names == ("MolWt", "TPSA")
    assert np.allclose(descriptors.array, weights, rtol=1e-6)
    assert table.records.tolist() == list(range(len(MEASURED)))
    assert table.texts["smiles"] == [Chem.MolToSmiles(mol) for mol in mols]
    assert table.texts["inchikey"] == [rdinchi.InchiToInchiKey(rdinchi.MolToInchi(mol)[0]) for mol in mols]
    assert [float(text or "nan") for text in table.texts["activity"]] == [m.activity for m in MEASURED]


def test_the_event_counts_what_the_file_holds(chain: Chain) -> None:
    event = chain.calculated
    assert (event.records, event.structures, event.failed) == (len(MEASURED), len(MEASURED), 0)
    assert event.columns == 2048 + 2
    assert event.rejects is None
    assert event.elapsed_ms > 0
    assert event.worker_version


def test_progress_is_heard_until_the_end(chain: Chain) -> None:
    assert {progress.command_type for progress in chain.progress} == {chain.calculate.full_name}
    fractions = [progress.fraction for progress in chain.progress]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] <= 1


async def test_a_repeat_of_a_command_is_answered_byte_for_byte(chain: Chain) -> None:
    await chain.fleet.success(chain.calculate, FeatureVectorsCalculated)
    answers = [(r.key, r.value, r.headers) for r in await chain.fleet.records_of(chain.calculate)]
    assert len(answers) == 2
    assert answers[0] == answers[1]
    assert len({key.split("/")[3] for key in chain.fleet.outputs_of(chain.calculate)}) == 1


def test_the_model_has_learned_from_the_measurements(chain: Chain) -> None:
    values = {(m.name, m.subset): m.value for m in chain.trained.metrics if m.fold is None}
    spread = pstdev(molecule.activity for molecule in MEASURED)
    for subset in ("train", "validation", "test"):
        assert 0 < values["MAE", subset] <= values["RMSE", subset] < spread
        assert 0.3 < values["R2", subset] < 1, values
    assert values["R2", "train"] > values["R2", "validation"]
    folds = {m.fold for m in chain.trained.metrics if m.subset == "validation"}
    assert folds == {None, 0, 1, 2}


def test_every_record_was_used_or_is_listed(chain: Chain) -> None:
    event = chain.trained
    assert event.records_used + event.records_skipped == len(MEASURED)
    listed = chain.fleet.get(event.rejects).decode().splitlines()[1:] if event.rejects else []
    assert len(listed) == event.records_skipped


def test_the_model_says_what_it_is(chain: Chain) -> None:
    event = chain.trained
    assert (event.model_name, event.method, event.task) == (MODEL, "randomforestregressor", "regression")
    assert event.method_display_name
    assert event.modi is not None
    assert 0 < event.modi < 1


def test_the_artifacts_are_there_and_as_many_as_the_saga_waits_for(chain: Chain) -> None:
    event = chain.trained
    assert event.number_of_generic_files == len(event.artifacts) > 0
    assert len({artifact.blob.key for artifact in event.artifacts}) == len(event.artifacts)
    for artifact in event.artifacts:
        assert chain.fleet.get(artifact.blob)
    assert {"csv_report"} <= {artifact.kind for artifact in event.artifacts}


async def test_started_comes_first_and_three_thumbnails_before_the_model(chain: Chain) -> None:
    events = await chain.fleet.events(chain.train)
    kinds = [type(event) for event in events]
    assert kinds == [ModelTrainingStarted, *[ModelThumbnailGenerated] * 3, ModelTrained]
    widths = []
    for event in events:
        if isinstance(event, ModelThumbnailGenerated):
            picture = chain.fleet.get(event.blob)
            assert picture.startswith(b"\x89PNG")
            assert struct.unpack("!I", picture[16:20]) == (event.width,)
            widths.append(event.width)
    assert widths == [300, 600, 1200]


def test_there_is_one_row_for_each_record_in_order(chain: Chain) -> None:
    event = chain.predicted
    assert (event.records, event.predicted + event.failed) == (len(ASKED), len(ASKED))
    assert [int(row["record"]) for row in chain.rows] == list(range(len(ASKED)))
    mols = [Chem.MolFromSmiles(smiles) for smiles in ASKED]
    assert [row["smiles"] for row in chain.rows] == [Chem.MolToSmiles(mol) if mol else "" for mol in mols]
    unreadable = [number for number, mol in enumerate(mols) if mol is None]
    assert [int(row["record"]) for row in chain.rows if row["code"]] == unreadable
    assert event.failed == len(unreadable)


def test_molecules_that_were_learned_from_are_predicted_near_their_measurement(chain: Chain) -> None:
    known = chain.rows[len(UNKNOWN) :]
    predicted = [float(row[MODEL]) for row in known]
    assert correlation(predicted, [molecule.activity for molecule in KNOWN]) > 0.8
    assert sum(float(row[f"{MODEL}:similarity"]) == 1 for row in known) >= len(known) / 2


def test_every_prediction_has_an_interval_and_a_domain(chain: Chain) -> None:
    predicted = [row for row in chain.rows if not row["code"]]
    for row in predicted:
        value, lower, upper = (float(row[MODEL + suffix]) for suffix in ("", ":lower", ":upper"))
        assert lower < value < upper
        assert row["consensus"] == row[MODEL]
        assert 0 <= float(row[f"{MODEL}:similarity"]) <= 1
        assert float(row[f"{MODEL}:distance"]) >= 0
        assert float(row[f"{MODEL}:density"])
    inside = [row[f"{MODEL}:inside_domain"].lower() for row in predicted]
    assert set(inside) == {"true", "false"}
    assert inside[len(UNKNOWN) :].count("true") > inside[: len(UNKNOWN)].count("true")


async def test_a_single_structure_is_predicted_as_in_the_file(chain: Chain) -> None:
    for number in (0, 7, 101, len(ASKED) - 1):
        row = chain.rows[number]
        command = builders.single_structure_predict(structure=ASKED[number], models=[chain.model])
        event = await chain.fleet.success(command, SingleStructurePredicted)
        (answer,) = event.models
        domain = answer.applicability_domain
        assert answer.error is None
        assert domain is not None
        assert event.consensus is not None
        found = (
            answer.value,
            answer.lower,
            answer.upper,
            domain.similarity,
            domain.distance,
            domain.density,
        )
        names = ("", ":lower", ":upper", ":similarity", ":distance", ":density")
        assert found == pytest.approx([float(row[MODEL + name]) for name in names], rel=1e-4)
        assert str(domain.inside).lower() == row[f"{MODEL}:inside_domain"].lower()
        assert event.consensus.value == answer.value


async def test_the_whole_history_passes_the_audit(chain: Chain) -> None:
    await chain.fleet.audit()
    assert chain.fleet.dead() == []
