"""The documents name what exists, and nothing that does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from molfleet import settings
from molfleet.errors import Code, RecordCode
from molfleet.messages.generated import ALL_RECORDS
from tests.paths import ROOT
from tests.structure.sources import text, tracked

DOCUMENTS = ["CONTRACT", "ARCHITECTURE", "OPERATING", "GLOSSARY", "CONTRIBUTING"]


def document(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text("utf-8")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_there_is(name: str) -> None:
    assert len(document(name)) > 1000


def test_every_setting_is_documented() -> None:
    documented = document("OPERATING")
    missing = [variable for variable, *_ in settings.variables() if f"`{variable}`" not in documented]
    assert missing == []


def test_every_variable_that_a_document_names_is_a_setting() -> None:
    known = {variable for variable, *_ in settings.variables()} | {"MOLFLEET_ENV_FILE"}
    # Written out, not as a family (`MOLFLEET_*`, `MOLFLEET_S3_...`).
    pattern = re.compile(r"\bMOLFLEET_[A-Z0-9_]+[A-Z0-9](?![\w*])")
    for path in tracked():
        if path.suffix == ".md" and "decisions" not in path.parts:
            assert set(pattern.findall(text(path) or "")) <= known, path


def test_every_message_and_every_code_is_in_the_contract() -> None:
    contract = document("CONTRACT")
    names = [name.rpartition(".")[2] for name in ALL_RECORDS]
    missing = [name for name in (*names, *Code, *RecordCode) if name not in contract]
    assert missing == []


def links(path: Path) -> list[str]:
    found = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text(path) or "")
    return [link for link in found if "://" not in link and not link.startswith("mailto:")]


def test_every_link_between_documents_leads_somewhere() -> None:
    documents = [path for path in tracked() if path.suffix == ".md"]
    dead = [
        f"{path}: {link}"
        for path in documents
        for link in links(path)
        if not (ROOT / path.parent / link).exists()
    ]
    assert dead == []


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text("utf-8")
    assert all(path.name in index for path in folder.glob("0*.md"))


def test_what_make_offers_is_what_make_help_says() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    documented = re.findall(r"^([a-z-]+):.*?## ", makefile, re.MULTILINE)
    assert phony[1].split() == documented


def test_ci_runs_what_the_readme_calls_the_test_command() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    assert script[0].endswith("bash")
    assert "set -euo pipefail" in script
    assert script[-1] == "exec make test"
    assert "make test" in (ROOT / "README.md").read_text("utf-8")
