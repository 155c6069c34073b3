"""FEATURIZERS documents the catalogue as it is."""

from __future__ import annotations

import re

from typer.testing import CliRunner

from molfleet.chemistry.featurizers import FEATURIZERS, parse_spec
from molfleet.cli.app import app
from tests.structure.test_docs import document


def test_the_table_of_featurizers_is_what_molfleet_catalogue_prints() -> None:
    printed = CliRunner().invoke(app, ["catalogue", "featurizer", "--markdown"]).output
    found = re.search(
        r"<!-- featurizers:.*?-->\n(.*)<!-- end of featurizers -->", document("FEATURIZERS"), re.DOTALL
    )
    assert found
    assert found[1].strip() == printed.strip(), "molfleet catalogue featurizer --markdown"


def test_every_spec_that_the_document_gives_can_be_built() -> None:
    text = document("FEATURIZERS").partition("<!--")[0]
    specs = [spec for spec in re.findall(r"`([A-Z_]+:[^`\s]+)`", text) if not spec.startswith("TYPE")]
    assert len(specs) >= 4
    for spec in specs:
        FEATURIZERS.build(parse_spec(spec))
