"""Two commands of one id are one command when they ask for the same."""

from __future__ import annotations

import math
from uuid import UUID

from molfleet.messages.codec import Codec
from molfleet.messages.content import content_of
from molfleet.messages.generated import SingleStructurePredict
from molfleet.messages.record import Command
from tests.builders import calculate_feature_vectors, model, single_structure_predict, train_model


def same_command(first: Command, second: Command) -> bool:
    return content_of(first) == content_of(second)


def test_commands_are_the_same_when_only_the_time_stamp_differs() -> None:
    first = calculate_feature_vectors()
    assert same_command(first, first.model_copy(update={"time_stamp": first.time_stamp.replace(year=2001)}))
    assert not same_command(first, first.model_copy(update={"output_format": "csv"}))
    assert not same_command(first, first.model_copy(update={"id": UUID(int=1)}))


def test_commands_with_values_of_other_types_are_not_the_same() -> None:
    base = train_model(hyper_parameters={"a": 1, "b": math.nan})
    assert same_command(base, base.model_copy())
    for other in (1.0, True, "1"):
        assert not same_command(
            base, base.model_copy(update={"hyper_parameters": {"a": other, "b": math.nan}})
        )


def test_the_order_of_a_map_does_not_matter() -> None:
    first = single_structure_predict(properties={"a": "1", "b": "2"})
    second = first.model_copy(update={"properties": {"b": "2", "a": "1"}})
    assert Codec().encode(first) != Codec().encode(second)
    assert same_command(first, second)


def test_commands_of_two_types_are_never_the_same() -> None:
    one = single_structure_predict(models=[model()])
    assert not same_command(one, train_model(id=one.id))
    assert isinstance(one, SingleStructurePredict)
