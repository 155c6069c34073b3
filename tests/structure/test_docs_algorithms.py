"""ALGORITHMS documents the catalogue as it is."""

from __future__ import annotations

import re

from typer.testing import CliRunner

from molfleet.cli.app import app
from tests.structure.test_docs import document
from workers.modeler.algorithms import ALGORITHMS


def test_the_table_of_methods_is_what_molfleet_catalogue_prints() -> None:
    printed = CliRunner().invoke(app, ["catalogue", "method", "--markdown"]).output
    found = re.search(
        r"<!-- methods:.*?-->\n(.*)<!-- end of methods -->", document("ALGORITHMS"), re.DOTALL
    )
    assert found
    assert found[1].strip() == printed.strip(), "molfleet catalogue method --markdown"


def test_every_algorithm_has_its_measured_size_and_time() -> None:
    section = document("ALGORITHMS").partition("## Size and time")[2].partition("\n## ")[0]
    measured = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert measured == [row.code for row in ALGORITHMS]


def test_what_is_refused_by_name_is_told() -> None:
    text = document("ALGORITHMS")
    missing = [(row.code, name) for row in ALGORITHMS for name in row.refused if f"`{name}`" not in text]
    assert missing == []
