from __future__ import annotations

import io
import json
import math
from typing import Any

import fastavro
import pytest

from molfleet.messages.codec import Codec, InvalidFields, Undecodable, UnknownFingerprint
from molfleet.messages.generated import TrainModel
from molfleet.messages.schema import fingerprint, without_logical_types
from tests.builders import single_structure_predict, train_model
from tests.wire.strategies import published


def written(schema: Any, plain: Any) -> bytes:
    """A single-object value as fastavro writes it, logical types left out."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(without_logical_types(schema)), plain)
    return b"\xc3\x01" + bytes.fromhex(fingerprint(schema)) + out.getvalue()


def plain(record: Any, **more: Any) -> dict[str, Any]:
    return {**record.model_dump(mode="json"), **more}


def newer_train_model() -> dict[str, Any]:
    schema: dict[str, Any] = published("TrainModel")
    schema["fields"].insert(3, {"name": "priority", "type": "long", "default": 0})
    return schema


def test_a_newer_writers_schema_is_understood_once_learned() -> None:
    codec, command, schema = Codec(), train_model(), newer_train_model()
    value = written(schema, plain(command, priority=9))
    with pytest.raises(UnknownFingerprint) as unknown:
        codec.decode(value)
    assert unknown.value.fingerprint == fingerprint(schema)
    assert codec.learn(json.dumps(schema)) == unknown.value.fingerprint
    assert codec.decode(value) == command


def test_an_older_writers_schema_gives_the_defaults() -> None:
    codec, schema = Codec(), published("SingleStructurePredict")
    missing = {"explain", "confidence"}
    schema["fields"] = [field for field in schema["fields"] if field["name"] not in missing]
    codec.learn(json.dumps(schema))
    command = single_structure_predict(explain=True, confidence=0.5)
    kept = {k: v for k, v in plain(command).items() if k not in missing}
    decoded = codec.decode(written(schema, kept))
    assert decoded == command.model_copy(update={"explain": False, "confidence": 0.9})


def test_a_learned_schema_of_an_unknown_message_is_named() -> None:
    codec = Codec()
    schema = {"type": "record", "name": "x.y.Other", "fields": [{"name": "a", "type": "long"}]}
    codec.learn(json.dumps(schema))
    with pytest.raises(Undecodable, match=r"x\.y\.Other is no message"):
        codec.decode(written(schema, {"a": 1}))


def test_a_type_of_messages_is_no_message() -> None:
    codec, schema = Codec(), published("ModelThumbnailGenerated")
    blob = next(field["type"] for field in schema["fields"] if field["name"] == "blob")
    codec.learn(json.dumps(blob))
    with pytest.raises(Undecodable, match="BlobRef is no message"):
        codec.decode(written(blob, {"bucket": "b", "key": "k"}))


def test_a_learned_schema_that_does_not_fit_ours_makes_its_values_undecodable() -> None:
    codec, schema = Codec(), published("CancelCommand")
    options = next(field for field in schema["fields"] if field["name"] == "options")
    options.update(type="boolean", default=False)
    codec.learn(json.dumps(schema))
    value = plain(train_model(), command_id="x", reason=None, options=True)
    with pytest.raises(Undecodable):
        codec.decode(written(schema, {f["name"]: value[f["name"]] for f in schema["fields"]}))


def zero_byte_items() -> dict[str, Any]:
    schema: dict[str, Any] = published("CancelCommand")
    schema["fields"].append({"name": "bomb", "type": {"type": "array", "items": "null"}, "default": []})
    return schema


def test_an_array_of_items_without_bytes_cannot_claim_memory() -> None:
    codec, schema = Codec(), zero_byte_items()
    codec.learn(json.dumps(schema))
    head = b"\xc3\x01" + bytes.fromhex(fingerprint(schema))
    with pytest.raises(Undecodable, match="takes no bytes"):
        codec.decode(head + b"\x00" * 40)


def test_a_huge_claimed_length_or_count_is_undecodable() -> None:
    codec = Codec()
    head = codec.encode(single_structure_predict())[:10]
    for claim in (b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"):
        with pytest.raises(Undecodable):
            codec.decode(head + claim + b"x")


@pytest.mark.parametrize(
    "text",
    [
        *("", "not json", "{}", '"nothing"', '{"type": "record"}', '{"name": 3}', "3", "null"),
        '{"type":' * 5000 + '"long"' + "}" * 5000,
        "[" * 100_000,
        '"x' + "y" * (1 << 20) + '"',
    ],
)
def test_what_is_no_avro_schema_cannot_be_learned(text: str) -> None:
    codec = Codec()
    with pytest.raises(ValueError, match="schema"):
        codec.learn(text)
    assert codec.decode(codec.encode(train_model()))


def test_our_own_schema_is_not_replaced_by_one_of_its_fingerprint() -> None:
    codec, schema = Codec(), published("TrainModel")
    schema["fields"][0]["type"] = "string"
    assert codec.learn(json.dumps(schema)) == codec.fingerprint(TrainModel)
    value = codec.encode(train_model())
    assert codec.is_current(value)
    assert codec.decode(value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "null"),
        (b"", "empty"),
        (b"\xc3", "neither"),
        (b"\xc3\x01\x00", "within its fingerprint"),
        (b"{}", "begins with 7b7d"),
    ],
)
def test_what_is_no_value_is_undecodable_for_a_stated_reason(value: bytes | None, reason: str) -> None:
    with pytest.raises(Undecodable, match=reason):
        Codec().decode(value)


def test_bytes_after_the_end_are_an_error() -> None:
    codec = Codec()
    with pytest.raises(Undecodable, match="1 bytes follow"):
        codec.decode(codec.encode(train_model()) + b"\x00")


def test_a_value_over_the_limit_is_not_read() -> None:
    value = Codec().encode(train_model())
    assert Codec(max_bytes=len(value)).decode(value)
    with pytest.raises(Undecodable, match="more than"):
        Codec(max_bytes=len(value) - 1).decode(value)


def test_a_malformed_id_leaves_the_other_fields_readable() -> None:
    command = train_model()
    value = written(published("TrainModel"), plain(command, user_id="not an id", time_stamp=2**62))
    with pytest.raises(InvalidFields) as invalid:
        Codec().decode(value)
    assert invalid.value.record_type is TrainModel
    assert invalid.value.values["id"] == str(command.id)
    assert [problem.split(":")[0] for problem in invalid.value.problems] == ["user_id", "time_stamp"]


def test_problems_name_the_field_and_not_its_value() -> None:
    bad = plain(single_structure_predict())
    bad["models"][0]["id"] = "tell nobody"
    with pytest.raises(InvalidFields) as invalid:
        Codec().decode(written(published("SingleStructurePredict"), bad))
    assert invalid.value.problems[0].startswith("models.0.id: ")
    assert "tell nobody" not in str(invalid.value)


def test_is_current_tells_our_own_encoding_from_others() -> None:
    codec, schema = Codec(), newer_train_model()
    codec.learn(json.dumps(schema))
    assert codec.is_current(codec.encode(train_model()))
    assert not codec.is_current(written(schema, plain(train_model(), priority=1)))
    assert not codec.is_current(b"")
    assert not codec.is_current(b"\x00\x00\x00\x00\x01")


def test_parameter_values_keep_their_types() -> None:
    parameters = {
        "flag": True,
        "count": 1,
        "ratio": 1.0,
        "text": "1",
        "absent": None,
        "names": ("a", "b"),
        "numbers": (1.0, 2.5),
        "none": (),
    }
    codec = Codec()
    decoded = codec.decode(codec.encode(train_model(hyper_parameters=parameters)))
    assert isinstance(decoded, TrainModel)
    assert {k: (type(v), v) for k, v in decoded.hyper_parameters.items()} == {
        k: (type(v), v) for k, v in parameters.items()
    }


def test_numbers_that_are_no_numbers_survive() -> None:
    codec = Codec()
    parameters = {"nan": math.nan, "infinite": -math.inf}
    decoded = codec.decode(codec.encode(train_model(hyper_parameters=parameters)))
    assert isinstance(decoded, TrainModel)
    assert math.isnan(decoded.hyper_parameters["nan"])  # type: ignore[arg-type]
    assert decoded.hyper_parameters["infinite"] == -math.inf
