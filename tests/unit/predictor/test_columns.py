"""Models that also take columns: what a file or a command must say, and what it may leave open."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from molfleet.bundles.features import Molecule, Toolbox
from molfleet.bundles.predict import Model, Predictions, load_model
from molfleet.errors import Code, Rejected
from tests.unit.bundles.factory import make
from tests.unit.modeler.measured_under import COLUMNS, assays
from tests.unit.modeler.support import ECFP, trained
from tests.unit.predictor.asking import answered, ask, failed
from tests.unit.predictor.contexts import FilesLightContext
from tests.unit.predictor.runs import Run
from workers.predictor.single import Resident, predict

pytestmark = pytest.mark.worker

ETHANOL = "CCO"
KNOWN = {"dose": "2.5", "assay": "cell"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of structures, and one that takes the columns dose and assay as well."""
    root = tmp_path_factory.mktemp("models")
    event, _, context = trained(root, assays(root, 40), featurizers=(ECFP, COLUMNS))
    shutil.copyfile(context.fetch(event.model), root / "assays")
    make(root / "forest")
    return root


@pytest.fixture
def run(folder: Path, tmp_path: Path) -> Run:
    return Run(tmp_path, folder)


@pytest.fixture
def context(folder: Path, tmp_path: Path) -> FilesLightContext:
    context = FilesLightContext(folder, tmp_path)
    context.resident = Resident(context)
    return context


@pytest.fixture(scope="module")
def direct(folder: Path) -> tuple[Model, Toolbox]:
    tools = Toolbox()
    return load_model(folder / "assays", max_bytes=1 << 28, tools=tools), tools


def expected(direct: tuple[Model, Toolbox], properties: Mapping[str, str]) -> Predictions:
    model, tools = direct
    molecule = Molecule(Chem.MolFromSmiles(ETHANOL), tools, properties)
    ecfp4 = molecule.ecfp4(model.manifest.standardize)
    return model.predict(model.features([molecule]), ecfp4[np.newaxis], 0.9)


def table(
    folder: Path, *rows: tuple[str, ...], header: tuple[str, ...] = ("smiles", "dose", "assay")
) -> Path:
    path = folder / "new.csv"
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def test_a_file_a_command_and_the_bundle_itself_say_the_same(
    run: Run, context: FilesLightContext, direct: tuple[Model, Toolbox], tmp_path: Path
) -> None:
    each = [{"dose": dose, "assay": assay} for dose in ("0.5", "9") for assay in ("cell", "binding")]
    rows = run.rows(run(table(tmp_path, *((ETHANOL, one["dose"], one["assay"]) for one in each)), "assays"))
    commands = [ask(ETHANOL, "assays", properties=one) for one in each]
    events = predict(commands, context)
    found = [event.models[0].value or 0.0 for event in events]
    assert found == [pytest.approx(expected(direct, one).value[0]) for one in each]
    name = direct[0].manifest.name
    assert [float(row[name]) for row in rows] == pytest.approx(found)
    assert len(set(found)) == 4
    assert found[0] > found[1] + 1  # the cell assay reads four units more


def test_columns_stand_in_any_order_among_others_and_blanks_around_them_do_not_matter(
    run: Run, direct: tuple[Model, Toolbox], tmp_path: Path
) -> None:
    source = table(tmp_path, ("x", " cell", ETHANOL, "2.50 "), header=("note", "assay", "smiles", "dose"))
    (row,) = run.rows(run(source, "assays"))
    assert float(row[direct[0].manifest.name]) == pytest.approx(expected(direct, KNOWN).value[0])


def test_a_file_without_a_column_is_refused_with_its_name_and_the_models(run: Run, tmp_path: Path) -> None:
    with pytest.raises(Rejected) as refusal:
        run(table(tmp_path, (ETHANOL, "2.5"), header=("smiles", "dose")), "forest", "assays")
    error = refusal.value
    assert (error.code, error.details["columns"]) == (Code.INVALID_COMMAND, "assay")
    assert "'assay'" in error.message
    assert "activity randomforest" in error.message
    assert error.message.endswith("Its columns: dose.")


def test_a_file_that_can_have_no_columns_is_refused(run: Run) -> None:
    with pytest.raises(Rejected, match=r"'dose', 'assay'.*Its columns: none") as refusal:
        run(f"{ETHANOL} ethanol\n", "assays")
    assert refusal.value.code == Code.INVALID_COMMAND


def test_a_blank_or_unreadable_number_is_filled_as_in_training(
    run: Run, direct: tuple[Model, Toolbox], tmp_path: Path
) -> None:
    source = table(tmp_path, *((ETHANOL, dose, "cell") for dose in ("", " ", "<5", "n/a")))
    rows = run.rows(run(source, "assays"))
    values = [float(row[direct[0].manifest.name]) for row in rows]
    assert values == pytest.approx([expected(direct, {"assay": "cell"}).value[0]] * 4)
    assert not any(row["code"] for row in rows)


def test_an_unknown_category_counts_as_blank_and_is_outside_the_domain(
    run: Run, context: FilesLightContext, tmp_path: Path
) -> None:
    smiles = Chem.MolToSmiles(Chem.MolFromSmiles(nearest(context)))
    source = table(tmp_path, *((smiles, "2.5", assay) for assay in ("cell", "", "in silico")))
    known, blank, unknown = run.rows(run(source, "assays"))
    name = next(key for key in known if key.endswith(":inside_domain"))
    assert [row[name] for row in (known, blank, unknown)] == ["true", "true", "false"]
    column = name.removesuffix(":inside_domain")
    assert blank[column] == unknown[column] != known[column]
    event = answered(context, ask(smiles, "assays", properties={"dose": "2.5", "assay": "in silico"}))
    assert event.models[0].applicability_domain is not None
    assert event.models[0].applicability_domain.inside is False


def nearest(context: FilesLightContext) -> str:
    """A molecule of the training set."""
    event = answered(context, ask(ETHANOL, "assays", properties=KNOWN, explain=True))
    assert event.explanation is not None
    return event.explanation.analogues[0].smiles


def test_sd_records_without_the_field_are_blank_while_others_have_it(
    run: Run, direct: tuple[Model, Toolbox], tmp_path: Path
) -> None:
    block = Chem.MolToMolBlock(Chem.MolFromSmiles(ETHANOL))
    source = tmp_path / "new.sdf"
    source.write_text(
        f"{block}>  <assay>\ncell\n\n>  <dose>\n2.5\n\n$$$$\n{block}>  <assay>\ncell\n\n$$$$\n"
    )
    rows = run.rows(run(source, "assays"))
    values = [float(row[direct[0].manifest.name]) for row in rows]
    assert values == pytest.approx([expected(direct, one).value[0] for one in (KNOWN, {"assay": "cell"})])


def test_a_structure_without_a_column_fails_that_model_alone(context: FilesLightContext) -> None:
    event = answered(context, ask(ETHANOL, "assays", "forest", properties={"assay": "cell"}))
    without, forest = event.models
    assert without.error is not None
    assert without.error.code == Code.INVALID_COMMAND
    assert "properties has no 'dose'" in without.error.message
    assert forest.error is None
    assert forest.value is not None


def test_a_structure_that_no_model_can_answer_for_want_of_columns_fails_with_that_code(
    context: FilesLightContext,
) -> None:
    assert failed(context, ask(ETHANOL, "assays")).code == Code.INVALID_COMMAND


def test_an_empty_text_says_that_a_value_is_not_known(
    context: FilesLightContext, direct: tuple[Model, Toolbox]
) -> None:
    event = answered(context, ask(ETHANOL, "assays", properties={"dose": "", "assay": "cell"}))
    assert event.models[0].value == pytest.approx(expected(direct, {"assay": "cell"}).value[0])


def test_commands_of_one_batch_with_one_structure_keep_their_own_properties(
    context: FilesLightContext,
) -> None:
    one, other = KNOWN, {"dose": "9", "assay": "binding"}
    together = predict([ask(ETHANOL, "assays", properties=each) for each in (one, other, one)], context)
    alone = [answered(context, ask(ETHANOL, "assays", properties=each)) for each in (one, other, one)]
    assert [event.models[0].value for event in together] == [event.models[0].value for event in alone]


def test_a_model_of_structures_alone_does_not_mind_properties(context: FilesLightContext) -> None:
    with_them = answered(context, ask(ETHANOL, "forest", properties={"colour": "red"}))
    assert with_them.models[0].value == answered(context, ask(ETHANOL, "forest")).models[0].value
