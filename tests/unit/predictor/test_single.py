"""SingleStructurePredict: one event per command, whatever stands in the others of its batch."""

from __future__ import annotations

from pathlib import Path

import pytest
from rdkit import Chem

from molfleet.bundles.features import Toolbox
from molfleet.bundles.predict import load_model
from molfleet.messages.generated import (
    SingleStructurePredict,
    SingleStructurePredicted,
    SingleStructurePredictionFailed,
)
from molfleet.runtime.handler import LightHandler
from tests.builders import model
from tests.unit.bundles.factory import CHAINS, molecules
from tests.unit.predictor.asking import BUTANOL, answered, ask, failed, one
from tests.unit.predictor.contexts import FilesLightContext
from workers.predictor.handlers import HANDLERS
from workers.predictor.single import Resident, predict


def test_a_regression_answers_with_value_interval_units_and_domain(
    context: FilesLightContext, folder: Path
) -> None:
    command = ask(BUTANOL, "forest", property_name="solubility", confidence=0.8)
    event = answered(context, command)
    assert event.property_name == "solubility"
    (found,) = event.models
    tools = Toolbox()
    loaded = load_model(folder / "forest", max_bytes=1 << 26, tools=tools)
    (butanol,) = molecules([BUTANOL], tools)
    expected = loaded.predict(
        loaded.features([butanol]), butanol.ecfp4("parent-neutral").reshape(1, -1), 0.8
    )
    assert found.id == command.models[0].id
    assert found.value == expected.value[0]
    assert (found.lower, found.upper) == (expected.lower[0], expected.upper[0])
    assert found.units == "log10(mol/L)"
    assert found.label is None
    assert found.probabilities == {}
    domain = found.applicability_domain
    assert domain is not None
    assert expected.domain is not None
    assert domain.similarity == 1.0
    assert domain.inside is True
    assert domain.distance == expected.domain.distance[0]
    assert domain.density == expected.domain.density[0]


def test_a_classification_answers_with_the_positive_probability(context: FilesLightContext) -> None:
    (found,) = answered(context, ask(CHAINS[-1], "classes")).models
    assert found.value == found.probabilities["active"]
    assert sum(found.probabilities.values()) == pytest.approx(1.0)
    assert found.label == "active"
    assert "active" in found.prediction_set
    assert (found.lower, found.upper) == (None, None)


def test_more_than_two_classes_have_a_label_but_no_value(context: FilesLightContext) -> None:
    event = answered(context, ask(CHAINS[-1], "three"))
    (found,) = event.models
    assert found.value is None
    assert set(found.probabilities) == {"low", "middle", "high"}
    assert found.label == max(found.probabilities, key=lambda label: found.probabilities[label])
    assert event.consensus is not None
    assert (event.consensus.value, event.consensus.label) == (None, found.label)


def test_every_format_gives_the_same_prediction(context: FilesLightContext) -> None:
    mol = Chem.MolFromSmiles(BUTANOL)
    commands = [
        ask(BUTANOL, "forest"),
        ask(Chem.MolToMolBlock(mol), "forest", format="MOL"),
        ask(Chem.MolToInchi(mol), "forest", format="INCHI"),
        ask(BUTANOL, "forest", format="smiles"),
    ]
    events = predict(commands, context)
    values = {event.models[0].value for event in events if isinstance(event, SingleStructurePredicted)}
    assert len(events) == 4
    assert len(values) == 1


@pytest.mark.parametrize("keys", [("forest", "boosted"), ("classes", "more classes")])
def test_consensus_is_the_mean_with_the_sample_standard_deviation(
    context: FilesLightContext, keys: tuple[str, ...]
) -> None:
    event = answered(context, ask("CCCCCCO", *keys))
    first, second = (found.value for found in event.models)
    assert first is not None
    assert second is not None
    assert event.consensus is not None
    assert event.consensus.value == pytest.approx((first + second) / 2)
    assert event.consensus.std == pytest.approx(abs(first - second) / 2**0.5)
    assert event.consensus.models == 2


def test_one_model_is_its_own_consensus_without_deviation(context: FilesLightContext) -> None:
    event = answered(context, ask(BUTANOL, "forest"))
    assert event.consensus is not None
    assert event.consensus.value == event.models[0].value
    assert event.consensus.std is None


@pytest.mark.parametrize("keys", [("forest", "other units"), ("classes", "three"), ("forest", "classes")])
def test_there_is_no_consensus_where_units_or_labels_differ(
    context: FilesLightContext, keys: tuple[str, ...]
) -> None:
    event = answered(context, ask(BUTANOL, *keys))
    assert len(event.models) == 2
    assert event.consensus is None


def test_a_model_that_cannot_be_used_has_an_error_and_the_others_answer(context: FilesLightContext) -> None:
    event = answered(context, ask(BUTANOL, "broken", "forest", "absent"))
    codes = [found.error.code if found.error else None for found in event.models]
    assert codes == ["INVALID_MODEL", None, "BLOB_NOT_FOUND"]
    assert event.models[0].value is None
    assert event.consensus is not None
    assert event.consensus.models == 1


def test_no_model_that_answers_is_a_failure_with_each_models_error(context: FilesLightContext) -> None:
    command = ask(BUTANOL, "broken", "absent")
    event = failed(context, command)
    assert event.code == "PREDICTION_ERROR"
    assert event.details[str(command.models[0].id)].startswith("INVALID_MODEL: ")
    assert event.details[str(command.models[1].id)].startswith("BLOB_NOT_FOUND: ")
    said = [(answer.id, answer.error and answer.error.code) for answer in event.models]
    wanted = zip(command.models, ("INVALID_MODEL", "BLOB_NOT_FOUND"), strict=True)
    assert said == [(ref.id, code) for ref, code in wanted]
    assert not event.retryable


def test_models_that_all_fail_alike_give_the_failure_their_code(context: FilesLightContext) -> None:
    assert failed(context, ask(BUTANOL, "broken")).code == "INVALID_MODEL"
    same = model("broken")
    twice = failed(context, ask(BUTANOL, models=[same, same]))
    assert twice.code == "INVALID_MODEL"


@pytest.mark.parametrize(
    ("structure", "fields"),
    [
        ("C1CC", {}),
        ("", {}),
        ("C(C)(C)(C)(C)(C)C", {}),
        ("no mol block", {"format": "MOL"}),
        ("InChI=1S/nonsense", {"format": "INCHI"}),
        ("C\0C", {}),
    ],
)
def test_a_structure_that_cannot_be_read_is_a_failure(
    context: FilesLightContext, structure: str, fields: dict[str, str]
) -> None:
    event = failed(context, ask(structure, "forest", **fields))
    assert event.code == "INVALID_STRUCTURE"
    assert not event.retryable


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, 90.0, float("nan"), float("inf")])
def test_a_confidence_that_is_none_is_refused_by_name(
    context: FilesLightContext, confidence: float
) -> None:
    event = failed(context, ask(BUTANOL, confidence=confidence))
    assert event.code == "INVALID_COMMAND"
    assert event.message.startswith("confidence must be above 0 and below 1")


def test_an_unknown_format_is_refused_with_those_that_exist(context: FilesLightContext) -> None:
    event = failed(context, ask(BUTANOL, format="CML"))
    assert event.code == "UNKNOWN_NAME"
    assert "Known: SMILES, MOL, INCHI" in event.message


def test_an_unknown_option_is_refused_by_name(context: FilesLightContext) -> None:
    event = failed(context, ask(BUTANOL, options={"colour": "green"}))
    assert event.code == "UNKNOWN_NAME"
    assert "'colour'" in event.message


def test_bad_commands_leave_the_rest_of_their_batch_alone(context: FilesLightContext) -> None:
    commands = [
        ask(BUTANOL, "forest"),
        ask("C1CC", "forest"),
        ask(BUTANOL, confidence=2.0),
        ask(BUTANOL, "broken"),
        ask("CCO", "boosted", "forest"),
    ]
    events = predict(commands, context)
    assert [event.id for event in events] == [command.id for command in commands]
    kinds = [isinstance(event, SingleStructurePredicted) for event in events]
    assert kinds == [True, False, False, False, True]


def test_a_batch_answers_exactly_as_its_commands_alone(context: FilesLightContext) -> None:
    keys = ["forest", "classes", "descriptors", "three"]
    commands = [
        ask(smiles, *keys, confidence=confidence, explain=True)
        for smiles, confidence in zip(CHAINS[::4], [0.5, 0.8, 0.9] * 5, strict=True)
    ]
    together = predict(commands, context)
    for command, event in zip(commands, together, strict=True):
        assert one(context, command) == event


def test_a_second_delivery_gives_the_same_prediction_from_a_fresh_process(
    context: FilesLightContext, folder: Path, tmp_path: Path
) -> None:
    command = ask("CCc1ccccc1", "forest", "descriptors")
    first = one(context, command)
    fresh = FilesLightContext(folder, tmp_path)
    fresh.resident = Resident(fresh)
    assert one(fresh, command) == first


def test_the_table_has_a_light_row_that_groups_by_models() -> None:
    row = HANDLERS[SingleStructurePredict]
    assert row.failure is SingleStructurePredictionFailed
    assert isinstance(row, LightHandler)
    one, same, other = (
        ask(*words).model_dump() for words in (("C", "a", "b"), ("CC", "b", "a"), ("C", "b"))
    )
    assert row.group(one) == row.group(same)
    assert row.group(one) != row.group(other)
