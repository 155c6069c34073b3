"""PredictProperties: one row for each record, whatever the records and the models are like."""

from __future__ import annotations

from typing import Any

import pytest
from rdkit import Chem

from molfleet.chemistry.featurizers.descriptors import RdkitDescriptors
from molfleet.errors import Code, Rejected
from tests.unit.predictor.runs import MIXED, SMI, Run
from workers.predictor.batch import predict

pytestmark = pytest.mark.worker


def test_each_record_is_one_row_in_order(run: Run) -> None:
    event = run(MIXED, "forest")
    rows = run.rows(event)
    assert [row["record"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert [row["title"] for row in rows] == ["ethanol", "broken", "amine", "also broken", "butanol"]
    assert [row["smiles"] for row in rows] == ["CCO", "", "CCN", "", "CCCCO"]
    assert [bool(row["solubility"]) for row in rows] == [True, False, True, False, True]
    assert (event.records, event.predicted, event.failed) == (5, 3, 2)
    assert event.file_name == "input_predictions.csv"


def test_a_failed_record_has_a_code_a_sentence_and_a_row_of_the_rejects(run: Run) -> None:
    event = run(MIXED, "forest")
    failed = [row for row in run.rows(event) if row["code"]]
    rejects = run.rejects(event)
    assert [row["record"] for row in rejects] == ["1", "3"]
    assert [row["line"] for row in rejects] == ["2", "4"]
    for row, reject in zip(failed, rejects, strict=True):
        assert (row["code"], row["message"]) == (reject["code"], reject["message"])
        assert row["code"] == "UNPARSABLE"


def test_no_rejects_file_is_made_where_nothing_failed(run: Run) -> None:
    event = run(SMI, "forest")
    assert event.rejects is None
    assert event.failed == 0


def test_the_columns_of_a_regression_and_of_a_classification(run: Run) -> None:
    head = list(run.rows(run(MIXED, "forest", "classes"))[0])
    assert head == [
        *("record", "title", "smiles", "solubility", "solubility:lower", "solubility:upper"),
        *("solubility:inside_domain", "solubility:similarity", "solubility:distance"),
        *("solubility:density", "activity", "activity:label", "activity:probability", "activity:set"),
        *("activity:inside_domain", "activity:similarity", "activity:distance", "activity:density"),
        *("consensus", "consensus:std", "code", "message"),
    ]


def test_more_than_two_classes_have_a_column_for_each_label(run: Run) -> None:
    row = run.rows(run(SMI, "three"))[0]
    assert "grade" not in row
    each = [float(row[f"grade:probability:{label}"]) for label in ("low", "middle", "high")]
    assert sum(each) == pytest.approx(1.0)
    assert row["grade:label"] == "low"
    assert set(row["grade:set"].split("|")) <= {"low", "middle", "high"}


def test_models_of_one_name_are_told_apart_by_number(run: Run) -> None:
    row = run.rows(run(MIXED, "forest", "boosted", "forest"))[0]
    assert float(row["solubility"]) == float(row["solubility#3"])
    assert "solubility#2:lower" in row
    assert float(row["consensus"]) == pytest.approx(
        (2 * float(row["solubility"]) + float(row["solubility#2"])) / 3, rel=1e-5
    )


def test_a_model_named_like_a_column_of_the_file_gets_another_name(run: Run) -> None:
    row = run.rows(run(MIXED, "record"))[0]
    assert row["record"] == "0"
    assert float(row["record#2"])


def test_the_name_in_the_command_wins_over_the_models_own(run: Run) -> None:
    run(MIXED, "forest")
    named = run.command.models[0].model_copy(update={"name": "mine"})
    event = predict(run.command.model_copy(update={"models": (named,)}), run.context)
    assert "mine:lower" in run.rows(event)[0]


def test_there_is_no_consensus_of_a_value_and_a_probability(run: Run) -> None:
    row = run.rows(run(MIXED, "forest", "classes"))[0]
    assert (row["consensus"], row["consensus:std"]) == ("", "")


def test_a_weighted_consensus_needs_figures_of_validation(run: Run) -> None:
    assert run.rows(run(MIXED, "forest", "boosted", consensus="weighted"))[0]["consensus"]
    with pytest.raises(Rejected, match="unmeasured has no RMSE"):
        run(MIXED, "forest", "unmeasured", consensus="weighted")


def test_confidence_widens_the_intervals(run: Run) -> None:
    narrow, wide = (run.rows(run(MIXED, "forest", confidence=value))[0] for value in (0.5, 0.95))
    assert float(wide["solubility:lower"]) < float(narrow["solubility:lower"])
    assert wide["solubility"] == narrow["solubility"]


def test_a_record_that_one_model_cannot_treat_keeps_the_others_answer(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    calculate = RdkitDescriptors.calculate

    def moody(self: RdkitDescriptors, mol: Chem.Mol) -> Any:
        if mol.GetAtomWithIdx(0).GetSymbol() == "Si":
            raise RuntimeError("no silicon today")
        return calculate(self, mol)

    monkeypatch.setattr(RdkitDescriptors, "calculate", moody)
    event = run("CCO a\n[SiH3]CC b\n", "forest", "descriptors")
    good, bad = run.rows(event)
    assert (event.predicted, event.failed, event.rejects) == (2, 0, None)
    assert good["code"] == ""
    assert bad["code"] == "FEATURIZATION_FAILED"
    assert bad["message"] == "logS: RDKit cannot featurize it: no silicon today."
    assert bad["consensus"] == bad["solubility"] != ""
    assert bad["logS"] == ""
    alone = run("CCO a\n[SiH3]CC b\n", "descriptors")
    assert (alone.predicted, alone.failed) == (1, 1)
    assert [row["record"] for row in run.rejects(alone)] == ["1"]


def test_a_broken_model_fails_the_command_and_is_named(run: Run) -> None:
    with pytest.raises(Rejected) as caught:
        run(MIXED, "forest", "broken")
    assert caught.value.code is Code.INVALID_MODEL
    assert caught.value.message.startswith("Model 1/broken (")
    assert caught.value.details["model"] == str(run.command.models[1].id)


def test_a_file_without_records_is_refused(run: Run) -> None:
    with pytest.raises(Rejected) as caught:
        run("# only a comment\n", "forest")
    assert caught.value.code is Code.NO_VALID_RECORDS


def test_a_file_of_nothing_but_bad_records_has_a_row_for_each(run: Run) -> None:
    event = run("nonsense one\nmore two\n", "forest")
    assert (event.records, event.predicted, event.failed) == (2, 0, 2)
    assert len(run.rows(event)) == 2


@pytest.mark.parametrize(
    ("fields", "code", "word"),
    [
        ({"confidence": 1.0}, Code.INVALID_COMMAND, "confidence"),
        ({"consensus": "vote"}, Code.UNKNOWN_NAME, "Known: mean, weighted"),
        ({"output_format": "xls"}, Code.UNKNOWN_NAME, "Known: csv, parquet, sdf"),
        ({"file_type": "cdx"}, Code.UNKNOWN_NAME, "'cdx'"),
        ({"options": {"fast": "yes"}}, Code.UNKNOWN_NAME, "'fast'"),
    ],
)
def test_a_bad_field_is_refused_before_anything_is_loaded(
    run: Run, fields: dict[str, Any], code: Code, word: str
) -> None:
    with pytest.raises(Rejected, match=word) as caught:
        run(MIXED, "broken", **fields)
    assert caught.value.code is code


def test_a_users_model_file_is_left_where_it_was(run: Run) -> None:
    run(MIXED, "forest")
    assert (run.models / "forest").exists()
