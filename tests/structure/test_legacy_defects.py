"""Every defect of the old services that concerns training is held by tests that exist.

The table of defects is that of the design, `legacy-contract.md`; rows that say nothing of training are
named at the end, so that none is forgotten.
"""

from __future__ import annotations

import ast
import re

import pytest

from tests.paths import ROOT, SHARED_DATA

_OURS = "unit/modeler/test_legacy_defects.py"
#: How a row of the table begins -> the tests that hold it.
TRAINING = {
    "failure after the model upload hangs the saga": (
        f"{_OURS}::test_a_failure_after_the_upload_of_the_model_claims_no_model",
        "unit/modeler/test_failures.py::"
        "test_the_failure_event_claims_no_model_and_only_the_thumbnails_that_were_published",
        "end_to_end/test_legacy_defects.py::"
        "test_a_training_that_ends_early_claims_no_model_no_pictures_and_no_files",
    ),
    "joblib/pickle load and extractall": (
        f"{_OURS}::test_nothing_that_a_training_writes_is_a_pickle",
        "structure/test_sources.py::test_no_program_can_run_code_from_data",
        "end_to_end/test_legacy_defects.py::"
        "test_no_code_in_an_uploaded_model_is_run_and_nothing_is_unpacked_elsewhere",
        "unit/modeler/test_hostile_models.py::test_other_bytes_in_any_part_are_refused_or_make_a_model",
        "unit/bundles/test_archive.py::test_a_part_that_would_leave_the_bundle_is_refused",
        "unit/bundles/test_archive.py::test_a_zip_bomb_is_refused",
    ),
    "client secret and token logged": (
        "end_to_end/test_legacy_defects.py::test_no_secret_is_in_logs_records_or_receipts",
        "unit/bundles/test_signatures.py::test_a_signer_never_shows_its_key",
    ),
    "only exact `Exception` messages surface": (
        "unit/modeler/test_failures.py::test_a_file_that_makes_no_model_is_refused_by_name",
        "unit/modeler/test_plan.py::test_what_cannot_be_done_is_refused_before_any_work",
    ),
    "blocking consumer, lost connection": (
        "faults/test_worker_killed.py::test_after_a_kill_between_two_steps_a_redelivery_finishes_correctly",
        "faults/test_deliveries.py::test_every_kind_of_command_delivered_a_hundred_times_has_one_outcome",
        "unit/modeler/test_training.py::"
        "test_a_training_interrupted_between_two_folds_goes_on_and_gives_the_same_model",
    ),
    "76 bytes per matrix cell": (
        "unit/modeler/test_preparation.py::"
        "test_rows_are_prepared_alike_one_by_one_in_any_order_and_in_blocks",
        "unit/modeler/test_importance.py::test_predictions_are_bounded_whatever_the_columns_and_rows",
    ),
    "SMILES cut to 40 characters in CSVs": (
        f"{_OURS}::test_no_structure_and_no_heading_is_cut_short_in_any_table",
        "unit/modeler/figures/test_artifacts.py::"
        "test_long_smiles_headers_quotes_and_line_breaks_come_back_whole",
        "end_to_end/test_legacy_defects.py::test_no_structure_value_or_name_is_cut_short",
    ),
    "one non-numeric SD field fails the whole job": (
        f"{_OURS}::test_one_value_that_is_no_number_one_gap_and_one_broken_molecule_cost_themselves_only",
        "end_to_end/test_legacy_defects.py::"
        "test_one_bad_value_or_record_costs_itself_and_each_is_counted_and_listed",
    ),
    "one molecule lacking the target": (
        f"{_OURS}::test_one_value_that_is_no_number_one_gap_and_one_broken_molecule_cost_themselves_only",
        "unit/modeler/test_training.py::test_records_in_are_records_used_and_rejects_each_with_its_code",
    ),
    "Scaler None crashes packaging; TestDatasetSize=0": (
        f"{_OURS}::test_any_scaler_or_none_goes_with_any_test_set_or_none",
        "unit/modeler/test_training.py::test_without_a_test_set_all_records_are_learned_from",
    ),
    '"Mahalanobis" multiplies by the covariance': (
        "unit/bundles/test_domain.py::"
        "test_distance_is_mahalanobis_with_the_shrunk_covariance_of_the_components",
    ),
    "regression MODI hard-coded 0.75": (
        f"{_OURS}::test_the_modelability_of_values_is_calculated_and_changes_with_them",
        "unit/modeler/metrics/test_modelability.py::test_the_index_of_values_is_what_its_definition_says",
    ),
    "DnnLayers/DnnNeurons read nowhere": (
        f"{_OURS}::test_the_layers_and_neurons_that_were_asked_for_are_those_of_the_model",
    ),
    "unparsable molecules dropped silently": (
        f"{_OURS}::test_one_value_that_is_no_number_one_gap_and_one_broken_molecule_cost_themselves_only",
        "unit/modeler/curation/test_curate.py::"
        "test_every_record_is_used_or_rejected_with_its_own_line_and_title",
    ),
    "split unstratified; sub-sample unseeded": (
        "unit/modeler/test_splits.py::test_stratified_parts_have_the_same_share_of_each_class",
        "unit/modeler/test_splits.py::test_stratified_parts_of_values_have_the_same_quantiles",
        "unit/modeler/test_splits.py::"
        "test_a_sub_sample_keeps_the_shares_of_the_classes_and_the_order_of_the_records",
        "unit/modeler/test_splits.py::test_a_seed_gives_one_partition_and_another_seed_another",
    ),
}
ELSEWHERE = (
    "single-structure prediction has no failure event",
    "HTTP status never checked",
    "non-persistent publishes",
    "optimizer: surrogate model only",
    "QMRF mostly",
)
TABLE = SHARED_DATA.parent / "design" / "legacy-contract.md"


@pytest.mark.parametrize("defect", TRAINING)
def test_each_test_that_holds_a_defect_exists(defect: str) -> None:
    for place in TRAINING[defect]:
        file, _, name = place.partition("::")
        tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
        functions = ast.FunctionDef, ast.AsyncFunctionDef
        assert name in {node.name for node in tree.body if isinstance(node, functions)}, place


def test_every_row_of_the_table_of_defects_is_spoken_of_once() -> None:
    if not TABLE.exists():
        pytest.skip(f"the design is absent: {TABLE.name} in ../shared/design")
    table = TABLE.read_text("utf-8").split("| Defect of the old system |")[1].split("\n\n")[0]
    rows = [row for row in re.findall(r"^\| (.+?) \|", table, re.MULTILINE) if not row.startswith("-")]
    begun = {**dict.fromkeys(ELSEWHERE), **dict.fromkeys(TRAINING)}
    assert len(rows) == len(begun)
    for row in rows:
        assert sum(row.startswith(beginning) for beginning in begun) == 1, row
