from __future__ import annotations

import csv
import io
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rdkit import Chem
from rdkit.DataStructs import TanimotoSimilarity

from molfleet.bundles.features import Molecule, Toolbox
from molfleet.bundles.predict import Model, load_model
from molfleet.messages.generated import (
    BlobRef,
    ModelThumbnailGenerated,
    ModelTrained,
    ModelTrainingStarted,
)
from tests.paths import SHARED_DATA
from tests.unit.modeler.support import (
    ECFP,
    FEW,
    Directory,
    bioactive,
    command,
    figure,
    molecules,
    trained,
    write_table,
)
from workers.modeler.training import train

pytestmark = pytest.mark.worker


def table(context: Directory, ref: BlobRef) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(context.fetch(ref).read_text())))


def artifact(event: ModelTrained, kind: str) -> BlobRef:
    (ref,) = (entry.blob for entry in event.artifacts if entry.kind == kind)
    return ref


@pytest.fixture(scope="module")
def forest(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelTrained, object, Directory]:
    root = tmp_path_factory.mktemp("forest")
    return trained(root, molecules(root, classes=True), featurizers=(ECFP, FEW), units="uM")


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelTrained, Model, Directory]:
    root = tmp_path_factory.mktemp("ensemble")
    return trained(root, molecules(root, 60), refit="folds", scaler="standard")


def test_training_starts_with_its_event_and_ends_with_three_pictures_of_the_widths_that_they_say(
    forest: tuple[ModelTrained, object, Directory],
) -> None:
    event, _, context = forest
    started, *thumbnails = context.emitted
    assert isinstance(started, ModelTrainingStarted)
    assert (started.model_name, started.method) == ("activity randomforest", "randomforest")
    assert all(isinstance(thumbnail, ModelThumbnailGenerated) for thumbnail in thumbnails)
    widths = [Image.open(context.fetch(thumbnail.blob)).size for thumbnail in thumbnails]
    assert widths == [(300, 300), (600, 600), (1200, 1200)]
    assert [thumbnail.width for thumbnail in thumbnails] == [300, 600, 1200]
    kinds = [entry.kind for entry in event.artifacts]
    assert event.number_of_generic_files == len(kinds) == len(set(kinds))
    assert {
        "csv_report",
        "predictions_table",
        "curation_report",
        "training_report",
        "leakage_report",
        "feature_importance",
        "roc_plot",
        "precision_recall_plot",
        "confusion_plot",
        "calibration_plot",
        "substructures_plot",
    } <= set(kinds)
    assert not [name for name in event.metadata if name.startswith("left_out")]


def test_every_metric_has_a_mean_and_a_deviation_over_its_folds(
    forest: tuple[ModelTrained, object, Directory],
) -> None:
    event, _, context = forest
    for subset in ("train", "validation", "test"):
        for name in ("AUC", "ACC", "MCC"):
            folds = [figure(event, name, subset, fold) for fold in range(2)]
            (total,) = (m for m in event.metrics if (m.name, m.subset, m.fold) == (name, subset, None))
            assert total.value == pytest.approx(np.mean(folds))
            assert total.std == pytest.approx(np.std(folds))
    rows = table(context, artifact(event, "csv_report"))
    means = [row for row in rows if row["fold"] == "mean"]
    assert {(row["metric"], row["subset"]): float(row["value"]) for row in means} == {
        (m.name, m.subset): m.value for m in event.metrics if m.fold is None
    }
    assert event.modi is not None
    assert 0 <= event.modi <= 1


def test_the_loaded_bundle_predicts_the_test_set_as_the_table_beside_it_says(
    forest: tuple[ModelTrained, object, Directory],
) -> None:
    event, _, context = forest
    tools = Toolbox()
    model = load_model(context.fetch(event.model), max_bytes=1 << 30, tools=tools)
    rows = [row for row in table(context, artifact(event, "predictions_table")) if row["subset"] == "test"]
    assert len(rows) == 16
    found = [Molecule(Chem.MolFromSmiles(row["smiles"]), tools) for row in rows]
    level = model.manifest.standardize
    ecfp4 = np.stack([molecule.ecfp4(level) for molecule in found])
    predictions = model.predict(model.features(found), ecfp4, 0.9)
    assert model.manifest.positive_label == "active"
    assert predictions.value == pytest.approx([float(row["probability:active"]) for row in rows], abs=1e-5)
    assert predictions.domain is not None
    assert predictions.sets is not None


def test_golden_molecules_are_about_eight_and_unlike_each_other(
    forest: tuple[ModelTrained, object, Directory],
) -> None:
    _, model, _ = forest
    smiles = model.manifest.golden.smiles  # type: ignore[attr-defined]
    assert len(set(smiles)) == 8
    prints = [Chem.RDKFingerprint(Chem.MolFromSmiles(text)) for text in smiles]
    assert max(TanimotoSimilarity(a, b) for i, a in enumerate(prints) for b in prints[:i]) < 0.95


def test_progress_never_goes_back_and_names_every_fold(
    forest: tuple[ModelTrained, object, Directory],
) -> None:
    *_, context = forest
    fractions = [fraction for _, fraction, _, _ in context.reports]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] <= 1
    messages = [message for _, _, message, _ in context.reports]
    assert {"fold 1 of 2", "fold 2 of 2"} <= set(messages)


def test_the_same_command_gives_the_same_bytes_and_figures_with_one_process_or_two(
    tmp_path: Path,
) -> None:
    outcomes = []
    for processes in (1, 2):
        root = tmp_path / str(processes)
        context = Directory(root, processes=processes)
        event = train(command(molecules(root, 60), scaler="robust"), context)
        outcomes.append((context.fetch(event.model).read_bytes(), event.model_dump()))
    assert outcomes[0] == outcomes[1]


def test_a_training_interrupted_between_two_folds_goes_on_and_gives_the_same_model(
    ensemble: tuple[ModelTrained, Model, Directory], tmp_path: Path
) -> None:
    expected, _, first = ensemble
    order = command(molecules(tmp_path, 60), refit="folds", scaler="standard")
    with pytest.raises(KeyboardInterrupt):
        train(order, Directory(tmp_path, interrupt_at="fold 2"))
    (kept,) = (tmp_path / "checkpoints").iterdir()
    before = kept.stat().st_mtime_ns
    second = Directory(tmp_path)
    event = train(order, second)
    assert kept.stat().st_mtime_ns == before
    assert second.fetch(event.model).read_bytes() == first.fetch(expected.model).read_bytes()
    assert event == expected


def test_folds_kept_as_an_ensemble_are_averaged(ensemble: tuple[ModelTrained, Model, Directory]) -> None:
    event, model, context = ensemble
    assert len(model.manifest.estimators) == 2
    rows = [row for row in table(context, artifact(event, "predictions_table")) if row["subset"] == "test"]
    tools = Toolbox()
    again = load_model(context.fetch(event.model), max_bytes=1 << 30, tools=tools)
    found = [Molecule(Chem.MolFromSmiles(row["smiles"]), tools) for row in rows]
    outputs = again.outputs(again.features(found))
    assert outputs[:, 0] == pytest.approx([float(row["predicted"]) for row in rows], abs=1e-4)


def test_without_a_test_set_all_records_are_learned_from(tmp_path: Path) -> None:
    event, model, _ = trained(tmp_path, molecules(tmp_path, 60), test_set_size=0.0)
    assert event.metadata["training_records"] == "60"
    assert {metric.subset for metric in event.metrics} == {"train", "validation"}
    assert model.manifest.calibration is not None
    assert model.manifest.calibration.size == 60


def test_an_sd_file_of_the_old_services_is_learned_and_every_record_accounted_for(
    tmp_path: Path,
) -> None:
    shared = SHARED_DATA / "test_solubility.sdf"
    if not shared.exists():
        pytest.skip(f"public data is absent: {shared.name} in ../shared/data")
    (tmp_path / "inputs").mkdir()
    shutil.copyfile(shared, tmp_path / "inputs" / "logs.sdf")
    source = BlobRef(bucket="inputs", key="logs.sdf")
    event, _, _ = trained(tmp_path, source, targets=("logS",), featurizers=(ECFP, FEW))
    assert event.task == "regression"
    assert event.records_used + event.records_skipped == 273
    assert event.records_used > 200
    assert figure(event, "R2", "validation") > 0.5


def test_three_classes_are_learned_and_told_apart(tmp_path: Path) -> None:
    picked = bioactive()[::12]
    names = {0: "low", 1: "mid", 2: "high"}
    edges = np.quantile([value for _, value in picked], [1 / 3, 2 / 3])
    rows = [(smiles, names[int(np.searchsorted(edges, value))]) for smiles, value in picked]
    source = write_table(tmp_path, rows, ("smiles", "activity"), "three.csv")
    event, model, _ = trained(tmp_path, source, method="lightgbm")
    assert event.task == "classification"
    assert model.manifest.labels == ("high", "low", "mid")
    assert model.manifest.positive_label is None
    assert figure(event, "AUC", "validation") > 0.5


def test_random_labels_are_not_predicted(tmp_path: Path) -> None:
    picked = list(bioactive()[::5])
    labels = ["1", "0"] * (len(picked) // 2) + ["0"] * (len(picked) % 2)
    random.Random(0).shuffle(labels)
    rows = [(smiles, label) for (smiles, _), label in zip(picked, labels, strict=True)]
    source = write_table(tmp_path, rows, ("smiles", "activity"), "random.csv")
    event, _, _ = trained(tmp_path, source, k_fold=5)
    assert figure(event, "AUC", "validation") == pytest.approx(0.5, abs=0.12)


def test_records_in_are_records_used_and_rejects_each_with_its_code(tmp_path: Path) -> None:
    rows: list[tuple[object, object]] = [*bioactive()[::17]]
    good = len(rows)
    rows[5:5] = [("CCO", ""), ("C1CC", "5.5"), ("CCN", "<4"), ("CCCl", "five")]
    source = write_table(tmp_path, rows, ("smiles", "activity"), "dirty.csv")
    event, _, context = trained(tmp_path, source)
    assert (event.records_used, event.records_skipped) == (good, 4)
    assert event.rejects is not None
    rejects = table(context, event.rejects)
    assert [(row["record"], row["line"], row["code"]) for row in rejects] == [
        ("5", "7", "MISSING_TARGET"),
        ("6", "8", "UNPARSABLE"),
        ("7", "9", "CENSORED_TARGET"),
        ("8", "10", "NON_NUMERIC_TARGET"),
    ]


def test_intervals_and_values_come_back_in_the_units_that_were_measured(tmp_path: Path) -> None:
    rows = [(smiles, repr(10**-value)) for smiles, value in bioactive()[::14]]
    source = write_table(tmp_path, rows, ("smiles", "activity"), "molar.csv")
    event, model, context = trained(tmp_path, source, target_transform="p", units="mol/L")
    rows_out = table(context, artifact(event, "predictions_table"))
    assert float(rows_out[0]["-log10 activity"]) == pytest.approx(bioactive()[0][1])
    tools = Toolbox()
    again = load_model(context.fetch(event.model), max_bytes=1 << 30, tools=tools)
    molecule = Molecule(Chem.MolFromSmiles(rows_out[0]["smiles"]), tools)
    level = model.manifest.standardize
    found = again.predict(again.features([molecule]), molecule.ecfp4(level)[np.newaxis], 0.8)
    assert 1e-9 < found.lower[0] < found.value[0] < found.upper[0] < 1e-4
    assert model.manifest.units == "mol/L"


def test_a_sub_sample_is_of_the_size_that_was_asked_for_and_the_rest_is_no_reject(tmp_path: Path) -> None:
    event, _, _ = trained(tmp_path, molecules(tmp_path, 80), sub_sample_size=0.5)
    assert (event.records_used, event.records_skipped) == (40, 0)
    assert event.metadata["records_not_sampled"] == "40"
