"""infra/kafka is data: what its files say of each other must fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from molfleet.broker.topics import Topics, load_topics

INFRA = Path(__file__).parents[3] / "infra" / "kafka"
WORKERS = ("feature-vectors", "modeler", "predictor")


@pytest.fixture(scope="module")
def topics() -> Topics:
    return load_topics(INFRA / "topics.yaml")


@pytest.fixture(scope="module")
def principals() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = yaml.safe_load(INFRA.joinpath("acls.yaml").read_text())[
        "principals"
    ]
    return found


def properties() -> dict[str, str]:
    lines = INFRA.joinpath("server.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_copy_of_the_topics_in_the_wheel_is_the_one_source(topics: Topics) -> None:
    assert load_topics() == topics


def test_offsets_are_kept_longer_than_any_command(topics: Topics) -> None:
    offsets_ms = int(properties()["offsets.retention.minutes"]) * 60_000
    kept = [
        topic.retention_ms
        for topic in topics.all
        if topic.name in (*topics.command_topics, topics.control) and topic.retention_ms is not None
    ]
    assert offsets_ms > max(kept) > 0


def test_a_misspelt_topic_is_not_created_by_naming_it() -> None:
    assert properties()["auto.create.topics.enable"] == "false"


def test_a_replica_can_fetch_the_largest_record(topics: Topics) -> None:
    largest = max(topic.max_message_bytes for topic in topics.all)
    assert int(properties()["replica.fetch.max.bytes"]) >= largest


def test_rights_name_existing_topics_and_groups_only(
    topics: Topics, principals: dict[str, dict[str, list[str]]]
) -> None:
    names = {topic.name for topic in topics.all}
    groups = {topics.group_of(topic) for topic in topics.command_topics}
    for name, rights in principals.items():
        assert set(rights) <= {"groups", "read", "write", "cluster"}, name
        assert {*rights["read"], *rights["write"]} <= names, name
        assert set(rights["groups"]) <= groups, name


def test_every_command_topic_has_one_kind_of_worker_that_may_do_all_it_needs(
    topics: Topics, principals: dict[str, dict[str, list[str]]]
) -> None:
    for topic in topics.command_topics:
        (worker,) = [kind for kind in WORKERS if topic in principals[kind]["read"]]
        rights = principals[worker]
        assert topics.group_of(topic) in rights["groups"]
        assert topics.dead_letters_of(topic) in rights["write"]
        assert {topics.control, topics.schemas} <= set(rights["read"])
        assert {topics.progress, topics.schemas} <= set(rights["write"])
        if topics.has_events(topic):
            assert topic.replace(".commands", ".events") in rights["write"]
            assert topic not in rights["write"]
            assert topic in principals["client"]["write"]
        else:
            assert topic in rights["write"]
            assert topic not in principals["client"]["write"]


def test_the_compose_file_runs_the_kafka_that_is_locked_with_our_settings() -> None:
    compose: dict[str, Any] = yaml.safe_load(INFRA.joinpath("compose.yaml").read_text())
    kafka = compose["services"]["kafka"]
    version = kafka["image"].removeprefix("apache/kafka:")
    assert f"org.apache.kafka:kafka_2.13:{version} " in INFRA.joinpath("jars.lock").read_text()
    assert any(volume.startswith("./server.properties:") for volume in kafka["volumes"])
    assert {volume.partition(":")[0] for volume in kafka["volumes"][1:]} <= set(compose["volumes"])
