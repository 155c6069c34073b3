"""topics.yaml as an object: names, groups, dead letters, and what is refused in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from molfleet.broker.topics import UNLIMITED, TopicsError, load_topics

FILE = """
defaults: {replication: 3, max_message_bytes: 1048576, dead_letter_headroom: 262144}
topics:
  work.commands: {owner: us, types: [m.commands.Work], partitions: 32, retention: 14 d}
  work.quick.commands: {owner: us, types: [m.commands.Ask], partitions: 2, retention: 1 h}
  work.events: {owner: us, types: [m.events.Done, m.events.Failed], partitions: 12, retention: 30 d}
  fleet.schemas: {owner: us, types: [], partitions: 1, retention: compact, replication: 1}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "topics.yaml"
    path.write_text(FILE)
    return path


def test_a_message_type_names_its_topic(file: Path) -> None:
    topics = load_topics(file)
    assert topics.command_topic_of("m.commands.Work") == "work.commands"
    assert topics.events_topic_of("m.events.Failed") == "work.events"
    assert topics.types_of("work.events") == ("m.events.Done", "m.events.Failed")
    assert topics.types_of("foreign") == ()
    with pytest.raises(KeyError):
        topics.topic_of("m.commands.Unknown")


def test_a_prefix_is_before_topics_and_groups(file: Path) -> None:
    topics = load_topics(file).with_prefix("test.")
    assert topics.command_topics == ("test.work.commands", "test.work.quick.commands")
    assert topics.command_topic_of("m.commands.Work") == "test.work.commands"
    assert topics.group_of("test.work.quick.commands") == "test.molfleet.work.quick"
    assert topics.dead_letters_of("test.work.commands") == "test.work.commands.dead-letters"
    assert topics.types_of("test.work.commands") == ("m.commands.Work",)
    assert (topics.control, topics.schemas) == ("test.fleet.control", "test.fleet.schemas")


def test_a_group_is_named_like_its_topic_without_commands(file: Path) -> None:
    assert load_topics(file).group_of("work.commands") == "molfleet.work"


def test_every_command_topic_has_dead_letters_that_stay_for_ever_and_take_larger_records(
    file: Path,
) -> None:
    topics = {topic.name: topic for topic in load_topics(file).all}
    letters = topics["work.commands.dead-letters"]
    assert letters.retention_ms == UNLIMITED
    assert letters.max_message_bytes == topics["work.commands"].max_message_bytes + (256 << 10)
    assert letters.config["retention.ms"] == "-1"
    assert "work.events.dead-letters" not in topics


def test_retention_becomes_the_brokers_configuration(file: Path) -> None:
    topics = {topic.name: topic for topic in load_topics(file).all}
    assert topics["work.commands"].config["retention.ms"] == str(14 * 86_400_000)
    assert topics["work.quick.commands"].config["retention.ms"] == "3600000"
    assert topics["fleet.schemas"].config["cleanup.policy"] == "compact"
    assert "retention.ms" not in topics["fleet.schemas"].config
    assert (topics["fleet.schemas"].replication, topics["work.events"].replication) == (1, 3)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("partitions: 32", "partitons: 32", "partitons"),
        ("owner: us, types: [m.commands.Work]", "types: [m.commands.Work]", "owner"),
        ("retention: 14 d", "retention: 14 days", "14 days"),
        ("retention: 14 d", "retention: -3 d", "-3 d"),
        ("partitions: 32", "partitions: 0", "partitions"),
        ("m.commands.Ask", "m.commands.Work", "m.commands.Work is in work.commands"),
        ("replication: 3", "replication: none", "replication"),
        ("topics:", "topics: [", "topics.yaml"),
    ],
)
def test_what_is_misspelt_or_out_of_bounds_is_refused_by_name(
    file: Path, old: str, new: str, named: str
) -> None:
    file.write_text(FILE.replace(old, new, 1))
    with pytest.raises(TopicsError) as caught:
        load_topics(file)
    assert named in str(caught.value)


def test_long_work_has_partitions_enough_to_be_shared_out() -> None:
    topics = {topic.name: topic for topic in load_topics().all}
    for name in ("feature-vectors.commands", "training.commands", "predictions.batch.commands"):
        assert topics[name].partitions == 32
