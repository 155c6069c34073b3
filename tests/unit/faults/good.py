"""A history that keeps every promise, with one of everything."""

from __future__ import annotations

from typing import Any

from molfleet.errors import Code
from molfleet.messages.generated import (
    ModelPrediction,
    ModelThumbnailGenerated,
    ModelTrained,
    ModelTrainingStarted,
    SingleStructurePredict,
    SingleStructurePredicted,
    SingleStructurePredictionFailed,
    TrainingFailed,
    TrainModel,
)
from tests import builders
from tests.unit.faults.story import Story

TRAINING, SINGLE = "training.commands", "predictions.single.commands"


def started(command: TrainModel) -> ModelTrainingStarted:
    return ModelTrainingStarted.answer(command, model_name="forest", method=command.method)


def thumbnail(command: TrainModel) -> ModelThumbnailGenerated:
    return ModelThumbnailGenerated.answer(command, blob=builders.blob("300.png", "out"), width=300)


def trained(command: TrainModel) -> ModelTrained:
    return ModelTrained.answer(
        command,
        model=builders.blob("model.molmodel", "out"),
        model_name="forest",
        method=command.method,
        method_display_name="Random forest",
        task="regression",
        number_of_generic_files=0,
        records_used=10,
        records_skipped=0,
    )


def failed(command: TrainModel, code: Code = Code.WORKER_CRASHED) -> TrainingFailed:
    return TrainingFailed.answer(
        command,
        code=code,
        message="It ended badly.",
        retryable=True,
        is_model_trained=False,
        is_thumbnail_generated=False,
        number_of_generic_files=0,
    )


def answered(command: SingleStructurePredict, value: float, **fields: Any) -> SingleStructurePredicted:
    model = ModelPrediction(id=command.models[0].id, value=value)
    return SingleStructurePredicted.answer(command, models=[model]).model_copy(update=fields)


def good() -> Story:
    """One of everything: a training delivered twice, its conflict, rubbish, a crash, a light command."""
    story = Story()
    train = builders.train_model()
    first = story.sends(train, TRAINING)
    story.publishes(first, started(train))
    outputs = [story.writes("out", "model.molmodel", b"model"), story.writes("out", "300.png", b"png")]
    story.receipts_for(first, [thumbnail(train), trained(train)], *outputs)
    again = story.sends(train, TRAINING)
    for delivery in (first, again):
        story.publishes(delivery, thumbnail(train))
        story.publishes(delivery, trained(train))
    story.buries(story.sends(train.model_copy(update={"seed": 1}), TRAINING))
    story.buries(story.sends_bytes(b"rubbish", TRAINING))

    crashing = builders.train_model()
    given_up = story.sends(crashing, TRAINING)
    story.receipts_for(given_up, [failed(crashing)], dead_letter=True)
    story.buries(given_up)
    story.publishes(given_up, failed(crashing))
    resent = story.sends(crashing, TRAINING, generation=2)
    story.receipts_for(resent, [trained(crashing)])
    story.publishes(resent, trained(crashing))
    story.commits_all(TRAINING)

    single = builders.single_structure_predict()
    for value, elapsed in ((1.0, 3), (1.00005, 9)):
        story.publishes(story.sends(single, SINGLE), answered(single, value, elapsed_ms=elapsed))
    killer = builders.single_structure_predict()
    deadly = story.sends(killer, SINGLE)
    story.buries(deadly)
    crash = {"code": Code.WORKER_CRASHED, "message": "It kills.", "retryable": True}
    story.publishes(deadly, SingleStructurePredictionFailed.answer(killer, **crash))
    story.commits_all(SINGLE)
    return story
