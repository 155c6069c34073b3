from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from molfleet.messages import compatibility
from molfleet.messages.compatibility import faults, read_folder
from tests.paths import ROOT

NAME = "molfleet.events.ModelTrained"
Schemas = dict[str, dict[str, Any]]
RELEASED = read_folder(ROOT / "schemas" / "released" / "0.1.0")


def changed(change: Callable[[dict[str, Any]], object]) -> list[str]:
    current = copy.deepcopy(RELEASED)
    change(current[NAME])
    return faults(current, {"0.1.0": RELEASED})


def field(schema: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in schema["fields"] if each["name"] == name)
    return found


def added(**attributes: Any) -> Callable[[dict[str, Any]], object]:
    return lambda schema: schema["fields"].append({"name": "added", "type": "string", **attributes})


def test_the_published_schemas_may_be_released() -> None:
    assert compatibility.main() == 0


@pytest.mark.parametrize(
    "change",
    [
        added(default=""),
        lambda schema: schema["fields"].remove(field(schema, "modi")),
        lambda schema: schema.update(doc="Other words."),
        lambda schema: field(schema, "id").update(doc="Other words."),
    ],
    ids=["field with default added", "field with default removed", "doc", "doc of a field"],
)
def test_a_change_that_old_and_new_readers_understand_passes(change: Any) -> None:
    assert changed(change) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (added(), "cannot read values"),
        (lambda s: s["fields"].remove(field(s, "task")), "by readers of 0.1.0"),
        (lambda s: field(s, "modi").update(type=["null", "double", "string"]), "by readers of 0.1.0"),
        (lambda s: field(s, "task").update(type=["null", "string"]), "by readers of 0.1.0"),
        (lambda s: field(s, "modi").update(type="double", default=0.0), "cannot read values"),
        (lambda s: field(s, "elapsed_ms").update(type="double"), "by readers of 0.1.0"),
        (lambda s: field(s, "modi").pop("default"), "under one fingerprint"),
        (lambda s: field(s, "metadata").update(default={"a": "b"}), "under one fingerprint"),
        (lambda s: field(s, "id").update(type="string"), "under one fingerprint"),
        (lambda s: field(s, "metrics").update(minItems=1), "under one fingerprint"),
    ],
    ids=[
        "required field added",
        "required field removed",
        "union widened",
        "made nullable",
        "made required",
        "type changed",
        "default removed",
        "default changed",
        "logical type removed",
        "attribute added",
    ],
)
def test_a_breaking_change_is_refused(change: Any, fault: str) -> None:
    found = changed(change)
    assert len(found) == 1
    assert fault in found[0]
    assert NAME in found[0]


def test_a_released_message_may_not_go() -> None:
    current = {name: schema for name, schema in RELEASED.items() if name != NAME}
    assert faults(current, {"0.1.0": RELEASED}) == [f"{NAME} of 0.1.0 is gone"]


def test_every_released_version_counts_and_not_only_the_last() -> None:
    older, newer = copy.deepcopy(RELEASED), copy.deepcopy(RELEASED)
    added(type="long", default=0)(older[NAME])
    current = copy.deepcopy(RELEASED)
    added(default="")(current[NAME])
    found = faults(current, {"0.0.1": older, "0.1.0": newer})
    assert len(found) == 2
    assert all("0.0.1" in fault for fault in found)


def test_a_new_message_may_come() -> None:
    current = {**RELEASED, "molfleet.events.New": {**RELEASED[NAME], "name": "New"}}
    assert faults(current, {"0.1.0": RELEASED}) == []
