"""What a bundle says of its difficulty and probabilities is what its predictions have."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from molfleet.bundles.arrays import pack, unpack
from molfleet.bundles.difficulty import SIGNS, Near, signs
from molfleet.bundles.manifest import Calibration, Difficulty, Manifest, Probability, Sign
from molfleet.bundles.predict import Model, load_model
from molfleet.bundles.probability import Calibrator
from molfleet.errors import Code, Rejected
from tests.unit.bundles.factory import Made, make

ESTIMATE = Difficulty(
    signs=tuple(
        Sign(name=name, center=0.1 * at, scale=1.0 + at, coefficient=0.3 - 0.05 * at)
        for at, name in enumerate(SIGNS)
    ),
    intercept=-0.4,
    lowest=-3.0,
    highest=2.0,
    error=0.3,
    spread=1.2,
)
ERRORS, VALUES = np.linspace(0.05, 0.9, 60), np.linspace(-2, 2, 60)


def load(path: Path) -> Model:
    return load_model(path, max_bytes=64 << 20)


def difficult(
    folder: Path, errors: np.ndarray = ERRORS, estimate: Difficulty = ESTIMATE, **changes: Any
) -> Made:
    """A regression bundle with a difficulty estimate and the scores 0.1, 0.2 ... 6.0."""
    made = make(folder / "plain")
    calibration = Calibration(part="calibration.npz", size=60, difficulty=estimate)
    manifest = made.manifest.model_copy(update={"calibration": calibration, **changes})
    arrays = {"residuals": np.arange(1, 61) / 10, "errors": errors, "values": VALUES}
    every = {**made.parts, "calibration.npz": pack(arrays)}
    parts = {name: data for name, data in every.items() if name in manifest.named_parts()}
    whole = Made(folder / "model", manifest, parts, made.estimator, made.features, made.ecfp4)
    whole.written(whole.path)
    return whole


def bits(fingerprint: np.ndarray) -> frozenset[int]:
    return frozenset(np.flatnonzero(np.unpackbits(fingerprint)).tolist())


def sigma(predicted: float, on: frozenset[int], known: list[frozenset[int]], estimate: Difficulty) -> float:
    """The formula of the documents, molecule by molecule."""
    similarities = [(-len(on & other) / len(on | other), row) for row, other in enumerate(known)]
    near = [(-minus, row) for minus, row in sorted(similarities)[:8]]
    weights = [similarity**3 for similarity, _ in near]
    total = sum(weights)
    error = sum(w * ERRORS[row] for w, (_, row) in zip(weights, near, strict=True))
    center = sum(w * VALUES[row] for w, (_, row) in zip(weights, near, strict=True)) / total
    squares = sum(w * (VALUES[row] - center) ** 2 for w, (_, row) in zip(weights, near, strict=True))
    found = [
        math.log((error + 0.3 * estimate.error) / (total + 0.3)),
        0.5 * math.log((squares + 0.3 * estimate.spread**2) / (total + 0.3)),
        1 - near[0][0],
        1 - sum(similarity for similarity, _ in near) / 8,
        math.log1p(len(on)),
        predicted,
    ]
    logs = estimate.intercept + sum(
        sign.coefficient * (value - sign.center) / sign.scale
        for sign, value in zip(estimate.signs, found, strict=True)
    )
    return math.exp(min(max(logs, estimate.lowest), estimate.highest))


def test_an_interval_is_the_ranked_score_times_the_molecules_own_sigma(tmp_path: Path) -> None:
    made = difficult(tmp_path)
    found = load(made.path).predict(made.features, made.ecfp4, 0.8)
    score = math.ceil(61 * 0.8) / 10
    known = [bits(fingerprint) for fingerprint in made.ecfp4]
    expected = [
        score * sigma(value, on, known, ESTIMATE) for value, on in zip(found.value, known, strict=True)
    ]
    assert found.upper - found.value == pytest.approx(expected)
    assert found.value - found.lower == pytest.approx(expected)
    assert np.ptp(expected) > 0.1


def test_intervals_do_not_depend_on_the_other_molecules_of_a_call(tmp_path: Path) -> None:
    made = difficult(tmp_path)
    model = load(made.path)
    together = model.predict(made.features, made.ecfp4, 0.9)
    for row in range(0, 60, 11):
        alone = model.predict(made.features[row : row + 1], made.ecfp4[row : row + 1], 0.9)
        assert (alone.lower[0], alone.upper[0]) == (together.lower[row], together.upper[row])


def test_more_confidence_never_makes_an_interval_narrower(tmp_path: Path) -> None:
    made = difficult(tmp_path)
    model = load(made.path)
    widths = [
        found.upper - found.lower
        for found in (model.predict(made.features, made.ecfp4, c) for c in (0.5, 0.8, 0.9, 0.95))
    ]
    assert (np.diff(widths, axis=0) >= 0).all()


def test_normalized_intervals_come_back_in_the_models_units(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "powers").mkdir()
    raw = difficult(tmp_path / "raw")
    powers = difficult(tmp_path / "powers", target_transform="p")
    expected = load(raw.path).predict(raw.features, raw.ecfp4, 0.8)
    found = load(powers.path).predict(raw.features, raw.ecfp4, 0.8)
    assert found.lower == pytest.approx(0.1**expected.upper)
    assert found.upper == pytest.approx(0.1**expected.lower)


def test_a_sigma_beyond_those_seen_in_training_is_that_at_the_edge(tmp_path: Path) -> None:
    narrow = ESTIMATE.model_copy(update={"lowest": 0.5, "highest": 0.5})
    made = difficult(tmp_path, estimate=narrow)
    found = load(made.path).predict(made.features, made.ecfp4, 0.8)
    assert found.upper - found.value == pytest.approx(np.full(60, 4.9 * math.exp(0.5)))


def test_a_molecule_without_neighbours_has_the_training_sets_own_error_and_spread() -> None:
    nothing = Near(np.zeros((1, 8)), np.full((1, 8), 9.0), np.full((1, 8), 9.0))
    found = signs(np.array([1.5]), np.zeros((1, 256), np.uint8), nothing, error=0.3, spread=1.2)
    assert found[0] == pytest.approx([math.log(0.3), math.log(1.2), 1.0, 1.0, 0.0, 1.5])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"errors": ERRORS[:5]}, "does not fit|do not fit"),
        ({"errors": np.full(60, np.nan)}, "do not fit"),
        ({"estimate": ESTIMATE.model_copy(update={"signs": ESTIMATE.signs[:2]})}, "the signs"),
        ({"applicability_domain": None}, "does not fit"),
    ],
)
def test_a_difficulty_that_does_not_fit_the_bundle_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    made = difficult(tmp_path, **changes)
    with pytest.raises(Rejected, match=message) as caught:
        load(made.path)
    assert caught.value.code is Code.INVALID_MODEL


def test_probabilities_labels_and_sets_are_those_of_the_calibrated_outputs(tmp_path: Path) -> None:
    told = Probability(slope=0.4, biases=(0.2, -0.2), floor=0.01)
    plain = make(tmp_path / "plain", task="classification")
    made = make(tmp_path / "model", task="classification", probability=told)
    before = load(plain.path).predict(made.features, made.ecfp4, 0.9)
    found = load(made.path).predict(made.features, made.ecfp4, 0.9)
    expected = Calibrator(0.4, (0.2, -0.2), 0.01)(before.probabilities)
    assert found.probabilities == pytest.approx(expected)
    assert found.value == pytest.approx(expected[:, 1])
    assert found.label.tolist() == expected.argmax(axis=1).tolist()
    scores = unpack(made.parts["calibration.npz"])
    assert found.sets is not None
    for label in (0, 1):
        bound = np.sort(scores[f"scores:{label}"])[
            math.ceil((len(scores[f"scores:{label}"]) + 1) * 0.9) - 1
        ]
        assert found.sets[:, label].tolist() == (1 - expected[:, label] <= bound + 1e-9).tolist()


def test_a_calibration_of_probabilities_needs_a_bias_for_each_label(tmp_path: Path) -> None:
    told = make(tmp_path / "model", task="classification").manifest.model_dump(mode="json")
    told["probability"] = {"slope": 1.0, "biases": [0.0, 0.1, 0.2], "floor": 0.01}
    with pytest.raises(ValueError, match="one bias for each label"):
        Manifest.model_validate(told)
