from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from molfleet.chemistry.records import Reject
from molfleet.errors import RecordCode
from tests.unit.modeler.curation.molecules import Made, make, smiles, weight
from workers.modeler.curation.distribution import robust_sd

OTHERS = [
    Reject(900, 1, "", RecordCode.UNPARSABLE, "x"),
    Reject(901, 2, "", RecordCode.MISSING_TARGET, "y"),
]


def some(made: Made, every: int) -> Made:
    """A sub-sample, as the trainer takes it."""
    kept = np.arange(len(made.curated.rows))[::every]
    curated = replace(
        made.curated,
        rows=made.curated.rows[kept],
        values=made.curated.values[kept],
        molecules=made.curated.molecules[kept],
    )
    return replace(made, curated=curated, ecfp4=made.ecfp4[kept])


EXTRA = [(smiles()[0], "80"), (smiles()[1], "n.d."), (smiles()[2], "<5"), (smiles()[3], "3 nM")]


@pytest.mark.parametrize("every", [1, 3])
def test_every_record_is_used_not_sampled_or_skipped(every: int) -> None:
    section = some(make(extra=EXTRA), every).section(others=OTHERS)
    assert section["records"] == len(smiles()) + len(EXTRA) + len(OTHERS)
    assert section["records"] == section["used"] + section["not_sampled"] + sum(section["skipped"].values())
    assert section["skipped"] == {
        "CENSORED_TARGET": 1,
        "DUPLICATE": 1,
        "MISSING_TARGET": 1,
        "NON_NUMERIC_TARGET": 2,
        "UNPARSABLE": 1,
    }


def labelled(text: str) -> str:
    return "active" if len(text) > 12 else "inactive"


@pytest.mark.parametrize("made", [make(extra=EXTRA), make(value=labelled), make(transform="p", units="nM")])
def test_the_section_is_json_and_the_same_each_time(made: Made) -> None:
    text = json.dumps(made.section(seed=5), allow_nan=False)
    assert text == json.dumps(made.section(seed=5), allow_nan=False)
    assert json.loads(text)["task"] == made.curated.task


def test_units_bounds_and_conversions_are_told() -> None:
    section = make(
        value=lambda text: f"{weight(text)} nM", extra=[("CCBr", "2 uM"), ("CCI", ">9 uM")]
    ).section()
    assert section["units"]["values"] == "nM"
    assert section["units"]["conversions"] == [{"from": "uM", "to": "nM", "records": 1}]
    assert section["censored"] == {
        "rule": "drop",
        "left_out": 1,
        "used": 0,
        "relations": {">": 1},
        "with_error": 0,
    }
    assert any("1 values were converted from uM to nM" in warning for warning in section["warnings"])


def test_the_distribution_of_values_is_that_of_the_records_used() -> None:
    made = make()
    distribution = made.section()["distribution"]
    values = made.curated.values
    assert distribution["quantiles"]["0.5"] == np.median(values)
    assert distribution["sd"] == pytest.approx(np.std(values))
    assert distribution["different"] == len(set(values))


def test_classes_are_counted_and_a_rare_one_is_warned_of() -> None:
    made = make(value=lambda text: "yes" if text in smiles()[:4] else "no")
    section = made.section()
    assert section["distribution"]["classes"] == {"no": len(smiles()) - 4, "yes": 4}
    assert section["distribution"]["imbalance"] == (len(smiles()) - 4) / 4
    assert any("Only 4 of" in warning and "'yes'" in warning for warning in section["warnings"])


def test_a_value_far_out_is_told_with_the_suspicion_of_a_unit_but_kept() -> None:
    made = make(extra=[("CCBr", "110000"), ("CCI", "1500")])
    section = made.section()
    assert len(made.curated.rows) == len(smiles()) + 2
    assert section["outliers"]["count"] == 2
    assert section["outliers"]["unit_mistakes"] == 1
    furthest, other = section["outliers"]["furthest"]
    assert (furthest["record"], furthest["usual_if_times"]) == (len(smiles()), 1e-3)
    assert "usual_if_times" not in other
    assert any("robust standard deviations" in warning for warning in section["warnings"])


def test_the_robust_deviation_is_the_normal_one_and_survives_many_equal_values() -> None:
    values = np.random.default_rng(0).normal(3, 2, 20_000)
    assert robust_sd(values) == pytest.approx(2, rel=0.03)
    tied = np.array([0.0] * 60 + [1.0] * 30 + [2.0] * 10)
    assert robust_sd(tied) == pytest.approx(1 / 1.349)
    assert robust_sd(np.zeros(9)) == 0.0


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (make(smiles()[:30]), "30 molecules are few"),
        (make(), "No molecule was measured twice"),
        (make(transform="p"), "above 1 mol/L"),
        (make(value=lambda text: f"{10 ** (len(text) / 3):.3g}"), "target_transform log10"),
        (make(value=lambda text: "0" if len(text) < 13 else weight(text)), "values are the same, 0"),
        (make(value=lambda text: str(len(text) % 3 + 7)), "only 3 different values"),
        (make(extra=[(text, weight(text)) for text in smiles()[:20]]), "copies of one measurement"),
        (make(extra=[(text, str(float(weight(text)) + 90)) for text in smiles()]), "better than R2"),
        (make(extra=[(smiles()[0], "32000")]), "a unit had been mistaken"),
        (make(extra=[(text, ">5") for text in smiles()[:40]]), "left out: the model knows little"),
        (make(extra=[(text, "n.d.") for text in smiles()[:60]]), "the rejects file says why"),
        (make(value=lambda text: "yes" if len(text) % 2 else "no"), "on an activity cliff"),
        (make(extra=[("CCBr", "3 nM")]), "name a unit (nM)"),
    ],
)
def test_what_a_careful_reader_would_say_is_said(made: Made, sentence: str) -> None:
    assert any(sentence in warning for warning in made.section()["warnings"])


def test_a_good_set_has_little_to_be_warned_of() -> None:
    rng = np.random.default_rng(0)
    again = [(text, f"{float(weight(text)) + rng.normal(0, 3):.2f}") for text in smiles()[:30]]
    section = make(extra=again).section()
    assert section["noise"]["best_r2"] > 0.9
    assert [warning for warning in section["warnings"] if "records were not used" not in warning] in (
        [],
        ["97 molecules are few: every figure of this model is uncertain."],
    )
