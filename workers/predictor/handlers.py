"""The predictor worker: models applied to files and to single structures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from molfleet.messages.generated import (
    PredictionFailed,
    PredictProperties,
    SingleStructurePredict,
    SingleStructurePredictionFailed,
)
from molfleet.runtime.handler import Handler, LightHandler
from workers.predictor import batch, single


def _models(fields: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """The models that a SingleStructurePredict names, from its plain fields."""
    return frozenset((ref["blob"]["bucket"], ref["blob"]["key"]) for ref in fields["models"])


#: pyarrow imports it with the first array.
PRELOAD = ("pandas",)

HANDLERS = {
    PredictProperties: Handler(batch.predict, failure=PredictionFailed),
    SingleStructurePredict: LightHandler(
        single.predict,
        failure=SingleStructurePredictionFailed,
        resident=single.Resident,
        group=_models,
    ),
}
