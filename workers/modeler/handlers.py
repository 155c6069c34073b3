"""The modeler worker: measured molecules to models."""

from __future__ import annotations

from collections.abc import Sequence

from molfleet.messages.generated import (
    ModelThumbnailGenerated,
    ModelTrainingStarted,
    TrainingFailed,
    TrainModel,
)
from molfleet.messages.record import Event, FailureEvent
from molfleet.processes import OPENMP
from molfleet.runtime.handler import Handler
from molfleet.runtime.keys import signer_of
from workers.modeler.training import train


def training_failed(command: TrainModel, failure: FailureEvent, emitted: Sequence[Event]) -> TrainingFailed:
    """The failure event with flags that say what was really published: never a model, nor its files."""
    return TrainingFailed(
        **{
            **failure.model_dump(),
            "is_model_trained": False,
            "is_thumbnail_generated": any(isinstance(e, ModelThumbnailGenerated) for e in emitted),
            "number_of_generic_files": 0,
        }
    )


#: A modeler that could not sign its models does not start.
CHECK = signer_of

#: Imported late, by the domain and by stacking.
PRELOAD = ("scipy.optimize", "sklearn.covariance", "sklearn.decomposition", "sklearn.linear_model")

ENVIRONMENT = OPENMP

HANDLERS = {
    TrainModel: Handler(
        train, failure=TrainingFailed, failed=training_failed, early=(ModelTrainingStarted,)
    )
}
