"""What docs/UNCERTAINTY.md says of signs, limits and bands is what the code has."""

from __future__ import annotations

import re

from molfleet.bundles import difficulty as estimate
from molfleet.bundles import domain, whitening
from tests.paths import ROOT
from workers.modeler import calibration, difficulty, probabilities

TEXT = (ROOT / "docs" / "UNCERTAINTY.md").read_text("utf-8")


def test_every_sign_of_difficulty_is_told_in_its_order() -> None:
    table = TEXT[TEXT.index("| Sign |") : TEXT.index("The line is fitted")]
    assert tuple(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == estimate.SIGNS
    assert f"{domain.NEIGHBOURS} nearest training molecules" in table


def test_limits_are_those_of_the_code() -> None:
    assert f"fewer than {difficulty.LEAST} records or {difficulty.LEAST_FOLDS} folds" in TEXT
    assert f"coefficients are then taken times {difficulty._DRAWN}" in TEXT
    assert f"more than {domain.MAX_MOLECULES:,} records" in TEXT
    assert f"at most {whitening.MAX_COMPONENTS} principal components" in TEXT
    assert f"fewer than {probabilities.LEAST} examples of a label" in TEXT
    assert f"more than {probabilities._GAIN:g} units of log likelihood" in TEXT


def test_bands_and_confidences_are_those_that_are_measured() -> None:
    edges = [f"{high:g}" for _, high in calibration.BANDS[1:-1]]
    assert f"(below {', '.join(edges)}, above)" in TEXT
    *most, last = [f"{100 * confidence:.0f}" for confidence in calibration.CONFIDENCES]
    assert f"at {', '.join(most)} and {last} %" in TEXT
