"""Models that also take columns of the file, from the command to the sealed bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from molfleet.bundles.predict import Model
from molfleet.chemistry.featurizers import SpecValue
from molfleet.chemistry.records import open_records
from molfleet.errors import Code, Rejected
from molfleet.messages.generated import BlobRef, FeaturizerSpec, ModelTrained
from tests.unit.modeler.measured_under import COLUMNS, HEADER, assays, rows
from tests.unit.modeler.support import ECFP, Directory, command, figure, trained, write_table
from workers.modeler.plan import Plan, make_plan

ALL = FeaturizerSpec(type="COLUMNS")


def fitted(root: Path, source: BlobRef, **fields: object) -> Plan:
    path = root / source.bucket / source.key
    return make_plan(command(source, **fields)).fitted(open_records(path))


def refused(root: Path, source: BlobRef, **fields: object) -> Rejected:
    with pytest.raises(Rejected) as refusal:
        fitted(root, source, **fields)
    return refusal.value


def test_the_plan_names_the_columns_and_categories_that_the_file_has(tmp_path: Path) -> None:
    specs = fitted(tmp_path, assays(tmp_path), featurizers=(ECFP, COLUMNS)).specs
    assert specs == (
        SpecValue("ECFP", 256, 2),
        SpecValue(
            "COLUMNS",
            parameters={
                "numeric": ["dose"],
                "categorical": ["assay"],
                "categories": ["assay=binding", "assay=cell"],
            },
        ),
    )


def test_where_all_columns_are_taken_neither_target_nor_split_column_is(tmp_path: Path) -> None:
    source = assays(tmp_path)
    (spec,) = fitted(tmp_path, source, featurizers=(ALL,)).specs
    assert spec.parameters == {"numeric": ["dose", "micromolar"]}
    (spec,) = fitted(tmp_path, source, featurizers=(ALL,), split="column:micromolar").specs
    assert spec.parameters == {"numeric": ["dose"]}


def test_a_file_whose_only_number_is_the_target_has_no_columns_to_take(tmp_path: Path) -> None:
    source = write_table(tmp_path, [("CCO", "1.5"), ("CCN", "2.5")], ("smiles", "activity"), "a.csv")
    error = refused(tmp_path, source, featurizers=(ECFP, ALL))
    assert (error.code, error.details["featurizer"]) == (Code.INVALID_COMMAND, "COLUMNS")
    assert "no numeric column" in error.message


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    wanted = FeaturizerSpec(type="COLUMNS", parameters={"numeric": ("doses",)})
    error = refused(tmp_path, assays(tmp_path), featurizers=(ECFP, wanted))
    assert (error.code, error.details["column"]) == (Code.UNKNOWN_NAME, "doses")
    assert "Did you mean dose?" in error.message


def test_a_target_that_is_not_there_is_told_before_a_column_that_is_not(tmp_path: Path) -> None:
    wanted = FeaturizerSpec(type="COLUMNS", parameters={"numeric": ("doses",)})
    error = refused(tmp_path, assays(tmp_path), featurizers=(wanted,), targets=("activities",))
    assert error.code == Code.TARGET_NOT_FOUND


@pytest.mark.parametrize("how", ["numeric", "categorical"])
@pytest.mark.parametrize(
    ("fields", "name"), [({"targets": ("dose",)}, "dose"), ({"split": "column:dose"}, "dose")]
)
def test_a_target_or_split_column_among_the_features_is_refused_by_name(
    fields: dict[str, object], name: str, how: str
) -> None:
    wanted = FeaturizerSpec(type="COLUMNS", parameters={how: (name,)})
    source = BlobRef(bucket="inputs", key="a.csv")
    with pytest.raises(Rejected) as refusal:
        make_plan(command(source, featurizers=(ECFP, wanted), **fields))
    assert refusal.value.code == Code.INVALID_COMMAND
    assert refusal.value.details["column"] == name


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelTrained, Model, Directory]:
    root = tmp_path_factory.mktemp("both")
    return trained(root, assays(root), featurizers=(ECFP, COLUMNS))


@pytest.mark.worker
def test_what_depends_on_columns_is_learned_with_them_better_than_without(
    both: tuple[ModelTrained, Model, Directory],
) -> None:
    event, _, context = both
    alone, _, _ = trained(context.root, assays(context.root), replicates="keep")
    assert (event.records_used, alone.records_used) == (120, 120)
    assert figure(event, "R2", "validation") > 0.5
    assert figure(alone, "R2", "validation") < 0.3


@pytest.mark.worker
def test_records_of_one_molecule_under_other_conditions_are_no_replicates(
    both: tuple[ModelTrained, Model, Directory],
) -> None:
    event, _, context = both
    assert event.records_skipped == 0
    twice = [(smiles, f"{float(value) + 1}", *others) for smiles, value, *others in rows()[:20]]
    source = write_table(context.root, [*rows(), *twice], HEADER, "twice.csv")
    again, _, _ = trained(context.root, source, featurizers=(ECFP, COLUMNS))
    assert (again.records_used, again.records_skipped) == (120, 20)


@pytest.mark.worker
def test_the_bundle_says_which_columns_it_takes_and_proves_itself_with_them(
    both: tuple[ModelTrained, Model, Directory],
) -> None:
    event, model, _ = both
    assert model.columns == ("dose", "assay")
    assert event.metadata["columns"] == "dose, assay"
    golden = model.manifest.golden
    assert len(golden.properties) == len(golden.smiles)
    measured = {(smiles, assay, dose) for smiles, _, assay, dose, *_ in rows()}
    assert {(one["assay"], one["dose"]) for one in golden.properties} <= {row[1:] for row in measured}
    (columns,) = (one for one in model.manifest.featurizers if one.type == "COLUMNS")
    assert columns.names == ("dose", "assay=binding", "assay=cell")


@pytest.mark.worker
def test_a_molecule_measured_several_times_does_not_narrow_the_domain(
    both: tuple[ModelTrained, Model, Directory],
) -> None:
    _, model, _ = both
    assert model.manifest.applicability_domain is not None
    assert 0.0 < model.manifest.applicability_domain.similarity_threshold < 0.9


@pytest.mark.worker
def test_a_column_that_is_the_target_in_other_words_is_warned_of(tmp_path: Path) -> None:
    every = FeaturizerSpec(type="COLUMNS", parameters={"numeric": ("dose", "micromolar")})
    quick = {"method": "ridgeregression", "hyper_parameters": {}, "options": {"scaffold_audit": "false"}}
    event, model, _ = trained(tmp_path, assays(tmp_path), featurizers=(ECFP, every), **quick)
    warnings = [text for name, text in event.metadata.items() if name.startswith("warning.")]
    (warning,) = (text for text in warnings if "told the answers" in text)
    assert "'micromolar'" in warning
    section = model.manifest.sections["columns"]
    assert isinstance(section, dict)
    assert section["properties"] == ["dose", "micromolar"]


@pytest.mark.worker
@pytest.mark.parametrize("method", ["supportvectormachine", "stacking"])
def test_methods_that_scale_and_ensembles_take_columns_with_gaps(tmp_path: Path, method: str) -> None:
    members = (
        {"method": "ridgeregression", "featurizers": (ECFP,)},
        {"method": "ridgeregression", "featurizers": (ECFP, COLUMNS)},
    )
    fields = {"members": members} if method == "stacking" else {"featurizers": (ECFP, COLUMNS)}
    options = {"options": {"scaffold_audit": "false"}, "hyper_parameters": {}}
    event, model, _ = trained(tmp_path, assays(tmp_path, 40), method=method, **fields, **options)
    assert model.columns == ("dose", "assay")
    assert np.isfinite(figure(event, "R2", "validation"))


@pytest.mark.worker
def test_a_category_that_only_test_records_have_is_warned_of(tmp_path: Path) -> None:
    told = [(*row, "test" if number >= 96 else "train") for number, row in enumerate(rows())]
    parted = [row for row in told if row[2] == "binding" or row[-1] == "test"]
    source = write_table(tmp_path, parted, (*HEADER, "part"), "parted.csv")
    quick = {"method": "ridgeregression", "hyper_parameters": {}, "options": {"scaffold_audit": "false"}}
    event, _, _ = trained(tmp_path, source, featurizers=(ECFP, COLUMNS), split="column:part", **quick)
    warnings = [text for name, text in event.metadata.items() if name.startswith("warning.")]
    (warning,) = (text for text in warnings if text.startswith("Nothing is learned"))
    assert warning.endswith("'assay=binding', 'assay=cell'.")
