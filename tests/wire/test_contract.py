"""The schemas say what the contract says: fields in order, defaults, ids, times, documentation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from molfleet.messages.generated import ALL_RECORDS
from molfleet.messages.record import Command
from tests.paths import ROOT
from tests.wire.strategies import published

AVRO = ROOT / "schemas" / "avro"
REQUIRED = "(required)"

COMMAND: dict[str, Any] = {
    "id": REQUIRED,
    "correlation_id": REQUIRED,
    "user_id": None,
    "time_stamp": REQUIRED,
    "expires_at": None,
    "options": {},
}
EVENT = {"id": REQUIRED, "correlation_id": REQUIRED, "user_id": None, "time_stamp": REQUIRED}
TERMINAL = {**EVENT, "worker_version": REQUIRED, "elapsed_ms": REQUIRED}
FAILURE: dict[str, Any] = {
    **TERMINAL,
    "code": REQUIRED,
    "message": REQUIRED,
    "retryable": REQUIRED,
    "details": {},
}
SOURCE = {"source": REQUIRED, "file_type": None, "structure_column": None}


def required(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, REQUIRED)


CONTRACT: dict[str, dict[str, Any]] = {
    "commands/CalculateFeatureVectors": {
        **COMMAND,
        **SOURCE,
        "featurizers": REQUIRED,
        "standardize": "none",
        "identifiers": [],
        "carry_properties": [],
        "record_time_limit_ms": None,
        "output_format": "parquet",
        "output_bucket": None,
    },
    "commands/CalculateFeatureVectorsChunk": {
        **COMMAND,
        **required("part_of", "source", "start", "end", "layout"),
        **required("first_record", "first_line", "records", "featurizers"),
        "standardize": "none",
        "identifiers": [],
        "carry_properties": [],
        "record_time_limit_ms": None,
    },
    "commands/TrainModel": {
        **COMMAND,
        **SOURCE,
        "targets": REQUIRED,
        "task": "auto",
        "method": REQUIRED,
        "featurizers": REQUIRED,
        "standardize": "parent-neutral",
        "scaler": None,
        "target_transform": "none",
        "positive_class": None,
        "censored": "drop",
        "replicates": "median",
        "sub_sample_size": 1.0,
        "test_set_size": 0.2,
        "split": "stratified",
        "k_fold": 5,
        "refit": "all",
        "hyper_parameters": {},
        "search": None,
        "members": [],
        "base_model": None,
        "units": None,
        "seed": 42,
        "model_name": None,
        "parent_id": None,
        "output_bucket": None,
    },
    "commands/PredictProperties": {
        **COMMAND,
        **SOURCE,
        "models": REQUIRED,
        "confidence": 0.9,
        "consensus": "mean",
        "legacy_columns": False,
        "output_format": "csv",
        "output_bucket": None,
        "parent_id": None,
    },
    "commands/SingleStructurePredict": {
        **COMMAND,
        "structure": REQUIRED,
        "format": "SMILES",
        "properties": {},
        "property_name": None,
        "models": REQUIRED,
        "confidence": 0.9,
        "explain": False,
    },
    "commands/CancelCommand": {**COMMAND, "command_id": REQUIRED, "reason": None},
    "events/FeatureVectorsCalculated": {
        **TERMINAL,
        "output": REQUIRED,
        "rejects": None,
        **required("summary", "records", "structures", "failed", "columns"),
    },
    "events/FeatureVectorsChunkCalculated": {
        **TERMINAL,
        **required("rows"),
        "rejects": None,
        "rejected_blocks": None,
        **required("totals", "records"),
    },
    "events/FeatureVectorsChunkFailed": FAILURE,
    "events/FeatureVectorsCalculationFailed": FAILURE,
    "events/ModelTrainingStarted": {**EVENT, **required("model_name", "method")},
    "events/ModelThumbnailGenerated": {**EVENT, **required("blob", "width")},
    "events/ModelTrained": {
        **TERMINAL,
        **required("model", "model_name", "method", "method_display_name", "task"),
        "metrics": [],
        "modi": None,
        "artifacts": [],
        **required("number_of_generic_files", "records_used", "records_skipped"),
        "rejects": None,
        "metadata": {},
    },
    "events/TrainingFailed": {
        **FAILURE,
        "is_model_trained": False,
        "is_thumbnail_generated": False,
        "number_of_generic_files": 0,
    },
    "events/PropertiesPredicted": {
        **TERMINAL,
        "output": REQUIRED,
        "rejects": None,
        **required("records", "predicted", "failed", "file_name"),
    },
    "events/PredictionFailed": FAILURE,
    "events/SingleStructurePredicted": {
        **TERMINAL,
        "property_name": None,
        "models": [],
        "consensus": None,
        "explanation": None,
    },
    "events/SingleStructurePredictionFailed": {**FAILURE, "property_name": None, "models": []},
    "events/CommandProgressed": {
        **EVENT,
        **required("command_type", "attempt", "stage", "fraction"),
        "message": "",
        "eta_s": None,
        "worker": REQUIRED,
    },
    "types/BlobRef": {
        **required("bucket", "key"),
        **dict.fromkeys(["size", "sha256", "etag", "content_type"]),
    },
    "types/FeaturizerSpec": {"type": REQUIRED, "size": None, "radius": None, "parameters": {}},
    "types/ModelRef": {**required("id", "blob"), "name": None},
    "types/Metric": {
        **required("name", "target", "subset"),
        "fold": None,
        "value": REQUIRED,
        "std": None,
    },
    "types/Artifact": required("name", "kind", "blob"),
    "types/Search": {"iterations": None, "optimization_method": "default", "time_limit_s": 600},
    "types/EnsembleMember": {
        "method": REQUIRED,
        "featurizers": [],
        "scaler": None,
        "hyper_parameters": {},
        "weight": 1.0,
    },
    "types/ModelPrediction": {
        "id": REQUIRED,
        **dict.fromkeys(["value", "label"]),
        "probabilities": {},
        "prediction_set": [],
        **dict.fromkeys(["lower", "upper", "units", "applicability_domain", "error"]),
    },
    "types/ApplicabilityDomain": dict.fromkeys(["inside", "similarity", "distance", "density"]),
    "types/ErrorInfo": required("code", "message"),
    "types/Consensus": {**dict.fromkeys(["value", "std", "label", "units"]), "models": REQUIRED},
    "types/Explanation": {
        "atom_contributions": [],
        "method": REQUIRED,
        "svg": None,
        "analogues": [],
    },
    "types/Analogue": {"smiles": REQUIRED, "measured": None, "similarity": REQUIRED},
}
IDS = {"id", "correlation_id", "user_id", "parent_id", "part_of", "command_id"}
TIMES = {"time_stamp", "expires_at"}


def fields_of(path: str) -> list[dict[str, Any]]:
    schema = json.loads((AVRO / f"{path}.avsc").read_text(encoding="utf-8"))
    fields: list[dict[str, Any]] = schema["fields"]
    return fields


def every_field() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in CONTRACT:
        for field in fields_of(path):
            yield f"{path}.{field['name']}", field


def test_the_contract_lists_every_schema_and_no_other() -> None:
    found = {f"{path.parent.name}/{path.stem}" for path in AVRO.glob("*/*.avsc")}
    assert found == set(CONTRACT)


@pytest.mark.parametrize("path", CONTRACT)
def test_fields_and_defaults_are_those_of_the_contract_in_its_order(path: str) -> None:
    found = [(field["name"], field.get("default", REQUIRED)) for field in fields_of(path)]
    # As JSON, since 1, 1.0 and true are equal to Python and not on the wire.
    assert json.dumps(found) == json.dumps(list(CONTRACT[path].items()))


def test_every_field_says_what_it_means() -> None:
    for where, field in every_field():
        assert field["doc"].endswith("."), where
        if "default" in field:
            assert "Default" in field["doc"], where


def test_ids_are_uuids_and_times_are_milliseconds() -> None:
    for where, field in every_field():
        kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
        logical = {kind.get("logicalType") for kind in kinds if isinstance(kind, dict)} - {None}
        expected = {"uuid"} if field["name"] in IDS else set()
        expected |= {"timestamp-millis"} if field["name"] in TIMES else set()
        assert logical == expected, where


def test_what_may_be_null_is_null_by_default() -> None:
    for where, field in every_field():
        if isinstance(field["type"], list):
            assert field["type"][0] == "null", where
            assert field["default"] is None, where


@pytest.mark.parametrize("name", sorted(ALL_RECORDS))
def test_the_python_types_have_the_fields_and_defaults_of_the_schemas(name: str) -> None:
    fields = ALL_RECORDS[name].model_fields
    schema = {field["name"]: field for field in published(name)["fields"]}
    assert set(fields) == set(schema)
    for field, info in fields.items():
        assert info.is_required() == ("default" not in schema[field]), field
        if not info.is_required():
            default = info.get_default(call_default_factory=True)
            assert json.dumps(default) == json.dumps(schema[field]["default"]), field


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("CalculateFeatureVectors", "featurizers"),
        ("TrainModel", "targets"),
        ("PredictProperties", "models"),
        ("SingleStructurePredict", "models"),
    ],
)
def test_a_list_of_at_least_one_may_not_be_empty(name: str, field: str) -> None:
    record = ALL_RECORDS[f"molfleet.commands.{name}"]
    assert issubclass(record, Command)
    plain = {"id": "0" * 32, "correlation_id": "0" * 32, "time_stamp": 0, field: []}
    with pytest.raises(ValueError, match=f"(?s){field}.*at least 1 item"):
        record.model_validate(plain)
