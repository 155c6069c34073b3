"""molfleet topics: what the fleet's topics are, what would change, and the change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from molfleet.cli import frame

if TYPE_CHECKING:
    from molfleet.broker.topics import Topic
    from molfleet.operations.topics import Diff

app = typer.Typer(no_args_is_help=True, help="The fleet's topics: show, plan, apply.")

Replication = Annotated[
    int | None, typer.Option(min=1, help="Replicas of every topic; without: as the topics file says.")
]

_DAY_MS = 86_400_000


@app.command("show")
def show(json: frame.Json = False) -> None:
    """Show the topics as this version wants them, prefix included. Example: molfleet topics show"""
    from molfleet.broker.topics import load_topics

    topics = load_topics().with_prefix(frame.settings().topic_prefix)
    if json:
        frame.print_json([_said(topic) for topic in topics.all])
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("topic", "partitions", "retention", "largest"):
        table.add_column(heading, no_wrap=True)
    table.add_column("messages", overflow="fold")
    for topic in topics.all:
        names = "\n".join(name.rpartition(".")[2] for name in topic.types)
        size = f"{topic.max_message_bytes / (1 << 20):g} MiB"
        cells = (topic.name, str(topic.partitions), _retention(topic), size, names)
        table.add_row(*map(Text, cells))
    frame.console().print(table)


@app.command("plan")
def plan(replication: Replication = None, json: frame.Json = False) -> None:
    """Show what apply would do; nothing is changed. Example: molfleet topics plan"""
    from molfleet.broker.topics import load_topics
    from molfleet.operations.topics import plan_topics

    settings = frame.settings()
    topics = load_topics().with_prefix(settings.topic_prefix)
    _print(frame.run(plan_topics(settings.kafka, topics, replication=replication)), json)


@app.command("apply")
def apply(replication: Replication = None, json: frame.Json = False) -> None:
    """Create missing topics, add partitions, set configuration, publish the schemas. Never deletes.

    Applying twice changes nothing. Example: molfleet topics apply --replication 1
    """
    from molfleet.broker.kafka_admin import TopicRefused

    try:
        diff = frame.run(_apply(replication))
    except TopicRefused as error:
        raise frame.Usage(str(error)) from None
    _print(diff, json)


async def _apply(replication: int | None) -> Diff:
    from molfleet.messages.directory import SchemaDirectory
    from molfleet.operations.schemas import register
    from molfleet.operations.session import open_session
    from molfleet.operations.topics import apply_topics

    session = open_session(frame.settings())
    diff = await apply_topics(session.settings.kafka, session.topics, replication=replication)
    await SchemaDirectory(session.codec, session.broker, session.topics.schemas).publish_all()
    await register(session.settings)
    return diff


def _print(diff: Diff, json: bool) -> None:
    if not json:
        print(diff)
        return
    changes = [{"topic": c.topic, "kind": c.kind, "text": c.text} for c in diff.changes]
    frame.print_json({"empty": diff.empty, "changes": changes})


def _retention(topic: Topic) -> str:
    if topic.retention_ms is None:
        return "compacted"
    if topic.retention_ms < 0:
        return "unlimited"
    days = topic.retention_ms / _DAY_MS
    return f"{days:g} d" if days >= 1 else f"{days * 24:g} h"


def _said(topic: Topic) -> dict[str, Any]:
    return {
        "name": topic.name,
        "owner": topic.owner,
        "partitions": topic.partitions,
        "replication": topic.replication,
        "config": topic.config,
        "types": list(topic.types),
    }
