"""What CONTRACT, OPERATING, ARCHITECTURE and README state one by one is what the code has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import typer.main
import yaml
from typer.testing import CliRunner

from molfleet.broker.port import Incoming
from molfleet.broker.topics import Topic, load_topics
from molfleet.cli.app import app
from molfleet.errors import RETRYABLE, Code
from molfleet.messages.codec import Codec
from molfleet.messages.envelope import command_headers, event_headers
from molfleet.messages.generated import ALL_RECORDS, CommandProgressed, SingleStructurePredict
from molfleet.messages.record import EPOCH
from molfleet.runtime.dead_letters import dead_letter
from molfleet.runtime.steps import Step
from molfleet.telemetry.metrics import Metrics
from tests.paths import ROOT
from tests.structure.sources import text, tracked
from tests.structure.test_docs import document

TOPICS = load_topics(ROOT / "infra" / "kafka" / "topics.yaml")
README = (ROOT / "README.md").read_text("utf-8")
#: Documents that tell people what to type.
GUIDES = [path for path in tracked() if path.suffix == ".md" and "decisions" not in path.parts]
COMMAND = SingleStructurePredict.model_validate(
    {
        "id": uuid4(),
        "correlation_id": uuid4(),
        "time_stamp": EPOCH,
        "structure": "C",
        "models": [{"id": uuid4(), "blob": {"bucket": "b", "key": "k"}}],
    }
)


def code_of(markdown: str) -> str:
    """Everything that is set as code, one piece a line."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", markdown, re.MULTILINE | re.DOTALL)
    return "\n".join(
        [*blocks, *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", markdown, flags=re.DOTALL))]
    )


def section(markdown: str, heading: str) -> str:
    return markdown.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_the_table_of_settings_is_what_molfleet_settings_prints() -> None:
    printed = CliRunner().invoke(app, ["settings", "--markdown"]).output
    found = re.search(
        r"<!-- settings:.*?-->\n(.*)<!-- end of settings -->", document("OPERATING"), re.DOTALL
    )
    assert found
    assert found[1].strip() == printed.strip(), "molfleet settings --markdown"


@pytest.mark.parametrize("topic", [topic for topic in TOPICS.entries if topic.types], ids=lambda t: t.name)
def test_the_contract_says_what_a_topic_carries_and_in_how_many_partitions(topic: Topic) -> None:
    rows = [row for row in section(document("CONTRACT"), "Topics").splitlines() if row.startswith("|")]
    (row,) = (row for row in rows if row.startswith(f"| `{topic.name}` |"))
    _, _, messages, partitions, kept, _ = (cell.strip() for cell in row.split("|"))
    names = [name.rpartition(".")[2] for name in topic.types]
    assert set(names) == set(re.findall(r"\b[A-Z]\w+[a-z]\b", messages.partition(":")[0]))
    assert int(partitions) == topic.partitions
    raw = yaml.safe_load((ROOT / "infra/kafka/topics.yaml").read_text("utf-8"))
    assert kept == raw["topics"][topic.name]["retention"]


def fields() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "schemas" / "avro").glob("*/*.avsc")):
        schema = json.loads(path.read_text("utf-8"))
        for field in schema["fields"]:
            yield schema["name"], field["name"]


def test_every_field_of_every_message_is_in_the_contract() -> None:
    contract = document("CONTRACT")
    assert [f"{record}.{field}" for record, field in fields() if f"`{field}`" not in contract] == []


def test_every_header_of_an_event_and_of_a_command_is_in_the_contract() -> None:
    event = CommandProgressed.answer(
        COMMAND, command_type=COMMAND.full_name, attempt=1, stage="", fraction=0, worker=""
    )
    told: dict[str, Any] = {"fingerprint": "", "now": EPOCH, "generation": 2}
    headers = event_headers(
        event,
        command=COMMAND,
        command_type=COMMAND.full_name,
        command_headers=(),
        ordinal=1,
        source_kind="x",
        **told,
    )
    names = {name for name, _ in (*headers, *command_headers(COMMAND, **told))}
    listed = section(document("CONTRACT"), "Headers and ids")
    assert {name for name in names if f"`{name}`" not in listed} == set()


def test_every_header_and_reason_of_a_dead_letter_is_in_the_contract_and_in_operating() -> None:
    record = Incoming("t", 0, 0, b"", b"", (), 0)
    listed = section(document("CONTRACT"), "Dead letters")
    assert all(f"`{name}`" in listed for name, _ in dead_letter(record, "d", "g", "r", "m").headers)
    runtime = "".join(path.read_text("utf-8") for path in (ROOT / "common/molfleet/runtime").glob("*.py"))
    reasons = {*re.findall(r'Unreadable\(\s*"([A-Z_]+)"', runtime), "CONFLICT", "WORKER_CRASHED"}
    assert {"UNDECODABLE", "UNKNOWN_SCHEMA", "WRONG_TYPE", "NO_IDENTITY"} <= reasons
    for where in (listed, section(document("OPERATING"), "Dead letters")):
        assert {reason for reason in reasons if f"`{reason}`" not in where} == set()


def test_the_contract_sets_exactly_the_retryable_codes_in_italics() -> None:
    assert set(re.findall(r"\*`([A-Z_]+)`\*", section(document("CONTRACT"), "Codes"))) == set(RETRYABLE)
    assert set(Code) >= set(RETRYABLE)


def test_the_reader_in_the_contract_reads_what_the_fleet_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    (reader,) = re.findall(r"```python\n(.*?)```", document("CONTRACT"), re.DOTALL)
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    exec(reader, names)
    found = names["decode"](Codec().encode(COMMAND))
    assert (found["id"], found["structure"], found["confidence"]) == (COMMAND.id, "C", 0.9)


def test_every_metric_is_in_operating() -> None:
    metrics = Metrics(worker="w", version="v")
    exposed = {
        line.split()[2] for line in metrics.render()[0].decode().splitlines() if line.startswith("# T")
    }
    ours = {name for name in exposed if name.startswith("molfleet_") and not name.endswith("_created")}
    assert len(ours) >= 10
    listed = set(re.findall(r"^\| `(molfleet_\w+)`", document("OPERATING"), re.MULTILINE))
    assert listed == ours


def test_every_step_of_a_command_is_in_the_architecture() -> None:
    architecture = document("ARCHITECTURE")
    assert [step.name for step in Step if step.name not in architecture] == []


@pytest.mark.parametrize("document_name", ["ARCHITECTURE", "CONTRACT", "OPERATING"])
def test_every_file_that_is_named_exists(document_name: str) -> None:
    named = set(re.findall(r"`([\w/.-]+/[\w.-]*\.(?:py|yaml|properties|md))`", document(document_name)))
    roots = (ROOT, ROOT / "common" / "molfleet")
    assert {name for name in named if not any((root / name).exists() for root in roots)} == set()


def test_the_readme_has_every_command_with_its_topic_and_its_events() -> None:
    rows = {row.split("|")[1].strip(): row for row in README.splitlines() if row.startswith("|")}
    for topic in filter(TOPICS.has_events, TOPICS.command_topics):
        (command,) = (name.rpartition(".")[2] for name in TOPICS.types_of(topic))
        events = TOPICS.types_of(topic.removesuffix("commands") + "events")
        assert f"`{topic}`" in rows[command]
        assert all(name.rpartition(".")[2] in rows[command] for name in events)


@pytest.mark.parametrize("path", GUIDES, ids=str)
def test_every_make_target_that_is_named_exists(path: Path) -> None:
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert phony
    named = set(re.findall(r"^(?:\$ )?make ([a-z][a-z-]*)", code_of(text(path) or ""), re.MULTILINE))
    assert named <= set(phony[1].split())


@pytest.mark.parametrize("path", GUIDES, ids=str)
def test_every_molfleet_command_and_option_that_is_named_exists(path: Path) -> None:
    root: Any = typer.main.get_command(app)
    lines = re.findall(
        r"^(?:\$ )?(?:\.venv/bin/)?molfleet ([^#\n|]+)", code_of(text(path) or ""), re.MULTILINE
    )
    for line in lines:
        command, words = root, line.split()
        while words and re.fullmatch(r"[a-z][a-z-]*", words[0]) and hasattr(command, "commands"):
            if command.name == "worker" and words[0] not in command.commands:
                break
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        if getattr(command, "name", "") == "worker":
            known |= {option for p in command.commands["run"].params for option in p.opts}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known, line


def test_a_line_in_a_guide_is_really_looked_at() -> None:
    assert "molfleet doctor" in code_of(README)
    assert "make demo" in code_of(README)


def test_every_heading_that_is_linked_to_exists() -> None:
    dead = []
    for path in GUIDES:
        for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)]+)\)", text(path) or ""):
            if "://" in target:
                continue
            there = (ROOT / path.parent / target) if target else ROOT / path
            headings = re.findall(r"^#+ (.*)$", there.read_text("utf-8"), re.MULTILINE)
            slugs = {
                re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings
            }
            if anchor not in slugs:
                dead.append(f"{path}: {target}#{anchor}")
    assert dead == []


def test_no_message_is_missing_from_the_commands_and_events_of_the_contract() -> None:
    commands, events = (section(document("CONTRACT"), name) for name in ("Commands", "Events"))
    for name in ALL_RECORDS:
        _, kind, short = name.split(".")
        assert (f"### {short}" in commands) if kind == "commands" else (f"| {short} |" in events), name
