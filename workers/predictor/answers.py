"""From a row of predictions to its part of SingleStructurePredicted."""

from __future__ import annotations

import math
from collections.abc import Sequence

from molfleet.bundles.manifest import Manifest
from molfleet.bundles.predict import Predictions
from molfleet.errors import Code, Rejected
from molfleet.messages.generated import ApplicabilityDomain, Consensus, ModelPrediction, ModelRef
from workers.predictor.consensus import Answer, combine


def model_prediction(
    ref: ModelRef, manifest: Manifest, found: Predictions, at: int
) -> tuple[ModelPrediction, Answer]:
    """One model's part of the event, from row `at` of what it found.

    Raises Rejected(PREDICTION_ERROR) where that is not a number.
    """
    value = _finite(float(found.value[at]))
    probabilities = tuple(found.probabilities[at].tolist())
    regression = not manifest.labels
    if not all(map(math.isfinite, probabilities)) or (regression and value is None):
        raise Rejected(Code.PREDICTION_ERROR, f"The model {manifest.name} gives no number for it.")
    in_set = found.sets[at].tolist() if found.sets is not None else ()
    domain = found.domain
    prediction = ModelPrediction(
        id=ref.id,
        value=value,
        label=None if regression else manifest.labels[int(found.label[at])],
        probabilities=dict(zip(manifest.labels, probabilities, strict=True)),
        prediction_set=[label for label, belongs in zip(manifest.labels, in_set, strict=False) if belongs],
        lower=_finite(float(found.lower[at])),
        upper=_finite(float(found.upper[at])),
        units=manifest.units,
        applicability_domain=None
        if domain is None
        else ApplicabilityDomain(
            inside=bool(domain.inside[at]),
            similarity=float(domain.similarity[at]),
            distance=_finite(float(domain.distance[at])),
            density=_finite(float(domain.density[at])),
        ),
    )
    return prediction, Answer(manifest, value, probabilities)


def consensus_of(answers: Sequence[Answer]) -> Consensus | None:
    """The consensus's part of the event; None where there is none."""
    combined = combine(answers)
    if combined is None:
        return None
    return Consensus(
        value=combined.value,
        std=combined.std,
        label=combined.label,
        units=combined.units,
        models=combined.models,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
